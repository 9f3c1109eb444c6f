package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/googleauth"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/redact"
)

// DefaultSubAgentName is the name of a sub-agent that was given none.
const DefaultSubAgentName = "sub-agent"

const (
	subAgentPath     = "/api/v1/agent/execute"
	maxSubAgentReply = 4 << 20
)

// SubAgentConfig configures a SubAgent. URL is required; the zero value of the rest is the default.
type SubAgentConfig struct {
	// URL is the base address of the other function: absolute, http or https, without user, query or fragment,
	// for example https://sub-abc123-ew.a.run.app. A trailing slash is ignored.
	URL string
	// Auth says who we are: "idtoken" sends a Google ID token (https only), "none" sends nothing.
	// Default: idtoken for https, none for http.
	Auth string
	// Name is the agent's name, on the invoke_agent span and in its tool's name: 1 to 64 letters, digits, - or _. Default
	// "sub-agent".
	Name string
	// Setting is what messages call the setting that holds URL. Default "SUB_AGENT_URL".
	Setting string
	// HTTPClient makes the HTTP client spans and sends the trace context along. Its redirect policy is not used:
	// no redirect is followed. Default: a plain client.
	HTTPClient *http.Client
	// Tracer makes the invoke_agent span; nil: none.
	Tracer *agenttrace.AgentTracer
	// Timeout bounds one call, within the caller's deadline. Default 30 s.
	Timeout time.Duration
	// Token returns an ID token for the audience, which is URL without a trailing slash: Cloud Run wants the service's
	// own URL, and for a function's cloudfunctions.net URL that includes the path. Safe for concurrent use.
	// Default: application default credentials, looked up at the first call, kept and refreshed.
	Token func(ctx context.Context, audience string) (string, error)
}

func (c SubAgentConfig) withDefaults() SubAgentConfig {
	if c.Name == "" {
		c.Name = DefaultSubAgentName
	}
	if c.Setting == "" {
		c.Setting = "SUB_AGENT_URL"
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{}
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Token == nil {
		c.Token = googleauth.IDTokens()
	}
	return c
}

// SubAgent is another deployment of this agent, reached over HTTP. It is safe for concurrent use.
// A nil SubAgent answers every call with KindNotConfigured.
type SubAgent struct {
	cfg    SubAgentConfig
	client *http.Client
	base   string // cfg.URL without trailing slash: the audience of ID tokens
	host   string
	port   int
	token  bool
	about  about // what it says of itself
}

// NewSubAgent checks the settings and returns the sub-agent. It opens no connection and looks up no credentials.
// Errors are *Error with KindNotConfigured and name the variable to set.
func NewSubAgent(cfg SubAgentConfig) (*SubAgent, error) {
	cfg = cfg.withDefaults()
	u, err := remote.Address(cfg.URL)
	switch {
	case cfg.URL == "":
		return nil, errNoSubAgent()
	case err != nil:
		return nil, notConfigured(cfg.Setting + " is not usable: " + err.Error() + ".")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, notConfigured(cfg.Setting + " is not usable: it must not have a query.")
	case !ValidSubAgentName(cfg.Name):
		return nil, notConfigured(cfg.Setting + " is not usable: a name is 1 to 64 letters, digits, - or _.")
	}
	s := &SubAgent{cfg: cfg, about: about{parameters: sync.OnceValue(delegationParameters)}, base: strings.TrimRight(u.String(), "/"), host: u.Hostname(), port: remote.Port(u)}
	switch cfg.Auth {
	case "":
		s.token = u.Scheme == "https"
	case "none":
	case "idtoken":
		if u.Scheme != "https" {
			return nil, notConfigured("SUB_AGENT_AUTH=idtoken needs https in " + cfg.Setting + ": a token is not sent in the clear.")
		}
		s.token = true
	default:
		return nil, notConfigured("SUB_AGENT_AUTH must be idtoken or none.")
	}
	client := *cfg.HTTPClient
	client.CheckRedirect = remote.NoRedirects
	s.client = &client
	return s, nil
}

// SubAgentResponse is an answer of the sub-agent that is the caller's to see.
type SubAgentResponse struct {
	Status      int
	ContentType string
	Body        []byte
	RetryAfter  string // the Retry-After header, "" when absent
}

// Execute posts body, a request of /api/v1/agent/execute, to the sub-agent and returns its answer.
//
// Answers that concern the caller come back as they are: 2xx, and 4xx as JSON about the request itself (400, 413, 415,
// 422, 429, …). Everything else is an *Error that says which side failed:
//
//   - KindLoop: the request has been delegated MaxDepth times already; nothing was sent.
//   - KindNotConfigured: no ID token could be had.
//   - KindTimeout: no complete answer within the timeout or the caller's deadline, or the sub-agent's own 504.
//   - KindCanceled: the caller went away.
//   - KindSubAgent: unreachable, 5xx, a redirect, not JSON, over 4 MiB, or a 4xx that says that our settings are wrong
//     (401, 403, 404, 405, 407, 408), which must not look like the caller's mistake.
func (s *SubAgent) Execute(ctx context.Context, body []byte) (*SubAgentResponse, error) {
	return s.execute(ctx, body, nil)
}

// execute tells the listener, where there is one, what a stream says.
func (s *SubAgent) execute(ctx context.Context, body []byte, listener Listener) (*SubAgentResponse, error) {
	if s == nil {
		return nil, errNoSubAgent()
	}
	ctx, span := s.cfg.Tracer.StartAgentCall(ctx, agenttrace.AgentCallStart{
		AgentName: s.cfg.Name, ServerAddress: s.host, ServerPort: s.port, SessionID: callerOf(ctx).sessionID,
		Task: func() string { return member(body, "task") },
	})
	depth := Depth(ctx)
	if depth >= MaxDepth {
		err := &Error{Kind: KindLoop, Reason: "delegation_loop",
			Message: fmt.Sprintf("This request has been delegated %d times already, which is the limit: the agents"+
				" delegate to each other in a circle. Check their SUB_AGENTS and SUB_AGENT_URL.", depth)}
		span.End(err)
		return nil, err
	}
	res, err := s.post(ctx, body, depth, listener)
	switch {
	case err != nil:
		span.End(err)
	case res.Status >= 400:
		span.End(subAgentError(strconv.Itoa(res.Status), "The sub-agent refused the request.", nil))
	default:
		span.SetAnswer(func() string { return member(res.Body, "response") })
		span.End(nil)
	}
	return res, err
}

// member is the text that a JSON object has under a name, "" when there is none.
func member(object []byte, name string) string {
	var members map[string]json.RawMessage
	var text string
	if json.Unmarshal(object, &members) != nil || json.Unmarshal(members[name], &text) != nil {
		return ""
	}
	return text
}

func (s *SubAgent) post(caller context.Context, body []byte, depth int, listener Listener) (_ *SubAgentResponse, err error) {
	ctx, cancel := context.WithTimeout(caller, s.cfg.Timeout)
	defer cancel()
	ctx, end := httptrace.ContextWithCall(ctx, httptrace.Call{Template: subAgentPath})
	defer func() { end(err) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+subAgentPath, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Kind: KindInternal, Reason: "request", Err: err,
			Message: "The request to the sub-agent could not be built."}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, application/problem+json")
	if listener != nil {
		req.Header.Set("Accept", eventStreamType+", application/json;q=0.9, application/problem+json;q=0.9")
	}
	req.Header.Set(DepthHeader, strconv.Itoa(depth+1))
	if err := s.authorize(ctx, req); err != nil {
		if ctx.Err() != nil {
			return nil, s.interrupted(caller, err)
		}
		return nil, &Error{Kind: KindNotConfigured, Reason: "id_token", Err: tokenCause(err),
			Message: "No Google ID token for the sub-agent could be had. Run as a service account (a gcloud user login cannot" +
				" make ID tokens), or set SUB_AGENT_AUTH=none if the sub-agent wants no token."}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() != nil || remote.TimedOut(err) {
			return nil, s.interrupted(caller, err)
		}
		return nil, subAgentError("connection", "The sub-agent could not be reached.", remote.Cause(err))
	}
	defer resp.Body.Close()
	var reply []byte
	if listener != nil && isEventStream(resp) {
		reply, err = relay(resp, listener)
	} else {
		reply, err = io.ReadAll(remote.Body(resp.Body, maxSubAgentReply))
	}
	switch {
	case errors.Is(err, remote.ErrTooLarge):
		return nil, subAgentError("too_large", "The sub-agent's answer is larger than 4 MiB.", nil)
	case err != nil && (ctx.Err() != nil || remote.TimedOut(err)):
		return nil, s.interrupted(caller, err)
	case err != nil:
		return nil, subAgentError("connection", "The sub-agent broke off in the middle of its answer.", remote.Cause(err))
	}
	noteDelegated(ctx, reply) // a failure has its price too
	return s.judge(resp, reply)
}

// authorize says who we are, where the sub-agent wants to know.
func (s *SubAgent) authorize(ctx context.Context, req *http.Request) error {
	if !s.token {
		return nil
	}
	token, err := s.cfg.Token(ctx, s.base)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return err
}

// judge tells an answer for the caller from a failure of the other side.
func (s *SubAgent) judge(resp *http.Response, body []byte) (*SubAgentResponse, error) {
	status, code := resp.StatusCode, strconv.Itoa(resp.StatusCode)
	switch {
	case status >= 300 && status < 400:
		return nil, subAgentError("redirect", "The sub-agent answered with a redirect ("+code+
			"), which is not followed. Set "+s.cfg.Setting+" to its final address.", nil)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, subAgentError(code, "The sub-agent did not accept our identity ("+code+"). Give this service's account"+
			" roles/run.invoker on it, and check SUB_AGENT_AUTH and that "+s.cfg.Setting+" is its own URL.", nil)
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return nil, subAgentError(code, "The sub-agent has no "+subAgentPath+" ("+code+"). Check "+s.cfg.Setting+".", nil)
	case status == http.StatusGatewayTimeout:
		return nil, &Error{Kind: KindTimeout, Reason: code,
			Message: "The sub-agent ran out of time (504)."}
	case status >= 500, status == http.StatusProxyAuthRequired, status == http.StatusRequestTimeout:
		return nil, subAgentError(code, "The sub-agent failed ("+code+").", nil)
	case !isJSON(resp.Header.Get("Content-Type")) || !json.Valid(body):
		return nil, subAgentError("not_json", "The sub-agent's answer ("+code+") is not JSON. Check that "+s.cfg.Setting+
			" is an agent.", nil)
	}
	return &SubAgentResponse{
		Status: status, ContentType: resp.Header.Get("Content-Type"), Body: body, RetryAfter: resp.Header.Get("Retry-After"),
	}, nil
}

// interrupted says whose clock or whose leaving ended the call.
func (s *SubAgent) interrupted(caller context.Context, err error) *Error {
	err = remote.Cause(err)
	switch callerErr := caller.Err(); {
	case errors.Is(callerErr, context.Canceled):
		return &Error{Kind: KindCanceled, Reason: "canceled", Err: err,
			Message: "The request was cancelled while the sub-agent was working."}
	case callerErr != nil:
		return &Error{Kind: KindTimeout, Reason: "timeout", Err: err,
			Message: "Time ran out while waiting for the sub-agent."}
	}
	return &Error{Kind: KindTimeout, Reason: "timeout", Err: err,
		Message: fmt.Sprintf("The sub-agent did not answer within %s.", s.cfg.Timeout)}
}

func subAgentError(reason, message string, cause error) *Error {
	return &Error{Kind: KindSubAgent, Reason: reason, Message: message, Err: cause}
}

func errNoSubAgent() *Error {
	return notConfigured("There is no sub-agent: set SUB_AGENT_URL or SUB_AGENTS.")
}

// problemText returns the human text of an RFC 9457 problem, at most 300 bytes; "" when there is none.
func problemText(body []byte) string {
	var p struct{ Title, Detail string }
	if json.Unmarshal(body, &p) != nil {
		return ""
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	return redact.Bytes(p.Detail, 300)
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}
