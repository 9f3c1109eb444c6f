package function

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/make-it-yours.md says is pasted into a copy of this package, and the test that it shows is run there.
func TestMakeItYoursAsPasted(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/make-it-yours.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		t.Fatalf("the page has %d blocks of Go, want the tool, its line and its test", len(blocks))
	}
	tool, line, test := blocks[0][1], blocks[1][1], blocks[2][1]
	mine, err := os.ReadFile("tools.go")
	if err != nil {
		t.Fatal(err)
	}
	const end = "\treturn tools\n"
	if strings.Count(string(mine), end) != 1 {
		t.Fatal("Tools does not end where the page's line belongs")
	}
	dir := t.TempDir()
	module, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// An overlay lays the pasted files over the module: nothing in it is written to.
	overlay := write("overlay.json", `{"Replace": {`+
		quote(filepath.Join(module, "tools.go"))+`: `+
		quote(write("tools.go", strings.Replace(string(mine), end, line+end, 1)+"\n"+tool))+`, `+
		quote(filepath.Join(module, "free_rooms_test.go"))+`: `+
		quote(write("free_rooms_test.go", "package function\n\nimport (\n\t\"testing\"\n\n\t\"example.com/gemini-agent/agent\"\n"+
			"\t\"example.com/gemini-agent/agent/agenttest\"\n)\n\n"+test))+`}}`)
	out, err := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-run", "^TestFreeRooms$", "-v", ".").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFreeRooms") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func quote(path string) string { return `"` + filepath.ToSlash(path) + `"` }
