package mcptools

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestResult(t *testing.T) {
	text := func(s string) mcp.Content { return &mcp.TextContent{Text: s} }
	tests := []struct {
		name string
		in   mcp.CallToolResult
		want string // the JSON that the model gets
	}{
		{"text", mcp.CallToolResult{Content: []mcp.Content{text("sunny")}}, `"sunny"`},
		{"texts", mcp.CallToolResult{Content: []mcp.Content{text("a"), text("b")}}, `"a\n\nb"`},
		{"JSON object", mcp.CallToolResult{Content: []mcp.Content{text(` {"n":12345678901234567890}`)}},
			`{"n":12345678901234567890}`},
		{"JSON list", mcp.CallToolResult{Content: []mcp.Content{text(`[1,2]`)}}, `[1,2]`},
		{"a number stays a text", mcp.CallToolResult{Content: []mcp.Content{text(`42`)}}, `"42"`},
		{"broken JSON stays a text", mcp.CallToolResult{Content: []mcp.Content{text(`{"n":`)}}, `"{\"n\":"`},
		{"structured beats text", mcp.CallToolResult{Content: []mcp.Content{text(`old`)},
			StructuredContent: map[string]any{"t": 21.5}}, `{"t":21.5}`},
		{"nothing", mcp.CallToolResult{}, `""`},
		{"image", mcp.CallToolResult{Content: []mcp.Content{&mcp.ImageContent{MIMEType: "image/png", Data: []byte("12345")}}},
			`"[image, image/png, 5 bytes, not shown]"`},
		{"audio", mcp.CallToolResult{Content: []mcp.Content{&mcp.AudioContent{MIMEType: "audio/wav", Data: []byte("1")}}},
			`"[audio, audio/wav, 1 bytes, not shown]"`},
		{"link", mcp.CallToolResult{Content: []mcp.Content{&mcp.ResourceLink{Name: "doc", URI: "file:///x"}}},
			`"[link to doc: file:///x]"`},
		{"embedded text", mcp.CallToolResult{Content: []mcp.Content{&mcp.EmbeddedResource{
			Resource: &mcp.ResourceContents{URI: "u", Text: "body"}}}}, `"body"`},
		{"embedded bytes", mcp.CallToolResult{Content: []mcp.Content{&mcp.EmbeddedResource{
			Resource: &mcp.ResourceContents{URI: "u", MIMEType: "a/b", Blob: []byte("123")}}}},
			`"[resource u, a/b, 3 bytes, not shown]"`},
		{"embedded nothing", mcp.CallToolResult{Content: []mcp.Content{&mcp.EmbeddedResource{}}}, `""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := result(&tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if data, _ := json.Marshal(got); string(data) != tt.want {
				t.Errorf("result = %s, want %s", data, tt.want)
			}
		})
	}
}

func TestResultIsCutAtARune(t *testing.T) {
	for _, in := range []mcp.CallToolResult{
		{Content: []mcp.Content{&mcp.TextContent{Text: "x" + strings.Repeat("é", maxResult)}}},
		{StructuredContent: map[string]any{"x": strings.Repeat("é", maxResult)}},
	} {
		got, err := result(&in)
		text, ok := got.(string)
		if err != nil || !ok || len(text) > maxResult+64 || !strings.Contains(text, "[cut: ") {
			t.Fatalf("result = %T of %d bytes, %v", got, len(text), err)
		}
		if strings.ToValidUTF8(text, "") != text {
			t.Error("a rune was split")
		}
	}
}

func TestResultErrors(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"with a reason", "no such city", "no such city"},
		{"without", "", "the tool failed and gave no reason"},
		{"endless", strings.Repeat("x", 1<<20), strings.Repeat("x", maxError)},
	}
	for _, tt := range tests {
		_, err := result(&mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: tt.text}}})
		if err == nil || err.Error() != tt.want || reasonOf(err) != "tool_error" {
			t.Errorf("%s: %.60v (%s)", tt.name, err, reasonOf(err))
		}
	}
}
