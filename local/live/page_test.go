package live_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/local/live"
)

const (
	readmeTask = "Ask the sub-agent to explain what machine learning is, and calculate 12 * 7"
	answered   = `document.querySelector(".turn:last-child .answer:not(.quiet, .streaming)")`
)

func turns(n int) string {
	return fmt.Sprintf(`document.querySelectorAll(".turn .problem, .turn .answer:not(.quiet, .streaming)").length === %d`, n)
}

// TestRowsAppearBeforeTheirSpansEnd: the model has not answered, and its row is there and grows; then everything
// settles into one tree over three services.
func TestRowsAppearBeforeTheirSpansEnd(t *testing.T) {
	s := serve(t)
	release := s.sim.holdModel()
	defer release()
	p := open(t, s.url)
	p.send(readmeTask, "")
	p.until("the model's row is there", row("ask gemini-3.8-flash, running"))
	width := `document.querySelector(".kind-model .bar").getBoundingClientRect().width`
	p.until("its bar grows", `(window.first ??= `+width+`) < `+width)
	p.shoot("growing")
	release()
	p.until("all has ended", settled+" && "+answered)
	p.shoot("settled")
	want := []string{
		"1 request POST /api/v1/agent/execute, gemini-agent, 200", "2 task “Ask the sub-agent", "3 step 1 reasoning",
		"4 ask gemini-3.8-flash 697→34 tok · calls delegate_to_subagent, calculate, 200", "4 delegate_to_subagent {\"task\":",
		"5 sub-agent ⇒ sub-agent, 200", "6 task “explain", "7 step 1 reasoning",
		"8 ask gemini-3.8-flash 697→34 tok · calls search, calculate", "8 search {\"query\":\"machine learning\"} → 3 results, 200",
		"9 serves search, search-service", "8 calculate {\"expression\":\"12 * 7\"} → 84", "7 ask gemini-3.8-flash 794→34 tok · answers",
		"4 calculate", "3 ask gemini-3.8-flash 794→34 tok · answers",
	}
	rows := p.rows()
	if len(rows) != len(want) {
		t.Fatalf("rows:\n%s", strings.Join(rows, "\n"))
	}
	for _, w := range want {
		if !slices.ContainsFunc(rows, func(r string) bool { return strings.HasPrefix(r, w) }) {
			t.Errorf("no row begins with %q:\n%s", w, strings.Join(rows, "\n"))
		}
	}
	if got := eval[[]string](p, `[...document.querySelectorAll(".services li")].map((l) => l.textContent)`); !slices.Equal(got, []string{"gemini-agent", "gemini-sub-agent", "search-service"}) {
		t.Errorf("services %v", got)
	}
	head := eval[string](p, `document.querySelector("#strip").innerText`)
	for _, w := range []string{"model", "sub-agents", "2,982 → 136", "2,048", "48", "$0.0017", "kept: 1 in 10"} {
		if !strings.Contains(head, w) {
			t.Errorf("the head lacks %q:\n%s", w, head)
		}
	}
	p.click("#toggle-transport")
	p.until("transport has rows", row("POST /v1beta/models/{model}:generateContent")+" && "+row("POST /mcp"))
}

// TestFaultsAtAClick: each failure is told in its own sentence where it happened, once.
func TestFaultsAtAClick(t *testing.T) {
	s := serve(t)
	p := open(t, s.url)
	for i, tc := range []struct{ task, fault, row, keep string }{
		{"Search", "503", "asking gemini-3.8-flash: 503 UNAVAILABLE: The model is overloaded. Please try again later. (3 attempts)", "kept: error"},
		{"Search", "429", "retry 2 after 429, waited 60 ms", "kept: 1 in 10"},
		{"Search", "blocked", "gemini-3.8-flash refused the prompt: SAFETY", "kept: error"},
		{"Ask the sub-agent", "sub-agent-down", "asking the sub-agent: connection refused; is it running?", "kept: error"},
	} {
		p.send(tc.task, tc.fault)
		p.until(tc.fault+" is told", turns(i+1)+" && "+settled+" && "+row(tc.row))
		p.until("the verdict is "+tc.keep, fmt.Sprintf(`document.querySelector("#strip").innerText.includes(%q)`, tc.keep))
		if n := eval[int](p, fmt.Sprintf(`[...document.querySelectorAll(".note")].filter((n) => n.textContent.includes(%q)).length`, tc.row)); tc.keep == "kept: error" && n != 1 {
			t.Errorf("%s: the sentence is there %d times", tc.fault, n)
		}
		p.shoot("fault-" + tc.fault)
	}
	if got := eval[string](p, `document.querySelector(".composer input[name=fault]:checked").value`); got != "" {
		t.Errorf("the fault %q stays chosen", got)
	}
}

// TestDeepLink: a link to a trace works before it has begun, while it runs, after a reload and in another tab.
func TestDeepLink(t *testing.T) {
	s := serve(t)
	release := s.sim.holdModel()
	defer release()
	p := open(t, s.url)
	p.send("Search", "")
	p.until("the address names the trace", `/^\/trace\/[0-9a-f]{32}$/.test(location.pathname)`)
	address := eval[string](p, "location.href")
	other := open(t, address)
	other.until("it shows what runs", row("ask gemini-3.8-flash, running"))
	p.do(chromedp.Reload())
	p.until("it is there again", row("ask gemini-3.8-flash, running"))
	release()
	for _, tab := range []*tab{p, other} {
		tab.until("it ends", settled+" && "+turns(1)) // the reload took the answer away
	}
	if a, b := p.rows(), other.rows(); !slices.Equal(a, b) {
		t.Errorf("two tabs differ:\n%v\n%v", a, b)
	}
	waiting := open(t, s.url+"/trace/"+strings.Repeat("ab", 16))
	waiting.until("it says that it waits", `document.querySelector("#empty").innerText.includes("Waiting for trace")`)
	p.send("Search", "")
	p.until("the next trace is shown", "location.href !== "+fmt.Sprintf("%q", address)+" && "+settled)
	p.do(chromedp.NavigateBack())
	p.until("back shows the one before", fmt.Sprintf("location.href === %q", address))
}

// TestHostileTextStaysText: what a model wrote is shown, and does nothing.
func TestHostileTextStaysText(t *testing.T) {
	s := serve(t)
	p := open(t, s.url)
	p.send("hostile <b onmouseover=window.pwned=1>", "")
	p.until("the answer is there", answered+" && "+settled)
	shown := eval[string](p, answered+`.textContent`)
	if shown != hostile {
		t.Errorf("shown is %q", shown)
	}
	p.click(".kind-model:last-child")
	p.until("the conversation is open", `document.querySelector("#drawer .message.answer")`)
	if text := eval[string](p, `document.querySelector("#drawer .message.answer .text").textContent`); text != hostile {
		t.Errorf("the drawer shows %q", text)
	}
	p.shoot("hostile")
	if eval[bool](p, `window.pwned !== undefined || document.querySelector("main img, main script, main [onmouseover]") !== null`) {
		t.Error("the text became markup")
	}
}

// TestDrawer: what is new since the call before stands out; arguments and result are what the model sent and got.
func TestDrawer(t *testing.T) {
	s := serve(t)
	p := open(t, s.url)
	p.send("Search", "")
	p.until("it has ended", settled+" && "+answered)
	p.click(".kind-model:last-child")
	p.until("the drawer is open", `document.querySelector("#drawer .message")`)
	p.shoot("conversation")
	roles := `[...document.querySelectorAll("#drawer .message")].map((m) => (m.classList.contains("fresh") ? "new " : "old ") + m.querySelector("h4").firstChild.textContent)`
	want := []string{"old system", "old user", "old assistant", "new tool", "new tool", "new assistant"}
	if first := eval[float64](p, `document.querySelector("#drawer .fresh").getBoundingClientRect().top - document.querySelector("#drawer .pane").getBoundingClientRect().top`); first < 0 || first > 40 {
		t.Errorf("the first new message is %v px below the top", first)
	}
	if got := eval[[]string](p, roles); !slices.Equal(got, want) {
		t.Errorf("messages %v, want %v", got, want)
	}
	p.click(".row.kind-tool .said")
	p.until("the tool is shown", `document.querySelector("#drawer h2").innerText.startsWith("search")`)
	if text := eval[string](p, `document.querySelector("#drawer .pane").innerText`); !strings.Contains(text, `"query": "machine learning"`) || !strings.Contains(text, `"results": [`) {
		t.Errorf("the tool's pane says %s", text)
	}
	p.click("#drawer-tab-raw")
	p.until("the raw span is shown", `JSON.parse(document.querySelector("#drawer .pane > pre").textContent).name === "tool.search"`)
	p.do(chromedp.KeyEvent("\x1b"))
	p.until("escape closes it", `document.querySelector("#drawer").hidden`)
}

// TestKeyboard: everything in the tree can be reached with the keys of a tree.
func TestKeyboard(t *testing.T) {
	s := serve(t)
	p := open(t, s.url)
	p.send(readmeTask, "")
	p.until("it has ended", settled+" && "+answered)
	eval[bool](p, `(document.querySelector("#waterfall").focus(), true)`)
	active := `document.getElementById(document.querySelector("#waterfall").getAttribute("aria-activedescendant"))?.querySelector(".said").textContent ?? ""`
	press := func(key string) {
		eval[bool](p, fmt.Sprintf(`document.querySelector("#waterfall").dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true}))`, key))
	}
	for _, step := range []struct{ key, begins, expanded string }{
		{"ArrowDown", "request", "true"},
		{"ArrowDown", "task", "true"},
		{"ArrowLeft", "task", "false"},
		{"ArrowRight", "task", "true"},
		{"ArrowRight", "step 1", "true"},
		{"ArrowRight", "ask", ""},
		{"ArrowLeft", "step 1", "true"},
		{"End", "ask", ""},
		{"Home", "request", "true"},
	} {
		press(step.key)
		p.until(step.key+" goes to "+step.begins, fmt.Sprintf(`(%s).startsWith(%q)`, active, step.begins))
		expanded := eval[string](p, `document.querySelector(".row.active").getAttribute("aria-expanded") ?? ""`)
		if expanded != step.expanded {
			t.Errorf("after %s: expanded %q, want %q", step.key, expanded, step.expanded)
		}
	}
}

// TestHistory: filters, and two traces side by side.
func TestHistory(t *testing.T) {
	s := serve(t)
	p := open(t, s.url)
	for i, fault := range []string{"", "503", "429"} {
		p.send("Search "+fault, fault)
		p.until("it has ended", turns(i+1)+" && "+settled)
	}
	p.click("#tab-traces")
	count := func(n int) string { return fmt.Sprintf(`document.querySelectorAll(".history li").length === %d`, n) }
	p.until("three are listed", count(3))
	p.click(".filter .chip:nth-of-type(2)")
	p.until("one failed", count(1)+` && document.querySelector(".history .name").textContent === "Search 503"`)
	p.click(".filter .chip:nth-of-type(2)")
	p.do(chromedp.SendKeys(chromedp.CSS("#search"), "overloaded"))
	p.until("one says so", count(1))
	eval[bool](p, `(document.querySelector("#search").value = "", document.querySelector("#search").dispatchEvent(new Event("input")))`)
	p.until("all are back", count(3))
	p.click(".history li:nth-child(1) input")
	p.click(".history li:nth-child(2) input")
	p.until("two are compared", `document.querySelector("#compare table") && !document.querySelector("#compare").hidden`)
	p.shoot("compare")
	table := eval[string](p, `document.querySelector("#compare").innerText`)
	for _, w := range []string{"model call 1", "model call 2", "search {", "503 UNAVAILABLE", "outcome"} {
		if !strings.Contains(table, w) {
			t.Errorf("the comparison lacks %q:\n%s", w, table)
		}
	}
}

// TestSaveAndLoad: a downloaded trace is the same on another page.
func TestSaveAndLoad(t *testing.T) {
	s := serve(t)
	p := open(t, s.url)
	p.send(readmeTask, "")
	p.until("it has ended", settled+" && "+answered)
	want := p.rows()
	id := strings.TrimPrefix(eval[string](p, "location.pathname"), "/trace/")
	file := eval[string](p, fmt.Sprintf(`fetch("/live/traces/%s.json").then((r) => r.text())`, id))
	path := filepath.Join(t.TempDir(), "trace.json")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	other := open(t, serve(t).url)
	other.do(chromedp.SetUploadFiles(chromedp.CSS("#load"), []string{path}))
	other.until("it is shown", settled)
	if got := other.rows(); !slices.Equal(got, want) {
		t.Errorf("loaded:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	saved := eval[string](other, fmt.Sprintf(`import("/page/otlp.js").then(async (m) => {
		const spans = m.parse(%s);
		return JSON.stringify(m.parse(m.serialize(spans)).map((s) => s.json)) === JSON.stringify(spans.map((s) => s.json)) ? "same" : "differs";
	})`, file))
	if saved != "same" {
		t.Error("what the page saves is not what it has loaded")
	}
	for name, content := range map[string]string{"no JSON": "<html>", "no spans": `{"a": 1}`, "nonsense": `{"resourceSpans": [{"scopeSpans": [{"spans": [7, null, {"spanId": {}}]}, 8]}, "x"]}`} {
		bad := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		other.do(chromedp.SetUploadFiles(chromedp.CSS("#load"), []string{bad}))
		other.until("it says what is wrong with "+name, `document.querySelector(".alert")?.textContent.includes("bad.json: the file")`)
		other.click(".alert .close")
	}
}

// TestLargeTraces: of 2,000 rows only those in view are in the document, wherever one scrolls.
func TestLargeTraces(t *testing.T) {
	s := serve(t)
	p := open(t, s.url)
	tracer := s.sim.agent
	ctx, root := tracer.Start(t.Context(), "agent.task")
	for i := range 1999 {
		_, span := tracer.Start(ctx, fmt.Sprintf("tool.number_%d", i), trace.WithAttributes(attribute.Int("i", i)))
		span.End()
	}
	root.End()
	p.until("all came", `document.querySelector("#strip").innerText.includes("2,000")`)
	for _, at := range []string{"0", "1e9", "27000", "5400"} {
		slowest := eval[float64](p, `new Promise((done) => {
			const w = document.querySelector("#waterfall");
			const began = performance.now();
			w.scrollTop = `+at+`;
			requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
		})`)
		t.Logf("scrolling to %s took %.0f ms", at, slowest)
		shown := eval[[]float64](p, `(() => {
			const w = document.querySelector("#waterfall").getBoundingClientRect();
			const rows = [...document.querySelectorAll(".row")].map((r) => r.getBoundingClientRect());
			return [rows.length, Math.min(...rows.map((r) => r.top)) - w.top, Math.max(...rows.map((r) => r.bottom)) - w.bottom];
		})()`)
		if shown[0] > 120 || shown[0] < 20 || shown[1] > 1 || shown[2] < -1 {
			t.Errorf("at %s: %v rows, the first %v px below the top, the last %v px below the bottom", at, shown[0], shown[1], shown[2])
		}
	}
}

// TestARestartIsNoticed: the page says that the connection is gone, and when another run answers at the address it
// forgets the old one and goes on.
func TestARestartIsNoticed(t *testing.T) {
	var now atomic.Pointer[http.Handler]
	begin := func() (hub *live.Hub, end func()) {
		hub, stop := live.NewHub(live.Config{}), make(chan struct{})
		h := hub.Handler(live.HandlerConfig{}, stop)
		now.Store(&h)
		return hub, sync.OnceFunc(func() { close(stop) })
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*now.Load()).ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	first, end := begin()
	_, s := provider(t, first).Tracer("test").Start(t.Context(), "of the first run")
	s.End()
	p := open(t, server.URL)
	p.until("the trace is shown", row("of the first run"))
	second, endSecond := begin()
	t.Cleanup(endSecond)
	_, s = provider(t, second).Tracer("test").Start(t.Context(), "of the second run")
	s.End()
	end()
	p.until("it says that the connection is gone", `document.querySelector("#connection").textContent === "not connected"`)
	p.until("it shows the second run", row("of the second run"))
	p.click("#tab-traces")
	p.until("it knows one trace", `document.querySelectorAll(".history li").length === 1`)
}

// TestLooks: dark and narrow, without anything that sticks out.
func TestLooks(t *testing.T) {
	s := serve(t)
	p := open(t, s.url)
	p.send(readmeTask, "")
	p.until("it has ended", settled+" && "+answered)
	for _, scheme := range []string{"light", "dark"} {
		p.do(media("prefers-color-scheme: " + scheme))
		light := eval[bool](p, `getComputedStyle(document.body).backgroundColor.match(/\d+/g).every((c) => c > 128)`)
		if light != (scheme == "light") {
			t.Errorf("%s: the page is not", scheme)
		}
		for _, width := range []int64{360, 768, 1440, 3840} {
			p.do(chromedp.EmulateViewport(width, 900))
			for _, view := range []string{"chat", "traces", "trace"} {
				if view == "trace" && width > 760 {
					continue
				}
				p.click("#tab-" + view)
				wide := eval[[]string](p, `[...document.querySelectorAll("body *")].filter((e) => e.offsetParent && !e.closest(".hidden, .skip, input[type=file]")
					&& e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".words, .tabs, .said")).map((e) => e.tagName + "." + e.className)`)
				if len(wide) > 0 {
					t.Errorf("%d px, %s: %v stick out", width, view, wide)
				}
				p.shoot(fmt.Sprintf("looks-%s-%d-%s", scheme, width, view))
			}
		}
	}
}

// TestAccessibility runs axe-core, from the file that AXE_CORE names, over the states of the page.
func TestAccessibility(t *testing.T) {
	path := os.Getenv("AXE_CORE")
	if path == "" {
		t.Skip("needs axe-core: set AXE_CORE to its axe.min.js")
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t)
	p := open(t, s.url)
	check := func(state string) {
		t.Helper()
		time.Sleep(100 * time.Millisecond) // an animation of a colour is none of its contrasts
		found := eval[string](p, `axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify(r.violations
			.filter((v) => v.impact === "serious" || v.impact === "critical")
			.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + n.any.map((a) => a.message).join(";"))}))))`)
		var list []any
		if err := json.Unmarshal([]byte(found), &list); err != nil || len(list) > 0 {
			pretty, _ := json.MarshalIndent(list, "", " ")
			t.Errorf("%s: %s", state, pretty)
		}
	}
	eval[bool](p, string(axe)+"; true")
	check("empty")
	p.send(readmeTask, "")
	p.until("it has ended", settled+" && "+answered)
	check("a trace")
	p.send("Search", "503")
	p.until("it has failed", turns(2)+" && "+settled)
	check("a failure")
	p.click(".kind-model")
	for _, tab := range []string{"said", "what", "when", "raw"} {
		p.click("#drawer-tab-" + tab)
		check("drawer, " + tab)
	}
	p.click("#tab-traces")
	p.click(".history li:nth-child(1) input")
	p.click(".history li:nth-child(2) input")
	check("comparison")
	p.do(media("prefers-color-scheme: dark"))
	check("comparison, dark")
	p.click(".history li:nth-child(2) .entry")
	p.click("#tab-chat")
	check("a trace, dark")
	p.do(chromedp.EmulateViewport(360, 740))
	p.click("#tab-trace")
	check("narrow, dark")
}
