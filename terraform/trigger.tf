# The accounts of the pipeline, made only on request. One tests and can do nothing else: the code that it runs is
# whoever's wrote a test or a dependency. One deploys, runs no test, and can make and unmake everything in this folder,
# so it belongs to a repository whose main branch is protected.
resource "google_service_account" "deploy" {
  count = local.has_pipeline ? 1 : 0

  project      = local.project_id
  account_id   = "${var.name}-deploy"
  display_name = "${var.name}: deploys from Cloud Build"
}

resource "google_service_account" "test" {
  count = local.has_pipeline ? 1 : 0

  project      = local.project_id
  account_id   = "${var.name}-test"
  display_name = "${var.name}: tests in Cloud Build"
}

resource "google_project_iam_member" "deploy" {
  for_each = !local.has_pipeline ? {} : merge(
    {
      for role in [
        "roles/artifactregistry.admin",
        "roles/cloudbuild.builds.editor",
        "roles/cloudfunctions.admin",
        "roles/cloudtrace.user",
        "roles/datastore.owner",
        "roles/iam.serviceAccountAdmin",
        "roles/logging.configWriter",
        "roles/logging.logWriter",
        "roles/monitoring.editor",
        "roles/run.admin",
        "roles/secretmanager.admin",
        "roles/serviceusage.serviceUsageAdmin",
      ] : role => null
    },
    # It may change who has the roles of the functions and of the build, and no other: its own, or owner, it cannot give.
    # A change of its own roles is therefore applied by an owner, by hand.
    {
      "roles/resourcemanager.projectIamAdmin" = format(
        "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([%s])",
        join(", ", [for role in local.grantable_roles : "'${role}'"]),
      )
    },
  )

  project = local.project_id
  role    = each.key
  member  = google_service_account.deploy[0].member

  dynamic "condition" {
    for_each = each.value == null ? [] : [each.value]
    content {
      title      = "roles of the functions and of the build only"
      expression = condition.value
    }
  }
}

# Tests write a log, and nothing else.
resource "google_project_iam_member" "test" {
  count = local.has_pipeline ? 1 : 0

  project = local.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.test[0].member
}

# Not the project's buckets: the one of the source, and the one of the state, which holds what the state knows. It is
# the buckets' admin because every plan reads these grants, which objectAdmin may not.
resource "google_storage_bucket_iam_member" "deploy" {
  for_each = !local.has_pipeline ? {} : {
    source = module.build.bucket
    state  = var.pipeline.state_bucket
  }

  bucket = each.value
  role   = "roles/storage.admin"
  member = google_service_account.deploy[0].member

  lifecycle {
    create_before_destroy = true
  }
}

# Whoever deploys a function or a trigger must be allowed to act as the accounts it names.
resource "google_service_account_iam_member" "deploy_acts_as" {
  for_each = !local.has_pipeline ? {} : merge(
    {
      build  = module.build.service_account_name
      deploy = google_service_account.deploy[0].name
      test   = google_service_account.test[0].name
    },
    { for service, account in google_service_account.runtime : service => account.name },
  )

  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deploy[0].member
}

# The smoke test calls the functions as this account, with an ID token that the account makes for itself.
resource "google_service_account_iam_member" "deploy_id_token" {
  count = local.has_pipeline ? 1 : 0

  service_account_id = google_service_account.deploy[0].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.deploy[0].member
}

resource "google_cloud_run_v2_service_iam_member" "deploy_invoker" {
  count = local.has_pipeline ? 1 : 0

  project  = local.project_id
  location = var.region
  name     = module.agent.service
  role     = "roles/run.invoker"
  member   = google_service_account.deploy[0].member
}

resource "google_cloud_run_v2_service_iam_member" "deploy_sub_agent_invoker" {
  for_each = local.has_pipeline ? module.sub_agent : {}

  project  = local.project_id
  location = var.region
  name     = each.value.service
  role     = "roles/run.invoker"
  member   = google_service_account.deploy[0].member
}

resource "google_cloudbuild_trigger" "test" {
  count = local.has_trigger ? 1 : 0

  project         = local.project_id
  location        = var.region
  name            = "${var.name}-test"
  description     = "Tests ${var.name}; the deploy of the same commit waits for it."
  filename        = "cloudbuild.test.yaml"
  service_account = google_service_account.test[0].id
  substitutions   = { _TESTER = google_service_account.test[0].account_id }

  repository_event_config {
    repository = var.pipeline.repository

    push {
      branch = var.pipeline.branch
    }
  }

  depends_on = [
    google_project_iam_member.test,
    google_service_account_iam_member.deploy_acts_as,
  ]
}

resource "google_cloudbuild_trigger" "main" {
  count = local.has_trigger ? 1 : 0

  project         = local.project_id
  location        = var.region
  name            = var.name
  description     = "Plans, applies and smoke-tests ${var.name} once its tests have passed."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.deploy[0].id

  approval_config {
    approval_required = var.pipeline.approval
  }

  repository_event_config {
    repository = var.pipeline.repository

    push {
      branch = var.pipeline.branch
    }
  }

  substitutions = {
    _ALLOW_DESTROY = "no"
    _COMMIT        = "$COMMIT_SHA"
    _DEPLOYER      = google_service_account.deploy[0].account_id
    _NAME          = var.name
    _REGION        = var.region
    _SMOKE         = var.pipeline.smoke ? "yes" : "no"
    _STATE_BUCKET  = var.pipeline.state_bucket
    _STATE_PREFIX  = var.name
    _TEST_TRIGGER  = google_cloudbuild_trigger.test[0].name
  }

  lifecycle {
    precondition {
      condition     = var.ingress == "ALLOW_ALL" || !var.pipeline.smoke
      error_message = "Cloud Build's shared machines reach no function with ingress ${var.ingress}: set pipeline.smoke = false."
    }
  }

  depends_on = [
    google_project_iam_member.deploy,
    google_service_account_iam_member.deploy_acts_as,
    google_service_account_iam_member.deploy_id_token,
    google_storage_bucket_iam_member.deploy,
  ]
}

locals {
  has_pipeline = var.pipeline != null
  has_trigger  = try(var.pipeline.repository, null) != null

  grantable_roles = [
    "roles/aiplatform.user",
    "roles/cloudtrace.agent",
    "roles/datastore.user",
    "roles/logging.logWriter",
    "roles/storage.objectViewer",
    "roles/telemetry.tracesWriter",
  ]
}
