package searchservice

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
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
	terms []map[string]float64 // of each text: how much a word says about it
	rare  map[string]float64   // how much finding a word is worth
}

// Weights of where a word stands, and of a word that only begins alike (aplicacion, aplicaciones).
const (
	inTitle, inAlso, inText = 3.0, 2.0, 1.0
	alike                   = 0.5
	alikeFrom               = 5 // letters both words share from their start
)

func (t text) inSpanish() string {
	if t.Spanish == nil {
		return ""
	}
	return t.Spanish.Title + " " + t.Spanish.Text
}

func newIndex(texts []text) *index {
	ix := &index{texts: texts, rare: map[string]float64{}}
	found := map[string]int{}
	for _, t := range texts {
		terms := map[string]float64{}
		for _, part := range []struct {
			text   string
			weight float64
		}{{t.Title, inTitle}, {t.also, inAlso}, {t.Text, inText}, {t.inSpanish(), inText}} {
			for _, word := range words(part.text) {
				terms[word] = max(terms[word], part.weight)
			}
		}
		for word := range terms {
			found[word]++
		}
		ix.terms = append(ix.terms, terms)
	}
	for word, n := range found {
		ix.rare[word] = math.Log(1 + float64(len(texts))/float64(n))
	}
	return ix
}

// search returns the texts that hold at least one word of the query, best first; equally good ones in their order.
// The result is never nil, so that it is an empty list in JSON.
func (ix *index) search(query string) []text {
	type hit struct {
		text  text
		score float64
	}
	var hits []hit
	asked := words(query)
	for i, terms := range ix.terms {
		score := 0.0
		for _, word := range asked {
			score += ix.worth(terms, word)
		}
		if score > 0 {
			hits = append(hits, hit{ix.texts[i], score})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	found := make([]text, len(hits))
	for i, h := range hits {
		if found[i] = h.text; h.text.Spanish != nil && asksInSpanish.MatchString(query) {
			found[i] = *h.text.Spanish
		}
	}
	return found
}

// worth returns what one word of the query is worth in a text: the word itself, or the best one that begins alike.
func (ix *index) worth(terms map[string]float64, asked string) float64 {
	if weight, ok := terms[asked]; ok {
		return weight * ix.rare[asked]
	}
	best := 0.0
	for word, weight := range terms {
		if beginAlike(word, asked) {
			best = max(best, alike*weight*ix.rare[word])
		}
	}
	return best
}

// beginAlike says whether one word is the other plus an ending of up to four letters.
func beginAlike(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= alikeFrom && len(b)-len(a) <= 4 && strings.HasPrefix(b, a)
}

// words splits s into lower-case words without accents; the small change of both languages is left out.
func words(s string) []string {
	s = withoutAccents.Replace(strings.ToLower(s))
	all := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.DeleteFunc(all, func(word string) bool {
		return len(word) < 2 || strings.Contains(smallChange, " "+word+" ")
	})
}

var withoutAccents = strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ú", "u", "ü", "u", "ñ", "n")

const smallChange = " an and are as at be by can de del do does el en es for from how in into is it its la las lo los" +
	" not of on or para por que se su the that this to un una was what when which with without y "
