package session

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stores are all there are; each holds to one contract.
var stores = map[string]func(t *testing.T) Store{
	"memory":         func(*testing.T) Store { return NewMemory(MemoryConfig{}) },
	"firestore fake": func(t *testing.T) Store { return newFake(t).store },
	"firestore of others": func(t *testing.T) Store {
		store := NewFirestore(FirestoreConfig{Emulator: emulator(t), Project: "p"})
		t.Cleanup(func() { store.Close() })
		return store
	},
}

// emulator starts npm's @firestore-emulator/server. It needs node and, in PEERS, a directory in which that is installed.
func emulator(t *testing.T) string {
	t.Helper()
	peers := os.Getenv("PEERS")
	if peers == "" {
		t.Skip("PEERS names no directory with @firestore-emulator/server")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	listener.Close()
	cmd := exec.Command("node", "testdata/emulator.cjs", port)
	cmd.Env = append(os.Environ(), "PEERS="+peers)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // killed is how it ends
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "listening") {
		t.Fatalf("the emulator says %q, %v", line, err)
	}
	return address
}

// day is a time that every store keeps exactly.
var day = time.Date(2026, 11, 25, 12, 0, 0, 123456000, time.UTC)

func whole(number int) *Turn {
	return &Turn{
		Number: number, Token: "token", Complete: true, Deadline: day.Add(time.Minute), Expires: day.Add(time.Hour), Earlier: number - 1,
		Task: "What is this? ¿Qué? 何?", Response: "An \"answer\"\n", FinishReason: "stop", Model: "gemini-x",
		Usage:   Usage{InputTokens: 1, OutputTokens: 2, CachedTokens: 3, ReasoningTokens: 4},
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", Time: day,
		Contents: []json.RawMessage{
			json.RawMessage(`{"role":"user","parts":[{"text":"What is this?"}]}`),
			// Order, spaces, escapes and digits that a decoder would change.
			json.RawMessage("{ \"parts\" : [ {\"thoughtSignature\":\"_-8+/AB==\",\n \"text\":\"\\u00e9\\u003c<&>\"} ],\"role\":\"model\", \"n\":12345678901234567890.10}"),
		},
		Shortened: true, Summary: "They met.", Summarized: 3,
	}
}

func all(t *testing.T, s Store, path string, q Query) []*Turn {
	t.Helper()
	list := []*Turn{}
	for turn, err := range s.Turns(t.Context(), path, q) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, turn)
	}
	return list
}

func numbers(turns []*Turn) string {
	list := []string{}
	for _, t := range turns {
		list = append(list, fmt.Sprint(t.Number))
	}
	return strings.Join(list, " ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoresHoldTheContract(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			for rule, test := range contract {
				t.Run(rule, func(t *testing.T) { test(t, store, "users/u/sessions/"+hash(rule)) })
			}
		})
	}
}

var contract = map[string]func(t *testing.T, s Store, path string){
	"a turn comes back as it was": func(t *testing.T, s Store, path string) {
		put := whole(7)
		must(t, s.Put(t.Context(), path, put))
		put.Task, put.Contents[0] = "changed", nil
		if diff := cmp.Diff([]*Turn{whole(7)}, all(t, s, path, Query{Limit: 5})); diff != "" {
			t.Error(diff)
		}
		got := all(t, s, path, Query{Limit: 5})[0]
		got.Task, got.Contents[0] = "changed", nil
		if diff := cmp.Diff([]*Turn{whole(7)}, all(t, s, path, Query{Limit: 5})); diff != "" {
			t.Error(diff)
		}
	},
	"a reservation comes back as it was": func(t *testing.T, s Store, path string) {
		reserved := Turn{Number: 1, Token: "a", Deadline: day, Expires: day.Add(time.Hour)}
		must(t, s.Create(t.Context(), path, &reserved))
		got := all(t, s, path, Query{Limit: 5})
		if len(got) != 1 {
			t.Fatalf("%d turns", len(got))
		}
		got[0].Time = got[0].Time.UTC()
		if diff := cmp.Diff(&reserved, got[0]); diff != "" {
			t.Error(diff)
		}
	},
	"a turn is created once": func(t *testing.T, s Store, path string) {
		must(t, s.Create(t.Context(), path, &Turn{Number: 1, Token: "a", Deadline: day}))
		if err := s.Create(t.Context(), path, &Turn{Number: 1, Token: "b", Deadline: day}); !errors.Is(err, ErrExists) {
			t.Errorf("the second = %v", err)
		}
		must(t, s.Create(t.Context(), path, &Turn{Number: 1, Token: "a", Deadline: day}))
		must(t, s.Put(t.Context(), path, whole(1)))
		if err := s.Create(t.Context(), path, &Turn{Number: 1, Token: "b", Deadline: day}); !errors.Is(err, ErrExists) {
			t.Errorf("of a complete one = %v", err)
		}
		if got := all(t, s, path, Query{Limit: 5}); len(got) != 1 || got[0].Task != whole(1).Task {
			t.Errorf("turns = %+v", got)
		}
	},
	"of many at the same moment one creates": func(t *testing.T, s Store, path string) {
		var group sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			group.Go(func() { errs[i] = s.Create(t.Context(), path, &Turn{Number: 1, Token: fmt.Sprint(i), Deadline: day}) })
		}
		group.Wait()
		won := slices.IndexFunc(errs, func(err error) bool { return err == nil })
		if won < 0 {
			t.Fatalf("nobody: %v", errs)
		}
		for i, err := range errs {
			if i != won && !errors.Is(err, ErrExists) {
				t.Errorf("%d = %v", i, err)
			}
		}
		if got := all(t, s, path, Query{Limit: 5}); len(got) != 1 || got[0].Token != fmt.Sprint(won) {
			t.Errorf("turns = %+v, won by %d", got, won)
		}
	},
	"turns come newest first": func(t *testing.T, s Store, path string) {
		for _, n := range []int{2, 10, 1, 9, 100, 3} {
			must(t, s.Put(t.Context(), path, whole(n)))
		}
		for want, q := range map[string]Query{
			"100 10 9 3 2 1": {Limit: 50},
			"100 10":         {Limit: 2},
			"9 3":            {Limit: 2, Before: 10},
			"3 2 1":          {Limit: 9, Before: 4},
			"":               {Limit: 9, Before: 1},
		} {
			if got := numbers(all(t, s, path, q)); got != want {
				t.Errorf("%+v = %s, want %s", q, got, want)
			}
		}
	},
	"bare turns have no contents": func(t *testing.T, s Store, path string) {
		must(t, s.Put(t.Context(), path, whole(1)))
		got := all(t, s, path, Query{Limit: 1, Bare: true})[0]
		if got.Contents != nil || got.Response != whole(1).Response || got.Usage != whole(1).Usage || !got.Time.Equal(day) {
			t.Errorf("bare = %+v", got)
		}
		if got := all(t, s, path, Query{Limit: 1})[0]; len(got.Contents) != 2 {
			t.Errorf("then = %+v", got)
		}
	},
	"reading stops when the caller does": func(t *testing.T, s Store, path string) {
		for n := range 5 {
			must(t, s.Put(t.Context(), path, whole(n+1)))
		}
		for turn, err := range s.Turns(t.Context(), path, Query{Limit: 5}) {
			if must(t, err); turn.Number == 4 {
				break
			}
		}
	},
	"turns are deleted one by one and all but one": func(t *testing.T, s Store, path string) {
		for n := range 5 {
			must(t, s.Put(t.Context(), path, whole(n+1)))
		}
		must(t, s.Delete(t.Context(), path, 2))
		must(t, s.Delete(t.Context(), path, 2))
		if got := numbers(all(t, s, path, Query{Limit: 9})); got != "5 4 3 1" {
			t.Errorf("turns = %s", got)
		}
		must(t, s.DeleteTurns(t.Context(), path, 5))
		if got := numbers(all(t, s, path, Query{Limit: 9})); got != "5" {
			t.Errorf("turns = %s", got)
		}
		must(t, s.DeleteTurns(t.Context(), path, 0))
		if got := all(t, s, path, Query{Limit: 9}); len(got) != 0 {
			t.Errorf("turns = %+v", got)
		}
	},
	"more turns than a page are deleted": func(t *testing.T, s Store, path string) {
		for n := range deletePage + 20 {
			must(t, s.Put(t.Context(), path, &Turn{Number: n + 1, Deadline: day}))
		}
		must(t, s.DeleteTurns(t.Context(), path, 7))
		if got := numbers(all(t, s, path, Query{Limit: 1000})); got != "7" {
			t.Errorf("turns = %s", got)
		}
	},
	"paths are apart": func(t *testing.T, s Store, path string) {
		must(t, s.Put(t.Context(), path, whole(1)))
		must(t, s.Put(t.Context(), path+"2", whole(2)))
		must(t, s.PutFact(t.Context(), path, &Fact{ID: "f", Text: "f", Time: day}))
		must(t, s.DeleteTurns(t.Context(), path, 0))
		if got := numbers(all(t, s, path+"2", Query{Limit: 9})); got != "2" {
			t.Errorf("turns = %s", got)
		}
		if facts, err := s.Facts(t.Context(), path, 9); err != nil || len(facts) != 1 {
			t.Errorf("facts = %v, %v", facts, err)
		}
	},
	"a turn as large as they come is kept": func(t *testing.T, s Store, path string) {
		large := whole(1)
		large.Contents = append(large.Contents, toolAnswer("a", `"`+strings.Repeat("x", 3<<20)+`"`))
		large.fit(maxDocument)
		must(t, s.Put(t.Context(), path, large))
		if diff := cmp.Diff([]*Turn{large}, all(t, s, path, Query{Limit: 1})); diff != "" {
			t.Error(diff)
		}
		answer := whole(2)
		answer.Response = strings.Repeat("é", 2<<20)
		answer.fit(maxDocument)
		must(t, s.Put(t.Context(), path, answer))
	},
	"what is not there is nothing": func(t *testing.T, s Store, path string) {
		if got := all(t, s, path, Query{Limit: 9}); len(got) != 0 {
			t.Errorf("turns = %v", got)
		}
		if facts, err := s.Facts(t.Context(), path, 9); err != nil || len(facts) != 0 {
			t.Errorf("facts = %v, %v", facts, err)
		}
		must(t, s.Delete(t.Context(), path, 1))
		must(t, s.DeleteTurns(t.Context(), path, 0))
		must(t, s.DeleteFacts(t.Context(), path, "x"))
		must(t, s.DeleteFacts(t.Context(), path))
	},
	"facts are kept by id, newest first": func(t *testing.T, s Store, path string) {
		for i, id := range []string{"a", "b", "c", "d"} {
			at := day.Add(time.Duration(i) * time.Second)
			must(t, s.PutFact(t.Context(), path, &Fact{ID: id, Text: "text " + id, Time: at, Expires: day.Add(time.Hour)}))
		}
		must(t, s.PutFact(t.Context(), path, &Fact{ID: "a", Text: "new ¿a?", Time: day.Add(time.Minute), Expires: day.Add(time.Hour)}))
		must(t, s.DeleteFacts(t.Context(), path, "b", "never"))
		got, err := s.Facts(t.Context(), path, 2)
		must(t, err)
		want := []*Fact{
			{ID: "a", Text: "new ¿a?", Time: day.Add(time.Minute), Expires: day.Add(time.Hour)},
			{ID: "d", Text: "text d", Time: day.Add(3 * time.Second), Expires: day.Add(time.Hour)},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	},
	"the end of the context ends a call": func(t *testing.T, s Store, path string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var read error
		for _, err := range s.Turns(ctx, path, Query{Limit: 1}) {
			read = err
		}
		_, facts := s.Facts(ctx, path, 1)
		for call, err := range map[string]error{
			"Create": s.Create(ctx, path, whole(1)), "Put": s.Put(ctx, path, whole(1)), "Turns": read, "Delete": s.Delete(ctx, path, 1),
			"DeleteTurns": s.DeleteTurns(ctx, path, 0), "PutFact": s.PutFact(ctx, path, &Fact{ID: "f"}), "Facts": facts,
			"DeleteFacts": s.DeleteFacts(ctx, path, "f"),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s = %v", call, err)
			}
		}
	},
}
