# One account builds (in the module), one runs each function; none is the project's default account, and none can deploy.
resource "google_service_account" "runtime" {
  for_each = local.services

  project      = local.project_id
  account_id   = "${each.value}-run"
  display_name = "${each.value}: runs the function"
}

locals {
  # Logs need no role: the platform takes them from standard output.
  runtime_roles = toset(concat(
    local.on_vertex ? ["roles/aiplatform.user"] : [],
    var.trace_exporter == "cloudtrace" ? ["roles/cloudtrace.agent"] : [],
    var.trace_exporter == "telemetry" ? ["roles/telemetry.tracesWriter"] : [],
  ))
}
