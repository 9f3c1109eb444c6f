package session

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func toolAnswer(id string, results ...string) json.RawMessage {
	parts := make([]string, len(results))
	for i, r := range results {
		parts[i] = fmt.Sprintf(`{"functionResponse":{"id":"%s-%d","name":"search","response":{"output":%s}}}`, id, i, r)
	}
	return json.RawMessage(`{"role":"user","parts":[` + strings.Join(parts, ",") + `]}`)
}

func modelCall(signature string) json.RawMessage {
	return json.RawMessage(`{ "role":"model","parts":[{"functionCall":{"name":"search","args":{"q":"<&>"}},"thoughtSignature":"` + signature + `"}] }`)
}

func TestATurnThatFitsIsNotTouched(t *testing.T) {
	turn := Turn{Contents: []json.RawMessage{toolAnswer("a", `"`+strings.Repeat("x", 400_000)+`"`)}}
	before := string(turn.Contents[0])
	turn.fit(maxDocument)
	if turn.Shortened || string(turn.Contents[0]) != before {
		t.Error("shortened")
	}
}

// Whatever is in a turn, it fits afterwards; task, answer and what the model said stay whole, byte for byte, and each
// result still answers its call.
func TestFitShortensResultsAndNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	alphabets := []string{"x", `\"`, "é", "猫", "\x00", `"},{"`}
	answer := strings.Repeat("é", 1000)
	for range 20 {
		turn := Turn{Task: "task", Response: answer}
		for i := range 8 {
			quoted, _ := json.Marshal(strings.Repeat(alphabets[rng.IntN(len(alphabets))], 60_000+rng.IntN(60_000)))
			turn.Contents = append(turn.Contents, modelCall(strings.Repeat("AB+/", 50)), toolAnswer(fmt.Sprint(i), string(quoted), `"short"`))
		}
		before := turn.Contents
		const limit = 300_000
		turn.fit(limit)
		if !turn.Shortened || turn.size() > limit || turn.Response != answer || turn.Task != "task" {
			t.Fatalf("size %d, shortened %v", turn.size(), turn.Shortened)
		}
		if len(turn.Contents) != len(before) {
			t.Fatalf("%d messages of %d", len(turn.Contents), len(before))
		}
		for i, c := range turn.Contents {
			if i%2 == 0 {
				if string(c) != string(before[i]) {
					t.Fatalf("what the model said became %s", c)
				}
				continue
			}
			var m struct {
				Role  string `json:"role"`
				Parts []struct {
					Result struct {
						ID, Name string
						Response struct{ Output string }
					} `json:"functionResponse"`
				} `json:"parts"`
			}
			must(t, json.Unmarshal(c, &m))
			long, short := m.Parts[0].Result, m.Parts[1].Result
			if m.Role != "user" || long.ID != fmt.Sprintf("%d-0", i/2) || long.Name != "search" || short.Response.Output != "short" {
				t.Fatalf("message %+v", m)
			}
			if !strings.HasSuffix(long.Response.Output, "bytes were kept]") {
				t.Fatalf("not marked: %.60q", long.Response.Output)
			}
		}
	}
}

func TestTaskAndAnswerOutliveTheContents(t *testing.T) {
	turn := Turn{Task: "task", Response: "answer", Contents: []json.RawMessage{modelCall(strings.Repeat("A", 2<<20))}}
	turn.fit(maxDocument)
	if turn.Contents != nil || !turn.Shortened || turn.Response != "answer" {
		t.Errorf("turn = %+v", turn)
	}
}

func TestAnAnswerThatIsTooLongAloneIsCutAndMarked(t *testing.T) {
	turn := Turn{Task: "task", Response: strings.Repeat("é", 1<<20)}
	turn.fit(maxDocument)
	if turn.size() > maxDocument || !utf8.ValidString(turn.Response) || !strings.HasSuffix(turn.Response, "of 2097152 bytes were kept]") {
		t.Errorf("size %d, end %q", turn.size(), turn.Response[len(turn.Response)-60:])
	}
}

func FuzzFit(f *testing.F) {
	f.Add([]byte(toolAnswer("a", `"`+strings.Repeat("x", 3000)+`"`)), uint8(4))
	f.Add([]byte(`{"parts":null}`), uint8(1))
	f.Add([]byte(`{"parts":[{"functionResponse":{"response":[1,2,{"a":"b"}]}}]}`), uint8(3))
	f.Fuzz(func(t *testing.T, content []byte, times uint8) {
		turn := Turn{Task: "task", Response: "answer"}
		for range times % 40 {
			turn.Contents = append(turn.Contents, content)
		}
		limit := overhead + 4096
		turn.fit(limit)
		if turn.size() > limit || turn.Task != "task" || turn.Response != "answer" {
			t.Errorf("size %d", turn.size())
		}
		for _, c := range turn.Contents {
			if json.Valid(content) && !json.Valid(c) {
				t.Errorf("made %q of %q", c, content)
			}
		}
		turn.tokens()
	})
}
