package geminisim_test

import (
	"strings"
	"testing"
)

// A conversation without a key shows that it is one.
func TestTheModelKnowsWhatItWasTold(t *testing.T) {
	t.Parallel()
	const before = `{"role":"user","parts":[{"text":"My name is Ada. My city is Lima!"}]},{"role":"model","parts":[{"text":"Hello."}]},`
	for _, tt := range []struct{ before, ask, want string }{
		{before, "What is my name?", "Your name is Ada."},
		{before, "And what's my city?", "Your city is Lima."},
		{before, "¿Cuál es mi name?", "Tu name es Ada."},
		{before, "What is my age?", "cannot answer"},
		{"", "What is my name?", "cannot answer"},
	} {
		got := request(t, `{"contents":[`+tt.before+`{"role":"user","parts":[{"text":"`+tt.ask+`"}]}]}`)
		if said := got.Candidates[0].Content.Parts[0].Text; !strings.Contains(said, tt.want) {
			t.Errorf("%s: %q, want %q", tt.ask, said, tt.want)
		}
	}
}
