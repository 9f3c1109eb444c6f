package remote

import (
	"net/http"
	"time"
)

// Transport returns a transport of its own that keeps enough idle connections for many concurrent requests to the one
// host it talks to, writes a usual request to a model in one go (from the second turn on it is larger than net/http's
// 4 KiB), and notices a dead connection: one that has been silent for five seconds is pinged, and dropped when it does
// not answer within five more, so that the next request gets a new one. Without pings a connection whose other end has
// gone without a word, after a freeze or behind a NAT, fails every request until the operating system gives up, which
// takes a quarter of an hour.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.WriteBufferSize = 0, 256, 16<<10
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second}
	return t
}

// NoRedirects is a redirect policy: a redirect is handed back as the answer. Following it would take credentials and
// content to a place that nobody has named.
func NoRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
