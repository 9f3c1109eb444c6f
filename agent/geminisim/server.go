package geminisim

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config changes what the simulator serves. The zero value serves the models that were live in November 2026 to any
// key, at once, and plays its own model when the script is empty.
type Config struct {
	Models      []string      // the only names served; default: live models, and what a newer Gemini may be called
	APIKey      string        // the only key accepted; "": any
	BearerToken string        // the only token accepted on the Vertex AI paths; "": any
	Anonymous   bool          // serve the Vertex AI paths without a token, too, for clients that carry no credentials
	Strict      bool          // answer 500 "script exhausted" instead of playing the model
	ThinkTime   time.Duration // time the model takes for each answer that is not scripted; default none
	WordTime    time.Duration // time between the chunks of a stream, which are some words each; default none
	MaxBody     int64         // bytes; default 20 MiB, as the API
	KeepLast    int           // requests that Requests remembers; default 1000, the older ones are forgotten

	// SignedHistory refuses what Gemini 3 has said before without its signature, in earlier turns and in texts too, where
	// Gemini itself lets it pass: for finding clients that lose what they should keep.
	SignedHistory bool
}

func (cfg Config) withDefaults() Config {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 20 << 20
	}
	if cfg.KeepLast <= 0 {
		cfg.KeepLast = 1000
	}
	return cfg
}

// Server is a Gemini API server. All its methods may be called at any time from any goroutine.
type Server struct {
	cfg   Config
	nonce atomic.Uint64 // numbers answers, calls and signatures

	mu       sync.Mutex
	script   []Reply
	requests []Request // a ring once it has KeepLast entries
	oldest   int       // index of the oldest in requests
}

// New returns a server with an empty script.
func New(cfg Config) *Server { return &Server{cfg: cfg.withDefaults()} }

// ServeHTTP answers generateContent and streamGenerateContent on the paths of the Gemini API and of Vertex AI.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt, ok := parseRoute(r)
	if !ok {
		writeNotFoundPage(w)
		return
	}
	asArray := rt.stream && !rt.sse
	raw, err := s.readBody(r)
	if err == nil {
		err = s.authorize(r, rt)
	}
	rec := Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Raw: raw,
		Model: rt.model, Vertex: rt.vertex, Stream: rt.stream,
	}
	if err == nil {
		rec.Body, err = decodeRequest(raw, rt.vertex)
	}
	if err == nil {
		err = s.checkModel(rt)
	}
	if err == nil {
		err = rec.Body.check(rt)
	}
	if err == nil && s.cfg.SignedHistory {
		err = rec.Body.checkHistory(rt)
	}
	rec.Refused = err != nil
	reply := s.record(rec, err == nil)
	if err != nil {
		err.write(w, asArray)
		return
	}
	s.answer(w, r, rt, rec, reply)
}

func (s *Server) readBody(r *http.Request) ([]byte, *apiError) {
	tooLarge := func() *apiError {
		return invalidf("Request payload size exceeds the limit: %d bytes. Please use the File API to upload files.",
			s.cfg.MaxBody)
	}
	if r.ContentLength > s.cfg.MaxBody {
		return nil, tooLarge()
	}
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, s.cfg.MaxBody+1))
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, invalidf("The request body could not be read.")
	case int64(len(body)) > s.cfg.MaxBody:
		return nil, tooLarge()
	}
	return body, nil
}

func (s *Server) authorize(r *http.Request, rt route) *apiError {
	key := r.Header.Get("X-Goog-Api-Key")
	if key == "" {
		key = rt.key
	}
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case key != "" && s.cfg.APIKey != "" && key != s.cfg.APIKey:
		return badKey(rt)
	case key != "":
		return nil
	case !rt.vertex:
		return errorf(403, "Method doesn't allow unregistered callers (callers without established identity). "+
			"Please use API Key or other form of API consumer identity to call this API.")
	case isBearer && token != "" && (s.cfg.BearerToken == "" || token == s.cfg.BearerToken):
		return nil
	case isBearer:
		e := errorf(401, "Request had invalid authentication credentials. %s", expectedCredentials)
		e.Details = []any{errorInfo("ACCESS_TOKEN_TYPE_UNSUPPORTED", rt.service())}
		return e
	case s.cfg.Anonymous:
		return nil
	}
	e := errorf(401, "Request is missing required authentication credential. %s", expectedCredentials)
	e.Details = []any{errorInfo("CREDENTIALS_MISSING", rt.service())}
	return e
}

const expectedCredentials = "Expected OAuth 2 access token, login cookie or other valid authentication credential. " +
	"See https://developers.google.com/identity/sign-in/web/devconsole-project."

func badKey(rt route) *apiError {
	e := invalidf("API key not valid. Please pass a valid API key.")
	e.Details = []any{
		errorInfo("API_KEY_INVALID", rt.service()),
		map[string]string{
			"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": e.Message,
		},
	}
	return e
}
