// Package semconv holds every span name, event name and attribute key this module puts on a span, each once, and is the
// only one that imports the generated conventions. Names are contracts: dashboards, alerts and tests read them.
package semconv

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// SchemaURL is the version of the conventions followed by resources and HTTP spans. GenAI spans carry none, because
// no version of those conventions has been released with one.
const SchemaURL = semconv.SchemaURL

// The names of our spans. A step's span is SpanStepPrefix and its type, a tool's SpanToolPrefix and the tool's name, a
// memory operation's SpanMemoryPrefix and read, write, search or delete, a remote agent's SpanAgentCallPrefix and the agent's
// name.
const (
	SpanTask            = "agent.task"
	SpanStepPrefix      = "agent.step."
	SpanModelCall       = "llm.generate"
	SpanToolPrefix      = "tool."
	SpanMemoryPrefix    = "memory."
	SpanAgentCallPrefix = "invoke_agent "
)

// The names of our events.
const (
	EventFinished       = "agent.finished"             // on the task: how the run ended, with KeyReason and KeyTotalSteps
	EventModelMismatch  = "llm.model_mismatch"         // on a model call: another model answered than was asked
	EventRetry          = "llm.retry"                  // on a model call: an attempt failed and is made again
	EventFirstText      = "llm.first_text"             // on a model call that streams: the first text is there
	EventBudgetExceeded = "agent.budget.exceeded"      // on the task: its budget ended it, with the KeyBudget attributes
	EventProgress       = "tool.progress"              // on a tool: how far it has come, with KeyProgressMessage
	EventException      = semconv.ExceptionEventName   // on a failed span
	KeyReason           = attribute.Key("reason")      // of EventFinished: stop, max_steps, timeout, …
	KeyTotalSteps       = attribute.Key("total_steps") // of EventFinished
	KeySeverity         = attribute.Key("severity")    // of EventModelMismatch: WARNING
	KeyAttempt          = attribute.Key("attempt")     // of EventRetry: the one that failed, from 1
	KeyWait             = attribute.Key("wait_ms")     // of EventRetry
	KeyAskedWait        = attribute.Key("asked_wait_ms")
	KeyProgressMessage  = attribute.Key("message") // of EventProgress: at most 200 runes; a preview
)

// Our own keys: the run.
const (
	KeyTaskDescription     = attribute.Key("agent.task.description") // at most 200 runes; a preview
	KeyTaskType            = attribute.Key("agent.task.type")
	KeyUserID              = attribute.Key("agent.user.id")
	KeySessionID           = attribute.Key("agent.session.id")
	KeySessionTurn         = attribute.Key("agent.session.turn")          // from 1
	KeySessionTurnsDropped = attribute.Key("agent.session.turns_dropped") // earlier turns that the model is not told of; absent: none
	KeyPromptVersion       = attribute.Key("agent.prompt.version")        // short hash of instructions and tools
	KeyAgentTotalSteps     = attribute.Key("agent.total_steps")
	KeyFinalResponseLength = attribute.Key("agent.final_response_length") // runes
	KeyBudgetUnit          = attribute.Key("agent.budget.unit")           // tokens, usd: of the limit that was closest
	KeyBudgetLimit         = attribute.Key("agent.budget.limit")
	KeyBudgetUsed          = attribute.Key("agent.budget.used") // by sub-agents too
	KeyStepNumber          = attribute.Key("agent.step.number")
	KeyStepType            = attribute.Key("agent.step.type")
)

// Our own keys: model calls. Durations are milliseconds with two decimals.
const (
	KeyLLMModel         = attribute.Key("llm.model")
	KeyLLMStepNumber    = attribute.Key("llm.step_number")
	KeyLLMPromptPreview = attribute.Key("llm.prompt_preview") // at most 100 runes; a preview
	KeyLLMDuration      = attribute.Key("llm.duration_ms")
	KeyLLMInputTokens   = attribute.Key("llm.input_tokens")
	KeyLLMOutputTokens  = attribute.Key("llm.output_tokens")
	// KeyLLMCost is US dollars, on model calls and on the task. The conventions have an open proposal for it
	// (gen_ai.usage.cost.*); when it has a name, it is set beside this one.
	KeyLLMCost          = attribute.Key("llm.cost_usd")
	KeyLLMSafety        = attribute.Key("llm.safety")          // CATEGORY=THRESHOLD, as asked for
	KeyLLMServerTools   = attribute.Key("llm.server_tools")    // tools the service may run itself
	KeyLLMToolUseTokens = attribute.Key("llm.tool_use_tokens") // part of the input; the conventions have no key for it
)

// Our own keys: tools and memory.
const (
	KeyToolName        = attribute.Key("tool.name")
	KeyToolArgs        = attribute.Key("tool.args") // redacted JSON, at most 500 runes; a preview
	KeyToolDuration    = attribute.Key("tool.duration_ms")
	KeyToolSuccess     = attribute.Key("tool.success")
	KeyToolReadOnly    = attribute.Key("tool.read_only")   // true: the tool says that it changes nothing
	KeyToolResultSize  = attribute.Key("tool.result_size") // bytes, as given to the model
	KeyMemoryOperation = attribute.Key("memory.operation") // read, write, search, delete
	KeyMemoryType      = attribute.Key("memory.type")      // short_term, long_term
)

// Our own keys: every span, the local root, captured content.
const (
	KeyCorrelationID        = attribute.Key("correlation.id") // on every span
	KeySamplingReason       = attribute.Key("sampling.reason")
	KeySamplingRatio        = attribute.Key("sampling.ratio")
	KeySamplingDroppedSpans = attribute.Key("sampling.dropped_spans")
	KeyTraceCutBytes        = attribute.Key("trace.cut_bytes") // of texts, gone because the backend refused the span for its size
	KeyProcessGoroutines    = attribute.Key("process.goroutines")
	KeyProcessHeap          = attribute.Key("process.heap_bytes")
	KeyProcessUptime        = attribute.Key("process.uptime_ms")
	KeyContentShortened     = attribute.Key("content.shortened") // true when captured content was cut to its limit
)

// The GenAI conventions (their own repository, state of autumn 2026; the generated packages lost them with v1.42.0).
const (
	KeyGenAIOperationName     = attribute.Key("gen_ai.operation.name")
	KeyGenAIProviderName      = attribute.Key("gen_ai.provider.name")
	KeyGenAIConversationID    = attribute.Key("gen_ai.conversation.id")
	KeyGenAICompacted         = attribute.Key("gen_ai.conversation.compacted") // true or absent
	KeyGenAIAgentName         = attribute.Key("gen_ai.agent.name")
	KeyGenAIAgentDescription  = attribute.Key("gen_ai.agent.description")
	KeyGenAIOutputType        = attribute.Key("gen_ai.output.type")
	KeyGenAIRequestModel      = attribute.Key("gen_ai.request.model")
	KeyGenAIChoiceCount       = attribute.Key("gen_ai.request.choice.count")
	KeyGenAISeed              = attribute.Key("gen_ai.request.seed")
	KeyGenAIMaxTokens         = attribute.Key("gen_ai.request.max_tokens")
	KeyGenAITemperature       = attribute.Key("gen_ai.request.temperature")
	KeyGenAITopP              = attribute.Key("gen_ai.request.top_p")
	KeyGenAITopK              = attribute.Key("gen_ai.request.top_k")
	KeyGenAIFrequencyPenalty  = attribute.Key("gen_ai.request.frequency_penalty")
	KeyGenAIPresencePenalty   = attribute.Key("gen_ai.request.presence_penalty")
	KeyGenAIStopSequences     = attribute.Key("gen_ai.request.stop_sequences")
	KeyGenAIReasoningLevel    = attribute.Key("gen_ai.request.reasoning.level")
	KeyGenAIStream            = attribute.Key("gen_ai.request.stream")               // only where it is true
	KeyGenAITimeToFirstChunk  = attribute.Key("gen_ai.response.time_to_first_chunk") // seconds, to the first content
	KeyGenAIResponseID        = attribute.Key("gen_ai.response.id")
	KeyGenAIResponseModel     = attribute.Key("gen_ai.response.model")
	KeyGenAIFinishReasons     = attribute.Key("gen_ai.response.finish_reasons")
	KeyGenAIInputTokens       = attribute.Key("gen_ai.usage.input_tokens")
	KeyGenAIOutputTokens      = attribute.Key("gen_ai.usage.output_tokens")
	KeyGenAICacheReadTokens   = attribute.Key("gen_ai.usage.cache_read.input_tokens")
	KeyGenAIReasoningTokens   = attribute.Key("gen_ai.usage.reasoning.output_tokens")
	KeyGenAIToolName          = attribute.Key("gen_ai.tool.name")
	KeyGenAIToolType          = attribute.Key("gen_ai.tool.type")
	KeyGenAIToolDescription   = attribute.Key("gen_ai.tool.description")
	KeyGenAIToolCallID        = attribute.Key("gen_ai.tool.call.id")
	KeyGenAIToolCallArguments = attribute.Key("gen_ai.tool.call.arguments")
	KeyGenAIToolCallResult    = attribute.Key("gen_ai.tool.call.result")
	KeyGenAIInstructions      = attribute.Key("gen_ai.system_instructions")
	KeyGenAIInputMessages     = attribute.Key("gen_ai.input.messages")
	KeyGenAIOutputMessages    = attribute.Key("gen_ai.output.messages")
	KeyGenAIToolDefinitions   = attribute.Key("gen_ai.tool.definitions")
	KeyGenAIMemoryStoreID     = attribute.Key("gen_ai.memory.store.id")
	KeyGenAIMemoryRecordID    = attribute.Key("gen_ai.memory.record.id")
	KeyGenAIMemoryRecordCount = attribute.Key("gen_ai.memory.record.count")
	KeyGenAIMemoryQuery       = attribute.Key("gen_ai.memory.query.text")
	KeyGenAIMemoryRecords     = attribute.Key("gen_ai.memory.records")
)

// Values of KeyGenAIOperationName.
const (
	OpInvokeAgent     = "invoke_agent"
	OpGenerateContent = "generate_content"
	OpExecuteTool     = "execute_tool"
	OpSearchMemory    = "search_memory"
	OpUpsertMemory    = "upsert_memory"
	OpDeleteMemory    = "delete_memory"
)

// The MCP conventions.
const (
	KeyMCPMethodName      = attribute.Key("mcp.method.name")
	KeyMCPSessionID       = attribute.Key("mcp.session.id")
	KeyMCPProtocolVersion = attribute.Key("mcp.protocol.version")
	KeyRPCStatusCode      = attribute.Key("rpc.response.status_code") // of a JSON-RPC error, as text
)

// The core conventions on spans.
const (
	KeyClientAddress             = semconv.ClientAddressKey
	KeyErrorType                 = semconv.ErrorTypeKey
	KeyExceptionMessage          = semconv.ExceptionMessageKey
	KeyExceptionStacktrace       = semconv.ExceptionStacktraceKey
	KeyExceptionType             = semconv.ExceptionTypeKey
	KeyFaaSColdstart             = semconv.FaaSColdstartKey
	KeyFaaSInvocationID          = semconv.FaaSInvocationIDKey
	KeyFaaSTrigger               = semconv.FaaSTriggerKey
	KeyHTTPRequestMethod         = semconv.HTTPRequestMethodKey
	KeyHTTPRequestMethodOriginal = semconv.HTTPRequestMethodOriginalKey
	KeyHTTPRequestResendCount    = semconv.HTTPRequestResendCountKey
	KeyHTTPResponseStatusCode    = semconv.HTTPResponseStatusCodeKey
	KeyHTTPRoute                 = semconv.HTTPRouteKey
	KeyNetworkProtocolVersion    = semconv.NetworkProtocolVersionKey
	KeyNetworkTransport          = semconv.NetworkTransportKey
	KeyServerAddress             = semconv.ServerAddressKey
	KeyServerPort                = semconv.ServerPortKey
	KeyURLFull                   = semconv.URLFullKey
	KeyURLPath                   = semconv.URLPathKey
	KeyURLQuery                  = semconv.URLQueryKey
	KeyURLTemplate               = semconv.URLTemplateKey
	KeyURLScheme                 = semconv.URLSchemeKey
	KeyUserAgentOriginal         = semconv.UserAgentOriginalKey
)

// The core conventions on the resource.
const (
	KeyCloudAccountID        = semconv.CloudAccountIDKey
	KeyCloudProvider         = semconv.CloudProviderKey
	KeyDeploymentEnvironment = semconv.DeploymentEnvironmentNameKey
	KeyFaaSName              = semconv.FaaSNameKey
	KeyFaaSVersion           = semconv.FaaSVersionKey
	KeyGCPProjectID          = attribute.Key("gcp.project_id") // what Google's OTLP endpoint asks for
	KeyHostArch              = semconv.HostArchKey
	KeyOSType                = semconv.OSTypeKey
	KeyProcessPID            = semconv.ProcessPIDKey
	KeyProcessRuntimeName    = semconv.ProcessRuntimeNameKey
	KeyProcessRuntimeVersion = semconv.ProcessRuntimeVersionKey
	KeyServiceInstanceID     = semconv.ServiceInstanceIDKey
	KeyServiceName           = semconv.ServiceNameKey
	KeyServiceVersion        = semconv.ServiceVersionKey
)

// Milliseconds is a duration as our keys give it: milliseconds with two decimals.
func Milliseconds(d time.Duration) float64 { return math.Round(float64(d)/1e4) / 100 }
