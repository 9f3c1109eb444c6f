package session

import (
	"encoding/json"
	"strconv"
	"time"

	"cloud.google.com/go/firestore"
)

// turnDocument is a turn as it is stored. The messages are bytes and not maps, so that they come back byte for byte.
type turnDocument struct {
	Number       int           `firestore:"number"`
	Token        string        `firestore:"token"`
	Complete     bool          `firestore:"complete"`
	Deadline     time.Time     `firestore:"deadline"`
	Expires      time.Time     `firestore:"expires"`
	Earlier      int           `firestore:"earlier"`
	Task         string        `firestore:"task"`
	Response     string        `firestore:"response"`
	FinishReason string        `firestore:"finish_reason"`
	Model        string        `firestore:"model"`
	Usage        usageDocument `firestore:"usage"`
	TraceID      string        `firestore:"trace_id"`
	SpanID       string        `firestore:"span_id"`
	Time         time.Time     `firestore:"time"`
	Contents     [][]byte      `firestore:"contents"`
	Shortened    bool          `firestore:"shortened"`
	Summary      string        `firestore:"summary"`
	Summarized   int           `firestore:"summarized"`
}

type usageDocument struct {
	Input     int `firestore:"input_tokens"`
	Output    int `firestore:"output_tokens"`
	Cached    int `firestore:"cached_tokens"`
	Reasoning int `firestore:"reasoning_tokens"`
}

type factDocument struct {
	Text    string    `firestore:"text"`
	Time    time.Time `firestore:"time"`
	Expires time.Time `firestore:"expires"`
}

func newTurnDocument(t *Turn) turnDocument {
	d := turnDocument{
		Number: t.Number, Token: t.Token, Complete: t.Complete, Deadline: t.Deadline, Expires: t.Expires, Earlier: t.Earlier,
		Task: t.Task, Response: t.Response, FinishReason: t.FinishReason, Model: t.Model,
		Usage:   usageDocument{t.Usage.InputTokens, t.Usage.OutputTokens, t.Usage.CachedTokens, t.Usage.ReasoningTokens},
		TraceID: t.TraceID, SpanID: t.SpanID, Time: t.Time, Shortened: t.Shortened, Summary: t.Summary, Summarized: t.Summarized,
	}
	for _, c := range t.Contents {
		d.Contents = append(d.Contents, c)
	}
	return d
}

// decodeTurn reads a document. One that others have changed so that it cannot be read is a reservation that lapsed long
// ago: it holds its number and is passed over. Messages that are no JSON would fail the next request, so they are left
// out.
func decodeTurn(snapshot *firestore.DocumentSnapshot) *Turn {
	number, _ := strconv.Atoi(snapshot.Ref.ID) // 0 for a document that is none of ours
	var d turnDocument
	if snapshot.DataTo(&d) != nil || d.Number != number {
		return &Turn{Number: number}
	}
	u := d.Usage
	t := &Turn{
		Number: d.Number, Token: d.Token, Complete: d.Complete, Deadline: d.Deadline, Expires: d.Expires, Earlier: d.Earlier,
		Task: d.Task, Response: d.Response, FinishReason: d.FinishReason, Model: d.Model,
		Usage:   Usage{InputTokens: u.Input, OutputTokens: u.Output, CachedTokens: u.Cached, ReasoningTokens: u.Reasoning},
		TraceID: d.TraceID, SpanID: d.SpanID, Time: d.Time, Shortened: d.Shortened, Summary: d.Summary, Summarized: d.Summarized,
	}
	for _, c := range d.Contents {
		if !json.Valid(c) {
			t.Contents = nil
			break
		}
		t.Contents = append(t.Contents, c)
	}
	return t
}

// decodeFact reads a document; one that cannot be read is an empty fact that has expired.
func decodeFact(snapshot *firestore.DocumentSnapshot) *Fact {
	var d factDocument
	if snapshot.DataTo(&d) != nil {
		d = factDocument{}
	}
	return &Fact{ID: snapshot.Ref.ID, Text: d.Text, Time: d.Time, Expires: d.Expires}
}
