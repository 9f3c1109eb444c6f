variable "alert_thresholds" {
  description = "When the alert policies fire: share of answers that are 5xx, and 95th percentile of latency."
  type = object({
    error_ratio         = optional(number, 0.05)
    latency_p95_seconds = optional(number, 30)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alert_thresholds.error_ratio > 0 && var.alert_thresholds.error_ratio < 1
    error_message = "error_ratio is a share between 0 and 1, for example 0.05."
  }
  validation {
    condition     = var.alert_thresholds.latency_p95_seconds > 0
    error_message = "latency_p95_seconds must be positive."
  }
}

variable "app_version" {
  description = "Version shown on every span (service.version). Default: the first 12 digits of the source's hash."
  type        = string
  default     = null

  validation {
    condition     = var.app_version == null || can(regex("^[0-9A-Za-z._+-]{1,64}$", var.app_version))
    error_message = "app_version has 1 to 64 letters, digits, dots, dashes, underscores or plus signs."
  }
}

variable "concurrency" {
  description = "Requests that one instance serves at a time. An invocation mostly waits for the model."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency is a whole number from 1 to 1000."
  }
}

variable "cpu" {
  description = "vCPUs of an instance. Less than one would forbid more than one request at a time."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.cpu)
    error_message = "cpu is 1, 2, 4, 6 or 8."
  }
}

variable "environment" {
  description = "ENVIRONMENT of the function. `development` keeps every trace, `production` one in ten and all errors."
  type        = string
  default     = "production"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.environment))
    error_message = "environment is a lower-case word, for example production."
  }
}

variable "gemini_api_key_version" {
  description = "Number of the secret version that holds the Gemini API key. Unset until you have added one."
  type        = string
  default     = null

  validation {
    condition     = var.gemini_api_key_version == null || can(regex("^[1-9][0-9]*$", var.gemini_api_key_version))
    error_message = "gemini_api_key_version is a number: a new key is a new number, so that it reaches every instance."
  }
}

variable "gemini_backend" {
  description = "Where the model runs: `vertex_ai` (no key, the service account is the identity) or `gemini_api` (key)."
  type        = string
  default     = "vertex_ai"
  nullable    = false

  validation {
    condition     = contains(["vertex_ai", "gemini_api"], var.gemini_backend)
    error_message = "gemini_backend is vertex_ai or gemini_api."
  }
}

variable "gemini_model" {
  description = "Model id, for example gemini-3.8-flash. Default: the one built into the function."
  type        = string
  default     = null

  validation {
    condition     = var.gemini_model == null || can(regex("^[A-Za-z0-9._/@-]{1,128}$", var.gemini_model))
    error_message = "gemini_model is a model id, for example gemini-3.8-flash."
  }
}

variable "ingress" {
  description = "Which networks reach the function. Callers need permission to invoke it in every case."
  type        = string
  default     = "ALLOW_ALL"
  nullable    = false

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], var.ingress)
    error_message = "ingress is ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB."
  }
}

variable "invokers" {
  description = "Who may call the function, beside the project's owners: `user:a@example.com`, `group:…`, and so on."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for member in var.invokers : can(regex(join("", [
        "^((user|group|domain|serviceAccount|principal|principalSet):.+",
        "|allUsers|allAuthenticatedUsers)$",
      ]), member))
    ])
    error_message = "Each of invokers is an IAM member such as user:a@example.com; allUsers makes the function public."
  }
}

variable "labels" {
  description = "Labels put on every resource that takes some."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.labels :
      can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))
    ])
    error_message = "Labels are lower-case letters, digits, dashes and underscores; keys begin with a letter."
  }
}

variable "log_level" {
  description = "LOG_LEVEL of the function: debug, info, warn or error. At debug every flush of spans reports itself."
  type        = string
  default     = "info"
  nullable    = false

  validation {
    condition     = contains(["debug", "info", "warn", "error"], var.log_level)
    error_message = "log_level is debug, info, warn or error."
  }
}

variable "max_instances" {
  description = "Most instances at a time; with concurrency and the model's price, the bound on what a flood can cost."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances is a whole number of at least 1."
  }
}

variable "mcp_server_url" {
  description = "MCP server whose tools the agent may use. Default: none."
  type        = string
  default     = null

  validation {
    condition     = var.mcp_server_url == null || can(regex("^https?://[^[:space:]]+$", var.mcp_server_url))
    error_message = "mcp_server_url is an http or https URL."
  }
}

variable "memory" {
  description = "Memory of an instance, for example 512Mi or 1Gi."
  type        = string
  default     = "512Mi"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(Mi|Gi)$", var.memory))
    error_message = "memory is a number with Mi or Gi, for example 512Mi."
  }
}

variable "min_instances" {
  description = "Instances kept warm. Zero costs nothing while nobody calls."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances is a whole number of at least 0."
  }
}

variable "name" {
  description = "Name of the function, and first part of the name of everything made for it."
  type        = string
  default     = "gemini-agent"
  nullable    = false

  validation {
    # No underscores or capitals: the Cloud Run service under the function would get another name.
    # At most 22: service account ids end at 30.
    condition     = can(regex("^[a-z][a-z0-9-]{0,20}[a-z0-9]$", var.name))
    error_message = "name has 2 to 22 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "notification_channels" {
  description = "Channels told by the alert policies, as projects/P/notificationChannels/N. Without one, no policies."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))
    ])
    error_message = "Each of notification_channels is projects/PROJECT/notificationChannels/ID."
  }
}

variable "otlp_endpoint" {
  description = "OTLP collector for trace_exporter = \"otlp\", for example https://otel.example.com:4318."
  type        = string
  default     = null

  validation {
    condition     = var.otlp_endpoint == null || can(regex("^https?://[^[:space:]]+$", var.otlp_endpoint))
    error_message = "otlp_endpoint is an http or https URL."
  }
}

variable "pipeline" {
  description = "Makes the account that cloudbuild.yaml deploys with, and with a connected repository its trigger."
  type = object({
    state_bucket = string
    branch       = optional(string, "^main$")
    repository   = optional(string)
  })
  default = null

  validation {
    condition = var.pipeline == null || can(regex(
      "^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$",
      coalesce(try(var.pipeline.repository, null), "projects/p/locations/l/connections/c/repositories/r"),
    ))
    error_message = "pipeline.repository is projects/P/locations/L/connections/C/repositories/R."
  }
}

variable "project_id" {
  description = "Project that everything is made in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is the project's id, for example my-project-123 (not its name or number)."
  }
}

variable "region" {
  description = "Region of the function, for example europe-west1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a region such as europe-west1."
  }
}

variable "secret_settings" {
  description = "Settings that are secrets, by environment variable: an existing secret and the number of its version."
  type = map(object({
    secret  = string
    version = string
  }))
  default  = {}
  nullable = false

  validation {
    condition = length(setsubtract(keys(var.secret_settings), [
      "OTEL_EXPORTER_OTLP_HEADERS",
      "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    ])) == 0
    error_message = "secret_settings takes OTEL_EXPORTER_OTLP_HEADERS and OTEL_EXPORTER_OTLP_TRACES_HEADERS."
  }
}

variable "settings" {
  description = "Other settings of the function, by environment variable, for example TRACE_KEEP_SLOWER_THAN = \"5s\"."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = length(setsubtract(keys(var.settings), [
      "CLOUD_TRACE_ENDPOINT",
      "GOOGLE_GEMINI_BASE_URL",
      "GOOGLE_VERTEX_BASE_URL",
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
      "OTEL_PROPAGATORS",
      "OTEL_RESOURCE_ATTRIBUTES",
      "OTEL_SDK_DISABLED",
      "OTEL_TRACES_SAMPLER",
      "OTEL_TRACES_SAMPLER_ARG",
      "TRACE_BUFFER_BYTES",
      "TRACE_BUFFER_SPANS",
      "TRACE_FLUSH_TIMEOUT",
      "TRACE_KEEP_SLOWER_THAN",
      "TRACE_MIN_DURATION",
      "TRACE_PREVIEWS",
      "TRACE_REMOTE_SAMPLED_PER_SECOND",
    ])) == 0
    error_message = "settings has a name that the function does not read, or that has a variable of its own."
  }
  validation {
    condition     = alltrue([for value in values(var.settings) : try(length(value) > 0, false)])
    error_message = "A setting is left out, not set to nothing."
  }
}

variable "sub_agent" {
  description = "Deploys a second function from the same source that only the agent may call, and tells the agent."
  type        = bool
  default     = false
  nullable    = false
}

variable "timeout_seconds" {
  description = "Longest that a request may take; the function answers 504, with its trace, before the platform does."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = floor(min(max(var.timeout_seconds, 5), 3600)) == var.timeout_seconds
    error_message = "timeout_seconds is a whole number from 5 to 3600."
  }
}

variable "trace_exporter" {
  description = "Where spans go: `cloudtrace` (Cloud Trace API), `telemetry` (Cloud Trace by OTLP), `otlp`, or `none`."
  type        = string
  default     = "cloudtrace"
  nullable    = false

  validation {
    condition     = contains(["cloudtrace", "telemetry", "otlp", "none"], var.trace_exporter)
    error_message = "trace_exporter is cloudtrace, telemetry, otlp or none."
  }
}

variable "vertex_location" {
  description = "Location of the model on Vertex AI. The newest models are at `global`."
  type        = string
  default     = "global"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.vertex_location))
    error_message = "vertex_location is global or a region such as europe-west1."
  }
}
