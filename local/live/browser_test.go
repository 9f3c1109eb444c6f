package live_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// findChromium returns the browser for the tests of the page: CHROMIUM_BIN, or one on the path.
func findChromium(tb testing.TB) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("drives a browser")
	}
	for _, name := range []string{os.Getenv("CHROMIUM_BIN"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	tb.Skip("needs Chromium: install it, or name it with CHROMIUM_BIN")
	return ""
}

var browser struct {
	once   sync.Once
	ctx    context.Context
	cancel func()
	err    error
}

// startBrowser starts one browser for all tests, which closeBrowser ends.
func startBrowser(tb testing.TB) context.Context {
	tb.Helper()
	path := findChromium(tb)
	browser.once.Do(func() {
		dir, err := os.MkdirTemp("", "live-chromium-")
		if err != nil {
			browser.err = err
			return
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
		alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
		quiet := func(string, ...any) {} // the protocol's newest events are unknown to the client
		ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
		browser.ctx, browser.err = ctx, chromedp.Do(ctx)
		browser.cancel = func() {
			cancel()
			stop()
			_ = os.RemoveAll(dir)
		}
	})
	if browser.err != nil {
		tb.Fatal(browser.err)
	}
	return browser.ctx
}

func closeBrowser() {
	if browser.cancel != nil {
		browser.cancel()
	}
}

// action is a step in the browser.
type action = chromedp.Action[chromedp.Void]

// tab is one tab of the browser.
type tab struct {
	testing.TB
	ctx context.Context
}

// open opens a page in a tab of its own and waits until it is connected. An error of the page, or one that the browser
// has with it, fails the test.
func open(tb testing.TB, address string, actions ...action) *tab {
	tb.Helper()
	ctx, cancel := chromedp.NewContext(startBrowser(tb))
	t := &tab{TB: tb, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of the first call
		tb.Fatal(err)
	}
	t.do(append([]action{chromedp.EmulateViewport(1440, 900)}, actions...)...)
	said, read := chromedp.Console(ctx), make(chan struct{})
	var mu sync.Mutex
	var errors []string
	go func() {
		defer close(read)
		for m, err := range said {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" {
				mu.Lock()
				errors = append(errors, m.String()+" "+m.URL)
				mu.Unlock()
			}
		}
	}()
	tb.Cleanup(func() {
		mu.Lock()
		found := slices.Clone(errors) // what comes from here on is of the tab's end, which may cut off an answer
		mu.Unlock()
		_ = chromedp.Cancel(ctx)
		cancel()
		<-read
		for _, e := range found {
			if !strings.Contains(e, "responded with a status of 503") { // what a test has asked for
				tb.Errorf("the page says: %s", e)
			}
		}
	})
	t.do(chromedp.Navigate(address))
	t.until("the page is connected", `document.querySelector("#connection").textContent === "live"`)
	return t
}

func (t *tab) do(actions ...action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func (t *tab) click(selector string) {
	t.Helper()
	t.do(chromedp.Click(chromedp.CSS(selector)))
}

// eval evaluates an expression in the page.
func eval[T any](t *tab, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// until waits until an expression of the page holds.
func (t *tab) until(what, expression string) {
	t.Helper()
	_, err := chromedp.Run(t.ctx, chromedp.Poll[bool]("Boolean("+expression+")",
		chromedp.WithPollingInterval(30*time.Millisecond), chromedp.WithPollingTimeout(time.Minute)))
	if err != nil {
		t.Fatalf("waiting until %s: %v\n%s", what, err, eval[string](t, "document.body.innerText"))
	}
}

// send types a task and sends it, with a fault.
func (t *tab) send(task, fault string) {
	t.Helper()
	eval[string](t, `document.querySelector("#task").value = ""`)
	t.do(chromedp.SendKeys(chromedp.CSS("#task"), task))
	if fault != "" {
		t.click(`input[name=fault][value="` + fault + `"] + span`)
	}
	t.click(".composer .primary")
}

// say is a function of the page that returns what a row says: level, words, marks, time or "running", sentence.
const say = `((r) => r.getAttribute("aria-level") + " " + [
	...[...r.querySelectorAll(".said, .mark, .service")].map((e) => e.textContent),
	r.classList.contains("open") ? "running" : r.querySelector(".time").textContent, r.querySelector(".note")?.textContent,
].filter(Boolean).join(", "))`

// rows returns what the rows in the document say.
func (t *tab) rows() []string {
	t.Helper()
	return eval[[]string](t, `[...document.querySelectorAll(".row")].map(`+say+`)`)
}

// row is an expression that holds when there is a row that says a text.
func row(text string) string {
	raw, _ := json.Marshal(text)
	return `[...document.querySelectorAll(".row")].map(` + say + `).some((r) => r.includes(` + string(raw) + `))`
}

const settled = `document.querySelectorAll(".row").length > 0 && !document.querySelector(".row.open")`

// shoot keeps a picture of the page in the folder that LIVE_SCREENSHOTS names.
func (t *tab) shoot(name string) {
	t.Helper()
	dir := os.Getenv("LIVE_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(t.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// media emulates a preference such as prefers-color-scheme: dark.
func media(preference string) action {
	name, value, _ := strings.Cut(preference, ": ")
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: name, Value: value}},
		})
		return err
	})
}
