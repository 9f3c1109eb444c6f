package geminisim

import (
	"regexp"
	"slices"
	"strings"
)

// text is what the user said, or a clause of it. It understands a few words of English and Spanish.
type text string

var (
	spanish = regexp.MustCompile(`(?i)[¿¡ñáéíóú]|\b(?:que|busca|calcula|cuanto|delega|dime|escribe|explica|gracias|hola|hora|pregunta|quien)\b`)
	greets  = regexp.MustCompile(`(?i)^\W*(?:hello|hi|hey|good (?:morning|evening|afternoon)|hola|buen[oa]s(?: d[ií]as| tardes| noches)?)\b(?:[\s\pP]+\pL+){0,2}[\s\pP]*$`)
	asksFor = regexp.MustCompile(`(?i)\bwhat can you do\b|\b(?:your|which|what) tools\b|\bhelp\W*$|\bqu[eé] (?:puedes|sabes) hacer\b|\b(?:qu[eé]|cu[aá]les|tus) herramientas\b|\bayuda\W*$`)
)

// say is a sentence in the language of t.
func (t text) say(in [2]string) string {
	if spanish.MatchString(string(t)) {
		return in[1]
	}
	return in[0]
}

// Something new to do begins after the end of a sentence, and with a verb after «and» or a comma.
var (
	sentenceEnd = regexp.MustCompile(`[?!;\n]+|\.\s+`)
	newClause   = regexp.MustCompile(`(?i)(?:,|\s(?:and|then|also|y|e|luego|tambi[eé]n))\s+(?:(?:and|then|also|y|luego|please)\s+)*` +
		`((?:what|who|how|calculate|compute|search|find|look|tell|explain|ask|give|describe|define|research|which|when|delegate|` +
		`qu[eé]|cu[aá]l|qui[eé]n|cu[aá]nto|calcula|busca|dime|explica|expl[ií]came|pregunta|investiga|cu[eé]ntame|delega)\s)`)
)

const around = " \t\r\n.,;:?!¿¡\"'`"

func (t text) clauses() (clauses []text) {
	lines := newClause.ReplaceAllString(sentenceEnd.ReplaceAllString(string(t), "\n"), "\n$1")
	for line := range strings.SplitSeq(lines, "\n") {
		if line = strings.Trim(line, around); line != "" {
			clauses = append(clauses, text(line))
		}
	}
	return clauses
}

var (
	subAgent = regexp.MustCompile(`(?i)(?:\b(?:ask|tell|please|pregunta(?:le)?|p[ií]de(?:le)?|dile|using|with|via|to|con|usando)\s+)*` +
		`(?:\b(?:the|el|al|la|a|tu|your)\s+)*(?:\b(?:the|al|tu|your)\s+[\w-]+\s+)?\bsub[- ]?agent[es]*\b[\s,:]*(?:(?:to|that|for|about|para|sobre)\s+)?`)
	delegate = regexp.MustCompile(`(?i)^(?:please\s+)?(?:delegate|delega|delegar)\b(?:\s+(?:this|esto)\b)?[\s,:]*`)
)

// delegated is the work that t wants done by the sub-agent. It does not name the sub-agent again, so a sub-agent that
// reads it does it itself.
func (t text) delegated() []string {
	if !subAgent.MatchString(string(t)) && !delegate.MatchString(string(t)) {
		return nil
	}
	work := strings.Trim(subAgent.ReplaceAllString(delegate.ReplaceAllString(string(t), ""), " "), around)
	if work == "" {
		work = t.say([2]string{"Summarize what you know", "Resume lo que sabes"})
	}
	return []string{work}
}

var (
	asksTime = regexp.MustCompile(`(?i)\b(?:(?:what|current|local|the) time|time is it|date|today|what day|hora|fecha|qu[eé] d[ií]a|hoy)\b`)
	zone     = regexp.MustCompile(`\b(?:Africa|America|Asia|Australia|Europe|Pacific)/[A-Za-z_/]+\b|(?i:\b(?:` + strings.Join(cities, "|") + `)\b)`)
	cities   = strings.Fields(`utc madrid london londres paris berlin new.york nueva.york lima tokyo tokio sydney`)
	zones    = strings.Fields(`UTC Europe/Madrid Europe/London Europe/London Europe/Paris Europe/Berlin America/New_York
		America/New_York America/Lima Asia/Tokyo Asia/Tokyo Australia/Sydney`)
)

// zones are the IANA zones t names, or whose cities it names, when it asks for the time.
func (t text) zones() (found []string) {
	if !asksTime.MatchString(string(t)) {
		return nil
	}
	for _, name := range zone.FindAllString(string(t), -1) {
		if i := slices.Index(cities, strings.ReplaceAll(strings.ToLower(name), " ", ".")); i >= 0 {
			name = zones[i]
		}
		if !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		found = []string{""}
	}
	return found
}

var (
	asksTopic = regexp.MustCompile(`(?i)\b(?:search(?: for)?|look up|find(?: out)?|explain|describe|define|research|investigate|tell me about|what (?:is|are)|` +
		`who (?:is|was)|how do(?:es)?|news|busca(?:r|me)?|expl[ií]ca(?:r|me)?|investiga|cu[eé]ntame|qu[eé] (?:es|son)|qui[eé]n (?:es|fue)|noticias)\b`)
	topicStart = regexp.MustCompile(`(?i)^[\s\pP]*(?:(?:to|that|for|about|on|in|me|please|what|how|is|are|the|an?|information|` +
		`qu[eé]|para|del?|al?|el|la|los|las|sobre|es|son|en|un|una|informaci[oó]n|c[oó]mo)(?:[\s\pP]+|$))*`)
	topicEnd = regexp.MustCompile(`(?i)(?:[\s\pP]+(?:is|are|es|son|please|por favor))+$`)
)

// topic is what t wants to know about.
func (t text) topic() []string {
	m := asksTopic.FindStringIndex(string(t))
	if m == nil {
		return nil
	}
	topic := topicEnd.ReplaceAllString(topicStart.ReplaceAllString(string(t)[m[1]:], ""), "")
	if topic = strings.Trim(topic, around); topic == "" {
		topic = string(t)
	}
	return []string{topic}
}

var (
	percent = regexp.MustCompile(`(?i)(\d)\s*(?:%|percent|por ciento)\s*(?:of|de)\s`)
	sum     = regexp.MustCompile(`(?i)(?:\(\s*)*-?\d+(?:[.,]\d+)*(?:\s*\))*(?:\s*(?:\*\*|[-−+*×/÷^x]|plus|minus|times|divided by|to the power of|m[aá]s|menos|por|entre)` +
		`\s*(?:\(\s*)*[-−]?\d+(?:[.,]\d+)*(?:\s*\))*)+`)
	asksSum  = regexp.MustCompile(`(?i)(?:calculate|compute|what(?: i|')s|how much is|cu[aá]nto (?:es|son|da)|calcula)\W*$`)
	notASum  = regexp.MustCompile(`^[\d.,]+(?:[-/][\d.,]+)+$|\d[.,]\d+[.,]\d+[.,]`) // a range, a date, a telephone number, an address
	thousand = regexp.MustCompile(`(\d),(\d{3})\b`)
	signs    = strings.NewReplacer("−", "-", "×", "*", "÷", "/", "x", "*", "X", "*", "plus", "+", "minus", "-", "times", "*", "divided by", "/",
		"to the power of", "^", "más", "+", "mas", "+", "menos", "-", "por", "*", "entre", "/", ",", ".")
)

// sums are the arithmetic expressions in t. What may be a range, a date or a telephone number counts when the text asks
// to work it out.
func (t text) sums() (sums []string) {
	s := percent.ReplaceAllString(string(t), "$1 / 100 * ")
	for _, m := range sum.FindAllStringIndex(s, -1) {
		found := strings.TrimSpace(s[m[0]:m[1]])
		if strings.Count(found, "(") == strings.Count(found, ")") && (!notASum.MatchString(found) || asksSum.MatchString(s[:m[0]])) {
			sums = append(sums, signs.Replace(thousand.ReplaceAllString(found, "$1$2")))
		}
	}
	return sums
}
