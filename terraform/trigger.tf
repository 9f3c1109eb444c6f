# The account that cloudbuild.yaml deploys with. It can make and unmake everything in this folder, so it is made
# only on request, and belongs to a repository whose main branch is protected.
resource "google_service_account" "deploy" {
  count = var.pipeline != null ? 1 : 0

  project      = var.project_id
  account_id   = "${var.name}-deploy"
  display_name = "${var.name}: deploys from Cloud Build"

  depends_on = [google_project_service.main]
}

resource "google_project_iam_member" "deploy" {
  for_each = toset(var.pipeline == null ? [] : [
    "roles/cloudbuild.builds.editor",
    "roles/cloudfunctions.admin",
    "roles/cloudtrace.user",
    "roles/iam.serviceAccountAdmin",
    "roles/logging.configWriter",
    "roles/logging.logWriter",
    "roles/monitoring.editor",
    "roles/resourcemanager.projectIamAdmin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
  ])

  project = var.project_id
  role    = each.value
  member  = google_service_account.deploy[0].member
}

# Whoever deploys a function or a trigger must be allowed to act as the accounts it names.
resource "google_service_account_iam_member" "deploy_acts_as" {
  for_each = var.pipeline == null ? {} : merge(
    {
      build  = google_service_account.build.name
      deploy = google_service_account.deploy[0].name
    },
    { for service, account in google_service_account.runtime : service => account.name },
  )

  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deploy[0].member
}

# The smoke test calls the function as this account, with an ID token that the account makes for itself.
resource "google_service_account_iam_member" "deploy_id_token" {
  count = var.pipeline != null ? 1 : 0

  service_account_id = google_service_account.deploy[0].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.deploy[0].member
}

resource "google_cloud_run_v2_service_iam_member" "deploy_invoker" {
  count = var.pipeline != null ? 1 : 0

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.agent.service_config[0].service
  role     = "roles/run.invoker"
  member   = google_service_account.deploy[0].member
}

resource "google_cloudbuild_trigger" "main" {
  count = local.has_trigger ? 1 : 0

  project         = var.project_id
  location        = var.region
  name            = var.name
  description     = "Tests, plans, applies and smoke-tests ${var.name}."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.deploy[0].id

  repository_event_config {
    repository = var.pipeline.repository

    push {
      branch = var.pipeline.branch
    }
  }

  substitutions = {
    _DEPLOYER     = google_service_account.deploy[0].account_id
    _REGION       = var.region
    _STATE_BUCKET = var.pipeline.state_bucket
    _STATE_PREFIX = var.name
  }

  depends_on = [
    google_project_iam_member.deploy,
    google_service_account_iam_member.deploy_acts_as,
    google_service_account_iam_member.deploy_id_token,
  ]
}
