package searchservice

import (
	"strings"
	"testing"
)

func TestSearchFinds(t *testing.T) {
	ix := newIndex(collection)
	for query, want := range map[string]string{
		"machine learning aplicaciones":              "ml-applications",
		"aplicaciones del aprendizaje automático":    "ml-applications",
		"applications of machine learning":           "ml-applications",
		"APRENDIZAJE SUPERVISADO":                    "ml-supervised",
		"¿Qué es la propagación de contexto?":        "obs-propagation",
		"How does sampling work":                     "obs-sampling",
		"muestreo":                                   "obs-sampling",
		"cold start":                                 "serverless-scaling",
		"arranque en frio":                           "serverless-scaling",
		"goroutine":                                  "go-concurrency",
		"Model Context Protocol":                     "mcp",
		"what happens to the CPU after the response": "serverless-cpu",
	} {
		hits := ix.search(query)
		if len(hits) == 0 || hits[0].ID != want {
			t.Errorf("search(%q) = %v, want %s first", query, ids(hits), want)
		}
	}
}

func TestSearchFindsNothing(t *testing.T) {
	hits := newIndex(collection).search("zzz quaternion")
	if hits == nil || len(hits) != 0 {
		t.Errorf("search = %#v, want an empty list", hits)
	}
}

func TestSearchIsStable(t *testing.T) {
	ix := newIndex(collection)
	want := ids(ix.search("trazas errores agentes modelo"))
	for range 50 { // maps are walked in another order each time
		if got := ids(ix.search("trazas errores agentes modelo")); got != want {
			t.Fatalf("order changed: %s, then %s", want, got)
		}
	}
}

func TestCollection(t *testing.T) {
	seen := map[string]bool{}
	for _, text := range collection {
		if text.ID == "" || text.Title == "" || len(text.Text) < 100 || text.also == "" || seen[text.ID] {
			t.Errorf("text %q is incomplete or there twice", text.ID)
		}
		seen[text.ID] = true
	}
}

func ids(hits []text) string {
	var list []string
	for _, hit := range hits {
		list = append(list, hit.ID)
	}
	return strings.Join(list, " ")
}
