package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"example.com/gemini-agent/bench/process"
)

// TestConversationsPageCurls: what docs/conversations.md shows works as pasted, in its order.
func TestConversationsPageCurls(t *testing.T) {
	for _, name := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("the page's commands need ", name)
		}
	}
	page, err := os.ReadFile("../docs/conversations.md")
	if err != nil {
		t.Fatal(err)
	}
	var script []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1) {
		script = append(script, string(block[1]))
	}
	r := startLocal(t, process.Build(t, localMain), "OTEL_TRACES_EXPORTER=none")
	out, err := exec.Command("bash", "-c", "set -e\n"+strings.ReplaceAll(strings.Join(script, ""), "localhost:8080", "localhost:"+r.port)).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"response":"6*7 = 42"`, `"session_id":"s1","turn":1,"session_saved":true`,
		`"response":"Your name is Ada."`, `"session_id":"s1","turn":2,"session_saved":true`, `{"session_id":"s1","user_id":"ada","turns":[{"turn":1,`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands did not answer %s:\n%s", want, out)
		}
		if strings.HasPrefix(want, `"`) && !strings.Contains(string(page), want) {
			t.Errorf("the page does not show %s", want)
		}
	}
	if !strings.Contains(r.stdout()+r.stderr(), `session deleted`) {
		t.Error("the session was not deleted")
	}
}
