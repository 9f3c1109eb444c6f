package mcptools

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/gemini-agent/agent/remote"
)

// legacyBelow is the first protocol revision without sessions. The SDK asks for it with a probe that older services
// refuse with HTTP 400, which is a red span, so a service known to be older is not asked again.
const (
	legacyBelow  = "2026-07-28"
	latestLegacy = "2025-11-25"
)

// connection is one session with a service.
type connection struct {
	session *mcp.ClientSession
	lost    atomic.Bool // broken: given up, or about to be
}

func (c *connection) legacy() bool { return c.session.InitializeResult().ProtocolVersion < legacyBelow }

// connect opens a session. Its requests carry ctx's trace; what follows carries that of its own call. See lentContext.
func (s *server) connect(ctx context.Context) (*connection, error) {
	conn := &connection{}
	httpClient := *s.client
	httpClient.Transport = &transport{base: s.client.Transport, conn: conn}
	client := mcp.NewClient(&mcp.Implementation{Name: "gemini-agent", Version: s.cfg.Version}, &mcp.ClientOptions{
		// We offer the service nothing: no roots, no sampling, no questions to the user.
		Capabilities:   &mcp.ClientCapabilities{},
		MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true},
	})
	// A ToolListChangedHandler would make the SDK open a standing stream; see Source.
	client.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if method == "notifications/tools/list_changed" {
				s.expire()
			}
			return next(ctx, method, req)
		}
	})
	options := &mcp.ClientSessionOptions{}
	s.mu.Lock()
	if s.legacy {
		options.ProtocolVersion = latestLegacy
	}
	s.mu.Unlock()
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: s.endpoint, HTTPClient: &httpClient, DisableStandaloneSSE: true,
		MaxRetries:   2, // of resuming a broken answer; the call's own deadline is near
		MaxEventSize: maxBody,
	}, options)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	conn.session = session
	return conn, nil
}

// lentContext is the context a session is made with. The SDK keeps it for as long as the session lives and takes its
// values along; so the request that happened to come first lends its values, the trace among them, and takes them back
// when the session stands. Deadline and cancellation are its own and keep to the rules of a context.
type lentContext struct {
	context.Context
	lender atomic.Pointer[context.Context]
}

func lend(ctx, values context.Context) *lentContext {
	c := &lentContext{Context: ctx}
	c.lender.Store(&values)
	return c
}

func (c *lentContext) takeBack() { c.lender.Store(nil) }

func (c *lentContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if lender := c.lender.Load(); lender != nil {
		return (*lender).Value(key)
	}
	return nil
}

// sentOutcome is what became of the HTTP request of one call.
type sentOutcome struct {
	status int // 0: no answer
	err    error
}

// transport sits between the SDK and the instrumented transport: it notes what became of each call, bounds the
// answers (the SDK reads some of them whole), and keeps quiet about sessions that are lost anyway.
type transport struct {
	base http.RoundTripper
	conn *connection
}

var errSessionLost = errors.New("the session is lost")

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodDelete && t.conn.lost.Load() {
		return nil, errSessionLost
	}
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	req, id := named(req)
	call, ok := req.Context().Value(sentKey{}).(*sent)
	if ok && req.Method == http.MethodPost {
		call.id = id
	}
	resp, err := base.RoundTrip(req)
	if ok && req.Method == http.MethodPost {
		outcome := &sentOutcome{err: err}
		if err == nil {
			outcome.status = resp.StatusCode
		}
		call.outcome.Store(outcome)
	}
	if err != nil {
		return nil, err
	}
	if ok && len(call.id) > 0 && resp.StatusCode == http.StatusOK {
		resp.Body = newAnswer(resp.Body, resp.Header.Get("Content-Type"), call)
		resp.ContentLength = -1
	} else {
		resp.Body = remote.Body(resp.Body, maxBody)
	}
	return resp, nil
}
