package console

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
)

var updateConsole = flag.Bool("update-console", false, "rewrite the pictures in testdata")

func TestConsolePictures(t *testing.T) {
	link := func(id string) string { return "http://localhost:16686/trace/" + id }
	threeServices := func(c *Console) {
		sub, search, primary := c.Exporter(false), c.Exporter(false), c.Exporter(true)
		_ = search.ExportSpans(t.Context(), snapshots(1, searchPart...))
		_ = sub.ExportSpans(t.Context(), snapshots(1, subAgentPart...))
		_ = primary.ExportSpans(t.Context(), snapshots(1, mainPart[0]))
		_ = primary.ExportSpans(t.Context(), snapshots(1, mainPart[1:]...))
	}
	alone := func(spans []consoleSpan) func(*Console) {
		return func(c *Console) { _ = c.Exporter(true).ExportSpans(t.Context(), snapshots(1, spans...)) }
	}
	wide := func(n int) func() int { return func() int { return n } }
	type picture struct {
		name string
		cfg  Config
		feed func(*Console)
	}
	pictures := []picture{
		{"three_services_color", Config{Color: true, Unicode: true, Width: wide(120), Link: link}, threeServices},
		{"content_color", Config{Color: true, Unicode: true}, alone(contentMode)},
		{"content_without_color", Config{Unicode: true}, alone(contentMode)},
		{"incomplete", Config{}, alone(nil)},
	}
	for _, n := range []int{40, 60, 80, 120} {
		cfg := Config{Width: wide(n), Link: link}
		pictures = append(pictures,
			picture{fmt.Sprintf("parallel_tools_%d", n), cfg, alone(parallelTools)},
			picture{fmt.Sprintf("tool_error_%d", n), cfg, alone(toolError)},
			picture{fmt.Sprintf("quota_%d", n), cfg, alone(quotaSpent)},
			picture{fmt.Sprintf("content_%d", n), cfg, alone(contentMode)},
			picture{fmt.Sprintf("three_services_%d", n), cfg, threeServices})
	}
	for _, tt := range pictures {
		t.Run(tt.name, func(t *testing.T) {
			w := &writeCounter{}
			c := New(w, tt.cfg)
			if tt.name == "incomplete" {
				x := c.Exporter(true)
				_ = x.ExportSpans(t.Context(), snapshots(1, parallelTools[:5]...))
				_ = x.Shutdown(t.Context())
			} else {
				tt.feed(c)
			}
			if w.writes != 1 {
				t.Errorf("%d writes, want one for the trace", w.writes)
			}
			requireLinesFit(t, w.String(), c.cfg.columns())
			if !tt.cfg.Unicode {
				requirePlain(t, w.String())
			}
			file := filepath.Join("testdata", "console", tt.name+".txt")
			if *updateConsole {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, w.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), w.String()); diff != "" {
				t.Errorf("picture (-want +got):\n%s", diff)
			}
		})
	}
}

type writeCounter struct {
	bytes.Buffer
	writes int
}

func (w *writeCounter) Write(p []byte) (int, error) {
	w.writes++
	return w.Buffer.Write(p)
}

func requireLinesFit(t *testing.T, picture string, width int) {
	t.Helper()
	for _, line := range strings.Split(picture, "\n") {
		for strings.Contains(line, "\x1b[") { // take the colours off
			head, rest, _ := strings.Cut(line, "\x1b[")
			_, rest, _ = strings.Cut(rest, "m")
			line = head + rest
		}
		if n := textWidth(line); n > width && !strings.Contains(line, "http://") { // the link stays whole, for copying
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("trailing blanks: %q", line)
		}
	}
}

// requirePlain checks that all decoration is ASCII; only text from the spans may be more.
func requirePlain(t *testing.T, picture string) {
	t.Helper()
	if strings.ContainsAny(picture, "\x1b├└│━…→·╴") {
		t.Errorf("decoration in a plain picture:\n%s", picture)
	}
}

func TestConsoleHoldsASecondaryUntilThePrimaryComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writeCounter
		c := New(&w, Config{})
		primary, sub := c.Exporter(true), c.Exporter(false)
		_ = sub.ExportSpans(t.Context(), snapshots(1, subAgentPart...))
		time.Sleep(10 * time.Second)
		_ = primary.ExportSpans(t.Context(), snapshots(1, mainPart[0])) // begun: now it may think for long
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if w.writes != 0 {
			t.Fatalf("printed before the primary was done:\n%s", w.String())
		}
		_ = primary.ExportSpans(t.Context(), snapshots(1, mainPart[1:]...))
		if w.writes != 1 || !strings.Contains(w.String(), "6 spans | 2 services") {
			t.Errorf("%d writes:\n%s", w.writes, w.String())
		}
		_ = primary.Shutdown(t.Context())
		_ = sub.Shutdown(t.Context())
		if w.writes != 1 {
			t.Errorf("printed twice:\n%s", w.String())
		}
	})
}

func TestConsolePrintsHeldSpansAfterHoldOrAtShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writeCounter
		c := New(&w, Config{Hold: 3 * time.Second})
		primary, sub := c.Exporter(true), c.Exporter(false)
		_ = sub.ExportSpans(t.Context(), snapshots(1, subAgentPart...))
		time.Sleep(2 * time.Second)
		_ = sub.ExportSpans(t.Context(), snapshots(2, subAgentPart...))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if w.writes != 1 {
			t.Fatalf("%d pictures after 4s, want the first trace alone", w.writes)
		}
		_ = sub.Shutdown(t.Context())
		_ = sub.Shutdown(t.Context()) // a second one counts for nothing
		if w.writes != 1 {
			t.Fatal("printed although the primary is still open")
		}
		_ = primary.Shutdown(t.Context())
		if w.writes != 2 {
			t.Errorf("%d pictures after shutdown, want 2", w.writes)
		}
	})
}

func TestConsolePrintsLateSpansOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writeCounter
		c := New(&w, Config{})
		primary := c.Exporter(true)
		_ = primary.ExportSpans(t.Context(), snapshots(1, mainPart...))
		_ = primary.ExportSpans(
			t.Context(),
			snapshots(1, consoleSpan{id: 90, parent: 2, service: "gemini-agent", name: "late", from: 90, to: 91}),
		)
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.writes != 2 || !strings.Contains(w.String(), "late") {
			t.Errorf("%d pictures:\n%s", w.writes, w.String())
		}
		_ = primary.Shutdown(t.Context())
	})
}

func TestConsoleSecondaryCalledByNobodyIsPrintedAtOnce(t *testing.T) {
	var w writeCounter
	c := New(&w, Config{})
	_ = c.Exporter(false).ExportSpans(t.Context(), snapshots(1, parallelTools...))
	if w.writes != 1 {
		t.Errorf("%d pictures", w.writes)
	}
}

func TestConsoleMemoryIsBounded(t *testing.T) {
	var w writeCounter
	c := New(&w, Config{})
	x := c.Exporter(true)
	for i := range 3 * maxConsoleSpans {
		s := consoleSpan{id: byte(i), parent: 200, service: "s", name: "child", from: 1, to: 2}
		_ = x.ExportSpans(t.Context(), snapshots(byte(i%5), s))
		if c.held > maxConsoleSpans {
			t.Fatalf("%d spans held", c.held)
		}
	}
	_ = x.Shutdown(t.Context())
	if c.held != 0 || len(c.traces) != 0 {
		t.Errorf("%d spans held after shutdown", c.held)
	}
}

func TestConsoleSurvivesOddTraces(t *testing.T) {
	ring := []consoleSpan{
		{
			id:      1,
			parent:  2,
			service: "s",
			name:    "a",
			from:    0,
			to:      1,
		}, {id: 2, parent: 1, service: "s", name: "b", from: 0, to: 1},
		{
			id:      3,
			parent:  3,
			service: "s",
			name:    "self",
			from:    0,
			to:      0,
		}, {id: 4, service: "s", name: "backwards", from: 5, to: 2},
		{id: 4, service: "s", name: "again", from: 5, to: 2},
	}
	var deep []consoleSpan
	for i := range 100 {
		deep = append(
			deep,
			consoleSpan{id: byte(i + 1), parent: byte(i), service: "s", name: "deep", from: float64(i), to: 200},
		)
	}
	hostile := []consoleSpan{
		{
			id:      1,
			service: "ser\x1b[2Jvice",
			name:    "na\nme\x1b[31m\u202e" + strings.Repeat("世", 90),
			from:    0,
			to:      1,
			failed:  "x\r\ny",
		},
	}
	for name, spans := range map[string][]consoleSpan{"ring": ring, "deep": deep, "hostile": hostile} {
		t.Run(name, func(t *testing.T) {
			got := string(renderTrace(trace.TraceID{1}, snapshots(1, spans...), Config{}.withDefaults()))
			requireLinesFit(t, got, 80)
			requirePlain(t, got)
			if name == "ring" {
				for _, want := range []string{"a", "b", "self", "again"} {
					if !strings.Contains(got, want) {
						t.Errorf("%s is lost:\n%s", want, got)
					}
				}
				if strings.Contains(got, "backwards") {
					t.Errorf("a span sent twice is shown twice:\n%s", got)
				}
			}
			if strings.ContainsAny(got, "\r\u202e") {
				t.Errorf("control characters got through:\n%q", got)
			}
		})
	}
}

func TestCutsNeverSplitRunes(t *testing.T) {
	for _, s := range []string{"abc", "añb", "世界世界", "é́x", "🙂🙂", "a世b界cdef", ""} {
		for width := range 9 {
			for _, got := range []string{cutText(s, width, ".."), cutMiddle(s, width, ".."), fit([]string{s}, width, "..")} {
				if textWidth(got) > max(width, 2) || strings.ToValidUTF8(got, "?") != got {
					t.Errorf("%q cut to %d = %q", s, width, got)
				}
				if textWidth(s) <= width && got != s {
					t.Errorf("%q cut to %d = %q: it fits", s, width, got)
				}
			}
		}
	}
	if got := cutMiddle("POST /v1beta/models/{model}:generateContent", 20, ".."); got != "POST /v1b..teContent" {
		t.Error(got)
	}
}

// Every picture asks for the width anew: a terminal is resized while it is looked at.
func TestConsoleNoticesAResize(t *testing.T) {
	width, longest := 120, 0
	w := &writeCounter{}
	c := New(w, Config{Width: func() int { return width }})
	x := c.Exporter(true)
	for trace, columns := range []int{120, 50, 20, 0} {
		width = columns
		w.Reset()
		_ = x.ExportSpans(t.Context(), snapshots(byte(trace), quotaSpent...))
		requireLinesFit(t, w.String(), c.cfg.columns())
		before := longest
		longest = 0
		for line := range strings.Lines(w.String()) {
			longest = max(longest, textWidth(strings.TrimSuffix(line, "\n")))
		}
		if trace == 1 && longest >= before {
			t.Errorf("as wide as before:\n%s", w.String())
		}
	}
	_ = x.Shutdown(t.Context())
}

// What is said below the tree is said whole at every width, once.
func TestConsoleSaysTheCauseWholeAndOnce(t *testing.T) {
	for width := 40; width < 140; width += 7 {
		got := string(renderTrace(trace.TraceID{1}, snapshots(1, quotaSpent...), Config{Width: func() int { return width }}))
		joined := strings.Join(strings.Fields(got), "")
		if n := strings.Count(joined, "generate_content_paid_tier_input_token_count,limit:4000000"); n != 1 {
			t.Errorf("%d times at %d columns:\n%s", n, width, got)
		}
		if strings.Count(got, "! 429") != 2 || strings.Count(got, "! quota_") != 2 && width >= 60 {
			t.Errorf("at %d columns:\n%s", width, got)
		}
	}
}

func TestFormatDurationFits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.00ms", 420 * time.Microsecond: "0.42ms", 9994 * time.Microsecond: "9.99ms", 9996 * time.Microsecond: "10ms",
		999400 * time.Microsecond: "999ms", 999600 * time.Microsecond: "1.00s", 1243 * time.Millisecond: "1.24s",
		59996 * time.Millisecond: "1m00s", 3661 * time.Second: "1h01m", 1000 * time.Hour: ">100h", -time.Second: "0ms",
	} {
		if got := formatDuration(d); got != want || len(got) > durationW {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func ExampleConsole() {
	c := New(os.Stdout, Config{Width: func() int { return 70 }})
	x := c.Exporter(true)
	_ = x.ExportSpans(context.Background(), snapshots(
		1,
		consoleSpan{
			id:      2,
			parent:  1,
			service: "gemini-agent",
			name:    "tool.calculate",
			from:    2,
			to:      4,
			attrs:   kvs("tool.name", "calculate", "tool.args", `{"e":"1+1"}`),
		},
		consoleSpan{id: 1, service: "gemini-agent", name: "agent.task", from: 0, to: 10},
	))
	// Output:
	// trace 0af70000000000000000000000000001 | 10ms | 2 spans
	// agent.task       ==========    10ms
	// `-tool.calculate   ==        2.00ms  {"e":"1+1"}
}

// However deep a trace is, a child never looks like its parent's equal.
func TestConsoleDrawsDeepTreesWhole(t *testing.T) {
	const depth = 14
	spans := make([]consoleSpan, depth)
	for i := range spans {
		spans[i] = consoleSpan{
			id: byte(i + 1), parent: byte(i), name: fmt.Sprintf("s%d", i), service: "svc", from: float64(i), to: 100,
		}
	}
	var out bytes.Buffer
	c := New(&out, Config{})
	x := c.Exporter(true)
	if err := x.ExportSpans(t.Context(), snapshots(1, spans...)); err != nil {
		t.Fatal(err)
	}
	_ = x.Shutdown(t.Context())
	before := -1
	for i := range depth {
		column := -1
		for line := range strings.Lines(out.String()) {
			if at := strings.Index(line, fmt.Sprintf("s%d ", i)); at >= 0 {
				column = at
			}
		}
		if column <= before {
			t.Fatalf("s%d begins in column %d, its parent in %d:\n%s", i, column, before, out.String())
		}
		before = column
	}
}
