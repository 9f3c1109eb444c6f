# The same source as the agent, as a specialist that only the agent may call. It delegates to nobody.
resource "google_cloudfunctions2_function" "sub_agent" {
  count = var.sub_agent ? 1 : 0

  project     = var.project_id
  location    = var.region
  name        = local.sub_agent_name
  description = "Sub-agent of ${var.name}, from the same source."
  labels      = local.labels

  build_config {
    runtime         = "go126"
    entry_point     = "Agent"
    service_account = google_service_account.build.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    available_cpu    = tostring(var.cpu)
    available_memory = var.memory
    # The agent calls from outside any VPC; who may call is decided by the grant below alone.
    ingress_settings                 = "ALLOW_ALL"
    max_instance_count               = var.max_instances
    max_instance_request_concurrency = var.concurrency
    min_instance_count               = var.min_instances
    service_account_email            = google_service_account.runtime["sub_agent"].email
    timeout_seconds                  = var.timeout_seconds

    environment_variables = merge(local.environment, { OTEL_SERVICE_NAME = local.sub_agent_name })

    dynamic "secret_environment_variables" {
      for_each = local.secret_environment
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = secret_environment_variables.value.secret
        version    = secret_environment_variables.value.version
      }
    }
  }

  depends_on = [
    google_project_iam_member.build,
    google_project_iam_member.runtime,
    google_project_service.main,
    google_secret_manager_secret_iam_member.gemini_api_key,
    google_secret_manager_secret_iam_member.settings,
    google_service_account_iam_member.deploy_acts_as,
  ]
}

# Adding a sub-agent, or taking it away, makes the agent anew (same URL, a few minutes). The provider cannot update a
# function in place with an environment variable that is unknown when planning, as the URL of a new sub-agent is: the
# apply would stop half-way with "Provider produced inconsistent final plan".
resource "terraform_data" "sub_agent" {
  input = var.sub_agent
}
