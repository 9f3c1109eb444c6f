locals {
  entry_point    = "Agent"
  on_vertex      = var.gemini_backend == "vertex_ai"
  to_cloud_trace = contains(["cloudtrace", "telemetry"], var.trace_exporter)
  has_api_key    = !local.on_vertex && var.gemini_api_key_version != null
  labels         = merge(var.labels, { app = var.name })
  version        = coalesce(var.app_version, substr(data.archive_file.source.output_sha256, 0, 12))

  # The project, once its APIs are on: what names it by this waits for them. Not by depends_on, which would make the
  # source's hash unknown whenever an API is added, and with it the functions' environment.
  project_id = one(distinct([for api in google_project_service.main : api.project]))

  url            = module.agent.url
  trace_explorer = "https://console.cloud.google.com/traces/explorer?project=${var.project_id}"

  # The functions that run and their names. Each has an account of its own.
  services = merge({ agent = var.name }, { for key in keys(var.sub_agents) : key => "${var.name}-${key}" })

  # Environment of every function. A null is a setting left to the function's own default: it is dropped here,
  # because it would arrive as an empty string.
  environment = {
    for name, value in merge(var.settings, {
      APP_VERSION                 = local.version
      ENVIRONMENT                 = var.environment_name
      GEMINI_MODEL                = var.gemini_model
      GOOGLE_CLOUD_LOCATION       = local.on_vertex ? var.vertex_location : null
      GOOGLE_CLOUD_PROJECT        = var.project_id
      GOOGLE_GENAI_USE_VERTEXAI   = tostring(local.on_vertex)
      LOG_LEVEL                   = var.log_level
      MCP_SERVER_URL              = var.mcp_server_url
      OTEL_EXPORTER_OTLP_ENDPOINT = local.otlp_endpoints[var.trace_exporter]
      OTEL_TRACES_EXPORTER        = var.trace_exporter == "telemetry" ? "otlp" : var.trace_exporter
      REQUEST_TIMEOUT             = "${var.timeout_seconds}s"
    }) : name => value if value != null
  }

  otlp_endpoints = {
    cloudtrace = null
    none       = null
    otlp       = var.otlp_endpoint
    telemetry  = "https://telemetry.googleapis.com"
  }

  # Environment that comes from Secret Manager: the platform reads it when an instance starts.
  secrets = merge(
    var.secrets,
    local.has_api_key ? {
      GEMINI_API_KEY = {
        secret  = google_secret_manager_secret.gemini_api_key[0].secret_id
        version = var.gemini_api_key_version
      }
    } : {},
  )
}
