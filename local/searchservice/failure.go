package searchservice

import (
	"errors"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// refuse marks span with an error of the protocol, named by its JSON-RPC code.
func refuse(span trace.Span, err error) {
	name := "_OTHER"
	if answer := (*jsonrpc.Error)(nil); errors.As(err, &answer) {
		name = strconv.FormatInt(answer.Code, 10)
		span.SetAttributes(attribute.String("rpc.response.status_code", name))
	}
	fail(span, name, err.Error())
}

func fail(span trace.Span, name, description string) {
	span.SetAttributes(attribute.String("error.type", name))
	span.SetStatus(codes.Error, description)
}
