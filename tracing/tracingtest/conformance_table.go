package tracingtest

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// The tables below are the conventions as far as this module uses them: GenAI and MCP from their own repository
// (state of autumn 2026), HTTP and FaaS from the core conventions.

const (
	str  = attribute.STRING
	num  = attribute.INT64
	dbl  = attribute.FLOAT64
	flag = attribute.BOOL
	strs = attribute.STRINGSLICE
)

// keyTypes are all gen_ai.* and mcp.* keys there are, and the core and own keys whose type we care about. A gen_ai.*
// or mcp.* key that is not here is unknown.
var keyTypes = map[string]attribute.Type{
	"gen_ai.operation.name":             str,
	"gen_ai.provider.name":              str,
	"gen_ai.conversation.id":            str,
	"gen_ai.output.type":                str,
	"gen_ai.agent.id":                   str,
	"gen_ai.agent.name":                 str,
	"gen_ai.agent.description":          str,
	"gen_ai.agent.version":              str,
	"gen_ai.data_source.id":             str,
	"gen_ai.workflow.name":              str,
	"gen_ai.prompt.name":                str,
	"gen_ai.prompt.version":             str,
	"gen_ai.token.type":                 str,
	"gen_ai.token.modality":             str,
	"gen_ai.embeddings.dimension.count": num,

	"gen_ai.conversation.compacted": flag,

	"gen_ai.request.model":                str,
	"gen_ai.request.choice.count":         num,
	"gen_ai.request.seed":                 num,
	"gen_ai.request.stream":               flag,
	"gen_ai.request.top_k":                num,
	"gen_ai.request.max_tokens":           num,
	"gen_ai.request.temperature":          dbl,
	"gen_ai.request.top_p":                dbl,
	"gen_ai.request.frequency_penalty":    dbl,
	"gen_ai.request.presence_penalty":     dbl,
	"gen_ai.request.stop_sequences":       strs,
	"gen_ai.request.encoding_formats":     strs,
	"gen_ai.request.reasoning.level":      str,
	"gen_ai.request.previous_response.id": str,

	"gen_ai.response.id":                  str,
	"gen_ai.response.model":               str,
	"gen_ai.response.finish_reasons":      strs,
	"gen_ai.response.time_to_first_chunk": dbl,

	"gen_ai.usage.input_tokens":                  num,
	"gen_ai.usage.output_tokens":                 num,
	"gen_ai.usage.cache_read.input_tokens":       num,
	"gen_ai.usage.cache_write.input_tokens":      num,
	"gen_ai.usage.cache_creation.input_tokens":   num, // the older name of cache_write
	"gen_ai.usage.reasoning.output_tokens":       num,
	"gen_ai.usage.text.input_tokens":             num,
	"gen_ai.usage.text.output_tokens":            num,
	"gen_ai.usage.text.cache_read.input_tokens":  num,
	"gen_ai.usage.image.input_tokens":            num,
	"gen_ai.usage.image.output_tokens":           num,
	"gen_ai.usage.image.cache_read.input_tokens": num,
	"gen_ai.usage.audio.input_tokens":            num,
	"gen_ai.usage.audio.output_tokens":           num,
	"gen_ai.usage.audio.cache_read.input_tokens": num,

	"gen_ai.system_instructions": str,
	"gen_ai.input.messages":      str,
	"gen_ai.output.messages":     str,

	"gen_ai.tool.definitions":    str,
	"gen_ai.tool.name":           str,
	"gen_ai.tool.type":           str,
	"gen_ai.tool.description":    str,
	"gen_ai.tool.call.id":        str,
	"gen_ai.tool.call.arguments": str,
	"gen_ai.tool.call.result":    str,

	"gen_ai.memory.store.id":     str,
	"gen_ai.memory.record.id":    str,
	"gen_ai.memory.record.count": num,
	"gen_ai.memory.query.text":   str,
	"gen_ai.memory.records":      str,

	"mcp.method.name":      str,
	"mcp.session.id":       str,
	"mcp.protocol.version": str,
	"mcp.resource.uri":     str,

	"client.address":               str,
	"client.port":                  num,
	"error.type":                   str,
	"faas.coldstart":               flag,
	"faas.invocation_id":           str,
	"faas.invoked_name":            str,
	"faas.invoked_provider":        str,
	"faas.invoked_region":          str,
	"faas.trigger":                 str,
	"http.request.method":          str,
	"http.request.method_original": str,
	"http.request.resend_count":    num,
	"http.response.status_code":    num,
	"http.route":                   str,
	"network.peer.address":         str,
	"network.peer.port":            num,
	"network.protocol.name":        str,
	"network.protocol.version":     str,
	"network.transport":            str,
	"server.address":               str,
	"server.port":                  num,
	"url.full":                     str,
	"url.path":                     str,
	"url.query":                    str,
	"url.scheme":                   str,
	"url.template":                 str,
	"user_agent.original":          str,

	"agent.budget.limit":          dbl,
	"agent.budget.unit":           str,
	"agent.budget.used":           dbl,
	"agent.final_response_length": num,
	"agent.prompt.version":        str,
	"agent.session.id":            str,
	"agent.step.number":           num,
	"agent.step.type":             str,
	"agent.task.description":      str,
	"agent.task.type":             str,
	"agent.total_steps":           num,
	"agent.user.id":               str,
	"tool.read_only":              flag,
	"correlation.id":              str,
	"llm.cost_usd":                dbl,
	"llm.duration_ms":             dbl,
	"llm.input_tokens":            num,
	"llm.model":                   str,
	"llm.output_tokens":           num,
	"llm.safety":                  strs,
	"llm.server_tools":            strs,
	"llm.prompt_preview":          str,
	"llm.step_number":             num,
	"memory.operation":            str,
	"memory.type":                 str,
	"sampling.ratio":              dbl,
	"sampling.reason":             str,
	"rpc.response.status_code":    str,
	"tool.args":                   str,
	"tool.duration_ms":            dbl,
	"tool.name":                   str,
	"tool.result_size":            num,
	"tool.success":                flag,
}

// enums are the keys whose values are one of a list. Lists the conventions leave open are here as far as we use them.
var enums = map[string][]string{
	"gen_ai.output.type":    {"text", "json", "image", "speech"},
	"gen_ai.tool.type":      {"function", "extension", "datastore"},
	"faas.trigger":          {"datasource", "http", "pubsub", "timer", "other"},
	"network.transport":     {"tcp", "udp", "quic", "unix", "pipe"},
	"url.scheme":            {"http", "https"},
	"memory.operation":      {"read", "write", "search", "delete"},
	"memory.type":           {"short_term", "long_term"},
	"faas.invoked_provider": {"gcp"},
	"http.request.method": {
		"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE", "_OTHER",
	},
}

// modelProviders are who may answer an inference call; finishReasons how an answer may end, Gemini's own capital
// names aside.
var (
	modelProviders = []string{
		"gcp.gemini", "gcp.vertex_ai", "gcp.gen_ai", "openai", "anthropic", "cohere", "azure.ai.inference",
		"azure.ai.openai", "ibm.watsonx.ai", "aws.bedrock", "perplexity", "x_ai", "deepseek", "groq", "mistral_ai",
		"moonshot_ai",
	}
	finishReasons = []string{"stop", "length", "content_filter", "tool_call", "error", "compaction"}
)

// operation is what one class of GenAI span must and may carry. Keys without gen_ai. in front are left out: anything
// may stand beside the conventions.
type operation struct {
	kinds    []trace.SpanKind
	required []string // besides gen_ai.operation.name
	allowed  []string // one that ends in '*' is a prefix
}

var (
	internal = []trace.SpanKind{trace.SpanKindInternal}
	client   = []trace.SpanKind{trace.SpanKindClient}
	either   = []trace.SpanKind{trace.SpanKindClient, trace.SpanKindInternal}
	messages = []string{
		"gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions",
	}
	agentKeys = append([]string{
		"gen_ai.agent.name", "gen_ai.agent.description", "gen_ai.conversation.id", "gen_ai.data_source.id",
		"gen_ai.output.type", "gen_ai.request.*", "gen_ai.response.finish_reasons",
		"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
	}, messages...)
	inference = operation{
		kinds:    either,
		required: []string{"gen_ai.provider.name", "gen_ai.request.model"},
		allowed: append([]string{
			"gen_ai.conversation.*", "gen_ai.output.type", "gen_ai.request.*", "gen_ai.response.*", "gen_ai.usage.*",
			"gen_ai.prompt.*",
		}, messages...),
	}
	memoryRecord = operation{
		kinds: either,
		// The conventions name no conversation here; ours says which one was read or written.
		allowed: []string{"gen_ai.provider.name", "gen_ai.memory.*", "gen_ai.conversation.id"},
	}
)

// operations are the classes by gen_ai.operation.name; invoke_agent stands twice, by span kind.
var operations = map[string]operation{
	"chat":             inference,
	"generate_content": inference,
	"text_completion":  inference,
	"invoke_agent":     {kinds: internal, allowed: agentKeys},
	"invoke_agent CLIENT": {
		kinds:    client,
		required: []string{"gen_ai.provider.name"},
		allowed:  append([]string{"gen_ai.agent.*", "gen_ai.usage.*"}, agentKeys...),
	},
	"execute_tool": {
		kinds:    internal,
		required: []string{"gen_ai.tool.name"},
		allowed: []string{
			"gen_ai.agent.name", "gen_ai.conversation.id", "gen_ai.tool.type", "gen_ai.tool.description",
			"gen_ai.tool.call.*",
		},
	},
	"search_memory":       memoryRecord,
	"create_memory":       memoryRecord,
	"update_memory":       memoryRecord,
	"upsert_memory":       memoryRecord,
	"delete_memory":       memoryRecord,
	"create_memory_store": memoryRecord,
	"delete_memory_store": memoryRecord,
	"plan":                {kinds: internal, allowed: []string{"gen_ai.agent.name", "gen_ai.conversation.id"}},
}

// ourSpan is what this module promises of a span of one name, beside the conventions.
type ourSpan struct {
	kinds     []trace.SpanKind
	operation string // of the conventions; "": the span has no gen_ai.* key
	required  []string
	exception bool // a failed one has recorded its exception
}

// ourSpans are the promises by span name; a name that ends in '*' is a prefix.
var ourSpans = map[string]ourSpan{
	"agent.task":   {internal, "invoke_agent", []string{"agent.total_steps", "agent.final_response_length"}, true},
	"agent.step.*": {internal, "", []string{"agent.step.number", "agent.step.type"}, false},
	"llm.generate": {client, "generate_content", []string{"llm.model", "llm.step_number", "llm.duration_ms"}, true},
	"tool.*": {
		internal, "execute_tool",
		[]string{"tool.name", "tool.duration_ms", "tool.success", "tool.result_size"}, true,
	},
	"memory.read":   {either, "search_memory", []string{"memory.operation", "memory.type"}, true},
	"memory.search": {either, "search_memory", []string{"memory.operation", "memory.type"}, true},
	"memory.write":  {either, "upsert_memory", []string{"memory.operation", "memory.type"}, true},
	"memory.delete": {either, "delete_memory", []string{"memory.operation", "memory.type"}, true},
}
