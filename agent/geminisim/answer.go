package geminisim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxResultRunes bounds what an answer repeats of one result.
const maxResultRunes = 600

// answer puts the results of the turn's calls into words.
func answer(results []result, spanish bool) string {
	lines := make([]string, len(results))
	for i, r := range results {
		lines[i] = sentence(r, spanish)
	}
	return strings.Join(lines, "\n")
}

func sentence(r result, spanish bool) string {
	var response map[string]any
	_ = json.Unmarshal(r.response, &response) // an object: decodeRequest has seen to that
	if fault, ok := response["error"]; ok && fault != nil {
		return say(spanish, "The tool %s failed: %s", "La herramienta %s falló: %s", r.call.Name, flatten(fault, 0))
	}
	var args map[string]any
	_ = json.Unmarshal(r.call.Args, &args) // likewise
	given := func(names []string) string {
		for _, n := range names {
			if s, ok := args[n].(string); ok {
				return s
			}
		}
		return ""
	}
	got := clipRunes(flatten(response, 0), maxResultRunes)
	switch kindOf(r.call.Name) {
	case calculates:
		if e := given(expressionArguments); e != "" {
			return e + " = " + got
		}
	case tellsTime:
		if z := given(zoneArguments); z != "" {
			return say(spanish, "The time in %s: %s", "La hora en %s: %s", z, got)
		}
	case searches:
		if q := given(textArguments); q != "" {
			return say(spanish, "About %s: %s", "Sobre %s: %s", q, got)
		}
	case delegates:
		return say(spanish, "The sub-agent says: %[2]s", "El subagente dice: %[2]s", r.call.Name, got)
	}
	return r.call.Name + ": " + got
}

func say(spanish bool, en, es string, a, b string) string {
	if spanish {
		en = es
	}
	return fmt.Sprintf(en, a, b)
}

// tellingKeys are the members of a result that say most, best first.
var tellingKeys = strings.Fields("output result results answer response summary text content items documents " +
	"formatted time datetime value snippet title")

// flatten puts a result into a line.
func flatten(v any, depth int) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var parts []string
		for _, e := range v[:min(len(v), 3)] {
			parts = append(parts, flatten(e, depth+1))
		}
		return strings.Join(parts, "; ")
	case map[string]any:
		for _, k := range tellingKeys {
			if x, ok := v[k]; ok && x != nil && depth < 8 {
				return flatten(x, depth+1)
			}
		}
		var parts []string
		for k, x := range v {
			parts = append(parts, k+": "+flatten(x, depth+1))
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	}
	b, _ := json.Marshal(v) // a number or a boolean
	return string(b)
}

// knowledge answers without a function.
func knowledge(t task) string {
	switch {
	case t.has("machine learning", "aprendizaje automatico") && t.spanish:
		return "El machine learning (aprendizaje automático) es la rama de la inteligencia artificial en la que un " +
			"programa aprende de datos en vez de seguir reglas escritas a mano. Se entrena un modelo con ejemplos y " +
			"después se usa para predecir casos nuevos. Aplicaciones: detección de fraude, recomendaciones, " +
			"diagnóstico por imagen, traducción, mantenimiento predictivo y asistentes como este."
	case t.has("machine learning"):
		return "Machine learning is the branch of artificial intelligence in which a program learns from data instead " +
			"of following rules written by hand. A model is trained on examples and then used to predict new cases. " +
			"It is used for fraud detection, recommendations, medical imaging, translation, predictive maintenance " +
			"and assistants such as this one."
	case t.has("hello", "hi", "hey") && len(t.words) < 6:
		return "Hello! I am the simulated Gemini. What can I do for you?"
	case t.has("hola", "buenas", "buenos dias") && len(t.words) < 6:
		return "¡Hola! Soy el Gemini simulado. ¿En qué puedo ayudarte?"
	case len(t.words) == 0:
		return say(t.spanish, "The simulated model has read your message%s%s.",
			"El modelo simulado ha leído tu mensaje%s%s.", "", "")
	}
	return say(t.spanish, "The simulated model has read your task «%s»%s and needs no tool for it.",
		"El modelo simulado ha leído tu tarea «%s»%s y no necesita ninguna herramienta.", t.between(0, len(t.words)), "")
}
