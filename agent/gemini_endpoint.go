package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/httptrace"
)

// Bounds of what is read of an answer, decompressed.
const (
	maxGeminiReply = 16 << 20
	maxGeminiError = 64 << 10
)

// geminiEndpoint is where requests go and how: one HTTP round trip, without judgement and without retries.
type geminiEndpoint struct {
	client *http.Client // follows no redirects: they would take key and prompt to another place
	base   *url.URL
	prefix string // of the model's resource name: "v1beta/models/"
	key    string // "": the client signs

	template string // of the path, for the names of spans: /v1beta/models/{model}
}

// refusal is an answer with a status other than 200.
type refusal struct {
	status int
	header http.Header
	body   []byte
}

// ErrorType names the failure for the error.type attribute.
func (r *refusal) ErrorType() string { return strconv.Itoa(r.status) }

func (r *refusal) Error() string { return "the service answered " + strconv.Itoa(r.status) }

// The methods of a model.
const (
	methodGenerate = "generateContent"
	methodStream   = "streamGenerateContent"
)

// url is the address of a method of a model, whose name may be a whole resource name.
func (e *geminiEndpoint) url(model, method string) string {
	path := e.prefix + model
	if version, _, _ := strings.Cut(e.prefix, "/"); strings.Contains(model, "/") {
		path = version + "/" + strings.TrimPrefix(model, "/")
	}
	u := e.base.JoinPath(path + ":" + method)
	if method == methodStream {
		query := u.Query()
		query.Set("alt", "sse")
		u.RawQuery = query.Encode()
	}
	return u.String()
}

// post sends body and gives the answer to a status of 200 to read. Other answers are a *refusal. The request's span ends
// with the error.
func (e *geminiEndpoint) post(ctx context.Context, model, method string, body []byte, read func(io.ReadCloser) error) (err error) {
	ctx, end := httptrace.ContextWithCall(ctx, httptrace.Call{Template: e.template + ":" + method})
	defer func() { end(err) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url(model, method), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if e.key != "" {
		req.Header.Set("X-Goog-Api-Key", e.key)
	}
	if deadline, ok := ctx.Deadline(); ok { // lets the service stop when we do
		req.Header.Set("X-Server-Timeout", strconv.Itoa(int(math.Ceil(time.Until(deadline).Seconds()))))
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxGeminiError)) // the status says enough
		return &refusal{resp.StatusCode, resp.Header, text}
	}
	return read(resp.Body)
}

// readGeminiReply reads an answer that comes at once.
func readGeminiReply(body io.ReadCloser) (*Reply, error) {
	answer, err := io.ReadAll(remote.Body(body, maxGeminiReply))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return decodeGeminiReply(answer)
}
