package session

import (
	"cmp"
	"container/list"
	"context"
	"iter"
	"slices"
	"sync"
)

// MemoryConfig bounds a [Memory]. The zero value is the default.
type MemoryConfig struct {
	MaxBytes         int // of all documents; default 64 MiB
	MaxConversations int // each user with facts counts as one; default 10,000
}

// Memory is a Store in this process: for local runs and tests. It is bounded: the conversation that was written to or
// read longest ago is forgotten first, then the oldest turns of the only one left. It ends with the process, and other
// instances do not see it.
type Memory struct {
	cfg MemoryConfig

	mu      sync.Mutex
	folders map[string]*list.Element // of *folder, by path
	recent  *list.List               // the latest first
	bytes   int
}

// folder is what lies at one path: turns or facts.
type folder struct {
	path  string
	bytes int
	turns []*Turn // by number
	facts []*Fact // by time
}

// NewMemory returns an empty store.
func NewMemory(cfg MemoryConfig) *Memory {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 64<<20)
	cfg.MaxConversations = cmp.Or(cfg.MaxConversations, 10_000)
	return &Memory{cfg: cfg, folders: map[string]*list.Element{}, recent: list.New()}
}

// Server says that the store is in this process.
func (m *Memory) Server() (string, int) { return "", 0 }

// Close does nothing.
func (m *Memory) Close() error { return nil }

// folderLocked returns what lies at path and makes it the latest used; nil: nothing.
func (m *Memory) folderLocked(path string) *folder {
	e := m.folders[path]
	if e == nil {
		return nil
	}
	m.recent.MoveToFront(e)
	return e.Value.(*folder)
}

// change lets work change what lies at path, and keeps the store's bounds.
func (m *Memory) change(ctx context.Context, path string, work func(*folder)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changeLocked(path, work)
	return nil
}

func (m *Memory) changeLocked(path string, work func(*folder)) {
	f := m.folderLocked(path)
	if f == nil {
		f = &folder{path: path}
		m.folders[path] = m.recent.PushFront(f)
	}
	work(f)
	m.bytes -= f.bytes
	f.bytes = 0
	for _, t := range f.turns {
		f.bytes += t.size()
	}
	for _, fact := range f.facts {
		f.bytes += fact.size()
	}
	m.bytes += f.bytes
	if len(f.turns)+len(f.facts) == 0 {
		m.dropLocked(path)
	}
	for (m.bytes > m.cfg.MaxBytes || len(m.folders) > m.cfg.MaxConversations) && m.recent.Len() > 1 {
		m.dropLocked(m.recent.Back().Value.(*folder).path)
	}
	for m.bytes > m.cfg.MaxBytes && len(f.turns) > 1 { // one conversation alone
		n := f.turns[0].size()
		f.turns = slices.Delete(f.turns, 0, 1)
		f.bytes -= n
		m.bytes -= n
	}
}

func (m *Memory) dropLocked(path string) {
	e := m.folders[path]
	m.bytes -= e.Value.(*folder).bytes
	m.recent.Remove(e)
	delete(m.folders, path)
}

func (f *folder) find(number int) (int, bool) {
	return slices.BinarySearchFunc(f.turns, number, func(t *Turn, n int) int { return cmp.Compare(t.Number, n) })
}

func (f *folder) put(t *Turn) {
	kept := *t
	kept.Contents = slices.Clone(t.Contents)
	i, there := f.find(t.Number)
	if there {
		f.turns[i] = &kept
		return
	}
	f.turns = slices.Insert(f.turns, i, &kept)
}

// Create stores a new turn.
func (m *Memory) Create(ctx context.Context, path string, t *Turn) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.folderLocked(path); f != nil {
		if i, there := f.find(t.Number); there {
			if f.turns[i].Token == t.Token {
				return nil
			}
			return ErrExists
		}
	}
	m.changeLocked(path, func(f *folder) { f.put(t) })
	return nil
}

// Put stores a turn.
func (m *Memory) Put(ctx context.Context, path string, t *Turn) error {
	return m.change(ctx, path, func(f *folder) { f.put(t) })
}

// Turns returns turns as they are when it is called.
func (m *Memory) Turns(ctx context.Context, path string, q Query) iter.Seq2[*Turn, error] {
	return func(yield func(*Turn, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		for _, t := range m.newest(path, q) {
			if !yield(t, nil) {
				return
			}
		}
	}
}

func (m *Memory) newest(path string, q Query) []*Turn {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.folderLocked(path)
	if f == nil {
		return nil
	}
	turns := f.turns
	if q.Before > 0 {
		i, _ := f.find(q.Before)
		turns = turns[:i]
	}
	turns = slices.Clone(turns[max(0, len(turns)-q.Limit):])
	slices.Reverse(turns)
	for i, t := range turns {
		copied := *t
		if copied.Contents = slices.Clone(t.Contents); q.Bare {
			copied.Contents = nil
		}
		turns[i] = &copied
	}
	return turns
}

// Delete removes a turn.
func (m *Memory) Delete(ctx context.Context, path string, number int) error {
	return m.change(ctx, path, func(f *folder) {
		f.turns = slices.DeleteFunc(f.turns, func(t *Turn) bool { return t.Number == number })
	})
}

// DeleteTurns removes all turns but one.
func (m *Memory) DeleteTurns(ctx context.Context, path string, except int) error {
	return m.change(ctx, path, func(f *folder) {
		f.turns = slices.DeleteFunc(f.turns, func(t *Turn) bool { return t.Number != except })
	})
}

// PutFact stores a fact.
func (m *Memory) PutFact(ctx context.Context, path string, fact *Fact) error {
	return m.change(ctx, path, func(f *folder) {
		kept := *fact
		f.facts = append(slices.DeleteFunc(f.facts, func(old *Fact) bool { return old.ID == fact.ID }), &kept)
		slices.SortStableFunc(f.facts, func(a, b *Fact) int { return a.Time.Compare(b.Time) })
	})
}

// Facts returns the newest facts.
func (m *Memory) Facts(ctx context.Context, path string, limit int) ([]*Fact, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.folderLocked(path)
	if f == nil {
		return nil, nil
	}
	facts := slices.Clone(f.facts[max(0, len(f.facts)-limit):])
	slices.Reverse(facts)
	for i, fact := range facts {
		copied := *fact
		facts[i] = &copied
	}
	return facts, nil
}

// DeleteFacts removes facts.
func (m *Memory) DeleteFacts(ctx context.Context, path string, ids ...string) error {
	return m.change(ctx, path, func(f *folder) {
		f.facts = slices.DeleteFunc(f.facts, func(fact *Fact) bool { return slices.Contains(ids, fact.ID) })
	})
}
