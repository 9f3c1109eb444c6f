package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"example.com/gemini-agent/agent"
)

// Tools is the file to edit: it returns the tools of your agent, which are on offer beside the built-in ones wherever the
// agent runs: deployed, in `go run ./local` and in tests. Of two tools of one name yours is taken.
//
// A tool is a name, a sentence for the model, and a function from a struct to anything that encodes as JSON. Its span, its
// deadline, the check of its arguments and the masking of secrets come by themselves. Return an error in words that
// help the model; a panic is caught.
func Tools(kit agent.Toolkit) []agent.Tool {
	var tools []agent.Tool
	if address := kit.Getenv("ORDERS_URL"); address != "" { // the worked example: off until it is set
		tools = append(tools, orderStatus(kit, address, kit.Getenv("ORDERS_TOKEN")))
	}
	return tools
}

type orderStatusIn struct {
	Number string `json:"number" jsonschema:"the order's number, such as A-1042"`
}

type orderStatusOut struct {
	Status  string `json:"status"`
	Arrives string `json:"arrives,omitempty"`
}

// orderStatus asks an HTTP API that wants a token. The token goes into a header: headers are on no span and in no log.
func orderStatus(kit agent.Toolkit, address, token string) agent.Tool {
	tool := agent.MustTool(agent.NewTool("order_status", "Returns where an order is and when it arrives.",
		func(ctx context.Context, in orderStatusIn) (out orderStatusOut, err error) {
			userID, _ := agent.Caller(ctx) // as the request says; check it where it must be true
			page := strings.TrimSuffix(address, "/") + "/orders/" + url.PathEscape(in.Number)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
			if err != nil {
				return out, errors.New("the address of the shop is wrong")
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("X-User", userID)
			agent.Progress(ctx, "asking the shop") // an event on the span
			res, err := kit.HTTP.Do(req)
			if err != nil {
				return out, errors.New("the shop does not answer")
			}
			defer func() { _ = res.Body.Close() }()
			switch res.StatusCode {
			case http.StatusOK:
				err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&out)
				return out, err
			case http.StatusNotFound:
				return out, errors.New("there is no such order")
			}
			return out, fmt.Errorf("the shop answered %d", res.StatusCode) // its text may quote the token
		}))
	tool.ReadOnly = true
	return tool
}
