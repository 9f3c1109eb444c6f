// Package wordindex finds short texts by their words, in English and Spanish. It needs no service and no model, and is
// meant for some hundreds of texts: a search looks at every one.
//
// A word counts by where it stands (the weight of its part) and by how few texts hold it; one that only begins alike
// (application, applications) counts half.
package wordindex

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// Part is a piece of a text and how much a word in it says about the text.
type Part struct {
	Text   string
	Weight float64
}

// Index is an immutable collection of texts. It is safe for concurrent use.
type Index struct {
	terms []map[string]float64 // of each text: how much a word says about it
	rare  map[string]float64   // how much finding a word is worth
}

const (
	alike     = 0.5 // of a word that only begins alike
	alikeFrom = 5   // bytes both words share from their start
)

// New indexes texts, each given by its parts. A word in several parts counts by the heaviest.
func New(texts [][]Part) *Index {
	ix := &Index{rare: map[string]float64{}}
	found := map[string]int{}
	for _, parts := range texts {
		terms := map[string]float64{}
		for _, part := range parts {
			for _, word := range Words(part.Text) {
				terms[word] = max(terms[word], part.Weight)
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

// Hit is a text that was found: its place in what [New] was given, and how well it fits.
type Hit struct {
	Text  int
	Score float64
}

// Search returns the texts that hold at least one word of the query, best first; equally good ones in their order.
func (ix *Index) Search(query string) []Hit {
	var hits []Hit
	asked := Words(query)
	for i, terms := range ix.terms {
		score := 0.0
		for _, word := range asked {
			score += ix.worth(terms, word)
		}
		if score > 0 {
			hits = append(hits, Hit{i, score})
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
	return hits
}

// worth returns what one word of the query is worth in a text: the word itself, or the best one that begins alike.
func (ix *Index) worth(terms map[string]float64, asked string) float64 {
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

// Words splits s into lower-case words without accents; the small change of both languages is left out.
func Words(s string) []string {
	s = withoutAccents.Replace(strings.ToLower(s))
	all := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.DeleteFunc(all, func(word string) bool {
		return len(word) < 2 || strings.Contains(smallChange, " "+word+" ")
	})
}

var withoutAccents = strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ú", "u", "ü", "u", "ñ", "n")

const smallChange = " an and are as at be by can de del do does el en es for from how in into is it its la las lo los" +
	" not of on or para por que se su the that this to un una was what when which with without y "
