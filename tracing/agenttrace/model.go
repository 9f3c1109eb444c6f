package agenttrace

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// Usage counts tokens the way the GenAI conventions do.
type Usage struct {
	InputTokens       int // all of the prompt, cached and tool-use tokens included
	OutputTokens      int // candidates and thoughts
	CachedInputTokens int // part of InputTokens
	ReasoningTokens   int // part of OutputTokens
	ToolUseTokens     int // part of InputTokens
}

// ModelCallStart opens an llm.generate span.
type ModelCallStart struct {
	Model            string
	Step             int
	Compacted        bool   // a summary stands in the prompt for a part of the conversation
	Provider         string // gcp.gemini, gcp.vertex_ai
	ServerAddress    string
	ServerPort       int
	Prompt           string // newest text given to the model, for the preview
	SessionID        string
	Temperature      *float64
	TopP             *float64
	TopK             *int
	Seed             *int
	MaxOutputTokens  int
	ChoiceCount      int
	StopSequences    []string
	OutputType       string
	ReasoningLevel   string
	FrequencyPenalty *float64
	PresencePenalty  *float64
	Stream           bool                // the answer is asked for as a stream
	Safety           []string            // CATEGORY=THRESHOLD
	ServerTools      []string            // that the service runs itself
	Content          func() ModelContent // may be nil; called at most once
}

// ModelCallResult ends it.
type ModelCallResult struct {
	ResponseModel, ResponseID string
	Usage                     Usage
	CostUSD                   *float64         // nil: not known
	FinishReasons             []string         // one a candidate, conventions' names
	Output                    func() []Message // may be nil; called at most once
	FirstContent              time.Time        // when the first of a stream was there; zero: there was no stream, or nothing in it
}

// ModelCallSpan is an open llm.generate span.
type ModelCallSpan struct {
	handle
	model  string
	stream bool
	spoke  bool // text has come
	buffer [28]attribute.KeyValue
}

const (
	maxPromptRunes  = 100          // of llm.prompt_preview
	unknownProvider = "gcp.gen_ai" // Google, which backend is not known
)

// StartModelCall opens llm.generate, which is generate_content (CLIENT) in the conventions: one logical call with all
// its attempts.
func (t *AgentTracer) StartModelCall(ctx context.Context, in ModelCallStart) (context.Context, *ModelCallSpan) {
	if t.off(ctx) {
		return ctx, nil
	}
	s := &ModelCallSpan{model: redact.Runes(in.Model, maxIdentRunes), stream: in.Stream}
	provider := in.Provider
	if provider == "" {
		provider = unknownProvider
	}
	a := append(s.buffer[:0],
		semconv.KeyGenAIOperationName.String(semconv.OpGenerateContent),
		semconv.KeyGenAIProviderName.String(provider),
		semconv.KeyLLMModel.String(s.model),
		semconv.KeyLLMStepNumber.Int(in.Step))
	a = appendText(a, semconv.KeyGenAIRequestModel, s.model, maxIdentRunes)
	a = appendPeer(a, in.ServerAddress, in.ServerPort)
	a = appendText(a, semconv.KeyGenAIConversationID, in.SessionID, maxIdentRunes)
	if in.Compacted {
		a = append(a, semconv.KeyGenAICompacted.Bool(true))
	}
	if t.previews() {
		a = appendText(a, semconv.KeyLLMPromptPreview, redact.Preview(in.Prompt, maxPromptRunes), maxPromptRunes)
	}
	a = appendParameters(a, &in)
	if in.Stream {
		a = append(a, semconv.KeyGenAIStream.Bool(true))
	}
	if in.Content != nil && t.content() {
		a = appendContent(a, in.Content)
	}
	ctx, ok := s.start(ctx, t, semconv.SpanModelCall, t.client, a)
	if !ok {
		return ctx, nil
	}
	return ctx, s
}

// appendParameters appends the request parameters that were set.
func appendParameters(a []attribute.KeyValue, in *ModelCallStart) []attribute.KeyValue {
	a = appendCount(a, semconv.KeyGenAIMaxTokens, in.MaxOutputTokens)
	a = appendFloat(a, semconv.KeyGenAITemperature, in.Temperature)
	a = appendFloat(a, semconv.KeyGenAITopP, in.TopP)
	if in.TopK != nil {
		a = append(a, semconv.KeyGenAITopK.Int(*in.TopK))
	}
	if in.Seed != nil {
		a = append(a, semconv.KeyGenAISeed.Int(*in.Seed))
	}
	if in.ChoiceCount != 1 {
		a = appendCount(a, semconv.KeyGenAIChoiceCount, in.ChoiceCount)
	}
	if len(in.StopSequences) > 0 {
		a = append(a, semconv.KeyGenAIStopSequences.StringSlice(in.StopSequences))
	}
	a = appendFloat(a, semconv.KeyGenAIFrequencyPenalty, in.FrequencyPenalty)
	a = appendFloat(a, semconv.KeyGenAIPresencePenalty, in.PresencePenalty)
	if len(in.Safety) > 0 {
		a = append(a, semconv.KeyLLMSafety.StringSlice(in.Safety))
	}
	if len(in.ServerTools) > 0 {
		a = append(a, semconv.KeyLLMServerTools.StringSlice(in.ServerTools))
	}
	a = appendText(a, semconv.KeyGenAIOutputType, in.OutputType, maxIdentRunes)
	return appendText(a, semconv.KeyGenAIReasoningLevel, in.ReasoningLevel, maxIdentRunes)
}

func appendFloat(a []attribute.KeyValue, key attribute.Key, v *float64) []attribute.KeyValue {
	if v == nil {
		return a
	}
	return append(a, key.Float64(*v))
}

// Text says that text of a stream is there; the first time it becomes the event llm.first_text.
func (s *ModelCallSpan) Text() {
	if s == nil || s.spoke || !s.recording() {
		return
	}
	s.spoke = true
	s.span.AddEvent(semconv.EventFirstText)
}

// End ends the span. What is known of the answer is recorded beside an error too: a blocked answer has its tokens.
// When another model answered than was asked (see ModelMismatch), the span gets the event llm.model_mismatch.
func (s *ModelCallSpan) End(out ModelCallResult, err error) {
	if s == nil || !s.recording() {
		return
	}
	a := append(s.attrs, semconv.KeyLLMDuration.Float64(s.elapsed()))
	if u := out.Usage; err == nil || u != (Usage{}) {
		a = append(a,
			semconv.KeyLLMInputTokens.Int(u.InputTokens),
			semconv.KeyLLMOutputTokens.Int(u.OutputTokens),
			semconv.KeyGenAIInputTokens.Int(u.InputTokens),
			semconv.KeyGenAIOutputTokens.Int(u.OutputTokens))
		a = appendCount(a, semconv.KeyGenAICacheReadTokens, u.CachedInputTokens)
		a = appendCount(a, semconv.KeyGenAIReasoningTokens, u.ReasoningTokens)
		a = appendCount(a, semconv.KeyLLMToolUseTokens, u.ToolUseTokens)
	}
	a = appendFloat(a, semconv.KeyLLMCost, out.CostUSD)
	a = appendText(a, semconv.KeyGenAIResponseID, out.ResponseID, maxIdentRunes)
	a = appendText(a, semconv.KeyGenAIResponseModel, out.ResponseModel, maxIdentRunes)
	a = s.t.appendFinishReasons(a, out.FinishReasons)
	if out.Output != nil && s.t.content() {
		a = appendOutput(a, out.Output)
	}
	if first := out.FirstContent; !first.IsZero() {
		if !s.stream { // the model has chosen so
			a = append(a, semconv.KeyGenAIStream.Bool(true))
		}
		a = append(a, semconv.KeyGenAITimeToFirstChunk.Float64(first.Sub(s.began).Seconds()))
	}
	if ModelMismatch(s.model, out.ResponseModel) {
		s.span.AddEvent(semconv.EventModelMismatch, trace.WithAttributes(
			semconv.KeySeverity.String("WARNING"),
			semconv.KeyGenAIRequestModel.String(s.model),
			semconv.KeyGenAIResponseModel.String(redact.Runes(out.ResponseModel, maxIdentRunes))))
	}
	s.end(a, err, codes.Ok)
}

func (t *AgentTracer) appendFinishReasons(a []attribute.KeyValue, reasons []string) []attribute.KeyValue {
	switch {
	case len(reasons) == 0:
		return a
	case len(reasons) == 1 && reasons[0] == reasonStop:
		return append(a, t.stopped)
	}
	return append(a, semconv.KeyGenAIFinishReasons.StringSlice(reasons))
}

// ModelMismatch reports whether the model that answered is another one than was asked. Resource paths
// ("models/gemini-3.8-flash", "publishers/google/models/…") and case do not count, and neither does a version that
// only one of the two names ("-001", "-09-2025", "@20251101"); two different versions are a mismatch. A simulated model
// says so at the end of its name and is taken for the one it stands for. What cannot be compared is none: an unknown name, an alias ending in "-latest", a tuned model or endpoint.
func ModelMismatch(asked, answered string) bool {
	if asked == answered || asked == "" || answered == "" ||
		strings.Contains(asked, "endpoints/") || strings.Contains(asked, "tunedModels/") {
		return false
	}
	asked, answered = modelName(asked), modelName(answered)
	if asked == "" || answered == "" || strings.HasSuffix(asked, "-latest") {
		return false
	}
	if len(asked) > len(answered) {
		asked, answered = answered, asked
	}
	rest, same := strings.CutPrefix(answered, asked)
	return !same || !isVersion(rest)
}

func modelName(s string) string {
	s = s[strings.LastIndexByte(s, '/')+1:]
	s, _, _ = strings.Cut(s, ":") // a method, or a variant of a proxy
	return strings.TrimSuffix(strings.ToLower(s), "-simulated")
}

// isVersion accepts "", "-001", "-09-2025", "@20251101", "@default": groups of at least two digits.
func isVersion(s string) bool {
	if strings.HasPrefix(s, "@") {
		return true
	}
	for s != "" {
		if s[0] != '-' {
			return false
		}
		group, rest, _ := strings.Cut(s[1:], "-")
		if len(group) < 2 || strings.Trim(group, "0123456789") != "" {
			return false
		}
		if rest == "" {
			return true
		}
		s = "-" + rest
	}
	return true
}
