package httptrace

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// The callee's decision is read from the header of an answer and from the trailer of a stream, of the services that get our
// trace context, and nowhere else.
func TestTransportHeedsTraceresponse(t *testing.T) {
	for _, tt := range []struct {
		name             string
		propagate        bool
		answer           func(w http.ResponseWriter, header string)
		flags, told, cut string
	}{
		{"header", true, func(w http.ResponseWriter, header string) { w.Header().Set("traceresponse", header) }, "01", "yes", ""},
		{"header, dropped", true, func(w http.ResponseWriter, header string) { w.Header().Set("traceresponse", header) }, "00", "", ""},
		{"trailer", true, stream, "01", "yes", ""},
		{"trailer, dropped", true, stream, "00", "", ""},
		{"a trailer nobody waited for", true, stream, "01", "", "yes"},
		{"a model provider", false, stream, "01", "", ""},
		{"none", true, func(http.ResponseWriter, string) {}, "01", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := newEdge(t)
			told := ""
			p.cfg.Downstream = func(call trace.SpanContext) func(bool) {
				return func(kept bool) {
					if kept && call.IsValid() {
						told += "yes"
					}
				}
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				id := "4bf92f3577b34da6a3ce929d0e0e4736"
				if tp := r.Header.Get("traceparent"); tp != "" {
					id = tp[3:35]
				}
				tt.answer(w, "00-"+id+"-00f067aa0ba902b7-"+tt.flags)
			}))
			defer srv.Close()
			client := &http.Client{Transport: p.Transport(srv.Client().Transport, TransportConfig{Propagate: tt.propagate})}
			res, err := client.Get(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			if tt.cut == "" {
				_, _ = io.Copy(io.Discard, res.Body)
			}
			_ = res.Body.Close()
			if told != tt.told {
				t.Errorf("told %q, want %q", told, tt.told)
			}
		})
	}
}

func stream(w http.ResponseWriter, header string) {
	w.Header().Set("Trailer", "Traceresponse")
	_, _ = io.WriteString(w, strings.Repeat("event\n", 2000))
	w.(http.Flusher).Flush()
	w.Header().Set("Traceresponse", header)
}

// Nothing but a whole header of our own trace, sampled, keeps anything.
func FuzzKeptBy(f *testing.F) {
	call := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3}})
	callee := call.WithSpanID(trace.SpanID{4})
	f.Add(traceResponse(callee, true))
	f.Add(traceResponse(callee, false))
	f.Add("01" + traceResponse(callee, true)[2:] + "-more")
	f.Add("")
	f.Fuzz(func(t *testing.T, v string) {
		if !keptBy(v, call) {
			return
		}
		if len(v) < 55 || v[3:35] != call.TraceID().String() || strings.Trim(v[36:52], "0") == "" || strings.HasPrefix(v, "ff") {
			t.Errorf("%q is taken for a kept trace", v)
		}
	})
	if !keptBy(traceResponse(callee, true), call) || keptBy(traceResponse(callee, false), call) {
		f.Error("what the middleware writes is not read")
	}
}
