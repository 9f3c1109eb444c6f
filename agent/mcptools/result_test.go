package mcptools

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestResult(t *testing.T) {
	tests := []struct {
		name, in string
		want     string // the JSON that the model gets
	}{
		{"text", `{"content":[{"type":"text","text":"sunny"}]}`, `"sunny"`},
		{"texts", `{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`, `"a\n\nb"`},
		{"a text that is JSON stays a text, byte for byte", `{"content":[{"type":"text","text":" [{\"id\":1234567890123456789}]"}]}`,
			`" [{\"id\":1234567890123456789}]"`},
		{"a text with a number too large for any float", `{"content":[{"type":"text","text":"{\"limit\":1e400}"}]}`, `"{\"limit\":1e400}"`},
		{"structure keeps its numbers", `{"content":[],"structuredContent":{"n":12345678901234567890,"e":1e400}}`,
			`{"n":12345678901234567890,"e":1e400}`},
		{"structure written out", `{"content":[{"type":"text","text":"{ \"t\": 21.5 }"}],"structuredContent":{"t":21.5}}`, `{"t":21.5}`},
		{"structure that wraps the text", `{"content":[{"type":"text","text":"hello"}],"structuredContent":{"result":"hello"}}`,
			`{"result":"hello"}`},
		{"structure that wraps a list", `{"content":[{"type":"text","text":"[1,2]"}],"structuredContent":{"result":[1,2]}}`,
			`{"result":[1,2]}`},
		{"text and structure", `{"content":[{"type":"text","text":"the file"}],"structuredContent":{"lines":3}}`,
			`{"structured":{"lines":3},"text":"the file"}`},
		{"structure that is no object", `{"content":[],"structuredContent":[1,"a"]}`, `[1,"a"]`},
		{"structure that is nothing", `{"content":[{"type":"text","text":"a"}],"structuredContent":null}`, `"a"`},
		{"nothing", `{}`, `""`},
		{"image", `{"content":[{"type":"image","mimeType":"image/png","data":"MTIzNDU="}]}`, `"[image, image/png, 5 bytes, not shown]"`},
		{"image in base64url, unpadded", `{"content":[{"type":"image","mimeType":"image/png","data":"_-8"},{"type":"text","text":"a"}]}`,
			`"[image, image/png, 2 bytes, not shown]\n\na"`},
		{"audio", `{"content":[{"type":"audio","mimeType":"audio/wav","data":"MQ=="}]}`, `"[audio, audio/wav, 1 bytes, not shown]"`},
		{"link", `{"content":[{"type":"resource_link","name":"doc","uri":"file:///x"}]}`, `"[link to doc: file:///x]"`},
		{"embedded text", `{"content":[{"type":"resource","resource":{"uri":"u","text":"body"}}]}`, `"body"`},
		{"embedded bytes", `{"content":[{"type":"resource","resource":{"uri":"u","mimeType":"a/b","blob":"MTIz"}}]}`,
			`"[resource u, a/b, 3 bytes, not shown]"`},
		{"embedded nothing", `{"content":[{"type":"resource"},{"type":"resource","resource":null}]}`, `""`},
		{"a part of a kind to come", `{"content":[{"type":"chart","data":[1]},{"type":"text","text":"good"}]}`,
			`"[a part of the type \"chart\", not shown]\n\ngood"`},
		{"a part of a kind to come with a text", `{"content":[{"type":"note","text":"read me"}]}`, `"read me"`},
		{"parts that are none", `{"content":[null,7,"words",{"type":5},{"text":7}]}`,
			`"words\n\n[a part of the type \"\", not shown]\n\n[a part of the type \"\", not shown]"`},
		{"one part without a list", `{"content":{"type":"text","text":"alone"}}`, `"alone"`},
		{"a mere text", `{"content":"alone"}`, `"alone"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := result(json.RawMessage(tt.in))
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
	for _, in := range []string{
		`{"content":[{"type":"text","text":"x` + strings.Repeat("é", maxResult) + `"}]}`,
		`{"structuredContent":{"x":"` + strings.Repeat("é", maxResult) + `"}}`,
	} {
		got, err := result(json.RawMessage(in))
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
	long := strings.Repeat("x", 1<<20)
	for _, tt := range []struct{ name, in, reason, want string }{
		{"with a reason", `{"isError":true,"content":[{"type":"text","text":"no such city"}]}`, "tool_error", "no such city"},
		{"with a structure", `{"isError":true,"content":[],"structuredContent":{"code":7}}`, "tool_error", `{"code":7}`},
		{"with both", `{"isError":true,"content":[{"type":"text","text":"no"}],"structuredContent":{"code":7}}`, "tool_error", "no\n{\"code\":7}"},
		{"without a reason", `{"isError":true,"content":[]}`, "tool_error", "the tool failed and gave no reason"},
		{"endless", `{"isError":true,"content":[{"type":"text","text":"` + long + `"}]}`, "tool_error", long[:maxError]},
		{"a question", `{"resultType":"input_required","content":[]}`, "input_required", "the tool asks for input that this agent cannot give"},
	} {
		_, err := result(json.RawMessage(tt.in))
		if err == nil || err.Error() != tt.want || reasonOf(err) != tt.reason {
			t.Errorf("%s: %.60v (%s)", tt.name, err, reasonOf(err))
		}
	}
}

// FuzzResult: whatever a service calls a result, there is one for the model that is JSON, or an error with a text.
func FuzzResult(f *testing.F) {
	f.Add(`{"content":[{"type":"text","text":"a"},{"type":"resource","resource":{"blob":"x"}}],"structuredContent":{"result":1}}`)
	f.Add(`{"content":{"type":[]},"isError":"true"}`)
	f.Fuzz(func(t *testing.T, in string) {
		got, err := result(json.RawMessage(in))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		if _, err := json.Marshal(got); err != nil && json.Valid([]byte(in)) {
			t.Error(err)
		}
	})
}
