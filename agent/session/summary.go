package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/gemini-agent/agent"
)

// Summary stands in the prompt for the turns up to number UpTo.
type Summary struct {
	Text string
	UpTo int
}

// Summarize has the prompt begin with a summary of what it does not hold word for word. It is the one of the turn before,
// whose turns leave the history; and when others have fallen out since, compact is what has to be summed up anew: those,
// and the older half of the history, which the new summary up to upTo replaces. So one is due after half a window of turns
// and not with each, and the begin of the prompt stays the same in between, for which the model's service may ask less.
// Of the turns that have fallen out it reads the newest, as many as a window holds.
func (conv *Conversation) Summarize(ctx context.Context) (old Summary, compact *agent.Compact, upTo int, err error) {
	if conv.Previous == nil {
		return old, nil, 0, nil
	}
	old = Summary{conv.Previous.Summary, conv.Previous.Summarized}
	first := conv.Turn
	if len(conv.History) > 0 {
		first = conv.History[0].Number
	}
	var lost []*Turn
	if conv.Dropped > 0 && first > old.UpTo+1 {
		if lost, err = conv.between(ctx, old.UpTo, first); err != nil {
			return old, nil, 0, fmt.Errorf("reading the conversation: %w", err)
		}
	}
	words := len(conv.History)
	conv.History = slices.DeleteFunc(conv.History, func(t *Turn) bool { return t.Number <= old.UpTo })
	conv.Dropped += words - len(conv.History)
	if len(lost) == 0 {
		return old, nil, 0, nil
	}
	half := conv.History[:len(conv.History)/2]
	all := append(lost, half...)
	return old, &agent.Compact{
		Transcript: transcript(all, bytesPerToken*conv.all.cfg.MaxTokens), Replaces: len(contents(half)),
	}, all[len(all)-1].Number, nil
}

// between reads the complete turns of numbers above after and below before, oldest first, without their contents.
func (conv *Conversation) between(ctx context.Context, after, before int) (turns []*Turn, err error) {
	c := conv.all
	ctx, end := c.span(ctx, conv.op("read", ""))
	defer func() { end(len(turns), nil, err) }()
	now := c.cfg.Now()
	for t, err := range c.store.Turns(ctx, conv.path, Query{Limit: c.cfg.MaxTurns, Before: before, Bare: true}) {
		if err != nil {
			return nil, err
		}
		if t.Number <= after || t.expired(now) {
			break
		}
		if t.Complete && t.FinishReason != agent.ReasonBlocked {
			turns = append(turns, t)
		}
	}
	slices.Reverse(turns)
	return turns, nil
}

// longestSaying is how much of a task or an answer goes into a transcript, in bytes.
const longestSaying = 4 << 10

// transcript is what was said in turns, for the model to sum up: at most about most bytes, the newest.
func transcript(turns []*Turn, most int) string {
	var b strings.Builder
	for _, t := range turns {
		fmt.Fprintf(&b, "User: %s\nAssistant: %s\n\n", cutText(t.Task, longestSaying), cutText(t.Response, longestSaying))
	}
	text := b.String()
	return strings.ToValidUTF8(text[max(len(text)-most, 0):], "")
}
