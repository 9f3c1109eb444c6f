package mcptools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/singleflight"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/toolschema"
	"example.com/gemini-agent/tracing/redact"
)

// server is one tool service: its session, its tools, and when to try again.
type server struct {
	cfg      Config
	client   *http.Client
	endpoint string
	url      *url.URL
	now      func() time.Time

	flight  singleflight.Group // one refresh at a time
	running sync.WaitGroup     // the refresh, and sessions being closed

	mu       sync.Mutex
	closed   bool
	cancel   context.CancelFunc // of the refresh, when one runs
	conn     *connection        // nil: not connected
	offered  *offering          // nil: nothing
	listedAt time.Time          // zero: list again
	failures int
	retryAt  time.Time
	said     map[string]string // by tool: what its schema is not used for
	legacy   bool              // an earlier session was below legacyBelow: do not probe for newer again
}

// offering is what one service offers.
type offering struct {
	name  string       // the service's own name
	tools []agent.Tool // under their own names
}

func newServer(cfg Config, client *http.Client, u *url.URL) *server {
	return &server{cfg: cfg, client: client, endpoint: u.String(), url: u, now: time.Now, said: map[string]string{}}
}

var (
	errServiceClosed = errors.New("the tool services are closed")
	errNoList        = errors.New("the answer has no list of tools")
	errUnreachable   = errors.New("the tool service was unreachable a moment ago")
)

// offer returns the tools of the service, nil when it cannot be had in time.
func (s *server) offer(ctx context.Context) *offering {
	s.mu.Lock()
	now := s.now()
	if s.freshLocked(now) || now.Before(s.retryAt) || s.closed {
		defer s.mu.Unlock()
		return s.offered
	}
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	select {
	case <-s.refresh(ctx):
	case <-ctx.Done():
		// The refresh goes on for the next request. A list that is merely old still serves this one.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offered
}

func (s *server) freshLocked(now time.Time) bool {
	return s.conn != nil && !s.listedAt.IsZero() && now.Sub(s.listedAt) < freshFor
}

// connected returns the session for a call, after connecting if need be.
func (s *server) connected(ctx context.Context) (*connection, error) {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	select {
	case res := <-s.refresh(ctx):
		if res.Err != nil {
			return nil, res.Err
		}
		return res.Val.(*connection), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refresh connects where needed and lists the tools, once for all that wait. It carries the trace of whoever came
// first, and outlives that request if it must: the others wait for it too.
func (s *server) refresh(first context.Context) <-chan singleflight.Result {
	return s.flight.DoChan("", func() (any, error) {
		own, cancel := context.WithTimeout(context.Background(), attemptLimit)
		defer cancel()
		ctx := lend(own, first)
		defer ctx.takeBack()
		s.mu.Lock()
		old, now := s.conn, s.now()
		switch { // somebody may have been here just before
		case s.closed:
			s.mu.Unlock()
			return nil, errServiceClosed
		case s.freshLocked(now):
			s.mu.Unlock()
			return old, nil
		case now.Before(s.retryAt):
			s.mu.Unlock()
			return nil, errUnreachable
		}
		s.cancel = cancel
		s.running.Add(1)
		s.mu.Unlock()
		defer s.running.Done()

		conn, offer, err := s.reconnect(ctx, old)
		if err != nil {
			s.failed(ctx, err)
			return nil, err
		}
		s.mu.Lock()
		s.conn, s.offered, s.listedAt = conn, offer, s.now()
		s.failures, s.retryAt, s.cancel = 0, time.Time{}, nil
		s.legacy = conn.legacy()
		s.mu.Unlock()
		return conn, nil
	})
}

// reconnect lists the tools over the old session, or else over a new one.
func (s *server) reconnect(ctx context.Context, old *connection) (*connection, *offering, error) {
	if old != nil {
		offer, err := s.list(ctx, old)
		if err == nil {
			return old, offer, nil
		}
		s.drop(old)
		if ctx.Err() != nil {
			return nil, nil, err
		}
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	offer, err := s.list(ctx, conn)
	if err != nil {
		s.drop(conn)
		return nil, nil, err
	}
	return conn, offer, nil
}

// failed takes the tools away and sets the back-off.
func (s *server) failed(ctx context.Context, err error) {
	s.mu.Lock()
	wait := min(backOff<<min(s.failures, 10), backOffMax)
	s.offered, s.conn, s.cancel, s.legacy = nil, nil, nil, false
	s.failures++
	s.retryAt = s.now().Add(wait)
	closed := s.closed
	s.mu.Unlock()
	if !closed {
		s.cfg.Logger.WarnContext(ctx, "a tool service is unavailable", "server", s.url.Host,
			"error.type", reasonFor(nil, err), "cause", causeOf(err), "retry_in", wait.String())
	}
}

// expire makes the next offer list the tools again.
func (s *server) expire() {
	s.mu.Lock()
	s.listedAt = time.Time{}
	s.mu.Unlock()
}

// drop gives a broken session up. Calls that other requests still have on it are let finish, in the background.
func (s *server) drop(conn *connection) {
	if !conn.lost.CompareAndSwap(false, true) {
		return
	}
	s.mu.Lock()
	if s.conn == conn {
		s.conn, s.listedAt = nil, time.Time{}
	}
	closed := s.closed
	if !closed {
		s.running.Add(1)
	}
	s.mu.Unlock()
	closeSession := func() { _ = conn.session.Close() } // it is broken: there is nothing to tell
	if closed {
		closeSession()
		return
	}
	go func() {
		defer s.running.Done()
		closeSession()
	}()
}

func (s *server) close() {
	s.mu.Lock()
	conn, cancel := s.conn, s.cancel
	s.closed, s.conn, s.offered = true, nil, nil
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	s.running.Wait()
	s.mu.Lock()
	if s.conn != nil { // the refresh won the race
		conn, s.conn, s.offered = s.conn, nil, nil
	}
	s.mu.Unlock()
	if conn != nil {
		_ = conn.session.Close() // the service forgets the session by itself if this does not reach it
	}
}

// list asks for all tools, page by page.
func (s *server) list(ctx context.Context, conn *connection) (*offering, error) {
	offer := &offering{name: s.url.Hostname()}
	if info := conn.session.InitializeResult().ServerInfo; info != nil && info.Name != "" {
		offer.name = redact.Bytes(info.Name, 40)
	}
	params := &mcp.ListToolsParams{}
	for range maxPages {
		request := &sent{}
		page, err := conn.session.ListTools(context.WithValue(ctx, sentKey{}, request), params)
		raw := request.result.Load()
		if err == nil && raw == nil {
			err = errNoList
		}
		if err != nil {
			return nil, fmt.Errorf("listing tools: %w", err)
		}
		var listed struct {
			Tools json.RawMessage `json:"tools"`
		}
		_ = json.Unmarshal(*raw, &listed) // an object, as was seen
		for _, tool := range toolsOf(listed.Tools) {
			if len(offer.tools) == maxTools {
				s.cfg.Logger.WarnContext(ctx, "a tool service offers too many tools, the rest is left out",
					"server", s.url.Host, "limit", maxTools)
				return offer, nil
			}
			schema, notes, err := toolschema.Parse(tool.schema)
			if err != nil {
				s.cfg.Logger.WarnContext(ctx, "a tool is left out: its schema is unusable", "server", s.url.Host,
					"tool", agent.ToolName(tool.name), "cause", err.Error())
				continue
			}
			if len(notes) > 0 {
				s.sayOnce(ctx, tool.name, notes)
			}
			offer.tools = append(offer.tools, s.tool(tool, schema))
		}
		if page.NextCursor == "" {
			return offer, nil
		}
		params = &mcp.ListToolsParams{Cursor: page.NextCursor}
	}
	s.cfg.Logger.WarnContext(ctx, "a tool service's list has too many pages, the rest is left out",
		"server", s.url.Host, "limit", maxPages)
	return offer, nil
}

// sayOnce logs what the schema of a tool is not used for. The list is asked for again and again; what it says of a tool
// is logged when it is new.
func (s *server) sayOnce(ctx context.Context, tool string, notes []string) {
	text := strings.Join(notes, "; ")
	s.mu.Lock()
	old := s.said[tool]
	if len(s.said) >= 2*maxTools {
		clear(s.said)
	}
	s.said[tool] = text
	s.mu.Unlock()
	if old != text {
		s.cfg.Logger.WarnContext(ctx, "the schema of a tool is odd", "server", s.url.Host,
			"tool", agent.ToolName(tool), "cause", text)
	}
}
