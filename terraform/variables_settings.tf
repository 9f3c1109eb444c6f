# Every setting that has no variable of its own: a new one is one line here.
variable "settings" {
  description = "Settings of every function by environment variable, for example TRACE_KEEP_SLOWER_THAN = \"5s\". A typo is refused."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = length(setsubtract(keys(var.settings), [
      "AGENT_DESCRIPTION",
      "AGENT_INSTRUCTIONS",
      "AGENT_INSTRUCTIONS_FILE",
      "AGENT_NAME",
      "BAGGAGE_TO_TOOLS",
      "CLOUD_TRACE_ENDPOINT",
      "CORS_ALLOWED_ORIGINS",
      "GEMINI_MAX_OUTPUT_TOKENS",
      "GEMINI_PRICES_FILE",
      "GEMINI_SAFETY",
      "GEMINI_SEED",
      "GEMINI_TEMPERATURE",
      "GEMINI_THINKING_LEVEL",
      "GEMINI_TOOLS",
      "GEMINI_TOP_P",
      "GOOGLE_GEMINI_BASE_URL",
      "GOOGLE_VERTEX_BASE_URL",
      "LOG_IDENTITIES",
      "LONG_TERM_MEMORY",
      "OTEL_ATTRIBUTE_COUNT_LIMIT",
      "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
      "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
      "OTEL_EXPORTER_OTLP_CERTIFICATE",
      "OTEL_EXPORTER_OTLP_COMPRESSION",
      "OTEL_EXPORTER_OTLP_INSECURE",
      "OTEL_EXPORTER_OTLP_PROTOCOL",
      "OTEL_EXPORTER_OTLP_TIMEOUT",
      "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
      "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
      "OTEL_EXPORTER_OTLP_TRACES_INSECURE",
      "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
      "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
      "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
      "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
      "OTEL_PROPAGATORS",
      "OTEL_RESOURCE_ATTRIBUTES",
      "OTEL_SDK_DISABLED",
      "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
      "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
      "OTEL_SPAN_EVENT_COUNT_LIMIT",
      "OTEL_SPAN_LINK_COUNT_LIMIT",
      "OTEL_TRACES_SAMPLER",
      "OTEL_TRACES_SAMPLER_ARG",
      "SESSION_MAX_TOKENS",
      "SESSION_MAX_TURNS",
      "SESSION_SUMMARY",
      "SESSION_TTL",
      "TASK_MAX_COST_USD",
      "TASK_MAX_TOKENS",
      "TRACE_BUFFER_BYTES",
      "TRACE_BUFFER_SPANS",
      "TRACE_DEAD_LETTER",
      "TRACE_FLUSH_TIMEOUT",
      "TRACE_KEEP_SLOWER_THAN",
      "TRACE_MIN_DURATION",
      "TRACE_PREVIEWS",
      "TRACE_REMOTE_SAMPLED_PER_SECOND",
    ])) == 0
    error_message = "settings has a name that the function does not read, or that has a variable of its own. A tool's own goes into environment."
  }
  validation {
    condition     = alltrue([for value in values(var.settings) : try(length(value) > 0, false)])
    error_message = "A setting is left out, not set to nothing."
  }
}
