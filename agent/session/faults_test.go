package session

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/semconv"
	"example.com/gemini-agent/tracing/tracingtest"
)

// hang keeps a call until its caller gives up.
func hang(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func refuse(code codes.Code) func(context.Context, string) error {
	return func(context.Context, string) error { return status.Error(code, "said by the server") }
}

func TestATurnCostsOneQueryOneCreateOneSet(t *testing.T) {
	f := newFake(t)
	c := New(f.store, Config{CallTimeout: time.Minute})
	take(t, c, said("one", 1))
	f.made()
	take(t, c, said("two", 1))
	if got := f.made(); !slices.Equal(got, []string{"query", "create", "set"}) {
		t.Errorf("calls = %v", got)
	}
}

// A store that is away, slow or unwilling is an error of its own kind; nothing is reserved then.
func TestFaultsOfTheStore(t *testing.T) {
	const late = "its time is over"
	for name, test := range map[string]struct {
		before func(context.Context, string) error
		kind   string
	}{
		"away":            {refuse(codes.Unavailable), late}, // tried again until then
		"slow":            {hang, late},
		"no database":     {refuse(codes.NotFound), "NOT_FOUND"},
		"not allowed":     {refuse(codes.PermissionDenied), "PERMISSION_DENIED"},
		"wrong":           {refuse(codes.InvalidArgument), "INVALID_ARGUMENT"},
		"needs an index":  {refuse(codes.FailedPrecondition), "FAILED_PRECONDITION"},
		"unauthenticated": {refuse(codes.Unauthenticated), "UNAUTHENTICATED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			take(t, New(f.store, Config{CallTimeout: time.Minute}), said("one", 1))
			patience := time.Minute
			if test.kind == late {
				patience = 300 * time.Millisecond
			}
			c := New(f.store, Config{CallTimeout: patience})
			f.faults(test.before, nil)
			_, beginErr := c.Begin(t.Context(), ada)
			_, turnsErr := c.Turns(t.Context(), ada, 1)
			for call, err := range map[string]error{"Begin": beginErr, "Turns": turnsErr, "Delete": c.Delete(t.Context(), ada),
				"Remember": c.Remember(t.Context(), ada, "fact")} {
				kind := semconv.ErrorType(err)
				switch {
				case test.kind != late && kind != test.kind, busy(err):
					t.Errorf("%s = %v (%s)", call, err, kind)
				case test.kind == late && !errors.Is(err, context.DeadlineExceeded) && kind != "UNAVAILABLE" && kind != "DEADLINE_EXCEEDED":
					t.Errorf("%s = %v (%s)", call, err, kind)
				}
			}
			f.faults(nil, nil)
			if conv := begin(t, New(f.store, Config{CallTimeout: time.Minute})); conv.Turn != 2 {
				t.Errorf("afterwards turn %d", conv.Turn)
			}
		})
	}
}

func TestCompleteAndReleaseFailWithinTheirTime(t *testing.T) {
	f := newFake(t)
	patient, hasty := New(f.store, Config{CallTimeout: time.Minute}), New(f.store, Config{CallTimeout: 200 * time.Millisecond})
	conv := begin(t, patient)
	conv.all = hasty
	f.faults(hang, nil)
	if err := conv.Complete(t.Context(), said("one", 1)); err == nil {
		t.Error("Complete = nil")
	}
	if err := conv.Release(t.Context()); err == nil {
		t.Error("Release = nil")
	}
	f.faults(nil, nil)
	if _, err := patient.Begin(t.Context(), ada); !busy(err) { // the turn half written does not count, its place is taken
		t.Errorf("Begin = %v", err)
	}
}

func TestTheCallersEndIsToldAsSuch(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.faults(func(ctx context.Context, call string) error { cancel(); return hang(ctx, call) }, nil)
	if _, err := New(f.store, Config{CallTimeout: time.Minute}).Begin(ctx, ada); !errors.Is(err, context.Canceled) {
		t.Errorf("Begin = %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	store := NewFirestore(FirestoreConfig{Emulator: listener.Addr().String()})
	listener.Close()
	defer store.Close()
	_, err = New(store, Config{CallTimeout: 300 * time.Millisecond}).Begin(t.Context(), ada)
	if err == nil || busy(err) {
		t.Errorf("Begin = %v", err)
	}
}

// The first attempt was stored and its answer got lost; the client's second attempt finds it there.
func TestALostAnswerIsNotTakenForAnotherRequest(t *testing.T) {
	f := newFake(t)
	c := New(f.store, Config{CallTimeout: time.Minute})
	var lost atomic.Bool
	f.faults(nil, func(call string) error {
		if call == "create" && lost.CompareAndSwap(false, true) {
			return status.Error(codes.Unavailable, "the connection broke")
		}
		return nil
	})
	conv := begin(t, c)
	if got := f.made(); !slices.Equal(got, []string{"query", "create", "create", "get"}) {
		t.Errorf("calls = %v", got)
	}
	must(t, conv.Complete(t.Context(), said("one", 1)))
}

// Between the query and the create another request has been through: its turn is not known here, so it is a conflict.
func TestARequestThatCameBetweenIsAConflict(t *testing.T) {
	f := newFake(t)
	c := New(f.store, Config{CallTimeout: time.Minute})
	take(t, c, said("one", 1))
	var once atomic.Bool
	f.faults(func(_ context.Context, call string) error {
		if call == "create" && once.CompareAndSwap(false, true) {
			take(t, c, said("between", 1))
		}
		return nil
	}, nil)
	if _, err := c.Begin(t.Context(), ada); !busy(err) {
		t.Errorf("Begin = %v", err)
	}
	if got := tasks(begin(t, c).History); got != "one between" {
		t.Errorf("history = %s", got)
	}
}

// What others have made of a document costs that turn and not the conversation.
func TestDocumentsThatOthersChanged(t *testing.T) {
	f := newFake(t)
	c := New(f.store, Config{CallTimeout: time.Minute})
	for _, task := range []string{"one", "two", "three"} {
		take(t, c, said(task, 1))
	}
	f.mu.Lock()
	for name, doc := range f.docs {
		switch {
		case strings.HasSuffix(name, "/00000002"):
			doc.Fields["complete"] = &firestorepb.Value{ValueType: &firestorepb.Value_StringValue{StringValue: "yes"}}
		case strings.HasSuffix(name, "/00000003"):
			broken := &firestorepb.Value{ValueType: &firestorepb.Value_BytesValue{BytesValue: []byte(`{"role":`)}}
			doc.Fields["contents"].GetArrayValue().Values[0] = broken
			doc.Fields["more"] = &firestorepb.Value{ValueType: &firestorepb.Value_BooleanValue{}}
		}
	}
	f.mu.Unlock()
	conv := begin(t, c)
	if tasks(conv.History) != "one three" || conv.History[1].Contents != nil || conv.Turn != 4 {
		t.Errorf("conversation = %+v", conv)
	}
}

func TestNothingIsOpenedBeforeTheFirstCall(t *testing.T) {
	store := NewFirestore(FirestoreConfig{})
	if address, port := store.Server(); address != "firestore.googleapis.com" || port != 443 || store.opened != nil {
		t.Errorf("server %s:%d, client %v", address, port, store.opened)
	}
	must(t, store.Close())
	if address, port := NewFirestore(FirestoreConfig{Emulator: "http://localhost:8080/"}).Server(); address != "localhost" || port != 8080 {
		t.Errorf("emulator %s:%d", address, port)
	}
	closed := NewFirestore(FirestoreConfig{Emulator: "localhost:1"})
	must(t, closed.Close())
	if err := closed.Put(t.Context(), "users/u", whole(1)); !errors.Is(err, errClosed) {
		t.Errorf("after Close = %v", err)
	}
}

// Every use of the store is a span: CLIENT with the server's address, INTERNAL in this process.
func TestSpans(t *testing.T) {
	for golden, name := range map[string]string{"memory": "memory", "firestore": "firestore fake"} {
		t.Run(golden, func(t *testing.T) {
			rec := tracingtest.NewRecorder()
			tracer := agenttrace.New(rec, agenttrace.Config{Content: agenttrace.SpanContent})
			c := New(stores[name](t), Config{Tracer: tracer, CallTimeout: time.Minute})
			take(t, c, said("one", 1))
			conv := begin(t, c)
			if _, err := c.Begin(t.Context(), ada); !busy(err) {
				t.Fatal(err)
			}
			must(t, conv.Release(t.Context()))
			must(t, c.Remember(t.Context(), ada, "The cat is called Minka."))
			_, err := c.Recall(t.Context(), ada, "cat", 5)
			must(t, err)
			must(t, c.Delete(t.Context(), ada))
			must(t, c.Forget(t.Context(), ada))
			for _, v := range tracingtest.Conformance(rec.Spans()) {
				t.Error(v)
			}
			tracingtest.Golden(t, "testdata/"+golden+".golden", tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{}))
		})
	}
}
