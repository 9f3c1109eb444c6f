# Run with `terraform test`. The providers are mocked: no project, no credentials, no call; their schemas are real.
mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      service_config = {
        service = "projects/my-project/locations/europe-west1/services/mocked"
        uri     = "https://mocked-ew.a.run.app"
      }
    }
  }
  mock_resource "google_service_account" {
    defaults = {
      email  = "mocked@my-project.iam.gserviceaccount.com"
      id     = "projects/my-project/serviceAccounts/mocked@my-project.iam.gserviceaccount.com"
      member = "serviceAccount:mocked@my-project.iam.gserviceaccount.com"
      name   = "projects/my-project/serviceAccounts/mocked@my-project.iam.gserviceaccount.com"
    }
  }
}

mock_provider "archive" {
  mock_data "archive_file" {
    defaults = {
      output_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }
}

variables {
  project_id = "my-project"
  region     = "europe-west1"
}

run "project_and_region_are_enough" {
  command = plan

  assert {
    condition     = google_cloudfunctions2_function.agent.build_config[0].runtime == "go126"
    error_message = "the module needs Go 1.26"
  }
  assert {
    condition     = google_cloudfunctions2_function.agent.build_config[0].entry_point == "Agent"
    error_message = "the function registers as Agent"
  }
  assert {
    condition     = length(google_cloudfunctions2_function.sub_agent) == 0
    error_message = "a sub-agent only on request"
  }
  assert {
    condition     = length(google_secret_manager_secret.gemini_api_key) == 0
    error_message = "Vertex AI needs no key"
  }
  assert {
    condition     = length(google_monitoring_alert_policy.error_ratio) + length(google_monitoring_alert_policy.latency) == 0
    error_message = "no alert without somebody to tell"
  }
  assert {
    condition     = length(google_service_account.deploy) + length(google_cloudbuild_trigger.main) == 0
    error_message = "no account that can deploy unless asked for"
  }
  assert {
    condition     = output.gemini_api_key_secret == null && output.sub_agent_url == null
    error_message = "outputs of what is not there are null"
  }
}

run "private_by_default" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.invoker) == 0
    error_message = "nobody is granted the right to call, let alone everybody"
  }
  assert {
    condition     = google_storage_bucket.source.public_access_prevention == "enforced"
    error_message = "the source is nobody's to read"
  }
}

run "the_platform_and_the_function_agree_on_the_timeout" {
  command = plan

  variables {
    timeout_seconds = 120
  }

  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].timeout_seconds == 120
    error_message = "timeout_seconds is the platform's"
  }
  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].environment_variables["REQUEST_TIMEOUT"] == "120s"
    error_message = "REQUEST_TIMEOUT is the function's"
  }
}

run "environment_has_no_empty_value" {
  command = plan

  assert {
    condition = alltrue([
      for value in values(google_cloudfunctions2_function.agent.service_config[0].environment_variables) : length(value) > 0
    ])
    error_message = "an empty string is not the same as unset"
  }
  assert {
    condition = alltrue([
      for name in ["GEMINI_MODEL", "MCP_SERVER_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "SUB_AGENT_URL", "GEMINI_API_KEY"] :
      !contains(keys(google_cloudfunctions2_function.agent.service_config[0].environment_variables), name)
    ])
    error_message = "what was not given is left to the function"
  }
  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].environment_variables["APP_VERSION"] == "0123456789ab"
    error_message = "the version is the source's hash"
  }
}

run "new_source_is_a_new_object" {
  command = plan

  assert {
    condition     = google_storage_bucket_object.source.name == "source-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.zip"
    error_message = "the hash is in the name, or a new zip would not be built"
  }
  assert {
    condition     = google_storage_bucket.source.force_destroy
    error_message = "a destroy takes the zip too"
  }
}

run "one_narrow_role_each_on_vertex_ai" {
  command = plan

  assert {
    condition = toset([for grant in google_project_iam_member.runtime : grant.role]) == toset([
      "roles/aiplatform.user",
      "roles/cloudtrace.agent",
    ])
    error_message = "the function calls the model and writes traces, nothing else"
  }
  assert {
    condition = toset([for grant in google_project_iam_member.build : grant.role]) == toset([
      "roles/artifactregistry.writer",
      "roles/logging.logWriter",
      "roles/storage.objectViewer",
    ])
    error_message = "the build reads a zip, writes an image and its log"
  }
}

run "api_key_before_it_is_there" {
  command = plan

  variables {
    gemini_backend = "gemini_api"
  }

  assert {
    condition     = google_secret_manager_secret.gemini_api_key[0].secret_id == "gemini-agent-gemini-api-key"
    error_message = "the secret waits for its first version"
  }
  assert {
    condition     = length(google_cloudfunctions2_function.agent.service_config[0].secret_environment_variables) == 0
    error_message = "a version that does not exist would fail the deploy"
  }
  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].environment_variables["GOOGLE_GENAI_USE_VERTEXAI"] == "false"
    error_message = "the function is told which backend it has"
  }
}

run "api_key_by_version" {
  command = plan

  variables {
    gemini_backend         = "gemini_api"
    gemini_api_key_version = "3"
  }

  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].secret_environment_variables[0].key == "GEMINI_API_KEY"
    error_message = "the key comes from Secret Manager"
  }
  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].secret_environment_variables[0].version == "3"
    error_message = "a numbered version, so that a rotation reaches every instance"
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.gemini_api_key["agent"].role == "roles/secretmanager.secretAccessor"
    error_message = "the function may read this one secret"
  }
  assert {
    condition     = toset([for grant in google_project_iam_member.runtime : grant.role]) == toset(["roles/cloudtrace.agent"])
    error_message = "without Vertex AI no right to use it"
  }
}

run "telemetry_api" {
  command = plan

  variables {
    trace_exporter = "telemetry"
  }

  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].environment_variables["OTEL_TRACES_EXPORTER"] == "otlp"
    error_message = "the Telemetry API takes OTLP"
  }
  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].environment_variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://telemetry.googleapis.com"
    error_message = "the endpoint is Google's"
  }
  assert {
    condition = toset([for grant in google_project_iam_member.runtime : grant.role]) == toset([
      "roles/aiplatform.user",
      "roles/telemetry.tracesWriter",
    ])
    error_message = "the Cloud Trace API's role goes with its exporter"
  }
  assert {
    condition     = contains(keys(google_project_service.main), "telemetry.googleapis.com")
    error_message = "the API is switched on"
  }
}

run "otlp_collector" {
  command = plan

  variables {
    trace_exporter = "otlp"
    otlp_endpoint  = "https://otel.example.com:4318"
    secret_settings = {
      OTEL_EXPORTER_OTLP_HEADERS = { secret = "otlp-headers", version = "1" }
    }
  }

  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].environment_variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://otel.example.com:4318"
    error_message = "the endpoint is the one given"
  }
  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].secret_environment_variables[0].secret == "otlp-headers"
    error_message = "headers hold a token, so they come from Secret Manager"
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.settings["agent otlp-headers"].secret_id == "otlp-headers"
    error_message = "the function may read that secret"
  }
  assert {
    condition     = toset([for grant in google_project_iam_member.runtime : grant.role]) == toset(["roles/aiplatform.user"])
    error_message = "no right to write to Cloud Trace"
  }
  assert {
    condition     = output.traces == null
    error_message = "the console has none of these traces"
  }
}

run "sub_agent_is_the_agents_alone" {
  command = apply

  variables {
    sub_agent = true
    invokers  = ["user:a@example.com"]
  }

  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].environment_variables["SUB_AGENT_URL"] == google_cloudfunctions2_function.sub_agent[0].service_config[0].uri
    error_message = "the agent knows the sub-agent's URL"
  }
  assert {
    condition     = google_cloudfunctions2_function.agent.service_config[0].environment_variables["SUB_AGENT_AUTH"] == "idtoken"
    error_message = "the agent calls with an ID token"
  }
  assert {
    condition     = !contains(keys(google_cloudfunctions2_function.sub_agent[0].service_config[0].environment_variables), "SUB_AGENT_URL")
    error_message = "the sub-agent delegates to nobody"
  }
  assert {
    condition     = google_cloudfunctions2_function.sub_agent[0].build_config[0].source == google_cloudfunctions2_function.agent.build_config[0].source
    error_message = "both come from one zip"
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.sub_agent_caller[0].role == "roles/run.invoker"
    error_message = "the agent may call it"
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.invoker) == ["user:a@example.com"]
    error_message = "invokers call the agent, not the sub-agent"
  }
  assert {
    condition     = google_service_account.runtime["agent"].account_id == "gemini-agent-run" && google_service_account.runtime["sub_agent"].account_id == "gemini-agent-sub-run"
    error_message = "each function is somebody of its own"
  }
}

run "settings_reach_both_functions" {
  command = apply

  variables {
    sub_agent = true
    settings  = { TRACE_KEEP_SLOWER_THAN = "5s" }
  }

  assert {
    condition = alltrue([
      for environment in [
        google_cloudfunctions2_function.agent.service_config[0].environment_variables,
        google_cloudfunctions2_function.sub_agent[0].service_config[0].environment_variables,
      ] : environment["TRACE_KEEP_SLOWER_THAN"] == "5s"
    ])
    error_message = "a setting is for every function of this deployment"
  }
}

run "alerts_when_there_is_somebody_to_tell" {
  command = plan

  variables {
    notification_channels = ["projects/my-project/notificationChannels/1"]
    alert_thresholds      = { latency_p95_seconds = 12 }
  }

  assert {
    condition     = google_monitoring_alert_policy.error_ratio[0].conditions[0].condition_threshold[0].threshold_value == 0.05
    error_message = "a threshold not given keeps its default"
  }
  assert {
    condition     = google_monitoring_alert_policy.latency[0].conditions[0].condition_threshold[0].threshold_value == 12000
    error_message = "the platform's latency is in milliseconds"
  }
}

run "dashboard_states_nothing_that_the_api_drops" {
  command = plan

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.main.dashboard_json).mosaicLayout.tiles) == 8
    error_message = "six charts, the errors and the way to the traces"
  }
  assert {
    condition     = !strcontains(google_monitoring_dashboard.main.dashboard_json, "\"xPos\":0") && !strcontains(google_monitoring_dashboard.main.dashboard_json, "\"yPos\":0")
    error_message = "a zero comes back missing and would be a change in every plan"
  }
}

run "pipeline_without_a_repository" {
  command = plan

  variables {
    pipeline = { state_bucket = "my-state" }
  }

  assert {
    condition     = length(google_service_account.deploy) == 1 && length(google_cloudbuild_trigger.main) == 0
    error_message = "builds by hand need the account, not the trigger"
  }
}

run "pipeline_with_a_repository" {
  command = plan

  variables {
    pipeline = {
      state_bucket = "my-state"
      repository   = "projects/my-project/locations/europe-west1/connections/github/repositories/agent"
    }
  }

  assert {
    condition     = google_cloudbuild_trigger.main[0].repository_event_config[0].push[0].branch == "^main$"
    error_message = "pushes to main deploy"
  }
  assert {
    condition     = google_cloudbuild_trigger.main[0].substitutions["_STATE_BUCKET"] == "my-state"
    error_message = "the pipeline knows its state"
  }
}

run "refuses_an_unknown_setting" {
  command = plan

  variables {
    settings = { TRACE_KEEP_SLOWER = "5s" }
  }

  expect_failures = [var.settings]
}

run "refuses_a_secret_as_a_setting" {
  command = plan

  variables {
    settings = { OTEL_EXPORTER_OTLP_HEADERS = "authorization=Bearer x" }
  }

  expect_failures = [var.settings]
}

run "refuses_otlp_without_an_endpoint" {
  command = plan

  variables {
    trace_exporter = "otlp"
  }

  expect_failures = [google_cloudfunctions2_function.agent]
}

run "refuses_a_key_on_vertex_ai" {
  command = plan

  variables {
    gemini_api_key_version = "1"
  }

  expect_failures = [google_cloudfunctions2_function.agent]
}

run "refuses_latest_as_a_key_version" {
  command = plan

  variables {
    gemini_backend         = "gemini_api"
    gemini_api_key_version = "latest"
  }

  expect_failures = [var.gemini_api_key_version]
}

run "refuses_a_name_that_cloud_run_would_change" {
  command = plan

  variables {
    name = "gemini_agent"
  }

  expect_failures = [var.name]
}

run "refuses_an_invoker_without_a_kind" {
  command = plan

  variables {
    invokers = ["a@example.com"]
  }

  expect_failures = [var.invokers]
}
