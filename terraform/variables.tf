variable "app_version" {
  description = "Version shown on every span (service.version). Default: the first 12 digits of the source's hash."
  type        = string
  default     = null

  validation {
    condition     = var.app_version == null || can(regex("^[0-9A-Za-z._+-]{1,64}$", var.app_version))
    error_message = "app_version has 1 to 64 letters, digits, dots, dashes, underscores or plus signs."
  }
}

variable "environment" {
  description = "Environment of every function beside the settings: a variable of a tool of yours, or GOMEMLIMIT."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for value in values(var.environment) : try(length(value) > 0, false)])
    error_message = "A variable of the environment is left out, not set to nothing."
  }
  validation {
    condition = length(setintersection(keys(var.environment), [
      "APP_VERSION",
      "ENVIRONMENT",
      "FIRESTORE_DATABASE",
      "GEMINI_API_KEY",
      "GEMINI_MODEL",
      "GOOGLE_CLOUD_LOCATION",
      "GOOGLE_CLOUD_PROJECT",
      "GOOGLE_GENAI_USE_VERTEXAI",
      "LOG_LEVEL",
      "MCP_SERVER_URL",
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "OTEL_EXPORTER_OTLP_HEADERS",
      "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
      "OTEL_SERVICE_NAME",
      "OTEL_TRACES_EXPORTER",
      "REQUEST_TIMEOUT",
      "SESSION_STORE",
      "SUB_AGENTS",
      "SUB_AGENT_AUTH",
      "SUB_AGENT_URL",
    ])) == 0
    error_message = "environment has a name that has a variable of its own (or, with a token in it, belongs into secrets)."
  }
}

variable "environment_name" {
  description = "ENVIRONMENT of the function. `development` keeps every trace, `production` one in ten and all errors."
  type        = string
  default     = "production"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.environment_name))
    error_message = "environment_name is a lower-case word, for example production."
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
  validation {
    condition     = var.gemini_api_key_version == null || var.gemini_backend == "gemini_api"
    error_message = "gemini_api_key_version goes with gemini_backend = \"gemini_api\"."
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

variable "mcp_server_url" {
  description = "MCP server whose tools the agent may use. Default: none."
  type        = string
  default     = null

  validation {
    condition     = var.mcp_server_url == null || can(regex("^https?://[^[:space:]]+$", var.mcp_server_url))
    error_message = "mcp_server_url is an http or https URL."
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

variable "otlp_endpoint" {
  description = "OTLP collector for trace_exporter = \"otlp\", for example https://otel.example.com:4318."
  type        = string
  default     = null

  validation {
    condition     = var.otlp_endpoint == null || can(regex("^https?://[^[:space:]]+$", var.otlp_endpoint))
    error_message = "otlp_endpoint is an http or https URL."
  }
  validation {
    condition     = (var.trace_exporter == "otlp") == (var.otlp_endpoint != null)
    error_message = "otlp_endpoint goes with trace_exporter = \"otlp\", and the other way round."
  }
}

variable "pipeline" {
  description = "Makes the accounts that cloudbuild*.yaml test and deploy with, and with a connected repository their triggers."
  type = object({
    state_bucket = string
    approval     = optional(bool, false)
    branch       = optional(string, "^main$")
    repository   = optional(string)
    smoke        = optional(bool, true)
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

variable "secrets" {
  description = "Environment of every function that comes from Secret Manager, by variable: a secret and the number of its version."
  type = map(object({
    secret  = string
    version = string
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for secret in var.secrets :
      can(regex("^[A-Za-z0-9_-]{1,255}$", secret.secret)) && can(regex("^[1-9][0-9]*$", secret.version))
    ])
    error_message = "Each of secrets has a secret's id and the number of a version: a new value is a new number."
  }
  validation {
    condition     = length(setintersection(keys(var.secrets), keys(var.environment))) == 0
    error_message = "A variable is either in environment or in secrets."
  }
}

variable "sessions" {
  description = "Keeps conversations: {} in a Firestore database of its own, { database = \"NAME\" } in an existing one."
  type = object({
    database = optional(string)
  })
  default = null

  validation {
    condition = can(regex(
      "^(\\(default\\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$",
      coalesce(try(var.sessions.database, null), "(default)"),
    ))
    error_message = "sessions.database is (default), or 4 to 63 lower-case letters, digits and dashes."
  }
}

variable "sub_agents" {
  description = "Functions from the same source that only the agent may call, by name: each is NAME-KEY, and a tool of the agent."
  type = map(object({
    description = optional(string)
    environment = optional(map(string), {})
    secrets     = optional(map(object({ secret = string, version = string })), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for key in keys(var.sub_agents) :
      can(regex("^[a-z]([a-z0-9-]*[a-z0-9])?$", key)) && !contains(["agent", "build", "deploy", "test"], key)
    ])
    error_message = "The key of a sub-agent is a word in lower case such as research; agent, build, deploy and test are taken."
  }
  validation {
    condition     = alltrue([for key in keys(var.sub_agents) : length(var.name) + 1 + length(key) <= 26])
    error_message = "NAME-KEY of a sub-agent has at most 26 characters: its account's id, NAME-KEY-run, ends at 30."
  }
}

variable "trace_exporter" {
  description = "Where spans go: `telemetry` (Cloud Trace by OTLP), `cloudtrace` (Cloud Trace API), `otlp`, or `none`."
  type        = string
  default     = "telemetry"
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
