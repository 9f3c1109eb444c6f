package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/googleauth"
	"example.com/gemini-agent/tracing/httptrace"
)

// TracesPath is appended to a base endpoint.
const TracesPath = "/v1/traces"

const protobufType = "application/x-protobuf"

// maxOTLPResponse bounds what is read of a response.
const maxResponse = 64 << 10

// otlpHTTPSender POSTs encoded requests.
type httpSender struct {
	url    string
	header http.Header // never changed after construction
	gzip   bool
	gzips  sync.Pool
	auth   *googleauth.Credentials
	dialer *warmDialer
	rts    *export.Rotation[*http.Transport]
}

func newHTTPSender(cfg Config, u *url.URL, tc *tls.Config, auth *googleauth.Credentials) *httpSender {
	s := &httpSender{url: u.String(), gzip: cfg.Compression == "gzip", auth: auth, header: http.Header{}}
	s.gzips.New = func() any { return gzip.NewWriter(nil) }
	s.header.Set("User-Agent", export.ExporterUserAgent)
	for k, v := range cfg.Headers {
		s.header.Set(k, v)
	}
	s.header.Set("Content-Type", protobufType)
	if s.gzip {
		s.header.Set("Content-Encoding", "gzip")
	}
	// Present but empty: the request counts as repeatable and the header is not sent (net/http). So a
	// connection that died while the instance was frozen costs a second dial, not the export. A
	// backend that got both copies keeps one: they have the same span ids.
	s.header["X-Idempotency-Key"] = nil

	s.dialer = newWarmDialer(export.HostPort(u), tc)
	proxied := false
	if p, err := http.ProxyFromEnvironment(&http.Request{URL: u}); p != nil || err != nil {
		proxied = true
		s.dialer.addr = "" // the proxy is dialled, not the endpoint: nothing to open ahead
	}
	s.rts, _ = export.NewRotation(func() (*http.Transport, error) { // has no errors
		s.dialer.forget() // what was opened ahead may be as dead as the rest
		t := httptrace.NewTransport()
		t.DialContext = s.dialer.DialContext
		t.TLSClientConfig = tc
		t.MaxIdleConnsPerHost = 8
		t.WriteBufferSize = 32 << 10 // a usual batch in one write; a larger body gets a copy buffer every time
		t.ResponseHeaderTimeout = cfg.Timeout
		t.DisableCompression = true
		if tc != nil && !proxied {
			t.DialTLSContext = s.dialer.DialTLSContext
		}
		return t, nil
	}, (*http.Transport).CloseIdleConnections)
	return s
}

func (s *httpSender) send(ctx context.Context, body []byte) (answer, error) {
	rt, done, ok := s.rts.Take()
	if !ok {
		return answer{}, &export.Error{Fault: export.Retryable, Err: export.ErrClosed}
	}
	defer done()
	if s.gzip {
		body = s.compress(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, &export.Error{Fault: export.Retryable, Err: fmt.Errorf("making the request: %w", err)}
	}
	req.Header = s.header
	if s.auth != nil {
		req.Header = s.header.Clone()
		md, err := s.auth.GetRequestMetadata(ctx)
		if err != nil {
			return answer{}, &export.Error{Fault: export.Retryable, Err: err}
		}
		for k, v := range md {
			if req.Header.Get(k) == "" { // the user's own wins
				req.Header.Set(k, v)
			}
		}
	}
	// Without http.Client: an exporter follows no redirects, keeps no cookies, and the client's error would repeat
	// the URL, which may hold a key, in every line.
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return answer{}, &export.Error{Fault: export.Retryable, Err: fmt.Errorf("sending: %w", err)}
	}
	defer resp.Body.Close()
	s.dialer.used()
	body, readErr := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch resp.StatusCode / 100 {
	case 2:
		if readErr != nil {
			return answer{}, nil // accepted: the status says so
		}
		return readAnswer(media, body), nil
	case 3:
		return answer{}, &export.Error{Fault: export.Retryable, Err: fmt.Errorf(
			"%s to %s: redirects are not followed, the endpoint has to be set to where they lead",
			resp.Status, redirectTarget(resp))}
	}
	return answer{}, &export.Error{
		Fault:      export.ClassifyHTTP(resp.StatusCode),
		RetryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		Err:        fmt.Errorf("%s: %s", resp.Status, export.ShortText(httpErrorText(media, body))),
	}
}

// redirectTarget is where a redirect leads, without what may be secret.
func redirectTarget(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return export.ShortText(u.String())
}

func (s *httpSender) compress(body []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(body) / 4)
	w := s.gzips.Get().(*gzip.Writer)
	w.Reset(&out)
	_, _ = w.Write(body) // a bytes.Buffer does not fail
	_ = w.Close()
	s.gzips.Put(w)
	return out.Bytes()
}

func (s *httpSender) warm() { s.dialer.warm() }

func (s *httpSender) renew() { s.rts.Renew() }

func (s *httpSender) close() {
	s.dialer.close()
	s.rts.Close()
}

// httpErrorText returns the readable part of an error answer: the message of a google.rpc.Status, which
// OTLP asks for, or text.
func httpErrorText(media string, body []byte) string {
	switch {
	case media == protobufType:
		var message string
		eachField(body, func(num protowire.Number, _ uint64, text []byte) {
			if num == 2 && text != nil {
				message = string(text)
			}
		})
		return message
	case media == "text/plain", strings.HasSuffix(media, "json"):
		return string(body)
	}
	return ""
}

// parseRetryAfter reads both forms of Retry-After (RFC 9110, 10.2.3); 0 when there is none. It never
// returns more than an hour.
func parseRetryAfter(v string, now time.Time) time.Duration {
	const most = time.Hour
	if n, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(0, n), int(most/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(0, t.Sub(now)), most)
	}
	return 0
}
