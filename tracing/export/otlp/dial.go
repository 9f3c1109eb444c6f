package otlp

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"example.com/gemini-agent/tracing/httptrace"
)

// warmDialer dials for an http.Transport and can open one connection ahead: net/http has no other way
// to connect without sending a request. The transport takes the connection the next time it dials.
type warmDialer struct {
	addr string      // "" switches warming off
	tls  *tls.Config // nil: plaintext

	mu      sync.Mutex
	ready   net.Conn // opened ahead, not yet taken
	readyAt time.Time
	lastUse time.Time
	opening chan struct{} // closed when the dial under way is over; nil: none
	cancel  context.CancelFunc
	closed  bool
}

const (
	warmDialTimeout = 5 * time.Second
	// warmKeep: servers drop connections that say nothing. An older one is not worth the risk.
	warmKeep = 20 * time.Second
	// warmRecent: after a request this short ago the transport has an idle connection of its own.
	warmRecent = time.Minute
)

func newWarmDialer(addr string, tc *tls.Config) *warmDialer {
	d := &warmDialer{addr: addr}
	if tc != nil {
		d.tls = tc.Clone()
		d.tls.NextProtos = []string{"h2", "http/1.1"}
	}
	return d
}

// DialContext opens a plaintext connection, or takes the one opened ahead.
func (d *warmDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if c := d.take(ctx, addr, false); c != nil {
		return c, nil
	}
	return httptrace.NewDialer().DialContext(ctx, network, addr)
}

// DialTLSContext is DialContext for https: the handshake is done.
func (d *warmDialer) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if c := d.take(ctx, addr, true); c != nil {
		return c, nil
	}
	return (&tls.Dialer{NetDialer: httptrace.NewDialer(), Config: d.tls}).DialContext(ctx, network, addr)
}

// take returns the connection opened ahead, after waiting for it when it is being opened; nil: none.
func (d *warmDialer) take(ctx context.Context, addr string, secure bool) net.Conn {
	if addr != d.addr || secure != (d.tls != nil) {
		return nil
	}
	d.mu.Lock()
	opening := d.opening
	d.mu.Unlock()
	if opening != nil {
		select {
		case <-opening:
		case <-ctx.Done():
			return nil
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.ready
	d.ready = nil
	if c != nil && time.Since(d.readyAt) > warmKeep {
		_ = c.Close()
		return nil
	}
	return c
}

// used notes a request that went through.
func (d *warmDialer) used() {
	d.mu.Lock()
	d.lastUse = time.Now()
	d.mu.Unlock()
}

// forget drops the connection opened ahead.
func (d *warmDialer) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready != nil {
		_ = d.ready.Close()
		d.ready = nil
	}
}

// warm starts to open a connection, unless one is likely to be there.
func (d *warmDialer) warm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	switch {
	case d.closed, d.addr == "", d.opening != nil:
		return
	case !d.lastUse.IsZero() && now.Sub(d.lastUse) < warmRecent:
		return
	case d.ready != nil && now.Sub(d.readyAt) < warmKeep:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), warmDialTimeout)
	d.opening, d.cancel = make(chan struct{}), cancel
	go d.open(ctx, cancel, d.opening)
}

func (d *warmDialer) open(ctx context.Context, cancel context.CancelFunc, done chan struct{}) {
	defer cancel()
	var c net.Conn
	var err error
	if d.tls != nil {
		c, err = (&tls.Dialer{NetDialer: httptrace.NewDialer(), Config: d.tls}).DialContext(ctx, "tcp", d.addr)
	} else {
		c, err = httptrace.NewDialer().DialContext(ctx, "tcp", d.addr)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready != nil {
		_ = d.ready.Close()
		d.ready = nil
	}
	switch {
	case err != nil: // the export will meet the same error and report it
	case d.closed:
		_ = c.Close()
	default:
		d.ready, d.readyAt = c, time.Now()
	}
	d.opening = nil
	close(done)
}

// close drops the connection opened ahead and waits for a dial under way.
func (d *warmDialer) close() {
	d.mu.Lock()
	d.closed = true
	opening := d.opening
	if d.cancel != nil {
		d.cancel()
	}
	if d.ready != nil {
		_ = d.ready.Close()
		d.ready = nil
	}
	d.mu.Unlock()
	if opening != nil {
		<-opening
	}
}
