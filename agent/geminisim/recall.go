package geminisim

import (
	"regexp"
	"strings"
)

// What the user has said of themselves, and asks for later: «My name is Ada.», «What is my name?»
var (
	saysMine = regexp.MustCompile(`(?i)\b(?:my|mi)\s+(\pL+)\s+(?:is|es)\s+([^.,;:!?\n]+)`)
	asksMine = regexp.MustCompile(`(?i)\b(?:what(?:'s|\s+is)\s+my|cu[aá]l\s+es\s+mi)\s+(\pL+)\s*\?`)
)

// recall answers what the user asks of what they have told in an earlier turn, the latest first; "": they have not.
func (req *GenerateContentRequest) recall(t text) string {
	asked := asksMine.FindStringSubmatch(string(t))
	if asked == nil {
		return ""
	}
	for i := req.currentTurn() - 1; i >= 0; i-- {
		if req.Contents[i].Role == "model" {
			continue
		}
		for _, p := range req.Contents[i].Parts {
			for _, said := range saysMine.FindAllStringSubmatch(p.Text, -1) {
				if strings.EqualFold(said[1], asked[1]) {
					return t.say([2]string{"Your ", "Tu "}) + said[1] + t.say([2]string{" is ", " es "}) + strings.TrimSpace(said[2]) + "."
				}
			}
		}
	}
	return ""
}
