package geminisim

import (
	"regexp"
	"strings"
	"unicode"
)

// task is a text of the user, or a clause of it. It understands a few words of English and Spanish.
type task struct {
	text    []rune
	plain   string // of the same length, one byte a rune: lower case, without accents
	spanish bool
}

// maxTaskRunes is how far into a text the model reads.
const maxTaskRunes = 4000

func newTask(text string) task {
	r := []rune(strings.ToValidUTF8(text[:min(len(text), 4*maxTaskRunes)], ""))
	t := task{text: r[:min(len(r), maxTaskRunes)]}
	plain := make([]byte, len(t.text))
	for i, r := range t.text {
		plain[i] = fold(r)
	}
	t.plain = string(plain)
	t.spanish = strings.ContainsAny(strings.ToLower(string(t.text)), "¿¡ñáéíóú") ||
		len(spanishWords.FindAllString(t.plain, -1)) > len(englishWords.FindAllString(t.plain, -1))
	return t
}

var (
	spanishWords = regexp.MustCompile(`\b(?:que|es|el|la|los|las|de|del|y|en|un|una|cual|cuanto|cuantos|busca|explica|dime|hora|por|para|pregunta|hola|puedes|gracias)\b`)
	englishWords = regexp.MustCompile(`\b(?:the|is|are|what|of|and|a|an|in|to|it|for|how|much|search|explain|tell|time|ask|hello|please|you|can)\b`)
)

const accents = "áaéeíióoúuüuñnàaèeòoçc¿?¡!×*·*÷/−-“\"”\"«\"»\"’'"

// fold is the one byte that r counts as; letters nobody here knows are a letter of a word all the same.
func fold(r rune) byte {
	r = unicode.ToLower(r)
	switch i := strings.IndexRune(accents, r); {
	case r < unicode.MaxASCII:
		return byte(r)
	case i >= 0:
		return accents[i+len(string(r))]
	case unicode.IsLetter(r):
		return '_'
	}
	return '~'
}

// slice is a part of t, without the punctuation around it.
func (t task) slice(from, to int) task {
	for from < to && strings.IndexByte(" \t\r\n.,;:?!~", t.plain[from]) >= 0 {
		from++
	}
	for to > from && strings.IndexByte(" \t\r\n.,;:?!~", t.plain[to-1]) >= 0 {
		to--
	}
	return task{text: t.text[from:to], plain: t.plain[from:to], spanish: t.spanish}
}

func (t task) String() string { return strings.Trim(string(t.text), ` "'`) }

// newClause is where something new to do begins: after the end of a sentence, or with one of the words that start
// a request after «and» or a comma.
var newClause = regexp.MustCompile(`(?:[?!;\n]+\s*|\.\s+)()\S|` +
	`(?:,|\b(?:and|then|also|y|e|luego|despues|tambien|ademas))\s+(?:(?:and|then|also|y|luego|please)\s+)*` +
	`()(?:what|who|how|calculate|compute|search|find|look|tell|explain|ask|give|describe|define|research|which|when|delegate|` +
	`que|cual|quien|cuanto|calcula|busca|dime|explica|explicame|pregunta|define|investiga|cuentame|delega)\b`)

func (t task) clauses() (clauses []task) {
	from := 0
	cut := func(to, next int) {
		if c := t.slice(from, to); len(c.text) > 0 {
			clauses = append(clauses, c)
		}
		from = next
	}
	for _, m := range newClause.FindAllStringSubmatchIndex(t.plain, -1) {
		cut(m[0], max(m[2], m[4]))
	}
	cut(len(t.plain), 0)
	return clauses
}

var (
	// Between «ask» and the sub-agent stands nothing but its article; what else stands before it is the work.
	subAgent = regexp.MustCompile(`\b(?:(?:ask|tell|pregunta(?:le)?|pide(?:le)?|dile|using|with|via|to|con|usando)\s+)?(?:(?:the|el|al|la|a|tu|your)\s+)*sub[- ]?agent[es]*\b`)
	give     = regexp.MustCompile(`\b(?:please\s+)?(?:delegate|delega|delegar)\b(?:\s+(?:this|esto)\b)?`)
	leadIn   = regexp.MustCompile(`^\W*(?:(?:to|that|for|about|para|sobre|que)\s+)*`)
	hangOver = regexp.MustCompile(`(?:\s+(?:to|using|with|via|al|a|con|usando|and|y))+\W*$`)
)

// delegated says whether t wants work done by the sub-agent, and which. The work does not name the sub-agent again, so
// a sub-agent that reads it does it itself.
func (t task) delegated() (work string, ok bool) {
	m := subAgent.FindStringIndex(t.plain)
	g := give.FindStringIndex(t.plain)
	if m == nil && g == nil {
		return "", false
	}
	before, after := task{}, task{}
	if m == nil {
		m = g
	}
	after = t.slice(m[1], len(t.plain))
	after = after.slice(len(leadIn.FindString(after.plain)), len(after.plain))
	before = t.slice(0, m[0])
	if g != nil && g[1] <= m[0] {
		before = t.slice(g[1], m[0])
	}
	if hang := hangOver.FindStringIndex(before.plain); hang != nil {
		before = before.slice(0, hang[0])
	}
	for _, work := range []task{after, before} {
		if len(work.text) > 0 && !subAgent.MatchString(work.plain) {
			return work.String(), true
		}
	}
	return t.say("Summarize what you know", "Resume lo que sabes"), true
}

var (
	asksTime = regexp.MustCompile(`\b(?:(?:what|current|local|the) time|time (?:is it|in|it is|now)|date|today|what day|day is it|hora|fecha|que dia|hoy)\b`)
	// What follows these is the topic of a search.
	asksTopic = regexp.MustCompile(`\b(?:search(?: for)?|look up|find(?: out)?|explain|describe|define|research|investigate|` +
		`tell me about|what (?:is|are)|who (?:is|was)|how do(?:es)?|latest|news|busca(?:r|me)?|explica(?:r|me)?|investiga|averigua|` +
		`cuentame|que (?:es|son)|quien (?:es|fue)|como funcionan?|noticias)\b`)
	topicStart = regexp.MustCompile(`^\W*(?:(?:to|that|for|about|on|in|me|us|up|out|please|what|how|is|are|does|do|it|the|a|an|information|` +
		`que|para|de|del|a|al|el|la|los|las|sobre|acerca|es|son|en|un|una|por favor|informacion|como)\b\W*)*`)
	topicEnd = regexp.MustCompile(`(?:\W+(?:is|are|es|son|please|por favor|and|y))+\W*$`)
)

// topic is what t wants to know about.
func (t task) topic() (topic string, ok bool) {
	m := asksTopic.FindStringIndex(t.plain)
	if m == nil {
		return "", false
	}
	rest := t.slice(m[1], len(t.plain))
	from, to := len(topicStart.FindString(rest.plain)), len(rest.plain)
	if end := topicEnd.FindStringIndex(rest.plain); end != nil && end[0] > from {
		to = end[0]
	}
	if rest = rest.slice(min(from, to), to); len(rest.text) == 0 {
		return t.String(), true
	}
	return rest.String(), true
}

// cityZones are places whose IANA zone the model knows.
var cityZones = map[string]string{
	"utc": "UTC", "gmt": "UTC", "madrid": "Europe/Madrid", "spain": "Europe/Madrid", "london": "Europe/London",
	"londres": "Europe/London", "paris": "Europe/Paris", "berlin": "Europe/Berlin", "rome": "Europe/Rome", "roma": "Europe/Rome",
	"new york": "America/New_York", "nueva york": "America/New_York", "chicago": "America/Chicago",
	"san francisco": "America/Los_Angeles", "mexico": "America/Mexico_City", "bogota": "America/Bogota", "lima": "America/Lima",
	"buenos aires": "America/Argentina/Buenos_Aires", "tokyo": "Asia/Tokyo", "tokio": "Asia/Tokyo", "beijing": "Asia/Shanghai",
	"singapore": "Asia/Singapore", "delhi": "Asia/Kolkata", "dubai": "Asia/Dubai", "cairo": "Africa/Cairo", "sydney": "Australia/Sydney",
}

var place = regexp.MustCompile(`\b(?:(?:africa|america|asia|atlantic|australia|europe|indian|pacific|etc)/[a-z_/+-]+[a-z]|[a-z]+)\b`)

// zones are the IANA zones t names, or whose cities it names, in order and each once.
func (t task) zones() (zones []string) {
	seen := map[string]bool{}
	last := ""
	for _, m := range place.FindAllStringIndex(t.plain, -1) {
		word := t.plain[m[0]:m[1]]
		zone, city := cityZones[word], cityZones[last+" "+word]
		switch {
		case strings.Contains(word, "/"):
			zone = string(t.text[m[0]:m[1]])
		case city != "":
			zone = city
		}
		if last = word; zone != "" && !seen[zone] {
			seen[zone] = true
			zones = append(zones, zone)
		}
	}
	return zones
}

// say is a text in the task's language.
func (t task) say(en, es string) string {
	if t.spanish {
		return es
	}
	return en
}
