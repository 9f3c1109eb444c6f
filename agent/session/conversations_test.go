package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent"
)

var ada = ID{UserID: "ada", SessionID: "s-1"}

// clock is the time of a test.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(day.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) forward(d time.Duration) { c.at.Add(int64(d)) }

// onStores runs a test on conversations in the stores that need nothing from outside.
func onStores(t *testing.T, cfg Config, test func(t *testing.T, c *Conversations, now *clock)) {
	cfg.CallTimeout = time.Minute // of a slow machine
	for _, name := range []string{"memory", "firestore fake"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, cfg := newClock(), cfg
			cfg.Now = now.now
			test(t, New(stores[name](t), cfg), now)
		})
	}
}

func begin(t *testing.T, c *Conversations) *Conversation {
	t.Helper()
	conv, err := c.Begin(t.Context(), ada)
	must(t, err)
	return conv
}

// said is a turn whose contents weigh about as many tokens as asked for.
func said(task string, tokens int) Turn {
	return Turn{Task: task, Response: "answer to " + task, FinishReason: "stop", Contents: []json.RawMessage{
		json.RawMessage(`{"role":"user","parts":[{"text":"` + strings.Repeat("word", tokens) + `"}]}`),
	}}
}

func take(t *testing.T, c *Conversations, turn Turn) *Conversation {
	t.Helper()
	conv := begin(t, c)
	must(t, conv.Complete(t.Context(), turn))
	return conv
}

func tasks(turns []*Turn) string {
	var list []string
	for _, t := range turns {
		list = append(list, t.Task)
	}
	return strings.Join(list, " ")
}

func busy(err error) bool {
	var b *BusyError
	return errors.As(err, &b)
}

func TestTheNextTurnKnowsTheOnesBefore(t *testing.T) {
	onStores(t, Config{}, func(t *testing.T, c *Conversations, now *clock) {
		first := begin(t, c)
		if first.Turn != 1 || len(first.History) != 0 || first.Previous != nil || first.Dropped != 0 {
			t.Fatalf("first = %+v", first)
		}
		turn := *whole(0)
		must(t, first.Complete(t.Context(), turn))
		second := take(t, c, said("two", 1))
		if second.Turn != 2 || second.Previous == nil || second.Previous.SpanID != turn.SpanID {
			t.Fatalf("second = %+v", second)
		}
		if diff := cmp.Diff(turn.Contents, second.History[0].Contents); diff != "" {
			t.Error(diff)
		}
		third := begin(t, c)
		if got := tasks(third.History); got != turn.Task+" two" || third.Previous.Task != "two" || third.Dropped != 0 {
			t.Errorf("history = %s, previous %+v", got, third.Previous)
		}
		must(t, third.Release(t.Context()))
		for _, other := range []ID{{"ada", "s-2"}, {"eve", "s-1"}, {"adas", "-1"}} {
			conv, err := c.Begin(t.Context(), other)
			if err != nil || len(conv.History) != 0 {
				t.Errorf("%+v = %+v, %v", other, conv, err)
			}
		}
	})
}

func TestServicesAreApart(t *testing.T) {
	store := NewMemory(MemoryConfig{})
	take(t, New(store, Config{Service: "a"}), said("one", 1))
	if conv := begin(t, New(store, Config{Service: "b"})); conv.Turn != 1 {
		t.Errorf("turn = %d", conv.Turn)
	}
}

func TestOfTwentyRequestsOneGoesOn(t *testing.T) {
	onStores(t, Config{}, func(t *testing.T, c *Conversations, now *clock) {
		take(t, c, said("one", 1))
		var group sync.WaitGroup
		var won atomic.Pointer[Conversation]
		var refused atomic.Int32
		for range 20 {
			group.Go(func() {
				conv, err := c.Begin(t.Context(), ada)
				switch {
				case err == nil && won.CompareAndSwap(nil, conv):
				case busy(err):
					refused.Add(1)
				default:
					t.Errorf("Begin = %+v, %v", conv, err)
				}
			})
		}
		group.Wait()
		if won.Load() == nil || refused.Load() != 19 {
			t.Fatalf("won %v, refused %d", won.Load(), refused.Load())
		}
		must(t, won.Load().Complete(t.Context(), said("two", 1)))
		if got := tasks(begin(t, c).History); got != "one two" {
			t.Errorf("history = %s", got)
		}
	})
}

func TestADeadReservationIsPassedOver(t *testing.T) {
	onStores(t, Config{}, func(t *testing.T, c *Conversations, now *clock) {
		take(t, c, said("one", 1))
		dead := begin(t, c) // its process is killed
		_, err := c.Begin(t.Context(), ada)
		var b *BusyError
		if !errors.As(err, &b) || !b.Until.Equal(dead.deadline) {
			t.Fatalf("while it may live = %v", err)
		}
		now.forward(noDeadline)
		next := begin(t, c)
		if next.Turn != 3 || tasks(next.History) != "one" || next.Dropped != 0 {
			t.Errorf("next = %+v", next)
		}
		if err := dead.Complete(t.Context(), said("late", 1)); !errors.Is(err, ErrLapsed) {
			t.Errorf("late = %v", err)
		}
		must(t, next.Complete(t.Context(), said("three", 1)))
		if got := tasks(begin(t, c).History); got != "one three" {
			t.Errorf("history = %s", got)
		}
	})
}

func TestAReservationHoldsUntilTheDeadlineOfItsRequest(t *testing.T) {
	c := New(NewMemory(MemoryConfig{}), Config{Now: newClock().now})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	conv, err := c.Begin(ctx, ada)
	must(t, err)
	if left := conv.deadline.Sub(day); left > time.Hour+grace || left < 30*time.Minute {
		t.Errorf("holds for %v", left)
	}
}

func TestReleaseGivesThePlaceBack(t *testing.T) {
	onStores(t, Config{}, func(t *testing.T, c *Conversations, now *clock) {
		ctx, cancel := context.WithCancel(t.Context())
		conv, err := c.Begin(ctx, ada)
		must(t, err)
		cancel() // the caller has left
		must(t, conv.Release(ctx))
		if next := begin(t, c); next.Turn != 1 {
			t.Errorf("turn = %d", next.Turn)
		}
	})
}

func TestCompleteDoesNotNeedTheCaller(t *testing.T) {
	onStores(t, Config{}, func(t *testing.T, c *Conversations, now *clock) {
		ctx, cancel := context.WithCancel(t.Context())
		conv, err := c.Begin(ctx, ada)
		must(t, err)
		cancel()
		must(t, conv.Complete(ctx, said("one\xff", 1)))
		if got := tasks(begin(t, c).History); got != "one\uFFFD" {
			t.Errorf("history = %q", got)
		}
	})
}

func TestHistoryHoldsWholeTurnsWithinTheLimits(t *testing.T) {
	for name, test := range map[string]struct {
		cfg     Config
		tokens  []int // of the turns a, b, c, …
		history string
		dropped int
	}{
		"all":                      {Config{}, []int{1, 1, 1}, "a b c", 0},
		"turns":                    {Config{MaxTurns: 2}, []int{1, 1, 1, 1}, "c d", 2},
		"one":                      {Config{MaxTurns: 1}, []int{1}, "a", 0},
		"tokens":                   {Config{MaxTokens: 1000}, []int{10, 600, 300, 300}, "c d", 2},
		"no part, nothing behind":  {Config{MaxTokens: 1000}, []int{10, 10, 990}, "", 3},
		"the newest, not the best": {Config{MaxTokens: 1000}, []int{990, 10}, "b", 1},
	} {
		t.Run(name, func(t *testing.T) {
			onStores(t, test.cfg, func(t *testing.T, c *Conversations, now *clock) {
				for i, n := range test.tokens {
					take(t, c, said(string(rune('a'+i)), n))
				}
				conv := begin(t, c)
				if got := tasks(conv.History); got != test.history || conv.Dropped != test.dropped {
					t.Errorf("history %q, dropped %d", got, conv.Dropped)
				}
				if want := string(rune('a' + len(test.tokens) - 1)); conv.Previous.Task != want {
					t.Errorf("previous %q", conv.Previous.Task)
				}
			})
		})
	}
}

// What was held back would be held back again with each further task.
func TestBlockedTurnsStayOutOfTheHistory(t *testing.T) {
	c := New(NewMemory(MemoryConfig{}), Config{})
	take(t, c, said("one", 1))
	blocked := said("two", 1)
	blocked.FinishReason = agent.ReasonBlocked
	take(t, c, blocked)
	if conv := begin(t, c); tasks(conv.History) != "one" || conv.Previous.Task != "two" || conv.Turn != 3 {
		t.Errorf("conversation = %+v", conv)
	}
}

func TestFiftyTurnsAndMore(t *testing.T) {
	onStores(t, Config{}, func(t *testing.T, c *Conversations, now *clock) {
		for i := range 60 {
			now.forward(time.Second)
			take(t, c, said(fmt.Sprint(i+1), 1))
		}
		conv := begin(t, c)
		if len(conv.History) != 50 || conv.History[0].Task != "11" || conv.Dropped != 10 || conv.Turn != 61 {
			t.Errorf("%d turns from %s, %d dropped, turn %d", len(conv.History), conv.History[0].Task, conv.Dropped, conv.Turn)
		}
		must(t, conv.Release(t.Context()))
		list, err := c.Turns(t.Context(), ada, 55)
		if err != nil || len(list) != 55 || list[0].Task != "6" || list[54].Task != "60" || list[0].Contents != nil {
			t.Errorf("Turns = %d, %v", len(list), err)
		}
	})
}

// However many requests died in a row, what was said before is not lost.
func TestDeadReservationsDoNotHideTheHistory(t *testing.T) {
	onStores(t, Config{MaxTurns: 3}, func(t *testing.T, c *Conversations, now *clock) {
		take(t, c, said("one", 1))
		for range 7 {
			begin(t, c)
			now.forward(noDeadline)
		}
		if conv := begin(t, c); tasks(conv.History) != "one" || conv.Turn != 9 {
			t.Errorf("conversation = %+v", conv)
		}
	})
}

// What is expired is not read, but may still be there: its number is taken.
func TestTurnsExpire(t *testing.T) {
	onStores(t, Config{TTL: time.Hour}, func(t *testing.T, c *Conversations, now *clock) {
		take(t, c, said("one", 1))
		now.forward(30 * time.Minute)
		take(t, c, said("two", 1))
		now.forward(30 * time.Minute)
		conv := begin(t, c)
		if tasks(conv.History) != "two" || conv.Turn != 3 || conv.Dropped != 1 {
			t.Errorf("conversation = %+v", conv)
		}
		must(t, conv.Release(t.Context()))
		now.forward(30 * time.Minute)
		if list, err := c.Turns(t.Context(), ada, 9); err != nil || len(list) != 0 {
			t.Errorf("Turns = %v, %v", tasks(list), err)
		}
		if conv := begin(t, c); conv.Turn != 3 || conv.Previous != nil || conv.Dropped != 0 {
			t.Errorf("conversation = %+v", conv)
		}
	})
}

func TestDeleteErases(t *testing.T) {
	onStores(t, Config{}, func(t *testing.T, c *Conversations, now *clock) {
		take(t, c, said("one", 1))
		running := begin(t, c)
		if err := c.Delete(t.Context(), ada); !busy(err) {
			t.Fatalf("while a request runs = %v", err)
		}
		must(t, running.Complete(t.Context(), said("two", 1)))
		must(t, c.Delete(t.Context(), ada))
		must(t, c.Delete(t.Context(), ada)) // there is nothing any more
		if list, err := c.Turns(t.Context(), ada, 9); err != nil || len(list) != 0 {
			t.Errorf("Turns = %v, %v", tasks(list), err)
		}
		if conv := begin(t, c); conv.Turn != 1 || len(conv.History) != 0 {
			t.Errorf("conversation = %+v", conv)
		}
	})
}

func TestSignaturesAreNoTokens(t *testing.T) {
	plain := Turn{Contents: []json.RawMessage{modelCall("")}}
	signed := Turn{Contents: []json.RawMessage{modelCall(strings.Repeat("A", 10_000))}}
	if p, s := plain.tokens(), signed.tokens(); s-p > 2 || s < p-2 {
		t.Errorf("plain %d, signed %d", p, s)
	}
	if n := (&Turn{Task: "猫猫猫猫", Response: "four letters are a token"}).tokens(); n != 4+4+4+6 {
		t.Errorf("without contents = %d", n)
	}
}
