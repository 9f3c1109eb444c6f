package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/agenttrace"
)

// comparable is what a stream and a plain answer of the same content have in common: all but their place and the bytes
// that go back, which keep the shape in which they came.
func comparable(p *Reply) any {
	if p == nil {
		return nil
	}
	c := *p
	var message any
	if c.Turn.Message != nil {
		message = c.Turn.Message()
	}
	c.Turn, c.ID, c.FirstContent = Turn{}, "", time.Time{}
	c.Thoughts = c.Thoughts && c.Text == "" // a signature that stands alone counts as a thought, and in a stream it stands alone
	return struct {
		Reply
		Message any
	}{c, message}
}

// Whatever the model says, a stream of it makes the same reply as the whole.
func TestStreamMakesTheReplyOfGenerate(t *testing.T) {
	call := geminisim.Call{Name: "search", ID: "c1", Args: map[string]any{"query": "日本", "n": 1.5}}
	for name, script := range map[string]geminisim.Reply{
		"text":           geminisim.Text("The quick brown fox jumps over the lazy dog, and naïve 🎉 readers like <b>it</b>."),
		"thoughts":       geminisim.Text("So it is.").WithThought("one two three four five six seven eight nine"),
		"only thoughts":  geminisim.ThoughtOnly("one two three four five six seven eight"),
		"calls":          geminisim.Calls(call, geminisim.Call{Name: "other", ID: "c2"}),
		"text and calls": geminisim.Calls(call).WithText("Let me look that up for you, one moment please."),
		"blocked prompt": geminisim.Blocked("SAFETY"),
		"blocked answer": geminisim.Finish("RECITATION", ""),
		"cut answer":     geminisim.MaxTokens("one two three four five six seven eight"),
		"stopped":        geminisim.Finish("OTHER", "one two"),
		"garbled call":   geminisim.MalformedCall("call:search{query:"),
		"nothing":        geminisim.NoCandidates(),
		"usage":          geminisim.Text("hi").WithUsage(geminisim.Usage{Prompt: 9, Candidates: 4, Thoughts: 3, Cached: 2, ToolUsePrompt: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			plain, _ := newGemini(t, nil, script)
			want, err := plain.Generate(t.Context(), question)
			if err != nil {
				t.Fatal(err)
			}
			streaming, sim := newGemini(t, nil, script)
			var said strings.Builder
			got, err := streaming.Stream(t.Context(), question, func(s string) { said.WriteString(s) })
			if err != nil {
				t.Fatal(err)
			}
			if g, w := comparable(got), comparable(want); !reflect.DeepEqual(g, w) {
				t.Errorf("got  %+v\nwant %+v", g, w)
			}
			if said.String() != want.Text {
				t.Errorf("said %q, want %q", said.String(), want.Text)
			}
			if got.FirstContent.IsZero() != (got.Turn.Native == nil) || !want.FirstContent.IsZero() {
				t.Errorf("first content at %v, and at %v of a plain answer", got.FirstContent, want.FirstContent)
			}
			if r := sim.Requests()[0]; !r.Stream || r.Query != "alt=sse" {
				t.Errorf("asked %s?%s", r.Path, r.Query)
			}
		})
	}
}

// What was streamed goes back as it came: a signature stands where it stood, and the service takes it.
func TestStreamedTurnGoesBack(t *testing.T) {
	g, sim := newGemini(t, nil,
		geminisim.Calls(geminisim.Call{Name: "search", Args: map[string]any{"q": "x"}}).WithText("one two three four five six seven").WithThought("hm"),
		geminisim.Text("eight nine ten eleven twelve thirteen fourteen"), geminisim.Text("done"))
	nobody := func(string) {}
	first, err := g.Stream(t.Context(), question, nobody)
	if err != nil {
		t.Fatal(err)
	}
	turns := append(question.Turns[:1:1], first.Turn, Turn{Results: []ToolResult{{ID: first.Calls[0].ID, Name: "search", Output: json.RawMessage(`"found"`)}}})
	second, err := g.Stream(t.Context(), &Request{Turns: turns}, nobody)
	if err != nil {
		t.Fatal(err)
	}
	turns = append(turns, second.Turn, Turn{Text: "and now?"})
	if _, err := g.Stream(t.Context(), &Request{Turns: turns}, nobody); err != nil {
		t.Fatal(err)
	}
	if content := string(second.Turn.Native.(json.RawMessage)); strings.Count(content, `"text"`) != 2 || !strings.Contains(content, "thoughtSignature") {
		t.Errorf("the texts are not one, or the signature is gone: %s", content)
	}
	if n := len(sim.Requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// replay is a model whose service answers with these bytes, which end with err.
func replay(t testing.TB, body []byte, err error, wrap func(io.Reader) io.Reader) *Gemini {
	t.Helper()
	g, newErr := NewGemini(t.Context(), GeminiConfig{
		Getenv: getenv(map[string]string{"GEMINI_API_KEY": "k"}), MaxAttempts: 1,
		HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			in := io.Reader(bytes.NewReader(body))
			if err != nil {
				in = io.MultiReader(in, iotest.ErrReader(err))
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(wrap(in))}, nil
		})},
	})
	if newErr != nil {
		t.Fatal(newErr)
	}
	return g
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func asItIs(r io.Reader) io.Reader { return r }

func recordedStream(t testing.TB) []byte {
	raw, err := os.ReadFile("testdata/stream.sse")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A recorded stream, cut anywhere by a connection that breaks or ends: the same reply or an error, and never a text that
// the model did not say.
func TestStreamCutAnywhere(t *testing.T) {
	whole := recordedStream(t)
	var text string
	want, err := replay(t, whole, nil, iotest.OneByteReader).Stream(t.Context(), question, func(s string) { text += s })
	if err != nil || text != "Señor, 日本の歴史 🎉 & <b>" || len(want.Calls) != 2 || !want.Thoughts ||
		want.Usage != (agenttrace.Usage{InputTokens: 41, OutputTokens: 72, CachedInputTokens: 16, ReasoningTokens: 41}) {
		t.Fatalf("%+v, %v, said %q", want, err, text)
	}
	if n, _ := want.Calls[0].Args["limit"].(json.Number); n != "1234567890123456789" {
		t.Errorf("limit is %v", want.Calls[0].Args["limit"])
	}
	good := 0
	for cut := range len(whole) {
		for _, end := range []error{nil, io.ErrUnexpectedEOF} {
			var said string
			got, err := replay(t, whole[:cut], end, asItIs).Stream(t.Context(), question, func(s string) { said += s })
			if !strings.HasPrefix(text, said) {
				t.Fatalf("cut at %d: said %q", cut, said)
			}
			if err == nil {
				good++
				if end != nil || !reflect.DeepEqual(comparable(got), comparable(want)) && got.Finish != FinishNoCandidates {
					t.Fatalf("cut at %d (%v): %+v", cut, end, got)
				}
				continue
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != KindModel || e.Reason != "bad_response" {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if got != nil && got.Text != said || got == nil && said != "" {
				t.Fatalf("cut at %d: said %q, and there is %+v", cut, said, got)
			}
		}
	}
	if good == 0 || good > 200 {
		t.Errorf("%d cuts made a reply: only what cuts nothing of the content may", good)
	}
}

// A service, or what stands before it, may not stream at all.
func TestAnswerThatIsNoStream(t *testing.T) {
	const chunk = `{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}`
	for body, want := range map[string]string{
		chunk: "hi", "[" + chunk + "," + chunk + "]": "hihi", "[" + chunk: "", "[]": "", `{"error":{"code":503}}`: "", chunk + chunk: "",
	} {
		got, err := replay(t, []byte(body), nil, asItIs).Stream(t.Context(), question, func(string) {})
		if (err == nil) != (want != "") || err == nil && (got.Text != want || got.Finish != FinishStop) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// FuzzStream: whatever a service sends, and in whatever pieces, there is a reply or an error of the model, and the text is
// what was handed on.
func FuzzStream(f *testing.F) {
	f.Add(recordedStream(f))
	f.Add([]byte(`[{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}]`))
	f.Add([]byte("data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n"))
	f.Add([]byte(`data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"x","partialArgs":[{"jsonPath":"$.a[0]['b']","stringValue":"c"}],"willContinue":true}}]}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ask := func(wrap func(io.Reader) io.Reader) any {
			var said string
			got, err := replay(t, body, nil, wrap).Stream(t.Context(), question, func(s string) { said += s })
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Message == "" {
					t.Fatalf("%v", err)
				}
			}
			if got == nil && err == nil || got != nil && got.Text != said {
				t.Fatalf("said %q, and there is %+v, %v", said, got, err)
			}
			return comparable(got)
		}
		if whole, bytewise := ask(asItIs), ask(iotest.OneByteReader); !reflect.DeepEqual(whole, bytewise) {
			t.Fatalf("whole: %+v\nbytewise: %+v", whole, bytewise)
		}
	})
}

// A stream that breaks before its first text is asked for again; after it, that is an error with what came.
func TestBrokenStreams(t *testing.T) {
	answer := geminisim.Text("one two three four five six seven eight nine ten")
	chunk := func(text string) string {
		return `data: {"candidates":[{"content":{"parts":[` + text + `]}}],"usageMetadata":{"promptTokenCount":7}}` + "\n\n"
	}
	const failed = "data: {\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\n\n"
	stream := func(body string) geminisim.Reply { return geminisim.Raw(200, "text/event-stream", body) }
	for name, tc := range map[string]struct {
		broken geminisim.Reply
		reason string // of the error; "": it is tried again
		said   string
	}{
		"before anything":    {answer.CutAfter(0), "", ""},
		"in the first chunk": {answer.CutAfter(60), "", ""},
		"in the thoughts":    {stream(chunk(`{"text":"hm","thought":true}`)), "", ""},
		"after a call":       {stream(chunk(`{"functionCall":{"name":"x"}}`)), "", ""},
		"failed at first":    {stream(failed), "", ""},
		"no stream":          {geminisim.HTML(200), "", ""},
		"in the text":        {stream(chunk(`{"text":"one "}`) + chunk(`{"text":"two"}`)), "bad_response", "one two"},
		"failed in the text": {stream(chunk(`{"text":"one "}`) + failed), "503", "one "},
		"garbled":            {stream(chunk(`{"text":"one"}`) + "data: {\n\n"), "bad_response", "one"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, sim := newGemini(t, nil, tc.broken, answer)
				var said strings.Builder
				got, err := g.Stream(within(t, time.Minute), question, func(s string) { said.WriteString(s) })
				if tc.reason == "" {
					if err != nil || got.Attempts != 2 || said.String() != got.Text || got.Text != "one two three four five six seven eight nine ten" {
						t.Errorf("%+v, %v, said %q", got, err, said.String())
					}
					return
				}
				if e := wantError(t, err, KindModel, tc.reason); e.Attempts != 1 || len(sim.Requests()) != 1 {
					t.Errorf("tried %d times", e.Attempts)
				}
				if got == nil || got.Text != tc.said || said.String() != tc.said || got.Usage.InputTokens != 7 {
					t.Errorf("%+v, said %q", got, said.String())
				}
			})
		})
	}
}

// A service that says nothing is left within three quarters of the time; one that has begun may take all of it.
func TestSilentStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := geminisim.Text("one two three four five six seven eight")
		g, _ := newGemini(t, nil, answer.StallAfter(10), answer, answer.StallAfter(400))
		g.endpoint.client.Transport = piped{g.endpoint.client.Transport.(inMemory).server}
		start := time.Now()
		got, err := g.Stream(within(t, time.Minute), question, func(string) {})
		if err != nil || got.Attempts != 2 || time.Since(start) != 45*time.Second+250*time.Millisecond {
			t.Errorf("%+v, %v after %v", got, err, time.Since(start))
		}
		start = time.Now()
		got, err = g.Stream(within(t, time.Minute), question, func(string) {})
		wantError(t, err, KindTimeout, "timeout")
		if got == nil || got.Text != "one two three four five six " || time.Since(start) != time.Minute {
			t.Errorf("%+v after %v", got, time.Since(start))
		}
	})
}

func TestLeavingAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGemini(t, nil, geminisim.Text("one two three four five six seven eight").StallAfter(400))
		g.endpoint.client.Transport = piped{g.endpoint.client.Transport.(inMemory).server}
		ctx, leave := context.WithCancel(t.Context())
		got, err := g.Stream(ctx, question, func(string) { leave() })
		wantError(t, err, KindCanceled, "canceled")
		if got == nil || got.Text == "" || got.Usage.InputTokens == 0 {
			t.Errorf("%+v", got)
		}
	})
}

// Nobody can make us keep more than we want to.
func TestStreamIsBounded(t *testing.T) {
	chunk := []byte(`data: {"candidates":[{"content":{"parts":[{"text":"` + strings.Repeat("x", 1<<20) + `"}]}}]}` + "\n\n")
	for name, body := range map[string]io.Reader{
		"text without end": &endless{chunk: chunk}, "line without end": &endless{chunk: bytes.Repeat([]byte("x"), 1<<20)},
		"events without end": &endless{chunk: []byte("data: {" + strings.Repeat(" ", 100_000) + "}\n\n")},
	} {
		t.Run(name, func(t *testing.T) {
			g := replay(t, nil, nil, func(io.Reader) io.Reader { return body })
			_, err := g.Stream(t.Context(), question, func(string) {})
			wantError(t, err, KindModel, "too_large")
		})
	}
}

type endless struct {
	chunk []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.chunk[e.at:])
	e.at = (e.at + n) % len(e.chunk)
	return n, nil
}

// A model whose longest answers come as streams only is asked for one, and a stream that breaks is tried again: nobody has
// heard of it.
func TestLongAnswersAreStreamed(t *testing.T) {
	answer := geminisim.Text("one two three four five six seven eight nine ten")
	synctest.Test(t, func(t *testing.T) {
		g, sim := newGemini(t, map[string]string{"GEMINI_MODEL": "gemini-4-argon"}, answer.CutAfter(600), answer)
		got, err := g.Generate(within(t, time.Minute), question)
		if err != nil || got.Text != "one two three four five six seven eight nine ten" || got.Attempts != 2 || got.FirstContent.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		if !sim.Requests()[0].Stream {
			t.Error("not asked for a stream")
		}
	})
}

// A call can come in pieces.
func TestCallInPieces(t *testing.T) {
	for name, tc := range map[string]struct {
		parts []string
		end   string // finish reason
		want  string // args; "": a malformed call
	}{
		"values": {[]string{
			`{"functionCall":{"name":"x","id":"c1","willContinue":true},"thoughtSignature":"c2ln"}`,
			`{"functionCall":{"partialArgs":[{"jsonPath":"$.n","numberValue":1234567890123456789}],"willContinue":true}}`,
			`{"functionCall":{"partialArgs":[{"jsonPath":"$.s","stringValue":"half ","willContinue":true}],"willContinue":true}}`,
			`{"functionCall":{"partialArgs":[{"jsonPath":"$.s","stringValue":"and \"half\""}, {"jsonPath":"$.b","boolValue":false}],"willContinue":true}}`,
			`{"functionCall":{"partialArgs":[{"jsonPath":"$.o['a.b'][0].c","nullValue":"NULL_VALUE"},{"jsonPath":"$.o[\"a.b\"][1]","stringValue":""}],"willContinue":true}}`,
			`{"functionCall":{}}`,
		}, "STOP", `{"b":false,"n":1234567890123456789,"o":{"a.b":[{"c":null},""]},"s":"half and \"half\""}`},
		"none":           {[]string{`{"functionCall":{"name":"x","id":"c1","willContinue":true}}`, `{"functionCall":{}}`}, "STOP", `{}`},
		"at once":        {[]string{`{"functionCall":{"name":"x","id":"c1","partialArgs":[{"jsonPath":"$.a","stringValue":"b"}]}}`}, "STOP", `{"a":"b"}`},
		"without an end": {[]string{`{"functionCall":{"name":"x","willContinue":true}}`}, "STOP", ""},
		"without a name": {[]string{`{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"b"}]}}`}, "STOP", ""},
	} {
		var body strings.Builder
		for i, part := range tc.parts {
			finish := ""
			if i == len(tc.parts)-1 {
				finish = `,"finishReason":"` + tc.end + `"`
			}
			body.WriteString(`data: {"candidates":[{"content":{"parts":[` + part + `]}` + finish + `}]}` + "\n\n")
		}
		got, err := replay(t, []byte(body.String()), nil, asItIs).Stream(t.Context(), question, func(string) {})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if tc.want == "" {
			if got.Finish != FinishMalformedCall || got.Calls != nil {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if len(got.Calls) != 1 || got.Calls[0].Name != "x" || got.Calls[0].ID != "c1" {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		if args, _ := marshal(got.Calls[0].Args); string(args) != tc.want {
			t.Errorf("%s: %s, want %s", name, args, tc.want)
		}
		if content := string(got.Turn.Native.(json.RawMessage)); strings.Contains(content, "artial") || strings.Contains(content, "willContinue") ||
			strings.Contains(tc.parts[0], "c2ln") != strings.Contains(content, `"thoughtSignature":"c2ln"`) {
			t.Errorf("%s: goes back as %s", name, content)
		}
	}
}

// Paths that lead nowhere are refused, whatever they look like.
func TestPathsThatLeadNowhere(t *testing.T) {
	for _, path := range []string{
		"", "$", "a", "$.", "$..a", "$[", "$[]", "$[-1]", "$[1]", "$.a[99999999]", "$['a", "$['a'", "$[a]", "$a", "$" + strings.Repeat(".a", 40), "$.a.b",
	} {
		c := &partialCall{args: map[string]any{"a": json.RawMessage("1")}}
		value := "v"
		if c.add(callPiece{Pieces: []argsPiece{{Path: path, Text: &value}}}) {
			t.Errorf("%s was gone: %v", strconv.Quote(path), c.args)
		}
	}
}
