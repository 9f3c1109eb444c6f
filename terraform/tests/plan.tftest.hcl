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
  mock_data "google_cloudfunctions2_function" {
    defaults = { state = "ACTIVE" }
  }
  mock_resource "google_storage_bucket" {
    defaults = { project_number = 123456789012 }
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

mock_provider "google" {
  alias = "billing"
}

mock_provider "archive" {
  mock_data "archive_file" {
    defaults = {
      output_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }
}

mock_provider "time" {}

variables {
  project_id = "my-project"
  region     = "europe-west1"
}

run "project_and_region_are_enough" {
  command = plan

  assert {
    condition     = length(module.sub_agent) == 0
    error_message = "a sub-agent only on request"
  }
  assert {
    condition     = length(google_secret_manager_secret.gemini_api_key) == 0
    error_message = "Vertex AI needs no key"
  }
  assert {
    condition     = length(google_monitoring_alert_policy.error_ratio) + length(google_monitoring_alert_policy.latency) + length(google_monitoring_alert_policy.logged) == 0
    error_message = "no alert without somebody to tell"
  }
  assert {
    condition     = length(google_service_account.deploy) + length(google_service_account.test) + length(google_cloudbuild_trigger.main) == 0
    error_message = "no account that can deploy unless asked for"
  }
  assert {
    condition     = output.gemini_api_key_secret == null && output.sub_agent_urls == {}
    error_message = "outputs of what is not there are null"
  }
}

run "private_by_default" {
  command = plan

  assert {
    condition     = length(var.invokers) == 0 && !output.public
    error_message = "nobody is granted the right to call, let alone everybody"
  }
}

run "the_platform_and_the_function_agree_on_the_timeout" {
  command = plan

  variables {
    timeout_seconds = 120
  }

  assert {
    condition     = local.environment["REQUEST_TIMEOUT"] == "120s"
    error_message = "REQUEST_TIMEOUT is the function's"
  }
}

run "environment_has_no_empty_value" {
  command = plan

  assert {
    condition = alltrue([
      for value in values(local.environment) : length(value) > 0
    ])
    error_message = "an empty string is not the same as unset"
  }
  assert {
    condition = alltrue([
      for name in ["GEMINI_MODEL", "MCP_SERVER_URL", "SUB_AGENT_URL", "GEMINI_API_KEY"] :
      !contains(keys(local.environment), name)
    ])
    error_message = "what was not given is left to the function"
  }
  assert {
    condition     = local.environment["APP_VERSION"] == "0123456789ab"
    error_message = "the version is the source's hash"
  }
}

run "one_narrow_role_each_on_vertex_ai" {
  command = plan

  assert {
    condition     = local.runtime_roles == toset(["roles/aiplatform.user", "roles/telemetry.tracesWriter"])
    error_message = "the function calls the model and writes traces, nothing else"
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
    condition     = length(local.secrets) == 0
    error_message = "a version that does not exist would fail the deploy"
  }
  assert {
    condition     = local.environment["GOOGLE_GENAI_USE_VERTEXAI"] == "false"
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
    condition     = join(",", keys(local.secrets)) == "GEMINI_API_KEY"
    error_message = "the key comes from Secret Manager"
  }
  assert {
    condition     = local.secrets["GEMINI_API_KEY"].version == "3"
    error_message = "a numbered version, so that a rotation reaches every instance"
  }
  assert {
    condition     = local.secrets["GEMINI_API_KEY"].secret == google_secret_manager_secret.gemini_api_key[0].secret_id
    error_message = "the function reads this one secret, and its module grants just that"
  }
  assert {
    condition     = local.runtime_roles == toset(["roles/telemetry.tracesWriter"])
    error_message = "without Vertex AI no right to use it"
  }
}

run "telemetry_api_by_default" {
  command = plan

  assert {
    condition     = local.environment["OTEL_TRACES_EXPORTER"] == "otlp"
    error_message = "the Telemetry API takes OTLP"
  }
  assert {
    condition     = local.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://telemetry.googleapis.com"
    error_message = "the endpoint is Google's"
  }
  assert {
    condition = local.runtime_roles == toset([
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
    secrets = {
      OTEL_EXPORTER_OTLP_HEADERS = { secret = "otlp-headers", version = "1" }
    }
  }

  assert {
    condition     = local.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://otel.example.com:4318"
    error_message = "the endpoint is the one given"
  }
  assert {
    condition     = local.secrets["OTEL_EXPORTER_OTLP_HEADERS"].secret == "otlp-headers"
    error_message = "headers hold a token, so they come from Secret Manager"
  }
  assert {
    condition     = local.runtime_roles == toset(["roles/aiplatform.user"])
    error_message = "no right to write to Cloud Trace"
  }
  assert {
    condition     = output.traces == null
    error_message = "the console has none of these traces"
  }
}

run "a_sub_agent_is_the_agents_alone" {
  command = apply

  variables {
    sub_agents = { research = {} }
    invokers   = ["user:a@example.com"]
  }

  assert {
    condition     = local.delegation["SUB_AGENT_URL"] == "https://gemini-agent-research-123456789012.europe-west1.run.app"
    error_message = "the agent knows the sub-agent's URL, and it is known when planning"
  }
  assert {
    condition     = local.delegation["SUB_AGENT_AUTH"] == "idtoken"
    error_message = "the agent calls with an ID token"
  }
  assert {
    condition     = !contains(keys(local.environment), "SUB_AGENT_URL")
    error_message = "the sub-agent delegates to nobody"
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.sub_agent_caller["research"].role == "roles/run.invoker"
    error_message = "the agent may call it"
  }
  assert {
    condition     = google_service_account.runtime["agent"].account_id == "gemini-agent-run" && google_service_account.runtime["research"].account_id == "gemini-agent-research-run"
    error_message = "each function is somebody of its own"
  }
}

run "several_sub_agents" {
  command = apply

  variables {
    sub_agents = {
      math     = { description = "Proves things.", environment = { PROVER = "lean" } }
      research = {}
    }
  }

  assert {
    condition = local.delegation["SUB_AGENTS"] == join(",", [
      "math=https://gemini-agent-math-123456789012.europe-west1.run.app",
      "research=https://gemini-agent-research-123456789012.europe-west1.run.app",
    ])
    error_message = "each has a name and a URL"
  }
  assert {
    condition     = !contains(keys(local.delegation), "SUB_AGENT_URL")
    error_message = "none of them is called twice"
  }
}

run "settings_reach_every_function" {
  command = plan

  variables {
    settings = { TRACE_KEEP_SLOWER_THAN = "5s" }
  }

  assert {
    condition     = local.environment["TRACE_KEEP_SLOWER_THAN"] == "5s"
    error_message = "a setting is for every function of this deployment"
  }
}

run "a_tools_own_variable_and_secret" {
  command = plan

  variables {
    environment = { WEATHER_URL = "https://weather.example.com" }
    secrets     = { WEATHER_KEY = { secret = "weather", version = "2" } }
  }

  assert {
    condition     = local.secrets["WEATHER_KEY"].version == "2"
    error_message = "a secret of a tool's needs no edit of the module"
  }
}

run "no_database_unless_asked_for" {
  command = plan

  assert {
    condition     = length(google_firestore_database.sessions) + length(google_project_iam_member.sessions) == 0 && length(local.session_environment) == 0
    error_message = "without sessions there is nothing to store them"
  }
}

run "sessions_in_a_database_of_their_own" {
  command = plan

  variables {
    sessions = {}
  }

  assert {
    condition     = google_firestore_database.sessions[0].name == "gemini-agent-sessions" && google_firestore_database.sessions[0].location_id == "europe-west1"
    error_message = "the database is this deployment's"
  }
  assert {
    condition     = local.session_environment["FIRESTORE_DATABASE"] == "gemini-agent-sessions" && local.session_environment["SESSION_STORE"] == "firestore"
    error_message = "the functions know it"
  }
  assert {
    condition     = toset([for field in google_firestore_field.expiry : field.collection]) == toset(["facts", "turns"])
    error_message = "what is stored expires"
  }
  assert {
    condition = (
      google_project_iam_member.sessions["agent"].role == "roles/datastore.user" &&
      strcontains(google_project_iam_member.sessions["agent"].condition[0].expression, "databases/gemini-agent-sessions")
    )
    error_message = "the agent may use that database and no other"
  }
  assert {
    condition     = contains(keys(google_project_service.main), "firestore.googleapis.com")
    error_message = "the API is switched on"
  }
}

run "sessions_in_an_existing_database" {
  command = plan

  variables {
    sessions = { database = "(default)" }
  }

  assert {
    condition     = length(google_firestore_database.sessions) == 0 && local.session_environment["FIRESTORE_DATABASE"] == "(default)"
    error_message = "a database that is there is not made, nor ever destroyed"
  }
}

run "refuses_a_database_in_capitals" {
  command = plan

  variables {
    sessions = { database = "Sessions" }
  }

  expect_failures = [var.sessions]
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
  assert {
    condition     = google_storage_bucket_iam_member.deploy["state"].bucket == "my-state" && google_storage_bucket_iam_member.deploy["state"].role == "roles/storage.admin"
    error_message = "who deploys writes the state, and reads this grant in every plan"
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
  assert {
    condition = alltrue([
      for name in ["_NAME", "_STATE_PREFIX"] : google_cloudbuild_trigger.main[0].substitutions[name] == "gemini-agent"
    ])
    error_message = "the pipeline knows the function's name"
  }
  assert {
    condition     = google_cloudbuild_trigger.test[0].filename == "cloudbuild.test.yaml" && google_cloudbuild_trigger.main[0].filename == "cloudbuild.yaml"
    error_message = "tests and deploys are two builds, by two accounts"
  }
  assert {
    condition     = [for grant in google_project_iam_member.test : grant.role] == ["roles/logging.logWriter"]
    error_message = "who tests can do nothing else"
  }
  assert {
    condition = strcontains(
      google_project_iam_member.deploy["roles/resourcemanager.projectIamAdmin"].condition[0].expression,
      "modifiedGrantsByRole",
    )
    error_message = "who deploys cannot make itself owner"
  }
}

run "a_deploy_can_wait_for_a_person" {
  command = plan

  variables {
    pipeline = {
      approval     = true
      state_bucket = "my-state"
      repository   = "projects/my-project/locations/europe-west1/connections/github/repositories/agent"
    }
  }

  assert {
    condition     = google_cloudbuild_trigger.main[0].approval_config[0].approval_required
    error_message = "the trigger asks"
  }
}

run "refuses_a_smoke_test_that_cannot_reach_the_function" {
  command = plan

  variables {
    ingress = "ALLOW_INTERNAL_ONLY"
    pipeline = {
      state_bucket = "my-state"
      repository   = "projects/my-project/locations/europe-west1/connections/github/repositories/agent"
    }
  }

  expect_failures = [google_cloudbuild_trigger.main]
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

  expect_failures = [var.otlp_endpoint]
}

run "refuses_a_key_on_vertex_ai" {
  command = plan

  variables {
    gemini_api_key_version = "1"
  }

  expect_failures = [var.gemini_api_key_version]
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
run "cloud_trace_api" {
  command = plan

  variables {
    trace_exporter = "cloudtrace"
  }

  assert {
    condition     = local.environment["OTEL_TRACES_EXPORTER"] == "cloudtrace" && !contains(keys(local.environment), "OTEL_EXPORTER_OTLP_ENDPOINT")
    error_message = "the exporter is the one asked for, and needs no endpoint"
  }
  assert {
    condition     = local.runtime_roles == toset(["roles/aiplatform.user", "roles/cloudtrace.agent"])
    error_message = "the Telemetry API's role goes with its exporter"
  }
  assert {
    condition     = contains(keys(google_project_service.main), "cloudtrace.googleapis.com") && !contains(keys(google_project_service.main), "telemetry.googleapis.com")
    error_message = "the API that is used is switched on, the other not"
  }
}

run "refuses_a_known_name_in_the_environment" {
  command = plan

  variables {
    environment = { GEMINI_MODEL = "x" }
  }

  expect_failures = [var.environment]
}

run "refuses_an_empty_variable" {
  command = plan

  variables {
    environment = { A = "" }
  }

  expect_failures = [var.environment]
}

run "refuses_an_empty_setting" {
  command = plan

  variables {
    settings = { TRACE_PREVIEWS = "" }
  }

  expect_failures = [var.settings]
}

run "refuses_latest_as_a_secrets_version" {
  command = plan

  variables {
    secrets = { A = { secret = "a", version = "latest" } }
  }

  expect_failures = [var.secrets]
}

run "refuses_one_name_as_variable_and_secret" {
  command = plan

  variables {
    environment = { A = "1" }
    secrets     = { A = { secret = "a", version = "1" } }
  }

  expect_failures = [var.secrets]
}

run "refuses_a_sub_agent_with_a_taken_name" {
  command = plan

  variables {
    sub_agents = { deploy = {} }
  }

  expect_failures = [var.sub_agents]
}

run "refuses_a_sub_agent_with_a_bad_name" {
  command = plan

  variables {
    sub_agents = { Research = {} }
  }

  expect_failures = [var.sub_agents]
}

run "refuses_a_sub_agent_with_a_long_name" {
  command = plan

  variables {
    sub_agents = { extraordinary-research = {} }
  }

  expect_failures = [var.sub_agents]
}

run "refuses_more_kept_than_allowed_instances" {
  command = plan

  variables {
    min_instances = 11
  }

  expect_failures = [var.min_instances]
}

run "refuses_a_fraction_of_a_cpu" {
  command = plan

  variables {
    cpu = 3
  }

  expect_failures = [var.cpu]
}

run "refuses_no_concurrency" {
  command = plan

  variables {
    concurrency = 0
  }

  expect_failures = [var.concurrency]
}

run "refuses_an_unknown_ingress" {
  command = plan

  variables {
    ingress = "ALL"
  }

  expect_failures = [var.ingress]
}

run "refuses_memory_without_a_unit" {
  command = plan

  variables {
    memory = "512"
  }

  expect_failures = [var.memory]
}

run "refuses_a_runtime_of_another_language" {
  command = plan

  variables {
    runtime = "nodejs24"
  }

  expect_failures = [var.runtime]
}

run "refuses_a_wait_without_a_unit" {
  command = plan

  variables {
    grant_wait = "90"
  }

  expect_failures = [var.grant_wait]
}

run "refuses_a_key_that_is_none" {
  command = plan

  variables {
    kms_key_name = "my-key"
  }

  expect_failures = [var.kms_key_name]
}

run "refuses_half_an_image" {
  command = plan

  variables {
    keep_images = 1
  }

  expect_failures = [var.keep_images]
}

run "refuses_an_attempt_of_zero" {
  command = plan

  variables {
    deploy_attempt = 0
  }

  expect_failures = [var.deploy_attempt]
}

run "refuses_a_timeout_of_a_day" {
  command = plan

  variables {
    timeout_seconds = 86400
  }

  expect_failures = [var.timeout_seconds]
}

run "refuses_an_unknown_exporter" {
  command = plan

  variables {
    trace_exporter = "zipkin"
  }

  expect_failures = [var.trace_exporter]
}

run "refuses_an_unknown_backend" {
  command = plan

  variables {
    gemini_backend = "openai"
  }

  expect_failures = [var.gemini_backend]
}

run "refuses_a_model_with_a_space" {
  command = plan

  variables {
    gemini_model = "gemini 3"
  }

  expect_failures = [var.gemini_model]
}

run "refuses_a_log_level_that_is_none" {
  command = plan

  variables {
    log_level = "loud"
  }

  expect_failures = [var.log_level]
}

run "refuses_an_mcp_server_that_is_no_url" {
  command = plan

  variables {
    mcp_server_url = "tools.example.com"
  }

  expect_failures = [var.mcp_server_url]
}

run "refuses_a_project_number" {
  command = plan

  variables {
    project_id = "123456789012"
  }

  expect_failures = [var.project_id]
}

run "refuses_a_zone" {
  command = plan

  variables {
    region = "europe-west1-b"
  }

  expect_failures = [var.region]
}

run "refuses_a_location_in_capitals" {
  command = plan

  variables {
    vertex_location = "Global"
  }

  expect_failures = [var.vertex_location]
}

run "refuses_a_version_with_a_space" {
  command = plan

  variables {
    app_version = "v 1"
  }

  expect_failures = [var.app_version]
}

run "refuses_an_environment_name_in_capitals" {
  command = plan

  variables {
    environment_name = "PROD"
  }

  expect_failures = [var.environment_name]
}

run "refuses_labels_in_capitals" {
  command = plan

  variables {
    labels = { Team = "a" }
  }

  expect_failures = [var.labels]
}

run "refuses_a_repository_by_url" {
  command = plan

  variables {
    pipeline = { state_bucket = "b", repository = "https://example.com/r" }
  }

  expect_failures = [var.pipeline]
}
