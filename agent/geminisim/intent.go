package geminisim

import (
	"slices"
	"strings"
)

// kind is what a function is good for, as far as its name says.
type kind int

const (
	other kind = iota
	calculates
	tellsTime
	searches
	delegates
	kinds // how many there are
)

func kindOf(function string) kind {
	for _, w := range nameWords(function) {
		switch w {
		case "delegate", "subagent", "agent":
			return delegates
		case "calculate", "calculator", "calc", "math":
			return calculates
		case "time", "clock", "date", "datetime", "hora", "fecha":
			return tellsTime
		case "search", "lookup", "find", "wiki", "wikipedia", "google", "retrieve", "buscar", "busca":
			return searches
		}
	}
	return other
}

var (
	agentWords = set("sub-agent subagent sub-agents subagents subagente sub-agente subagentes")
	giveWords  = set("delegate delegates delega delegar delegue")
	fillers    = set("to that for about que para de del a al el la los las the this it esto eso sobre please por favor " +
		"what is are es son me us up out information informacion on in en how does do como acerca un una an")
	leadIns  = set("to that for about para sobre")
	trailers = set("is are es son please using with via con usando por favor to the el al a ask")
)

// delegated says whether t wants work done by the sub-agent, and which: what follows the sub-agent's name, else what
// stands before it. The work does not name the sub-agent again, so a sub-agent that reads it does it itself.
func (t task) delegated() (work string, ok bool) {
	from, to, next := 0, -1, 0 // the work before the name, and where the text after it begins
	for i, w := range t.words {
		switch {
		case giveWords[w.s]:
			if to < 0 {
				from, to = i+1, i+1
			}
			next = i + 1
		case agentWords[w.s]:
			to, next = i, i+1
		case i > 0 && t.words[i-1].s == "sub" && (w.s == "agent" || w.s == "agente"):
			to, next = i-1, i+1
		}
	}
	if to < 0 {
		return "", false
	}
	for next < len(t.words) && leadIns[t.words[next].s] {
		next++
	}
	if next < len(t.words) {
		return t.between(next, len(t.words)), true
	}
	for to > from && trailers[t.words[to-1].s] {
		to--
	}
	switch {
	case from < to:
		return t.between(from, to), true
	case t.spanish:
		return "Resume lo que sabes", true
	}
	return "Summarize what you know", true
}

func (t task) asksTime() bool {
	return slices.ContainsFunc(timePhrases, func(p phrase) bool { return t.find(p) >= 0 })
}

var timePhrases = phrases("what time", "current time", "time is it", "time in", "time it is", "time now", "local time",
	"me the time", "date", "today", "what day", "day is it", "hora", "fecha", "que dia", "hoy")

// searchPhrases begin a question for knowledge; what follows is the topic.
var searchPhrases = phrases(
	"search", "look up", "find", "explain", "describe", "define", "research", "investigate", "tell me about",
	"what is", "what are", "who is", "who was", "how does", "how do", "latest", "news",
	"busca", "buscar", "explica", "explicame", "explicar", "investiga", "averigua", "cuentame", "que es", "que son",
	"quien es", "quien fue", "como funciona", "noticias",
)

// topic is what t wants to know about.
func (t task) topic() (topic string, ok bool) {
	at, after := -1, 0
	for _, p := range searchPhrases {
		if i := t.find(p); i >= 0 && (at < 0 || i < at) {
			at, after = i, i+len(p)
		}
	}
	if at < 0 {
		return "", false
	}
	i, j := after, len(t.words)
	for i < j && fillers[t.words[i].s] {
		i++
	}
	for j > i && (trailers[t.words[j-1].s] || connectors[t.words[j-1].s]) {
		j--
	}
	return t.between(i, j), true
}

// cityZones are places whose IANA zone the model knows, by their plain lower-case names.
var cityZones = map[string]string{
	"utc": "UTC", "gmt": "UTC",
	"madrid": "Europe/Madrid", "barcelona": "Europe/Madrid", "espana": "Europe/Madrid", "spain": "Europe/Madrid",
	"london": "Europe/London", "londres": "Europe/London", "paris": "Europe/Paris", "berlin": "Europe/Berlin",
	"rome": "Europe/Rome", "roma": "Europe/Rome", "lisbon": "Europe/Lisbon", "lisboa": "Europe/Lisbon",
	"new york": "America/New_York", "nueva york": "America/New_York", "chicago": "America/Chicago",
	"los angeles": "America/Los_Angeles", "san francisco": "America/Los_Angeles", "toronto": "America/Toronto",
	"mexico": "America/Mexico_City", "bogota": "America/Bogota", "lima": "America/Lima", "caracas": "America/Caracas",
	"buenos aires": "America/Argentina/Buenos_Aires", "sao paulo": "America/Sao_Paulo",
	"tokyo": "Asia/Tokyo", "tokio": "Asia/Tokyo", "japan": "Asia/Tokyo", "japon": "Asia/Tokyo",
	"beijing": "Asia/Shanghai", "pekin": "Asia/Shanghai", "shanghai": "Asia/Shanghai", "hong kong": "Asia/Hong_Kong",
	"singapore": "Asia/Singapore", "singapur": "Asia/Singapore", "delhi": "Asia/Kolkata", "mumbai": "Asia/Kolkata",
	"dubai": "Asia/Dubai", "cairo": "Africa/Cairo", "sydney": "Australia/Sydney", "sidney": "Australia/Sydney",
}

var zoneAreas = set("africa america antarctica asia atlantic australia europe indian pacific etc")

// zones are the IANA zones t names, or whose cities it names, in order and each once.
func (t task) zones() (zones []string) {
	add := func(z string) {
		if !slices.Contains(zones, z) {
			zones = append(zones, z)
		}
	}
	for i, w := range t.words {
		if area, _, ok := strings.Cut(w.s, "/"); ok && zoneAreas[area] {
			add(string(t.runes[w.start:w.end]))
		}
		if z, ok := cityZones[w.s]; ok {
			add(z)
		} else if i > 0 {
			if z, ok := cityZones[t.words[i-1].s+" "+w.s]; ok {
				add(z)
			}
		}
	}
	return zones
}
