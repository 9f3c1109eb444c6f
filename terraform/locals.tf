locals {
  on_vertex        = var.gemini_backend == "vertex_ai"
  to_cloud_trace   = contains(["cloudtrace", "telemetry"], var.trace_exporter)
  sub_agent_name   = "${var.name}-sub"
  has_trigger      = try(var.pipeline.repository, null) != null
  has_api_key      = !local.on_vertex && var.gemini_api_key_version != null
  secrets_referred = toset([for setting in var.secret_settings : setting.secret])
  uses_secrets     = !local.on_vertex || length(var.secret_settings) > 0
  labels           = merge(var.labels, { app = var.name })

  url            = google_cloudfunctions2_function.agent.service_config[0].uri
  trace_explorer = "https://console.cloud.google.com/traces/explorer?project=${var.project_id}"

  # The functions that run, by role, and their names. Each has a service account of its own.
  services = merge(
    { agent = var.name },
    var.sub_agent ? { sub_agent = local.sub_agent_name } : {},
  )

  # Environment of both functions. A null is a setting left to the function's own default: it is dropped here,
  # because it would arrive as an empty string.
  environment = {
    for name, value in merge(var.settings, {
      APP_VERSION                 = coalesce(var.app_version, substr(data.archive_file.source.output_sha256, 0, 12))
      ENVIRONMENT                 = var.environment
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
  secret_environment = merge(
    var.secret_settings,
    local.has_api_key ? {
      GEMINI_API_KEY = {
        secret  = google_secret_manager_secret.gemini_api_key[0].secret_id
        version = var.gemini_api_key_version
      }
    } : {},
  )
}
