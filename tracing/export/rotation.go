package export

import "sync"

// Rotation holds a connection that can be replaced while it is in use: who has it goes on with it, who comes later gets
// the new one, and the old one is closed when its last user is done. Safe for concurrent use.
type Rotation[T any] struct {
	open  func() (T, error)
	close func(T)

	mu      sync.Mutex
	current *turn[T] // nil: closed
}

type turn[T any] struct {
	value T
	users int
	old   bool
}

// NewRotation opens the first connection.
func NewRotation[T any](open func() (T, error), shut func(T)) (*Rotation[T], error) {
	first, err := open()
	if err != nil {
		return nil, err
	}
	return &Rotation[T]{open: open, close: shut, current: &turn[T]{value: first}}, nil
}

// Take returns the current connection, and done for when it is not needed any more; ok is false after Close.
func (r *Rotation[T]) Take() (value T, done func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.current
	if t == nil {
		return value, nil, false
	}
	t.users++
	return t.value, func() { r.leave(t) }, true
}

func (r *Rotation[T]) leave(t *turn[T]) {
	r.mu.Lock()
	t.users--
	last := t.old && t.users == 0
	r.mu.Unlock()
	if last {
		r.close(t.value)
	}
}

// Renew makes a new connection the current one; when that fails, the old one stays.
func (r *Rotation[T]) Renew() {
	next, err := r.open()
	if err != nil {
		return
	}
	r.mu.Lock()
	old := r.current
	if old == nil { // closed meanwhile
		r.mu.Unlock()
		r.close(next)
		return
	}
	r.current, old.old = &turn[T]{value: next}, true
	unused := old.users == 0
	r.mu.Unlock()
	if unused {
		r.close(old.value)
	}
}

// Close closes the current connection at once, under whoever uses it.
func (r *Rotation[T]) Close() {
	r.mu.Lock()
	t := r.current
	r.current = nil
	r.mu.Unlock()
	if t != nil { // its users' leave does not close it again: it is not old
		r.close(t.value)
	}
}
