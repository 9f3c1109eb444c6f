package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"example.com/gemini-agent/tracing/pipeline"
)

// deadBackend takes nothing.
type deadBackend struct{}

func (deadBackend) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	return errors.New("down")
}
func (deadBackend) Shutdown(context.Context) error { return nil }

// leaveBehind ends a process whose backend is dead with traces of n spans each, and returns its log and all span ids.
func leaveBehind(t *testing.T, letters bool, traces, n int, attrs ...attribute.KeyValue) (string, map[string]bool, pipeline.Stats) {
	t.Helper()
	var out bytes.Buffer
	p, err := Setup(t.Context(), Config{
		Logger: slog.New(NewLogHandler(&out, LogConfig{})), DeadLetters: letters,
		Exporters: []sdktrace.SpanExporter{deadBackend{}},
		Pipeline:  pipeline.Config{FlushTimeout: 50 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for range traces {
		ctx, invocation := p.Begin(t.Context())
		for range n {
			_, s := p.TracerProvider().Tracer("test").Start(ctx, "span", trace.WithAttributes(attrs...))
			id := s.SpanContext().SpanID()
			ids[hex.EncodeToString(id[:])] = true
			s.End()
		}
		invocation.End()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
	defer cancel()
	err = p.Shutdown(ctx)
	if stats := p.Stats(); (err == nil) != (stats.Lost == 0) {
		t.Errorf("Shutdown = %v with %d lost", err, stats.Lost)
	}
	return out.String(), ids, p.Stats()
}

// collect answers as an OTLP receiver does and notes the ids of the spans.
func collect(t *testing.T, seen map[string]int) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			body = unzipped
		}
		raw, err := io.ReadAll(body)
		var req coltracepb.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(raw, &req) != nil {
			http.Error(w, "no OTLP", http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		note(seen, &req)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// note counts the spans of a request by their ids.
func note(seen map[string]int, req *coltracepb.ExportTraceServiceRequest) {
	for _, rs := range req.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				seen[hex.EncodeToString(s.GetSpanId())]++
			}
		}
	}
}

// The commands of docs/tracing.md, pasted, bring every span home that a dead backend left behind.
func TestDeadLettersComeHomeByTheDocumentedLines(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"sh", "sed", "base64", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the documented lines need %s", tool)
		}
	}
	log, ids, stats := leaveBehind(t, true, 60, 10, attribute.String("text", strings.Repeat("some words ", 30)))
	if stats.Lettered != int64(len(ids)) || stats.Lost != 0 {
		t.Errorf("stats %+v for %d spans", stats, len(ids))
	}
	page, err := os.ReadFile("../docs/tracing.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if !strings.HasPrefix(block[1], "gcloud ") {
			script.WriteString(block[1])
		}
	}
	seen := map[string]int{}
	receiver := collect(t, seen)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "function.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.ReplaceAll(script.String(), "http://localhost:4318", receiver.URL)
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", lines)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, lines, out)
	}
	for id := range ids {
		if seen[id] != 1 {
			t.Fatalf("of %d spans %d came home; %s %d times", len(ids), len(seen), id, seen[id])
		}
	}
}

// However large and incompressible spans are, no line is longer than the log takes, and each says what it holds.
func TestDeadLettersAreOfALengthThatALogTakes(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 600_000)
	seed := uint32(1)
	for i := range noise {
		seed = seed*1664525 + 1013904223
		noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"[seed>>26]
	}
	for _, size := range []int{500, 20_000, 60_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			var attrs []attribute.KeyValue
			for i := range 10 {
				attrs = append(attrs, attribute.String(string(rune('a'+i)), string(noise[i*size:(i+1)*size])))
			}
			var out bytes.Buffer
			var spans []sdktrace.ReadOnlySpan
			for range 6 {
				spans = append(spans, tracetest.SpanStub{Name: "span", Attributes: attrs}.Snapshot())
			}
			letters := deadLetters{logger: slog.New(NewLogHandler(&out, LogConfig{}))}
			written := letters.write(t.Context(), "otlp", spans)
			log := out.String()
			total := 0
			for line := range strings.Lines(log) {
				var entry struct {
					Message, Backend, OTLP, Severity string
					Spans                            int
				}
				if err := json.Unmarshal([]byte(line), &entry); err != nil {
					t.Fatal(err)
				}
				if entry.Message != deadLetterMessage {
					continue
				}
				if len(line) > 201_000 || entry.Severity != "ERROR" || entry.Backend == "" {
					t.Errorf("a line of %d bytes, %s, %q", len(line), entry.Severity, entry.Backend)
				}
				packed, err := base64.StdEncoding.DecodeString(entry.OTLP)
				if err != nil {
					t.Fatal(err)
				}
				r, err := gzip.NewReader(bytes.NewReader(packed))
				if err != nil {
					t.Fatal(err)
				}
				raw, err := io.ReadAll(r)
				var req coltracepb.ExportTraceServiceRequest
				if err != nil || proto.Unmarshal(raw, &req) != nil {
					t.Fatalf("no OTLP: %v", err)
				}
				n := len(req.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans())
				if n != entry.Spans {
					t.Errorf("%d spans in a line that says %d", n, entry.Spans)
				}
				total += n
			}
			if total != len(spans) || written != total {
				t.Errorf("attributes of %d bytes: %d of %d spans in the log, said %d", size, total, len(spans), written)
			}
		})
	}
}

func TestWithoutDeadLettersLostSpansAreCounted(t *testing.T) {
	t.Parallel()
	log, ids, stats := leaveBehind(t, false, 3, 4)
	if strings.Contains(log, deadLetterMessage) || stats.Lost != int64(len(ids)) || stats.Lettered != 0 {
		t.Errorf("stats %+v for %d spans, log %s", stats, len(ids), log)
	}
}
