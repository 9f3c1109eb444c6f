package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestFacts(t *testing.T) {
	onStores(t, Config{TTL: time.Hour}, func(t *testing.T, c *Conversations, now *clock) {
		remember := func(id ID, text string) error {
			now.forward(time.Millisecond)
			return c.Remember(t.Context(), id, text)
		}
		recall := func(query string, limit int) string {
			facts, err := c.Recall(t.Context(), ada, query, limit)
			must(t, err)
			list := []string{}
			for _, f := range facts {
				list = append(list, f.Text)
			}
			return strings.Join(list, "|")
		}
		must(t, remember(ada, " The cat is called Minka. "))
		must(t, remember(ada, "Lives in Málaga."))
		must(t, remember(ada, "The cat is called Minka."))
		must(t, remember(ID{UserID: "eve"}, "Eve has a cat."))
		for query, want := range map[string]string{
			"":               "The cat is called Minka.|Lives in Málaga.",
			"malaga":         "Lives in Málaga.",
			"cat":            "The cat is called Minka.",
			"cat malaga the": "The cat is called Minka.|Lives in Málaga.",
			"dog":            "",
		} {
			if got := recall(query, 9); got != want {
				t.Errorf("recall %q = %q, want %q", query, got, want)
			}
		}
		if got := recall("cat malaga", 1); got != "The cat is called Minka." {
			t.Errorf("one = %q", got)
		}
		for text, want := range map[string]error{"": ErrNoFact, " \n": ErrNoFact, strings.Repeat("é", MaxFactRunes+1): ErrFactTooLong} {
			if err := remember(ada, text); !errors.Is(err, want) {
				t.Errorf("remember %q = %v", text, err)
			}
		}
		must(t, remember(ada, strings.Repeat("é", MaxFactRunes)))
		must(t, c.Forget(t.Context(), ada))
		if got := recall("", 9); got != "" {
			t.Errorf("after Forget = %q", got)
		}
		if facts, err := c.Recall(t.Context(), ID{UserID: "eve"}, "", 9); err != nil || len(facts) != 1 {
			t.Errorf("of another = %v, %v", facts, err)
		}
		must(t, remember(ada, "old"))
		now.forward(time.Hour)
		if got := recall("", 9); got != "" {
			t.Errorf("expired = %q", got)
		}
	})
}

func TestTheOldestFactGoesFirst(t *testing.T) {
	onStores(t, Config{}, func(t *testing.T, c *Conversations, now *clock) {
		for i := range MaxFacts + 3 {
			now.forward(time.Second)
			must(t, c.Remember(t.Context(), ada, fmt.Sprintf("fact%d", i)))
		}
		kept, err := c.store.Facts(t.Context(), userPath(c.cfg.Service, "ada"), 1000)
		must(t, err)
		if len(kept) != MaxFacts || kept[len(kept)-1].Text != "fact3" {
			t.Errorf("%d facts, the oldest %q", len(kept), kept[len(kept)-1].Text)
		}
	})
}
