package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/gemini-agent/agent/wordindex"
)

// What is remembered of a user.
const (
	MaxFacts     = 200 // the oldest goes first
	MaxFactRunes = 500
)

// What is wrong with a fact; the texts are for the model.
var (
	ErrNoFact      = errors.New("there is nothing to remember: the text is empty")
	ErrFactTooLong = fmt.Errorf("the text is longer than %d characters; put it shorter", MaxFactRunes)
)

// Remember keeps a fact of a user. The same text again makes it new again. Of two calls at the same moment each may find
// room, so that for a while there are a few more than MaxFacts; no more are ever read.
func (c *Conversations) Remember(ctx context.Context, id ID, text string) (err error) {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	switch {
	case text == "":
		return ErrNoFact
	case utf8.RuneCountInString(text) > MaxFactRunes:
		return ErrFactTooLong
	}
	path, now := userPath(c.cfg.Service, id.UserID), c.cfg.Now()
	fact := &Fact{ID: hash(text), Text: text, Time: now, Expires: now.Add(c.cfg.TTL)}
	ctx, end := c.span(ctx, op{operation: "write", kind: longTerm, record: fact.ID, session: id.SessionID})
	defer func() { end(1, nil, err) }()

	facts, err := c.store.Facts(ctx, path, 2*MaxFacts)
	if err != nil {
		return fmt.Errorf("reading what is remembered: %w", err)
	}
	if err := c.store.PutFact(ctx, path, fact); err != nil {
		return fmt.Errorf("remembering: %w", err)
	}
	facts = slices.DeleteFunc(facts, func(f *Fact) bool { return f.ID == fact.ID })
	var surplus []string
	for _, f := range facts[min(MaxFacts-1, len(facts)):] {
		surplus = append(surplus, f.ID)
	}
	if len(surplus) == 0 {
		return nil
	}
	if err := c.store.DeleteFacts(ctx, path, surplus...); err != nil {
		return fmt.Errorf("forgetting the oldest: %w", err)
	}
	return nil
}

// Recall returns at most limit facts of a user that hold a word of the query, best first; for an empty query the newest.
func (c *Conversations) Recall(ctx context.Context, id ID, query string, limit int) (found []*Fact, err error) {
	ctx, end := c.span(ctx, op{operation: "search", kind: longTerm, query: query, session: id.SessionID})
	defer func() { end(len(found), func() any { return records(found) }, err) }()

	facts, err := c.store.Facts(ctx, userPath(c.cfg.Service, id.UserID), MaxFacts)
	if err != nil {
		return nil, fmt.Errorf("reading what is remembered: %w", err)
	}
	now := c.cfg.Now()
	facts = slices.DeleteFunc(facts, func(f *Fact) bool { return !now.Before(f.Expires) })
	if strings.TrimSpace(query) == "" {
		return facts[:min(limit, len(facts))], nil
	}
	parts := make([][]wordindex.Part, len(facts))
	for i, f := range facts {
		parts[i] = []wordindex.Part{{Text: f.Text, Weight: 1}}
	}
	for _, hit := range wordindex.New(parts).Search(query) {
		if len(found) == limit {
			break
		}
		found = append(found, facts[hit.Text])
	}
	return found, nil
}

// records are facts in the form of the memory conventions.
func records(facts []*Fact) any {
	list := make([]map[string]string, len(facts))
	for i, f := range facts {
		list[i] = map[string]string{"id": f.ID, "content": f.Text}
	}
	return list
}

// Forget erases all facts of a user. When it fails, some may be gone.
func (c *Conversations) Forget(ctx context.Context, id ID) (err error) {
	forgotten := 0
	ctx, end := c.spanOfAll(ctx, op{operation: "delete", kind: longTerm, session: id.SessionID})
	defer func() { end(forgotten, nil, err) }()
	path := userPath(c.cfg.Service, id.UserID)
	for {
		facts, err := c.store.Facts(ctx, path, MaxFacts)
		if err != nil {
			return fmt.Errorf("reading what is remembered: %w", err)
		}
		if len(facts) == 0 {
			return nil
		}
		ids := make([]string, len(facts))
		for i, f := range facts {
			ids[i] = f.ID
		}
		if err := c.store.DeleteFacts(ctx, path, ids...); err != nil {
			return fmt.Errorf("forgetting: %w", err)
		}
		forgotten += len(ids)
	}
}
