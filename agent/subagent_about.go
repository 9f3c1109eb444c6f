package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/redact"
)

// Bounds of what a sub-agent may say of itself.
const (
	aboutPath     = "/"
	aboutWait     = time.Second      // of a run, for a sub-agent that may have to start first
	aboutFresh    = 10 * time.Minute // how long its word is good
	aboutRetry    = 30 * time.Second // when it did not answer
	maxAbout      = 64 << 10         // bytes of the answer
	maxAboutBytes = 1000             // of the description
)

var subAgentName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidSubAgentName reports whether a sub-agent can have this name.
func ValidSubAgentName(name string) bool { return subAgentName.MatchString(name) }

// about is what a sub-agent says of itself, as far as it is known.
type about struct {
	parameters func() *jsonschema.Schema // one schema for every run, so that it is compiled once

	mu     sync.Mutex
	asking bool      // by another run
	says   string    // "": nothing
	next   time.Time // when to ask again
}

// Tools makes a sub-agent with a name a [ToolSource] of one tool, that of [SubAgent.Tool], described by what the
// sub-agent says of itself: the description in the answer to GET /. It is asked in the first run and then every ten
// minutes, for a second at most. A sub-agent that does not answer, or says nothing, keeps what is known of it, else a
// description in general terms, and is asked again half a minute later.
func (s *SubAgent) Tools(ctx context.Context) []Tool {
	if s == nil {
		return nil
	}
	tool := s.Tool()
	tool.Parameters = s.about.parameters()
	tool.Description = describeDelegation(fmt.Sprintf("the agent %q", s.cfg.Name), s.description(ctx))
	return []Tool{tool}
}

// description is what the sub-agent says of itself. One run asks; the others take what is known meanwhile.
func (s *SubAgent) description(ctx context.Context) string {
	a := &s.about
	a.mu.Lock()
	if a.asking || time.Now().Before(a.next) {
		defer a.mu.Unlock()
		return a.says
	}
	a.asking = true
	a.mu.Unlock()

	says, err := s.ask(ctx)

	a.mu.Lock()
	defer a.mu.Unlock()
	a.asking = false
	switch {
	case err == nil:
		a.says, a.next = says, time.Now().Add(aboutFresh)
	case ctx.Err() == nil: // else it was the run that ended
		a.next = time.Now().Add(aboutRetry)
	}
	return a.says
}

// ask reads the sub-agent's description.
func (s *SubAgent) ask(ctx context.Context) (_ string, err error) {
	ctx, cancel := context.WithTimeout(ctx, aboutWait)
	defer cancel()
	ctx, end := httptrace.ContextWithCall(ctx, httptrace.Call{Template: aboutPath})
	defer func() { end(err) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+aboutPath, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "application/json")
	if err := s.authorize(ctx, req); err != nil {
		return "", tokenCause(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return "", remote.Cause(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(remote.Body(resp.Body, maxAbout))
	if err != nil {
		return "", remote.Cause(err)
	}
	var said struct {
		Description string `json:"description"`
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &said) != nil {
		return "", remote.ErrNoAnswer
	}
	return oneLine(said.Description), nil
}

// oneLine makes a description a part of a sentence: without line breaks and control characters, cut, with a full stop.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = redact.Bytes(strings.Join(strings.Fields(s), " "), maxAboutBytes)
	if s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}
