# One account builds, one runs each function; none is the project's default account, and none can deploy.
resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = "${var.name}-build"
  display_name = "${var.name}: builds the function's image"

  depends_on = [google_project_service.main]
}

resource "google_service_account" "runtime" {
  for_each = local.services

  project      = var.project_id
  account_id   = "${each.value}-run"
  display_name = "${each.value}: runs the function"

  depends_on = [google_project_service.main]
}

locals {
  # On the project, because the platform builds from a bucket and into a repository of its own making.
  build_roles = toset([
    "roles/artifactregistry.writer",
    "roles/logging.logWriter",
    "roles/storage.objectViewer",
  ])

  # Logs need no role: the platform takes them from standard output.
  runtime_roles = concat(
    local.on_vertex ? ["roles/aiplatform.user"] : [],
    var.trace_exporter == "cloudtrace" ? ["roles/cloudtrace.agent"] : [],
    var.trace_exporter == "telemetry" ? ["roles/telemetry.tracesWriter"] : [],
  )

  runtime_grants = {
    for pair in setproduct(keys(local.services), local.runtime_roles) :
    "${pair[0]} ${pair[1]}" => { service = pair[0], role = pair[1] }
  }

  secret_grants = {
    for pair in setproduct(keys(local.services), local.secrets_referred) :
    "${pair[0]} ${pair[1]}" => { service = pair[0], secret = pair[1] }
  }
}

resource "google_project_iam_member" "build" {
  for_each = local.build_roles

  project = var.project_id
  role    = each.value
  member  = google_service_account.build.member
}

resource "google_project_iam_member" "runtime" {
  for_each = local.runtime_grants

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.runtime[each.value.service].member
}

resource "google_secret_manager_secret_iam_member" "gemini_api_key" {
  for_each = local.on_vertex ? {} : local.services

  project   = var.project_id
  secret_id = google_secret_manager_secret.gemini_api_key[0].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime[each.key].member
}

resource "google_secret_manager_secret_iam_member" "settings" {
  for_each = local.secret_grants

  project   = var.project_id
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime[each.value.service].member

  depends_on = [google_project_service.main]
}

# HTTP calls are admitted by the Cloud Run service under a function; the function's own IAM refuses run.invoker.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = toset(var.invokers)

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.agent.service_config[0].service
  role     = "roles/run.invoker"
  member   = each.value
}

resource "google_cloud_run_v2_service_iam_member" "sub_agent_caller" {
  count = var.sub_agent ? 1 : 0

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.sub_agent[0].service_config[0].service
  role     = "roles/run.invoker"
  member   = google_service_account.runtime["agent"].member
}
