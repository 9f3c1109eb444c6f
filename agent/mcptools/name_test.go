package mcptools

import (
	"regexp"
	"strings"
	"testing"
)

func TestFreeName(t *testing.T) {
	long := strings.Repeat("x", 130)
	tests := []struct {
		name   string
		taken  []string
		server string
		tool   string
		want   string
	}{
		{"free", nil, "wiki", "search", "search"},
		{"taken", []string{"search"}, "wiki", "search", "wiki_search"},
		{"prefixed one taken", []string{"search", "wiki_search"}, "wiki", "search", "wiki_search_2"},
		{"and the next", []string{"search", "wiki_search", "wiki_search_2"}, "wiki", "search", "wiki_search_3"},
		{"odd characters", nil, "wiki", "files/read all", "files_read_all"},
		{"odd server", []string{"search"}, "my wiki (test)", "search", "my_wiki__test__search"},
		{"not ASCII", nil, "wiki", "búsqueda", "b_squeda"},
		{"digit first", nil, "wiki", "3d.view", "_3d.view"},
		{"dash first", nil, "wiki", "-x", "_-x"},
		{"empty", nil, "wiki", "", "_"},
		{"long", nil, "wiki", long, long[:128]},
		{"long and taken", []string{long[:128], ("wiki_" + long)[:128]}, "wiki", long, ("wiki_" + long)[:126] + "_2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			taken := map[string]bool{}
			for _, name := range tt.taken {
				taken[name] = true
			}
			if got := freeName(taken, tt.server, tt.tool); got != tt.want {
				t.Errorf("freeName = %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzFreeName: whatever a service calls its tools, Gemini takes the name and no two are the same.
func FuzzFreeName(f *testing.F) {
	f.Add("wiki", "search")
	f.Add("", "")
	f.Add("a/b", strings.Repeat("é", 200))
	valid := regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$`)
	f.Fuzz(func(t *testing.T, server, tool string) {
		taken := map[string]bool{}
		for range 12 {
			name := freeName(taken, server, tool)
			if taken[name] || !valid.MatchString(name) {
				t.Fatalf("freeName(%q, %q) = %q", server, tool, name)
			}
			taken[name] = true
		}
	})
}
