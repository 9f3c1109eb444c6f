package geminisim

import "net/http"

// Request is what the server was asked. It is read-only.
type Request struct {
	Method, Path, Query string

	Header  http.Header
	Raw     []byte
	Body    *GenerateContentRequest // nil when the body was not read or could not be decoded at all
	Model   string
	Vertex  bool
	Stream  bool
	Refused bool // answered with an error before the script or the model was asked
}

// Requests returns the requests so far, oldest first, those refused included; not those for paths that do not exist.
// Only the last Config.KeepLast are remembered.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(append([]Request(nil), s.requests[s.oldest:]...), s.requests[:s.oldest]...)
}

// Script appends replies. Each request that is not refused takes the next one; when none is left, the server plays its
// own model (or fails, see Config.Strict).
func (s *Server) Script(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, replies...)
}

// Pending is the number of scripted replies nobody has asked for yet.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.script)
}

// Reset forgets the script and the requests.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.requests, s.oldest = nil, nil, 0
}

// record remembers req and, when the request is to be answered, takes the next reply of the script; one step, so that
// with several clients the order of Requests is the order of the script. It returns nil when the script is empty.
func (s *Server) record(req Request, take bool) *Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) < s.cfg.KeepLast {
		s.requests = append(s.requests, req)
	} else {
		s.requests[s.oldest] = req
		s.oldest = (s.oldest + 1) % len(s.requests)
	}
	if !take || len(s.script) == 0 {
		return nil
	}
	reply := s.script[0]
	s.script[0] = Reply{} // let the collector have it
	s.script = s.script[1:]
	return &reply
}
