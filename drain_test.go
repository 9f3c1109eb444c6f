package function

import (
	"context"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestShutdownGivesRequestsTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		finishes    time.Duration // by itself; 0: when told to stop
		ignores     bool          // being told to stop
		budget      time.Duration // of the shutdown
		stops, ends time.Duration
	}{
		{"idle", -1, false, drainTotal, -1, 0},
		{"short request", 2 * time.Second, false, drainTotal, -1, 2 * time.Second},
		{"long request", 0, false, drainTotal, drainRequests, drainRequests},
		{"request that ignores it", 0, true, drainTotal, drainRequests, drainRequests + drainUnwind},
		{"little time", 0, true, drainTotal / 10, drainRequests / 10, (drainRequests + drainUnwind) / 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				app := New(t.Context(), Config{Getenv: func(name string) string {
					return map[string]string{"OTEL_TRACES_EXPORTER": "none"}[name]
				}})
				begin := time.Now()
				stopped := time.Duration(-1)
				gone := make(chan struct{})
				defer close(gone)
				if tt.finishes >= 0 {
					app.inFlight.enter()
					go func() {
						if tt.finishes > 0 {
							time.Sleep(tt.finishes)
							app.inFlight.leave()
							return
						}
						<-app.stopping.Done()
						stopped = time.Since(begin)
						if tt.ignores {
							<-gone
						}
						app.inFlight.leave()
					}()
				}
				ctx, cancel := context.WithTimeout(t.Context(), tt.budget)
				defer cancel()
				if err := app.Shutdown(ctx); err != nil {
					t.Error(err)
				}
				if got := time.Since(begin); got != tt.ends {
					t.Errorf("it took %v, want %v", got, tt.ends)
				}
				synctest.Wait()
				if stopped != tt.stops {
					t.Errorf("the request was told to stop after %v, want %v", stopped, tt.stops)
				}
			})
		})
	}
}

// flushed notes what a client had, and whether its request still counted, when the answer was sent.
type flushed struct {
	*httptest.ResponseRecorder
	app      *App
	body     string
	inFlight bool
}

func (w *flushed) Flush() {
	w.body = w.Body.String()
	idle := w.app.inFlight.idle()
	select {
	case <-idle:
	default:
		w.inFlight = true
	}
}

// An answer is on its way, whole, before Shutdown takes its request for done: the process may end right after.
func TestAnswersLeaveBeforeTheProcessDoes(t *testing.T) {
	t.Parallel()
	for path, status := range map[string]int{executePath: 200, delegatePath: 503, "/": 404} {
		a, _ := newTestApp(t, modelFunc(says), nil)
		w := &flushed{ResponseRecorder: httptest.NewRecorder(), app: a}
		a.ServeHTTP(w, newTask(path))
		if w.Code != status || w.body == "" || w.body != w.Body.String() || !w.inFlight {
			t.Errorf("%s: status %d, sent %q of %q, in flight: %t", path, w.Code, w.body, w.Body, w.inFlight)
		}
		if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(w.body)) {
			t.Errorf("%s: content length %q of %d", path, got, len(w.body))
		}
	}
}

// SIGTERM ends the process by way of Shutdown.
func TestDrainOnSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM that a process could send")
	}
	a, _ := newTestApp(t, nil, nil)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	caught := make(chan os.Signal, 1) // a signal that comes before DrainOnSignal listens must not end the test
	signal.Notify(caught, syscall.SIGTERM)
	defer signal.Stop(caught)
	codes := make(chan int, 1)
	go a.DrainOnSignal(func(code int) { codes <- code })
	for {
		if err := self.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case code := <-codes:
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
