package agent

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"example.com/gemini-agent/agent/geminisim"
)

// The waits are at most 250ms, 500ms, 1s, … 8s, and the test's random source always takes the most.
func TestPassingFaultsAreTriedAgain(t *testing.T) {
	for name, fault := range map[string]geminisim.Reply{
		"408":       geminisim.Error(408, "", "slow"),
		"429":       geminisim.Error(429, "", "quota"),
		"500":       geminisim.Error(500, "", "oops"),
		"502":       geminisim.HTML(502),
		"503":       geminisim.Error(503, "", "overloaded"),
		"504":       geminisim.Error(504, "", "deadline"),
		"reset":     geminisim.Reset(),
		"truncated": geminisim.Truncated("half an answer"),
		"broken":    geminisim.BrokenJSON(),
		"shape":     geminisim.Raw(200, "application/json", `{"candidates":"what"}`),
		"page":      geminisim.HTML(200),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, sim := newGemini(t, nil, fault, fault, geminisim.Text("hi"))
				start := time.Now()
				reply, err := g.Generate(within(t, time.Minute), question)
				if err != nil || reply.Text != "hi" {
					t.Fatalf("got %+v, %v", reply, err)
				}
				if took := time.Since(start); took != 750*time.Millisecond || len(sim.Requests()) != 3 {
					t.Errorf("took %v and %d requests, want 750ms and 3", took, len(sim.Requests()))
				}
			})
		})
	}
}

func TestLastingFaultsEndAfterFourAttempts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  geminisim.Reply
		kind   ErrorKind
		reason string
	}{
		{"503", geminisim.Error(503, "", "overloaded"), KindModel, "503"},
		{"429", geminisim.Error(429, "", "quota"), KindQuota, "429"},
		{"reset", geminisim.Reset(), KindModel, "unreachable"},
		{"broken", geminisim.BrokenJSON(), KindModel, "bad_response"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, sim := newGemini(t, nil, tc.fault, tc.fault, tc.fault, tc.fault)
				start := time.Now()
				_, err := g.Generate(within(t, time.Minute), question)
				wantError(t, err, tc.kind, tc.reason)
				if took := time.Since(start); took != 1750*time.Millisecond || len(sim.Requests()) != 4 {
					t.Errorf("took %v and %d requests, want 1.75s and 4", took, len(sim.Requests()))
				}
			})
		})
	}
}

func TestRetryInfoIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGemini(t, nil, geminisim.QuotaExceeded(23*time.Second), geminisim.Text("hi"))
		start := time.Now()
		if _, err := g.Generate(within(t, time.Minute), question); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 23250*time.Millisecond {
			t.Errorf("took %v, want 23s and the spread of 250ms", took)
		}
	})
}

func TestRetryInfoBeyondTheDeadlineEndsTheCallAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, sim := newGemini(t, nil, geminisim.QuotaExceeded(90*time.Second), geminisim.QuotaExceeded(23*time.Second))
		start := time.Now()
		_, err := g.Generate(t.Context(), question) // no deadline: nobody waits longer than a minute
		if e := wantError(t, err, KindQuota, "429"); e.RetryAfter != 90*time.Second {
			t.Errorf("RetryAfter %v", e.RetryAfter)
		}
		_, err = g.Generate(within(t, 20*time.Second), question)
		if e := wantError(t, err, KindQuota, "429"); e.RetryAfter != 23*time.Second {
			t.Errorf("RetryAfter %v", e.RetryAfter)
		}
		if took := time.Since(start); took != 0 || len(sim.Requests()) != 2 {
			t.Errorf("took %v and %d requests", took, len(sim.Requests()))
		}
	})
}

// A wait that does not fit is not begun: the caller learns the cause and keeps the time.
func TestBackoffBeyondTheDeadlineEndsTheCallWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := geminisim.Error(503, "", "overloaded")
		g, _ := newGemini(t, nil, fault, fault)
		start := time.Now()
		_, err := g.Generate(within(t, 700*time.Millisecond), question)
		wantError(t, err, KindModel, "503")
		if took := time.Since(start); took != 250*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestDeadlineAndCancelDuringAnAttemptAndDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, sim := newGemini(t, nil, geminisim.Hang(), geminisim.Hang(), geminisim.QuotaExceeded(5*time.Second))
		_, err := g.Generate(within(t, time.Second), question)
		wantError(t, err, KindTimeout, "timeout")

		for range 2 { // canceled first in the attempt, then in the wait
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err = g.Generate(ctx, question)
			wantError(t, err, KindCanceled, "canceled")
		}
		_, err = g.Generate(within(t, 0), question)
		wantError(t, err, KindTimeout, "timeout")
		if n := len(sim.Requests()); n != 3 {
			t.Errorf("%d requests, want 3: a dead context sends nothing", n)
		}
	})
}

// Full jitter: a wait is anywhere between nothing and a bound that doubles up to the most; one that the service asked
// for is never cut short.
func TestBackoffStaysWithinItsBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := defaultBackoff
	b.random = rng.Int64N
	for attempt := 1; attempt <= 70; attempt++ {
		bound := b.most
		if attempt <= 5 {
			bound = 250 * time.Millisecond << (attempt - 1)
		}
		var least, most time.Duration = bound, 0
		for range 2000 {
			d := b.after(attempt)
			least, most = min(least, d), max(most, d)
		}
		if least < 0 || most > bound || least > bound/50 || most < bound-bound/50 {
			t.Errorf("attempt %d: waits between %v and %v, want the whole range up to %v", attempt, least, most, bound)
		}
		if d := b.asked(time.Second); d < time.Second || d > 1250*time.Millisecond {
			t.Errorf("asked for 1s, waits %v", d)
		}
	}
}
