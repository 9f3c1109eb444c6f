package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/local/live"
)

func provider(tb testing.TB, hub *live.Hub) *sdktrace.TracerProvider {
	tb.Helper()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(hub))
	tb.Cleanup(func() { _ = tp.Shutdown(context.WithoutCancel(tb.Context())) })
	return tp
}

func startHub(tb testing.TB, cfg live.Config, change ...func(*live.HandlerConfig)) (*live.Hub, *httptest.Server) {
	tb.Helper()
	hub, stop := live.NewHub(cfg), make(chan struct{})
	var hc live.HandlerConfig
	for _, f := range change {
		f(&hc)
	}
	server := httptest.NewServer(hub.Handler(hc, stop))
	tb.Cleanup(func() {
		close(stop)
		server.Close()
	})
	return hub, server
}

// message is one event of a stream.
type message struct{ id, name, data string }

// listener reads a stream.
type listener struct {
	testing.TB
	lines  *bufio.Scanner
	cancel context.CancelFunc
	lastID string
}

func listen(tb testing.TB, server *httptest.Server, lastID string) *listener {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/live/events", nil)
	if err != nil {
		tb.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		_ = res.Body.Close()
	})
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "text/event-stream" {
		tb.Fatalf("%s, content type %q", res.Status, got)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 16<<20)
	return &listener{TB: tb, lines: lines, cancel: cancel, lastID: lastID}
}

// next returns the next event; comments are none.
func (l *listener) next() message {
	l.Helper()
	var m message
	for l.lines.Scan() {
		field, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch field {
		case "id":
			m.id, l.lastID = value, value
		case "event":
			m.name = value
		case "data":
			m.data = value
		case "":
			if m.name != "" {
				return m
			}
		}
	}
	l.Fatalf("the stream ended: %v", l.lines.Err())
	return m
}

// state is what a reader knows: open or ended, by span name.
func (l *listener) until(name, state string) map[string]string {
	l.Helper()
	known := map[string]string{}
	for known[name] != state {
		m := l.next()
		if m.name != "spans" {
			continue
		}
		for _, s := range spansOf(l, m.data) {
			known[s.Name] = "open"
			if s.End != "" {
				known[s.Name] = "ended"
			}
		}
	}
	return known
}

type wireSpan struct {
	TraceID string `json:"traceId"`
	SpanID  string `json:"spanId"`
	Name    string `json:"name"`
	End     string `json:"endTimeUnixNano"`
	Events  []struct{ Name string }
}

func spansOf(tb testing.TB, data string) (spans []wireSpan) {
	tb.Helper()
	var doc struct {
		ResourceSpans []struct {
			ScopeSpans []struct{ Spans []wireSpan }
		}
	}
	if err := json.Unmarshal([]byte(data), &doc); err != nil {
		tb.Fatal(err)
	}
	for _, rs := range doc.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			spans = append(spans, ss.Spans...)
		}
	}
	return spans
}

func TestSpansAreThereBeforeTheyEnd(t *testing.T) {
	hub, server := startHub(t, live.Config{})
	tracer := provider(t, hub).Tracer("test")
	l := listen(t, server, "")
	if m := l.next(); m.name != "hello" {
		t.Fatalf("first comes %s", m.name)
	}
	ctx, parent := tracer.Start(t.Context(), "parent")
	l.until("parent", "open")
	_, child := tracer.Start(ctx, "child")
	l.until("child", "open")
	parent.AddEvent("something")
	for found := false; !found; {
		for _, s := range spansOf(t, l.next().data) {
			found = found || s.Name == "parent" && len(s.Events) == 1 && s.End == ""
		}
	}
	child.End()
	parent.End()
	l.until("parent", "ended")
}

func TestWhoComesLaterGetsWhatThereIs(t *testing.T) {
	hub, server := startHub(t, live.Config{})
	tracer := provider(t, hub).Tracer("test")
	ctx, parent := tracer.Start(t.Context(), "parent")
	for i := range 700 { // more than a batch
		_, s := tracer.Start(ctx, fmt.Sprintf("child %d", i))
		s.End()
	}
	_, last := tracer.Start(ctx, "last")
	last.End()
	known := listen(t, server, "").until("last", "ended")
	if len(known) != 702 || known["parent"] != "open" || known["child 699"] != "ended" {
		t.Errorf("%d spans; the parent is %s", len(known), known["parent"])
	}
	parent.End()
}

func TestWhoComesBackGetsWhatIsNew(t *testing.T) {
	hub, server := startHub(t, live.Config{})
	tracer := provider(t, hub).Tracer("test")
	_, first := tracer.Start(t.Context(), "first")
	first.End()
	l := listen(t, server, "")
	l.until("first", "ended")
	l.cancel()
	_, second := tracer.Start(t.Context(), "second")
	second.End()
	again := listen(t, server, l.lastID)
	known := map[string]bool{}
	for !known["second"] {
		m := again.next()
		if m.name == "hello" {
			t.Fatal("the page would forget everything")
		}
		if m.name == "spans" {
			for _, s := range spansOf(t, m.data) {
				known[s.Name] = true
			}
		}
	}
	if known["first"] {
		t.Error("what was seen comes again")
	}
	for _, id := range []string{"nonsense", "OTHERRUN-1", l.lastID + "000000", strings.Split(l.lastID, "-")[0] + "-x"} {
		if m := listen(t, server, id).next(); m.name != "hello" {
			t.Errorf("after the id %q comes %s", id, m.name)
		}
	}
}

// TestRingKeepsTheNewest: the oldest finished trace makes room; one that still runs stays as long as another can go.
func TestRingKeepsTheNewest(t *testing.T) {
	hub, server := startHub(t, live.Config{Traces: 3, Spans: 2})
	tracer := provider(t, hub).Tracer("test")
	_, running := tracer.Start(t.Context(), "running")
	for i := range 5 {
		ctx, s := tracer.Start(t.Context(), fmt.Sprintf("root %d", i))
		for range 3 {
			_, c := tracer.Start(ctx, "child")
			c.End()
		}
		s.End()
	}
	if got, want := hub.Stats(), (live.Stats{Traces: 3, Spans: 5, Open: 1, Bytes: hub.Stats().Bytes}); got != want {
		t.Errorf("holds %+v, want %+v", got, want)
	}
	l := listen(t, server, "")
	var ring struct {
		Traces []struct {
			ID      string
			Dropped int
		}
	}
	for {
		if m := l.next(); m.name == "ring" {
			if err := json.Unmarshal([]byte(m.data), &ring); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if len(ring.Traces) != 3 || ring.Traces[0].ID != running.SpanContext().TraceID().String() || ring.Traces[2].Dropped != 2 {
		t.Errorf("the ring is %+v", ring)
	}
	running.End()
}

func TestHubBoundsItsBytes(t *testing.T) {
	const bound = 1 << 20
	hub, _ := startHub(t, live.Config{Bytes: bound})
	tracer := provider(t, hub).Tracer("test")
	text := strings.Repeat("x", 50_000)
	for range 100 {
		_, s := tracer.Start(t.Context(), "large")
		s.SetAttributes(attribute.String("text", text), attribute.StringSlice("texts", []string{text}))
		s.End()
	}
	if s := hub.Stats(); s.Bytes > bound || s.Traces < 5 {
		t.Errorf("holds %+v", s)
	}
}

// TestNothingComesBackFromTheForgotten: ends of spans that the hub does not know do no harm.
func TestNothingComesBackFromTheForgotten(t *testing.T) {
	hub := live.NewHub(live.Config{Traces: 1})
	tp := provider(t, hub)
	_, old := tp.Tracer("test").Start(t.Context(), "old")
	_, s := tp.Tracer("test").Start(t.Context(), "new")
	old.End()
	s.End()
	s.End()
	if err := tp.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, other := provider(t, hub).Tracer("test").Start(t.Context(), "after another provider's shutdown")
	if s := hub.Stats(); s.Traces != 1 || s.Spans != 1 || s.Open != 1 {
		t.Errorf("holds %+v", s)
	}
	other.End()
}

// TestQuietStreamsBeat: an idle connection hears something before anybody takes it for dead.
func TestQuietStreamsBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, stop := live.NewHub(live.Config{}), make(chan struct{})
		h := hub.Handler(live.HandlerConfig{}, stop)
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/live/events", nil)
		res := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(res, req)
		}()
		time.Sleep(46 * time.Second)
		close(stop)
		<-done
		if n := strings.Count(res.Body.String(), ": still here\n\n"); n < 2 || n > 3 {
			t.Errorf("%d beats in 46 s", n)
		}
		if s := hub.Stats(); s.Readers != 0 {
			t.Errorf("%d readers are left", s.Readers)
		}
	})
}

// TestSlowReadersCostNothing: readers that take nothing are dropped, and meanwhile no span waits for them.
func TestSlowReadersCostNothing(t *testing.T) {
	hub, server := startHub(t, live.Config{}, func(c *live.HandlerConfig) { c.Stall = 200 * time.Millisecond })
	tracer := provider(t, hub).Tracer("test")
	for range 20 {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprintf(conn, "GET /live/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	eventually(t, "all are there", func() bool { return hub.Stats().Readers == 20 })
	text := strings.Repeat("x", 20_000)
	for hub.Stats().Readers > 0 {
		_, s := tracer.Start(t.Context(), "large", trace.WithAttributes(attribute.String("text", text)))
		s.End()
	}
	l := listen(t, server, "")
	_, s := tracer.Start(t.Context(), "the next")
	s.End()
	l.until("the next", "ended")
}

func TestTooManyReaders(t *testing.T) {
	hub, server := startHub(t, live.Config{})
	for range 64 {
		listen(t, server, "")
	}
	res, err := server.Client().Get(server.URL + "/live/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || hub.Stats().Readers != 64 {
		t.Errorf("%s, %d readers", res.Status, hub.Stats().Readers)
	}
}

// eventually waits for what another goroutine does.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never: %s", what)
		}
	}
}
