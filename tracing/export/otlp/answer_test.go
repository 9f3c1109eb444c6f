package otlp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"example.com/gemini-agent/tracing/export"
)

// What answers 2xx and is no OTLP receiver is named once: the spans may be nowhere.
func TestAnswersThatAreNoOTLP(t *testing.T) {
	for _, tt := range []struct {
		name, media, body string
		rejected          int64
		text              string // "": plain success
	}{
		{"nothing", "", "", 0, ""},
		{"nothing, as JSON", "application/json", "", 0, ""},
		{"empty JSON", "application/json; charset=utf-8", " {} ", 0, ""},
		{"JSON", "application/json", `{"partialSuccess":{}}`, 0, ""},
		{"refusals in JSON", "application/json", `{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}`, 2,
			"2 spans rejected: too old"},
		{"refusals as a number", "application/json", `{"partialSuccess":{"rejectedSpans":2}}`, 2, "2 spans rejected"},
		{"a web page", "text/html; charset=utf-8", "<!doctype html><p>Welcome", 0, "not as OTLP does (text/html)"},
		{"a gateway", "text/plain", "OK", 0, "not as OTLP does (text/plain)"},
		{"JSON that is none", "application/json", "<html>", 0, "no JSON object"},
		{"protobuf that is none", protobufType, "\x0a\xff", 0, "no protobuf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			verifyNoLeaks(t)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{tt.media}
				_, _ = w.Write([]byte(tt.body))
			}))
			defer srv.Close()
			x := newTestOTLP(t, Config{Endpoint: srv.URL + "/v1/traces"})
			first, second := x.ExportSpans(t.Context(), namedSpans("a")), x.ExportSpans(t.Context(), namedSpans("b"))
			if tt.text == "" {
				if first != nil || second != nil {
					t.Errorf("%v, %v", first, second)
				}
				return
			}
			if export.Classify(first) != export.PartlyRefused || !strings.Contains(first.Error(), tt.text) {
				t.Errorf("first answer: %v, want %q", first, tt.text)
			}
			if said := second != nil; said != strings.Contains(tt.text, "rejected") {
				t.Errorf("second answer: %v", second)
			}
		})
	}
}

func TestRedirectsAreNamedAndNotFollowed(t *testing.T) {
	verifyNoLeaks(t)
	followed := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" {
			followed = true
		}
		http.Redirect(w, r, "https://user:secret@login.example/x?key=secret", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	x := newTestOTLP(t, Config{Endpoint: srv.URL + "/v1/traces"})
	err := x.ExportSpans(t.Context(), namedSpans("a"))
	if export.Classify(err) != export.Retryable || followed || !strings.Contains(err.Error(), "https://login.example/x:") ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("followed: %t, error %v", followed, err)
	}
}

// Whatever an endpoint answers, it is read as the official message reads it, or named.
func FuzzReadAnswer(f *testing.F) {
	message := &coltracepb.ExportTraceServiceResponse{
		PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "x"},
	}
	wire, _ := proto.Marshal(message)
	text, _ := protojson.Marshal(message)
	f.Add(wire)
	f.Add(text)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := readAnswer(protobufType, body)
		var want coltracepb.ExportTraceServiceResponse
		if proto.Unmarshal(body, &want) == nil && strings.TrimSpace(string(body)) != "" {
			if a.rejected != max(0, want.GetPartialSuccess().GetRejectedSpans()) ||
				a.message != want.GetPartialSuccess().GetErrorMessage() || a.strange != "" {
				t.Errorf("%+v, want %v", a, want.GetPartialSuccess())
			}
		}
		if a := readAnswer("application/json", body); a.rejected < 0 {
			t.Errorf("%+v", a)
		}
	})
}
