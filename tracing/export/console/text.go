package console

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// style is the set of marks: plain ASCII, or line drawing and colours for a terminal.
type style struct {
	color               bool
	branch, last, pipe  string
	fill, fillError     string
	ellipsis, separator string
	arrow, to           string
}

func newStyle(color, unicode bool) style {
	if !unicode {
		return style{
			color: color, branch: "|-", last: "`-", pipe: "| ", fill: "=", fillError: "x",
			ellipsis: "..", separator: " | ", arrow: "->", to: ">",
		}
	}
	return style{
		color: color, branch: "├╴", last: "└╴", pipe: "│ ", fill: "━", fillError: "━",
		ellipsis: "…", separator: " · ", arrow: "→", to: "→",
	}
}

// ANSI "select graphic rendition" codes.
const (
	styleNone    = ""
	styleBold    = "1"
	styleDim     = "2"
	styleRed     = "31"
	styleGreen   = "32"
	styleYellow  = "33"
	styleBlue    = "34"
	styleMagenta = "35"
	styleCyan    = "36"
)

func (s style) paint(code, text string) string {
	if !s.color || code == styleNone || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// plainText makes a text from outside fit for a line of the terminal: valid, no line breaks, and no control
// or direction characters, which could rewrite what stands there.
func plainText(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cutText shortens s to at most width columns, the mark included. It never splits a rune.
func cutText(s string, width int, mark string) string {
	if textWidth(s) <= width {
		return s
	}
	room := max(0, width-textWidth(mark))
	used := 0
	for i, r := range s {
		if used += runeWidth(r); used > room {
			return s[:i] + mark
		}
	}
	return s
}

// cutMiddle shortens s to at most width columns, the mark included, in the middle: beginning and end tell names apart.
func cutMiddle(s string, width int, mark string) string {
	room := width - textWidth(mark)
	if textWidth(s) <= width || room < 2 {
		return cutText(s, width, mark)
	}
	head := cutText(s, (room+1)/2, "")
	tail, used := len(s), 0
	for tail > len(head) {
		r, size := utf8.DecodeLastRuneInString(s[:tail])
		if used += runeWidth(r); used > room-textWidth(head) {
			break
		}
		tail -= size
	}
	return head + mark + s[tail:]
}

// fit joins as many items as there is room for; the first that does not fit is cut, if enough of it is left to read.
func fit(items []string, width int, mark string) string {
	const separator, readable = "  ", 8
	line := ""
	for i, item := range items {
		if i > 0 {
			item = separator + item
		}
		room := width - textWidth(line)
		if textWidth(item) > room {
			if i == 0 || room >= len(separator)+readable {
				line += cutText(item, room, mark)
			}
			return line
		}
		line += item
	}
	return line
}

func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth returns the columns of a rune: 0 for combining marks, 2 for the wide scripts and emoji.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r):
		return 0
	case r >= 0x1100 && r <= 0x115F,
		r >= 0x2E80 && r <= 0xA4CF,
		r >= 0xAC00 && r <= 0xD7A3,
		r >= 0xF900 && r <= 0xFAFF,
		r >= 0xFE30 && r <= 0xFE6F,
		r >= 0xFF00 && r <= 0xFF60,
		r >= 0xFFE0 && r <= 0xFFE6,
		r >= 0x1F300 && r <= 0x1FAFF,
		r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}
