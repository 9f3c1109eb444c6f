package searchservice

import (
	"regexp"

	"example.com/gemini-agent/agent/wordindex"
)

// text is one entry of the collection.
type text struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text"`
	// also are further words to find it by.
	also string
	// Spanish is the same in Spanish, for who asks in Spanish.
	Spanish *text `json:"-"`
}

// asksInSpanish is what tells the language of a query.
var asksInSpanish = regexp.MustCompile(`(?i)[ñáéíóú¿¡]|\b(?:el|la|los|las|de|del|y|sus?|en|por|para|que|qué|una?|como)\b`)

// index finds texts by their words.
type index struct {
	texts []text
	words *wordindex.Index
}

// Weights of where a word stands.
const inTitle, inAlso, inText = 3.0, 2.0, 1.0

func (t text) inSpanish() string {
	if t.Spanish == nil {
		return ""
	}
	return t.Spanish.Title + " " + t.Spanish.Text
}

func newIndex(texts []text) *index {
	parts := make([][]wordindex.Part, len(texts))
	for i, t := range texts {
		parts[i] = []wordindex.Part{{Text: t.Title, Weight: inTitle}, {Text: t.also, Weight: inAlso}, {Text: t.Text, Weight: inText},
			{Text: t.inSpanish(), Weight: inText}}
	}
	return &index{texts: texts, words: wordindex.New(parts)}
}

// search returns the texts that hold at least one word of the query, best first; equally good ones in their order.
// The result is never nil, so that it is an empty list in JSON.
func (ix *index) search(query string) []text {
	hits := ix.words.Search(query)
	found := make([]text, len(hits))
	for i, h := range hits {
		t := ix.texts[h.Text]
		if found[i] = t; t.Spanish != nil && asksInSpanish.MatchString(query) {
			found[i] = *t.Spanish
		}
	}
	return found
}
