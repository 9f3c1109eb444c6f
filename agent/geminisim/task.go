package geminisim

import (
	"slices"
	"strings"
	"unicode"
)

// task is a text of the user, or a clause of it, cut into words. It understands some English and some Spanish.
type task struct {
	runes   []rune
	words   []word
	spanish bool
}

// word is lower case without accents; start and end are its place in the runes.
type word struct {
	s          string
	start, end int
}

// maxTaskRunes is how far into a text the model reads.
const maxTaskRunes = 4000

var accents = strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ú", "u", "ü", "u", "ñ", "n")

// plain is s in lower case and without accents.
func plain(r []rune) string {
	s := strings.ToLower(string(r))
	if len(s) == len(r) { // ASCII
		return s
	}
	return accents.Replace(s)
}

func newTask(text string) task {
	r := []rune(text[:min(len(text), 4*maxTaskRunes)])
	t := task{runes: r[:min(len(r), maxTaskRunes)]}
	for i := 0; i < len(t.runes); i++ {
		if !isWord(t.runes[i]) {
			continue
		}
		start := i
		// A hyphen, slash or underscore between letters is part of the word: sub-agent, Europe/Madrid.
		for i < len(t.runes) && (isWord(t.runes[i]) ||
			strings.ContainsRune("-/_", t.runes[i]) && i+1 < len(t.runes) && unicode.IsLetter(t.runes[i+1]) &&
				unicode.IsLetter(t.runes[i-1])) {
			i++
		}
		t.words = append(t.words, word{plain(t.runes[start:i]), start, i})
	}
	t.spanish = isSpanish(t)
	return t
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var (
	spanishWords = set("que es el la los las de del y en un una cual cuanto cuantos busca explica dime hora por para " +
		"pregunta hola")
	englishWords = set("the is are what of and a an in to it for how much search explain tell time ask hello please")
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

func isSpanish(t task) bool {
	if slices.ContainsFunc(t.runes, func(r rune) bool { return strings.ContainsRune("¿¡ñÑáéíóúÁÉÍÓÚ", r) }) {
		return true
	}
	es, en := 0, 0
	for _, w := range t.words {
		if spanishWords[w.s] {
			es++
		}
		if englishWords[w.s] {
			en++
		}
	}
	return es > en
}

// phrase is plain lower-case words in a row.
type phrase []string

func phrases(texts ...string) []phrase {
	ps := make([]phrase, len(texts))
	for i, s := range texts {
		ps[i] = strings.Fields(s)
	}
	return ps
}

// find returns the index of the first word of p in t, -1 when it is not there.
func (t task) find(p phrase) int {
	for i := 0; i+len(p) <= len(t.words); i++ {
		n := 0
		for n < len(p) && t.words[i+n].s == p[n] {
			n++
		}
		if n == len(p) {
			return i
		}
	}
	return -1
}

func (t task) has(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return t.find(strings.Fields(w)) >= 0 })
}

// between is the original text of the words from i to before j, with what stands between them; t.clip when there are
// none.
func (t task) between(i, j int) string {
	if i >= j {
		return t.clip()
	}
	start, end := t.words[i].start, t.words[j-1].end
	if j == len(t.words) {
		end = len(t.runes)
	}
	return clipRunes(strings.Trim(string(t.runes[start:end]), " \t\r\n.,;:¿?¡!\"'"), 200)
}

// clip is the beginning of the text.
func (t task) clip() string { return clipRunes(strings.TrimSpace(string(t.runes)), 200) }

func clipRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

var (
	connectors = set("and then also y e luego despues tambien ademas")
	starters   = set("what who how calculate compute search find look tell explain ask give describe define research " +
		"which when que cual quien cuanto calcula busca dime explica explicame pregunta define describe investiga cuentame")
)

// clauses cuts t at the end of sentences and where «and» begins something new to do.
func (t task) clauses() (clauses []task) {
	from, start := 0, 0
	closeAt := func(i, end int) {
		if i > from {
			clauses = append(clauses, t.slice(from, i, start, end))
		}
		from, start = i, end
	}
	for i := 1; i < len(t.words); i++ {
		gap := string(t.runes[t.words[i-1].end:t.words[i].start])
		sentence := strings.ContainsAny(gap, "?!;\n¿¡") || strings.Contains(gap, ". ")
		fresh := starters[t.words[i].s] && (connectors[t.words[i-1].s] || strings.Contains(gap, ","))
		if sentence || fresh {
			closeAt(i, t.words[i-1].end)
		}
	}
	closeAt(len(t.words), len(t.runes))
	return clauses
}

func (t task) slice(from, to, start, end int) task {
	c := task{runes: t.runes[start:end], spanish: t.spanish}
	for _, w := range t.words[from:to] {
		c.words = append(c.words, word{w.s, w.start - start, w.end - start})
	}
	return c
}

// mentions says whether the words of a function's name stand in t: get_weather in «the weather in Lima».
func (t task) mentions(function string) bool {
	if t.find(phrase{strings.ToLower(function)}) >= 0 {
		return true
	}
	n := 0
	for _, w := range nameWords(function) {
		if slices.Contains([]string{"get", "list", "fetch", "read", "the", "tool"}, w) {
			continue
		}
		if t.find(phrase{w}) < 0 {
			return false
		}
		n++
	}
	return n > 0
}

// nameWords cuts a function's name at punctuation and at capitals.
func nameWords(name string) []string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case unicode.IsUpper(r):
			b.WriteByte(' ')
			b.WriteRune(unicode.ToLower(r))
		case isWord(r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}
