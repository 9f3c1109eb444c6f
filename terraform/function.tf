resource "google_cloudfunctions2_function" "agent" {
  project     = var.project_id
  location    = var.region
  name        = var.name
  description = "Gemini agent; every step of an answer is a span."
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
    available_cpu                    = tostring(var.cpu)
    available_memory                 = var.memory
    ingress_settings                 = var.ingress
    max_instance_count               = var.max_instances
    max_instance_request_concurrency = var.concurrency
    min_instance_count               = var.min_instances
    service_account_email            = google_service_account.runtime["agent"].email
    timeout_seconds                  = var.timeout_seconds

    environment_variables = merge(
      local.environment,
      { OTEL_SERVICE_NAME = var.name },
      var.sub_agent ? {
        SUB_AGENT_AUTH = "idtoken"
        SUB_AGENT_URL  = google_cloudfunctions2_function.sub_agent[0].service_config[0].uri
      } : {},
    )

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

  lifecycle {
    replace_triggered_by = [terraform_data.sub_agent]

    precondition {
      condition     = (var.trace_exporter == "otlp") == (var.otlp_endpoint != null)
      error_message = "otlp_endpoint goes with trace_exporter = \"otlp\", and the other way round."
    }
    precondition {
      condition     = var.gemini_api_key_version == null || !local.on_vertex
      error_message = "gemini_api_key_version goes with gemini_backend = \"gemini_api\"."
    }
    precondition {
      condition     = var.min_instances <= var.max_instances
      error_message = "min_instances must not be more than max_instances."
    }
  }

  # A build without its rights fails, an instance without them answers with errors: grants first.
  depends_on = [
    google_cloud_run_v2_service_iam_member.sub_agent_caller,
    google_project_iam_member.build,
    google_project_iam_member.runtime,
    google_project_service.main,
    google_secret_manager_secret_iam_member.gemini_api_key,
    google_secret_manager_secret_iam_member.settings,
    google_service_account_iam_member.deploy_acts_as,
  ]
}
