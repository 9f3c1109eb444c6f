package tracingtest

import (
	"net"
	"sync/atomic"
	"testing"
)

// SilentProxy is a TCP proxy that can stop forwarding on the connections it has, without closing them: what an instance that
// was frozen, or a NAT that forgot, looks like. New connections work.
type SilentProxy struct {
	listener net.Listener
	target   string
	silent   atomic.Pointer[atomic.Bool] // of the connections accepted since the last silence
}

// NewSilentProxy forwards to target until the test ends.
func NewSilentProxy(t testing.TB, target string) *SilentProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &SilentProxy{listener: l, target: target}
	p.silent.Store(new(atomic.Bool))
	closing := make(chan struct{})
	go p.serve(closing)
	t.Cleanup(func() { close(closing); _ = l.Close() })
	return p
}

// Addr is where the proxy listens.
func (p *SilentProxy) Addr() string { return p.listener.Addr().String() }

// Silence swallows from here on what is sent on the connections that are open, in both directions, for good.
func (p *SilentProxy) Silence() { p.silent.Swap(new(atomic.Bool)).Store(true) }

func (p *SilentProxy) serve(closing <-chan struct{}) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		go func() {
			<-closing
			_, _ = client.Close(), server.Close()
		}()
		silent := p.silent.Load()
		go forward(server, client, silent)
		go forward(client, server, silent)
	}
}

func forward(to, from net.Conn, silent *atomic.Bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		switch {
		case err != nil:
			if !silent.Load() {
				_ = to.Close()
			}
			return
		case !silent.Load():
			_, _ = to.Write(buf[:n])
		}
	}
}
