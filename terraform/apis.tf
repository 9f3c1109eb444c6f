# Everything waits for these, by local.project_id. They stay on after a destroy: other things in the project may use them.
resource "google_project_service" "main" {
  for_each = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    var.billing_budget != null ? ["billingbudgets.googleapis.com"] : [],
    local.on_firestore ? ["firestore.googleapis.com"] : [],
    local.on_vertex ? ["aiplatform.googleapis.com"] : [],
    local.to_cloud_trace ? ["cloudtrace.googleapis.com"] : [],
    var.trace_exporter == "telemetry" ? ["telemetry.googleapis.com"] : [],
    var.pipeline != null ? ["iamcredentials.googleapis.com"] : [],
  ))

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}
