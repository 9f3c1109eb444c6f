package remote

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
)

// Event is one event of a stream.
type Event struct {
	Name string // "" where the stream gives none
	Data []byte // the receiver's to keep
}

// Events reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) of at most so many bytes
// each; a longer one is ErrTooLarge. Comments, ids and events without data are left out. An error ends the stream; an event
// that has no blank line behind it counts when the stream ends well, because servers forget that line. The caller ends r.
func Events(r io.Reader, most int) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, most)
		lines.Split(splitLines())
		var e Event
		for first := true; lines.Scan(); first = false {
			line := lines.Bytes()
			if first {
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			if len(line) == 0 {
				if e.Data != nil && !yield(e, nil) {
					return
				}
				e = Event{}
				continue
			}
			name, value, _ := bytes.Cut(line, []byte(":"))
			value = bytes.TrimPrefix(value, []byte(" "))
			switch string(name) {
			case "event":
				e.Name = string(value)
			case "data":
				if len(e.Data)+len(value) > most {
					yield(Event{}, ErrTooLarge)
					return
				}
				if e.Data != nil {
					e.Data = append(e.Data, '\n')
				}
				e.Data = append(e.Data, value...)
				if e.Data == nil {
					e.Data = []byte{}
				}
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(Event{}, ErrTooLarge)
		case err != nil:
			yield(Event{}, err)
		case e.Data != nil:
			yield(e, nil)
		}
	}
}

// splitLines splits at \n, \r\n and \r. It does not wait to see what follows a \r: the event may be complete.
func splitLines() bufio.SplitFunc {
	var afterCR bool
	return func(data []byte, atEOF bool) (int, []byte, error) {
		skip := 0
		if afterCR && len(data) > 0 {
			afterCR = false
			if data[0] == '\n' {
				skip = 1
			}
		}
		i := bytes.IndexAny(data[skip:], "\r\n")
		switch {
		case i >= 0:
			afterCR = data[skip+i] == '\r'
			return skip + i + 1, data[skip : skip+i], nil
		case atEOF && len(data) > skip:
			return len(data), data[skip:], nil
		}
		return skip, nil, nil
	}
}
