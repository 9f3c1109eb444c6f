package geminisim_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genai"

	"example.com/gemini-agent/agent/geminisim"
)

func TestScriptedAnswers(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply geminisim.Reply
		check func(t *testing.T, r *genai.GenerateContentResponse)
	}{
		{"text with usage", geminisim.Text("x").WithUsage(geminisim.Usage{Prompt: 7, Candidates: 3, Thoughts: 2, Cached: 5}),
			func(t *testing.T, r *genai.GenerateContentResponse) {
				u := r.UsageMetadata
				if r.Text() != "x" || u.PromptTokenCount != 7 || u.CachedContentTokenCount != 5 || u.TotalTokenCount != 12 {
					t.Errorf("%q %+v", r.Text(), u)
				}
			}},
		{"rerouted", geminisim.Text("x").ServedBy("gemini-3.5-flash"), func(t *testing.T, r *genai.GenerateContentResponse) {
			if r.ModelVersion != "gemini-3.5-flash" {
				t.Error(r.ModelVersion)
			}
		}},
		{"text before a call", geminisim.Calls(geminisim.Call{Name: "f", ID: "i"}).WithText("let me see").WithThought("hm"),
			func(t *testing.T, r *genai.GenerateContentResponse) {
				p := r.Candidates[0].Content.Parts
				if len(p) != 3 || !p[0].Thought || p[1].Text != "let me see" || p[2].FunctionCall.ID != "i" ||
					p[1].ThoughtSignature != nil || p[2].ThoughtSignature == nil {
					t.Errorf("%+v", p)
				}
			}},
		{"thought only", geminisim.ThoughtOnly("hm"), func(t *testing.T, r *genai.GenerateContentResponse) {
			p := r.Candidates[0].Content.Parts
			if len(p) != 1 || !p[0].Thought || p[0].Text != "hm" || r.Candidates[0].FinishReason != "STOP" {
				t.Errorf("%+v", p)
			}
		}},
		{"blocked", geminisim.Blocked("PROHIBITED_CONTENT"), func(t *testing.T, r *genai.GenerateContentResponse) {
			if len(r.Candidates) != 0 || r.PromptFeedback.BlockReason != genai.BlockedReasonProhibitedContent ||
				r.UsageMetadata.CandidatesTokenCount != 0 {
				t.Errorf("%+v", r)
			}
		}},
		{"no candidates", geminisim.NoCandidates(), func(t *testing.T, r *genai.GenerateContentResponse) {
			if len(r.Candidates) != 0 || r.PromptFeedback != nil {
				t.Errorf("%+v", r)
			}
		}},
		{"safety", geminisim.Finish("SAFETY", ""), func(t *testing.T, r *genai.GenerateContentResponse) {
			if r.Candidates[0].FinishReason != genai.FinishReasonSafety || r.Candidates[0].Content != nil {
				t.Errorf("%+v", r.Candidates[0])
			}
		}},
		{"max tokens", geminisim.MaxTokens("half a"), func(t *testing.T, r *genai.GenerateContentResponse) {
			if r.Candidates[0].FinishReason != genai.FinishReasonMaxTokens || r.Text() != "half a" {
				t.Errorf("%+v", r.Candidates[0])
			}
		}},
		{"malformed call", geminisim.MalformedCall("print(default_api.f"), func(
			t *testing.T, r *genai.GenerateContentResponse,
		) {
			// The SDK drops the finishMessage that comes along.
			if c := r.Candidates[0]; c.FinishReason != genai.FinishReasonMalformedFunctionCall || c.Content != nil {
				t.Errorf("%+v", c)
			}
		}},
		{"dynamic", geminisim.Dynamic(func(r geminisim.Request) geminisim.Reply {
			return geminisim.Text(r.Body.Contents[0].Parts[0].Text)
		}), func(t *testing.T, r *genai.GenerateContentResponse) {
			if r.Text() != "echo" {
				t.Error(r.Text())
			}
		}},
		{"delayed", geminisim.Text("late").After(20 * time.Millisecond), func(
			t *testing.T, r *genai.GenerateContentResponse,
		) {
			if r.Text() != "late" {
				t.Error(r.Text())
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim, c, _ := start(t, geminisim.Config{})
			sim.Script(tc.reply)
			tc.check(t, generate(t, c, ask("echo"), nil))
			if sim.Pending() != 0 {
				t.Error("the reply was not taken")
			}
			sim.Script(tc.reply) // the same as a stream
			for _, err := range c.Models.GenerateContentStream(t.Context(), model, ask("echo"), nil) {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestScriptedFailures(t *testing.T) {
	for _, tc := range []struct {
		name   string
		reply  geminisim.Reply
		code   int // of the API error; 0: another error
		status string
	}{
		{"quota", geminisim.QuotaExceeded(23 * time.Second), 429, "RESOURCE_EXHAUSTED"},
		{"overloaded", geminisim.Error(503, "", "The model is overloaded. Please try again later."), 503, "UNAVAILABLE"},
		{"own status", geminisim.Error(400, "FAILED_PRECONDITION", "User location is not supported"), 400,
			"FAILED_PRECONDITION"},
		{"page", geminisim.HTML(502), 502, "502 Bad Gateway"},
		{"broken JSON", geminisim.BrokenJSON(), 0, ""},
		{"reset", geminisim.Reset(), 0, ""},
		{"truncated", geminisim.Truncated("a long enough text to cut"), 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim, c, _ := start(t, geminisim.Config{})
			sim.Script(tc.reply, tc.reply)
			_, err := c.Models.GenerateContent(t.Context(), model, ask("x"), nil)
			checkFailure(t, "whole", err, tc.code, tc.status)
			err = nil
			for _, e := range c.Models.GenerateContentStream(t.Context(), model, ask("x"), nil) {
				err = errors.Join(err, e)
			}
			if e, ok := errors.AsType[genai.APIError](err); ok {
				err = e
			}
			checkFailure(t, "stream", err, tc.code, tc.status)
		})
	}
}

func checkFailure(t *testing.T, how string, err error, code int, status string) {
	t.Helper()
	var e genai.APIError
	isAPI := errors.As(err, &e)
	if err == nil || isAPI != (code != 0) || e.Code != code || e.Status != status {
		t.Errorf("%s: error %v, want code %d %s", how, err, code, status)
	}
	if code == 429 && e.Details[0]["retryDelay"] != "23s" {
		t.Errorf("%s: details %v", how, e.Details)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{})
	arrived := make(chan struct{})
	sim.Script(geminisim.Dynamic(func(geminisim.Request) geminisim.Reply {
		close(arrived)
		return geminisim.Hang()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := c.Models.GenerateContent(ctx, model, ask("x"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	// The server's Close, in cleanup, waits for the handler: a hang that does not end fails the test run.
}

func TestDelayEndsWithTheClient(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{})
	sim.Script(geminisim.Text("never").After(time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Models.GenerateContent(ctx, model, ask("x"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestStrictServerFailsWhenTheScriptIsExhausted(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{Strict: true})
	sim.Script(geminisim.Text("only one"))
	generate(t, c, ask("x"), nil)
	_, err := c.Models.GenerateContent(t.Context(), model, ask("x"), nil)
	checkError(t, err, 500, "script exhausted")
}

func TestRefusedRequestTakesNoReply(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{})
	sim.Script(geminisim.Text("kept"))
	_, err := c.Models.GenerateContent(t.Context(), "gemini-2.0-flash", ask("x"), nil)
	checkError(t, err, 404, "This model models/gemini-2.0-flash is no longer available.")
	if got := generate(t, c, ask("x"), nil).Text(); got != "kept" {
		t.Errorf("answer %q", got)
	}
	if reqs := sim.Requests(); len(reqs) != 2 || !reqs[0].Refused || reqs[1].Refused {
		t.Errorf("requests %+v", reqs)
	}
}

func TestServerRemembersTheLastRequestsOnly(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{KeepLast: 3})
	for _, text := range strings.Fields("a b c d e") {
		generate(t, c, ask(text), nil)
	}
	var got string
	for _, r := range sim.Requests() {
		got += r.Body.Contents[0].Parts[0].Text
	}
	if got != "cde" {
		t.Errorf("remembered %q", got)
	}
	sim.Reset()
	if n := len(sim.Requests()); n != 0 {
		t.Errorf("%d requests after Reset", n)
	}
}

func TestArgumentsThatAreNoJSONAreNoticed(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{})
	bad := geminisim.Calls(geminisim.Call{Name: "f", Args: map[string]any{"c": make(chan int)}})
	sim.Script(bad, bad)
	_, err := c.Models.GenerateContent(t.Context(), model, ask("x"), nil)
	checkError(t, err, 500, "no JSON")
	for _, err := range c.Models.GenerateContentStream(t.Context(), model, ask("x"), nil) {
		checkError(t, err, 500, "no JSON")
	}
}

func TestConcurrentClients(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{})
	const n = 32
	for range n {
		sim.Script(geminisim.Text("scripted"))
	}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			resp, err := c.Models.GenerateContent(t.Context(), model, ask("x"), nil)
			if err != nil || resp.Text() != "scripted" {
				t.Errorf("%v %v", resp, err)
			}
			_ = sim.Requests()
		})
	}
	wg.Wait()
	if sim.Pending() != 0 || len(sim.Requests()) != n {
		t.Errorf("%d pending, %d requests", sim.Pending(), len(sim.Requests()))
	}
}
