package httptrace

import (
	"net"
	"net/http"
	"time"
)

// The times after which a connection whose peer says nothing counts as dead. A network can drop a connection without a
// word: a frozen instance's, or one that a NAT has forgotten. Without these, requests on it wait for as long as they may.
const (
	pingAfter   = 5 * time.Second // of silence on an HTTP/2 connection
	pingTimeout = 3 * time.Second // for the answer
	idleTimeout = time.Minute     // an idle connection is not used any more
	dialTimeout = 5 * time.Second
)

// NewTransport returns a transport for requests to other services, made for one that is frozen between requests and has
// many at once to few hosts:
//
//   - HTTP/2 connections are pinged after 5 s of silence and dropped when no answer comes within 3 s, so that a dead one
//     costs seconds. HTTP/1.1 has no ping: TCP's keepalive looks after it, and a request needs a deadline of its own.
//   - Connections that were idle for a minute are not used again.
//   - Dialling and TLS handshakes take 5 s at most.
//   - There are up to 256 idle connections a host, and a usual request to a model is written in one go.
//
// The proxy comes from the process's environment, as in http.DefaultTransport. The caller may change it before its first
// use.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           NewDialer().DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       idleTimeout,
		ExpectContinueTimeout: time.Second,
		WriteBufferSize:       16 << 10,
	}
}

// NewDialer returns the dialer of NewTransport: 5 s to connect, and TCP probes from 10 s of silence on, of which three
// without an answer end the connection.
func NewDialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
}
