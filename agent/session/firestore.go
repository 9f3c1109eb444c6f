package session

import (
	"context"
	"errors"
	"iter"

	"cloud.google.com/go/firestore"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/iterator"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Firestore is a Store in a Firestore database in native mode. It uses plain creates, gets, sets, queries and deletes,
// and no index beyond those that every database has. Nothing is opened before the first call.
type Firestore struct {
	connection
}

// NewFirestore returns a store in the database of cfg.
func NewFirestore(cfg FirestoreConfig) *Firestore {
	return &Firestore{connection{cfg: cfg.withDefaults()}}
}

// CallError is the failure of a call to Firestore.
type CallError struct{ Err error }

func (e *CallError) Error() string { return "calling Firestore: " + e.Err.Error() }

// Unwrap returns the error of the client.
func (e *CallError) Unwrap() error { return e.Err }

// ErrorType names the failure by its status code: UNAVAILABLE, PERMISSION_DENIED.
func (e *CallError) ErrorType() string {
	return code.Code(status.Code(e.Err)).String()
}

// called makes the client's error one of ours. The end of the context is told as such.
func called(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &CallError{err}
}

func turnDoc(c *firestore.Client, path string, number int) *firestore.DocumentRef {
	return c.Collection(path + "/turns").Doc(turnName(number))
}

// Create stores a new turn. The client repeats a call whose answer got lost, and the second attempt finds what the first
// has stored; whose it is tells the token.
func (f *Firestore) Create(ctx context.Context, path string, t *Turn) error {
	c, err := f.client(ctx)
	if err != nil {
		return err
	}
	doc := turnDoc(c, path, t.Number)
	_, err = doc.Create(ctx, newTurnDocument(t))
	if status.Code(err) != codes.AlreadyExists {
		return called(ctx, err)
	}
	snapshot, err := doc.Get(ctx)
	switch {
	case status.Code(err) == codes.NotFound: // it went between the two calls; the next request has it
		return ErrExists
	case err != nil:
		return called(ctx, err)
	case decodeTurn(snapshot).Token == t.Token:
		return nil
	}
	return ErrExists
}

// Put stores a turn.
func (f *Firestore) Put(ctx context.Context, path string, t *Turn) error {
	c, err := f.client(ctx)
	if err != nil {
		return err
	}
	_, err = turnDoc(c, path, t.Number).Set(ctx, newTurnDocument(t))
	return called(ctx, err)
}

// bareFields are those of a turn without contents.
var bareFields = []string{"number", "token", "complete", "deadline", "expires", "earlier", "task", "response",
	"finish_reason", "model", "usage", "trace_id", "span_id", "time", "shortened"}

// Turns returns turns as they arrive.
func (f *Firestore) Turns(ctx context.Context, path string, q Query) iter.Seq2[*Turn, error] {
	return func(yield func(*Turn, error) bool) {
		c, err := f.client(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		query := c.Collection(path+"/turns").OrderBy("number", firestore.Desc).Limit(q.Limit)
		if q.Before > 0 {
			query = query.Where("number", "<", q.Before)
		}
		if q.Bare {
			query = query.Select(bareFields...)
		}
		docs := query.Documents(ctx)
		defer docs.Stop()
		for {
			snapshot, err := docs.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(nil, called(ctx, err))
				return
			}
			t := decodeTurn(snapshot)
			if q.Bare {
				t.Contents = nil // not every server leaves out what was not asked for
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// Delete removes a turn.
func (f *Firestore) Delete(ctx context.Context, path string, number int) error {
	c, err := f.client(ctx)
	if err != nil {
		return err
	}
	_, err = turnDoc(c, path, number).Delete(ctx)
	return called(ctx, err)
}

// How documents are erased: so many are asked for at a time, so many deleted at a time.
const (
	deletePage     = 300
	deleteParallel = 16
)

// DeleteTurns removes all turns but one, page by page.
func (f *Firestore) DeleteTurns(ctx context.Context, path string, except int) error {
	c, err := f.client(ctx)
	if err != nil {
		return err
	}
	for {
		page, err := c.Collection(path + "/turns").Select().Limit(deletePage).Documents(ctx).GetAll()
		if err != nil {
			return called(ctx, err)
		}
		var refs []*firestore.DocumentRef
		for _, snapshot := range page {
			if snapshot.Ref.ID != turnName(except) {
				refs = append(refs, snapshot.Ref)
			}
		}
		if len(refs) == 0 {
			return nil
		}
		if err := deleteAll(ctx, refs); err != nil {
			return err
		}
	}
}

func deleteAll(ctx context.Context, refs []*firestore.DocumentRef) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(deleteParallel)
	for _, ref := range refs {
		group.Go(func() error {
			_, err := ref.Delete(gctx)
			return err
		})
	}
	return called(ctx, group.Wait())
}

// PutFact stores a fact.
func (f *Firestore) PutFact(ctx context.Context, path string, fact *Fact) error {
	c, err := f.client(ctx)
	if err != nil {
		return err
	}
	_, err = c.Collection(path+"/facts").Doc(fact.ID).Set(ctx, factDocument{fact.Text, fact.Time, fact.Expires})
	return called(ctx, err)
}

// Facts returns the newest facts.
func (f *Firestore) Facts(ctx context.Context, path string, limit int) ([]*Fact, error) {
	c, err := f.client(ctx)
	if err != nil {
		return nil, err
	}
	snapshots, err := c.Collection(path+"/facts").OrderBy("time", firestore.Desc).Limit(limit).Documents(ctx).GetAll()
	if err != nil {
		return nil, called(ctx, err)
	}
	facts := make([]*Fact, len(snapshots))
	for i, s := range snapshots {
		facts[i] = decodeFact(s)
	}
	return facts, nil
}

// DeleteFacts removes facts.
func (f *Firestore) DeleteFacts(ctx context.Context, path string, ids ...string) error {
	c, err := f.client(ctx)
	if err != nil {
		return err
	}
	refs := make([]*firestore.DocumentRef, len(ids))
	for i, id := range ids {
		refs[i] = c.Collection(path + "/facts").Doc(id)
	}
	return deleteAll(ctx, refs)
}
