package systemtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/agent/session"
)

// testStore is a store in memory whose calls are counted, and may be refused, delayed or changed before.
type testStore struct {
	session.Store
	before func(ctx context.Context, call string, t *session.Turn) error

	mu    sync.Mutex
	calls []string
}

func newTestStore(before func(context.Context, string, *session.Turn) error) *testStore {
	return &testStore{Store: session.NewMemory(session.MemoryConfig{}), before: before}
}

func (s *testStore) called(ctx context.Context, call string, t *session.Turn) error {
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.mu.Unlock()
	if s.before == nil {
		return nil
	}
	return s.before(ctx, call, t)
}

// take returns the calls so far and forgets them.
func (s *testStore) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *testStore) Create(ctx context.Context, path string, t *session.Turn) error {
	changed := *t
	if err := s.called(ctx, "create", &changed); err != nil {
		return err
	}
	return s.Store.Create(ctx, path, &changed)
}

func (s *testStore) Put(ctx context.Context, path string, t *session.Turn) error {
	if err := s.called(ctx, "set", t); err != nil {
		return err
	}
	return s.Store.Put(ctx, path, t)
}

func (s *testStore) Turns(ctx context.Context, path string, q session.Query) iter.Seq2[*session.Turn, error] {
	return func(yield func(*session.Turn, error) bool) {
		if err := s.called(ctx, "query", nil); err != nil {
			yield(nil, err)
			return
		}
		s.Store.Turns(ctx, path, q)(yield)
	}
}

func (s *testStore) Delete(ctx context.Context, path string, number int) error {
	if err := s.called(ctx, "delete", nil); err != nil {
		return err
	}
	return s.Store.Delete(ctx, path, number)
}

var errStore = errors.New("the store is away")

// refusing refuses one kind of call.
func refusing(call string) func(context.Context, string, *session.Turn) error {
	return func(_ context.Context, c string, _ *session.Turn) error {
		if c == call {
			return errStore
		}
		return nil
	}
}

func TestATurnCostsOneQueryOneCreateAndOneSet(t *testing.T) {
	t.Parallel()
	store := newTestStore(nil)
	s := start(t, setup{store: store})
	for turn := range 3 {
		s.do(say("Hi")).want(t, 200)
		if diff := cmp.Diff([]string{"query", "create", "set"}, store.take()); diff != "" {
			t.Errorf("turn %d (-want +got):\n%s", turn+1, diff)
		}
	}
	s.do(task("Hi")).want(t, 200)
	if calls := store.take(); len(calls) > 0 {
		t.Errorf("a task without a session calls %q", calls)
	}
}

func TestAnUnreachableStoreCostsNothing(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"query", "create"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{store: newTestStore(refusing(call))})
			a := s.do(say("Hi")).want(t, 503)
			if detail := fmt.Sprint(a.fields(t)["detail"]); !strings.Contains(detail, "session store") || strings.Contains(detail, "away") {
				t.Errorf("detail is %q", detail)
			}
			if n := len(s.sim.Requests()); n != 0 {
				t.Errorf("the model was asked %d times", n)
			}
			if line := fmt.Sprint(latestLine(t, s)["error"]); !strings.Contains(line, errStore.Error()) {
				t.Errorf("the log says %q", line)
			}
		})
	}
}

// A store that does not answer costs two seconds, not the request's time.
func TestASlowStoreIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := start(t, setup{
		env: map[string]string{"REQUEST_TIMEOUT": "10m"}, // without a bound of its own the test does not end
		store: newTestStore(func(ctx context.Context, _ string, _ *session.Turn) error {
			<-ctx.Done()
			return ctx.Err()
		}),
	})
	s.do(say("Hi")).want(t, 503)
}

// The answer is paid for: it goes out, says that it is not kept, and leaves a trace.
func TestAnAnswerThatCannotBeKeptGoesOut(t *testing.T) {
	t.Parallel()
	s := start(t, setup{
		store: newTestStore(refusing("set")), script: []geminisim.Reply{geminisim.Text("Hello.")},
		env: map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
	})
	a := s.do(say("Hi")).want(t, 200)
	if m := a.fields(t); m["response"] != "Hello." || m["session_saved"] != false || m["turn"] != 1.0 {
		t.Errorf("the answer is %v", m)
	}
	failed := 0
	for _, span := range a.spans {
		if span.Name() == "memory.write" && span.Status().Code == codes.Error {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d spans say that the writing failed", failed)
	}
	warnings := 0
	for _, r := range s.log.records(t) {
		if r["severity"] == "WARNING" && strings.Contains(fmt.Sprint(r["message"]), "could not be stored") {
			warnings++
		}
	}
	if warnings != 1 {
		t.Errorf("%d warnings:\n%s", warnings, s.log)
	}
}

// What a process has left that died in the middle is passed over when its time is up, and the model never hears of it.
func TestTheTurnOfADeadProcessIsPassedOver(t *testing.T) {
	t.Parallel()
	died := true
	store := newTestStore(func(_ context.Context, call string, t *session.Turn) error {
		switch {
		case died && call == "delete":
			return errStore // the dead give nothing back
		case died && call == "create":
			t.Deadline = time.Now().Add(-time.Second) // as if its time were up
		}
		return nil
	})
	s := start(t, setup{store: store, script: []geminisim.Reply{geminisim.Error(400, "", "no"), geminisim.Text("Hello.")}})
	s.do(say("The dead one")).want(t, 502)
	died = false
	if m := s.do(say("Hi")).want(t, 200).fields(t); m["turn"] != 2.0 || m["session_saved"] != true {
		t.Errorf("the next turn is %v, saved %v", m["turn"], m["session_saved"])
	}
	s.do(say("Hi again")).want(t, 200)
	if got := strings.Join(prompt(s), "\n"); strings.Contains(got, "The dead one") {
		t.Errorf("the model was asked:\n%s", got)
	}
}

// Until then the next request is told to wait, and for how long.
func TestTheTurnOfADeadProcessHoldsUntilItsTimeIsUp(t *testing.T) {
	t.Parallel()
	s := start(t, setup{store: newTestStore(refusing("delete")), script: []geminisim.Reply{geminisim.Error(400, "", "no")}})
	s.do(say("Hi")).want(t, 502)
	a := s.do(say("Hi")).want(t, 409)
	if detail := fmt.Sprint(a.fields(t)["detail"]); !strings.Contains(detail, "s at the latest") {
		t.Errorf("detail is %q", detail)
	}
}
