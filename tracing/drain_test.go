package tracing

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"example.com/gemini-agent/tracing/httptrace"
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
				p, err := Setup(t.Context(), Config{})
				if err != nil {
					t.Fatal(err)
				}
				drain := NewDrain(p, DrainConfig{})
				begin := time.Now()
				stopped := time.Duration(-1)
				gone := make(chan struct{})
				defer close(gone)
				request := drain.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if tt.finishes > 0 {
						time.Sleep(tt.finishes)
						return
					}
					<-r.Context().Done()
					if cause := context.Cause(r.Context()); cause != ErrDraining {
						t.Errorf("the request was ended by %v", cause)
					}
					stopped = time.Since(begin)
					if tt.ignores {
						<-gone
					}
				}))
				if tt.finishes >= 0 {
					go request.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
					synctest.Wait() // it has begun
				}
				ctx, cancel := context.WithTimeout(t.Context(), tt.budget)
				defer cancel()
				if err := drain.Shutdown(ctx); err != nil {
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

// A request that comes after SIGTERM finds its context ended, and does not hold up the end.
func TestRequestsAfterTheSignalDoNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := Setup(t.Context(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		drain := NewDrain(p, DrainConfig{})
		gone := make(chan struct{})
		defer close(gone)
		request := drain.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			<-gone
		}))
		begin := time.Now()
		done := make(chan error)
		go func() { done <- drain.Shutdown(t.Context()) }()
		synctest.Wait()
		go request.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// sentWhile notes what a client had, and how many requests counted, when the answer was sent.
type sentWhile struct {
	*httptest.ResponseRecorder
	drain   *Drain
	body    string
	running int
}

func (w *sentWhile) Flush() {
	w.drain.mu.Lock()
	defer w.drain.mu.Unlock()
	w.body, w.running = w.Body.String(), w.drain.n
}

// An answer is on its way, whole, before Shutdown takes its request for done: the process may end right after.
func TestAnswersLeaveBeforeTheProcessDoes(t *testing.T) {
	t.Parallel()
	p, err := Setup(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	drain := NewDrain(p, DrainConfig{})
	h := drain.Handler(p.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	}), httptrace.MiddlewareConfig{}))
	w := &sentWhile{ResponseRecorder: httptest.NewRecorder(), drain: drain}
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusTeapot || w.body != "short and stout" || w.running != 1 {
		t.Errorf("status %d, sent %q, %d requests counted", w.Code, w.body, w.running)
	}
	if got := w.Header().Get("Content-Length"); got != "15" {
		t.Errorf("content length %q", got)
	}
}
