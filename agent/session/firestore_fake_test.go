package session

import (
	"cmp"
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// fakeFirestore is the part of Firestore that the store may use, on the wire, and refuses the rest: transactions and
// preconditions other than "must not exist".
type fakeFirestore struct {
	firestorepb.UnimplementedFirestoreServer
	store *Firestore

	mu     sync.Mutex
	docs   map[string]*firestorepb.Document
	calls  []string
	before func(ctx context.Context, call string) error // may refuse or delay a call; nil: none
	after  func(call string) error                      // may lose the answer of a call that was done
}

// newFake starts a server, and a store on it.
func newFake(t *testing.T) *fakeFirestore {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeFirestore{docs: map[string]*firestorepb.Document{}}
	server := grpc.NewServer()
	firestorepb.RegisterFirestoreServer(server, f)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	f.store = NewFirestore(FirestoreConfig{Emulator: listener.Addr().String(), Project: "p", Database: "d"})
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		<-served
	})
	return f
}

// faults sets what happens before and after calls.
func (f *fakeFirestore) faults(before func(context.Context, string) error, after func(string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}

// made returns the calls since the last time.
func (f *fakeFirestore) made() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// do runs a call with its faults.
func (f *fakeFirestore) do(ctx context.Context, call string, work func() error) error {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	before, after := f.before, f.after
	f.mu.Unlock()
	if before != nil {
		if err := before(ctx, call); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := work()
	f.mu.Unlock()
	if err == nil && after != nil {
		err = after(call)
	}
	return err
}

func (f *fakeFirestore) Commit(ctx context.Context, req *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	if len(req.Transaction) > 0 || len(req.Writes) != 1 {
		return nil, status.Error(codes.Unimplemented, "one write at a time")
	}
	write := req.Writes[0]
	call := "set"
	switch exists, conditional := write.GetCurrentDocument().GetConditionType().(*firestorepb.Precondition_Exists); {
	case conditional && !exists.Exists:
		call = "create"
	case write.CurrentDocument != nil:
		return nil, status.Error(codes.Unimplemented, "no preconditions")
	case write.GetDelete() != "":
		call = "delete"
	}
	err := f.do(ctx, call, func() error {
		doc := write.GetUpdate()
		switch call {
		case "delete":
			delete(f.docs, write.GetDelete())
			return nil
		case "create":
			if f.docs[doc.Name] != nil {
				return status.Error(codes.AlreadyExists, "Document already exists: "+doc.Name)
			}
		}
		if n := proto.Size(doc); n > 1<<20 {
			return status.Errorf(codes.InvalidArgument, "Document %s cannot be written because its size (%d) exceeds 1,048,576", doc.Name, n)
		}
		f.docs[doc.Name] = proto.Clone(doc).(*firestorepb.Document)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &firestorepb.CommitResponse{
		CommitTime: timestamppb.Now(), WriteResults: []*firestorepb.WriteResult{{UpdateTime: timestamppb.Now()}},
	}, nil
}

func (f *fakeFirestore) BatchGetDocuments(
	req *firestorepb.BatchGetDocumentsRequest, stream firestorepb.Firestore_BatchGetDocumentsServer,
) error {
	var answers []*firestorepb.BatchGetDocumentsResponse
	err := f.do(stream.Context(), "get", func() error {
		for _, name := range req.Documents {
			answer := &firestorepb.BatchGetDocumentsResponse{ReadTime: timestamppb.Now()}
			if doc := f.docs[name]; doc != nil {
				answer.Result = &firestorepb.BatchGetDocumentsResponse_Found{Found: stamped(doc)}
			} else {
				answer.Result = &firestorepb.BatchGetDocumentsResponse_Missing{Missing: name}
			}
			answers = append(answers, answer)
		}
		return nil
	})
	for _, a := range answers {
		err = cmp.Or(err, stream.Send(a))
	}
	return err
}

func (f *fakeFirestore) RunQuery(req *firestorepb.RunQueryRequest, stream firestorepb.Firestore_RunQueryServer) error {
	q := req.GetStructuredQuery()
	var found []*firestorepb.Document
	err := f.do(stream.Context(), "query", func() error {
		prefix := req.Parent + "/" + q.From[0].CollectionId + "/"
		for _, name := range slices.Sorted(maps.Keys(f.docs)) {
			if id, ok := strings.CutPrefix(name, prefix); !ok || strings.Contains(id, "/") {
				continue
			}
			if filter := q.GetWhere().GetFieldFilter(); filter != nil {
				if filter.Op != firestorepb.StructuredQuery_FieldFilter_LESS_THAN {
					return status.Error(codes.Unimplemented, filter.Op.String())
				}
				if compareValues(f.docs[name].Fields[filter.Field.FieldPath], filter.Value) >= 0 {
					continue
				}
			}
			found = append(found, stamped(f.docs[name]))
		}
		for _, order := range q.OrderBy {
			field := order.Field.FieldPath
			found = slices.DeleteFunc(found, func(d *firestorepb.Document) bool { return d.Fields[field] == nil }) // as Firestore does
			slices.SortStableFunc(found, func(a, b *firestorepb.Document) int {
				if order.Direction == firestorepb.StructuredQuery_DESCENDING {
					a, b = b, a
				}
				return compareValues(a.Fields[field], b.Fields[field])
			})
		}
		found = found[:min(len(found), int(q.GetLimit().GetValue()))]
		return nil
	})
	for _, doc := range found {
		if q.Select != nil {
			var fields []string
			for _, field := range q.Select.Fields {
				fields = append(fields, field.FieldPath)
			}
			maps.DeleteFunc(doc.Fields, func(name string, _ *firestorepb.Value) bool { return !slices.Contains(fields, name) })
		}
		err = cmp.Or(err, stream.Send(&firestorepb.RunQueryResponse{Document: doc, ReadTime: timestamppb.Now()}))
	}
	return err
}

// stamped returns a copy of a document as it is read.
func stamped(doc *firestorepb.Document) *firestorepb.Document {
	doc = proto.Clone(doc).(*firestorepb.Document)
	doc.CreateTime, doc.UpdateTime = timestamppb.Now(), timestamppb.Now()
	return doc
}

func compareValues(a, b *firestorepb.Value) int {
	if a.GetTimestampValue() != nil {
		return a.GetTimestampValue().AsTime().Compare(b.GetTimestampValue().AsTime())
	}
	return cmp.Compare(a.GetIntegerValue(), b.GetIntegerValue())
}
