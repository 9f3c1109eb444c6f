package wordindex

import (
	"slices"
	"testing"
)

func texts(list ...string) [][]Part {
	all := make([][]Part, len(list))
	for i, text := range list {
		all[i] = []Part{{Text: text, Weight: 1}}
	}
	return all
}

func found(hits []Hit) []int {
	list := []int{}
	for _, h := range hits {
		list = append(list, h.Text)
	}
	return list
}

func TestSearch(t *testing.T) {
	ix := New(texts(
		"Her cat is called Minka.",
		"Prefers answers in Spanish; vive en Málaga.",
		"Has two applications running in production.",
		"The cat eats fish, the dog eats fish.",
		"猫が好きです",
	))
	for query, want := range map[string][]int{
		"Minka":              {0},
		"cat Minka":          {0, 3},
		"fish":               {3},
		"MALAGA":             {1},
		"application":        {2}, // begins alike
		"the of and":         {},  // small change
		"":                   {},
		"\x00\xff\xfe":       {},
		"猫が好きです":             {4},
		"spanish production": {1, 2},
	} {
		if got := found(ix.Search(query)); !slices.Equal(got, want) {
			t.Errorf("Search(%q) = %v, want %v", query, got, want)
		}
	}
}

func TestEmptyIndexFindsNothing(t *testing.T) {
	if hits := New(nil).Search("anything"); len(hits) != 0 {
		t.Errorf("Search = %v", hits)
	}
}

// The heaviest part decides, and what is found is in the order of its worth.
func TestWeights(t *testing.T) {
	ix := New([][]Part{
		{{"a lighthouse by the sea", 1}},
		{{"lighthouse", 3}, {"lighthouse", 1}},
	})
	hits := ix.Search("lighthouse")
	if !slices.Equal(found(hits), []int{1, 0}) || hits[0].Score != 3*hits[1].Score {
		t.Errorf("Search = %+v", hits)
	}
}

func FuzzSearch(f *testing.F) {
	f.Add("Her cat is called Minka", "cat")
	f.Fuzz(func(t *testing.T, text, query string) {
		for _, h := range New(texts(text, query)).Search(query) {
			if h.Score <= 0 || h.Text < 0 || h.Text > 1 {
				t.Errorf("hit %+v", h)
			}
		}
	})
}
