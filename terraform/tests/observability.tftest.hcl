# What is watched: metrics out of the log, the dashboard, alerts, objectives, the budget. Mocked as in plan.tftest.hcl.
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
  mock_resource "google_monitoring_slo" {
    defaults = {
      name = "projects/123456789012/services/gemini-agent/serviceLevelObjectives/mocked"
    }
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

run "metrics_of_the_one_line" {
  command = plan

  assert {
    condition = toset(keys(google_logging_metric.main)) == toset([
      "attempts", "cached_tokens", "cost_usd", "errors", "input_tokens", "output_tokens", "reasoning_tokens", "spans_dropped", "spans_kept",
      "spans_retried", "steps", "task_duration", "tasks", "tasks_with_failed_tools", "tasks_with_tools", "tool_failures",
    ])
    error_message = "tokens, cost, time, steps, tools, attempts, spans"
  }
  assert {
    condition     = google_logging_metric.main["cost_usd"].value_extractor == "EXTRACT(jsonPayload.cost_usd)" && google_logging_metric.main["cost_usd"].metric_descriptor[0].unit == "{USD}"
    error_message = "cost is a distribution of US dollars"
  }
  assert {
    condition = alltrue([
      for metric in google_logging_metric.main :
      (metric.value_extractor == null) == (metric.metric_descriptor[0].value_type == "INT64") &&
      (metric.value_extractor == null) == (length(metric.bucket_options) == 0)
    ])
    error_message = "with a value it is a distribution with buckets, without it a count"
  }
  assert {
    condition = alltrue([
      for metric in google_logging_metric.main :
      join(",", keys(coalesce(metric.label_extractors, {}))) == join(",", sort([for label in metric.metric_descriptor[0].labels : label.key]))
    ])
    error_message = "each label is declared and filled"
  }
  assert {
    condition     = alltrue([for metric in google_logging_metric.main : strcontains(metric.filter, "service_name=(\"gemini-agent\")")])
    error_message = "lines of this deployment only"
  }
}

run "lines_of_sub_agents_count_too" {
  command = plan

  variables {
    sub_agents = { research = {} }
  }

  assert {
    condition     = strcontains(google_logging_metric.main["tasks"].filter, "service_name=(\"gemini-agent\" OR \"gemini-agent-research\")")
    error_message = "what a sub-agent spends is on its own lines"
  }
}

run "nobody_to_tell" {
  command = plan

  variables {
    slo = {}
  }

  assert {
    condition = 0 == sum([
      for policies in [google_monitoring_alert_policy.error_ratio, google_monitoring_alert_policy.latency, google_monitoring_alert_policy.logged, google_monitoring_alert_policy.burn] :
      length(policies)
    ])
    error_message = "no alert without somebody to tell"
  }
}

run "alerts_when_there_is_somebody_to_tell" {
  command = plan

  variables {
    notification_channels = ["projects/my-project/notificationChannels/1"]
    alert_thresholds      = { latency_p95_seconds = 12, spend_usd_per_hour = 3 }
  }

  assert {
    condition     = google_monitoring_alert_policy.error_ratio[0].conditions[0].condition_threshold[0].threshold_value == 0.05
    error_message = "a threshold not given keeps its default"
  }
  assert {
    condition     = google_monitoring_alert_policy.latency[0].conditions[0].condition_threshold[0].threshold_value == 12000
    error_message = "the platform's latency is in milliseconds"
  }
  assert {
    condition     = join(",", keys(google_monitoring_alert_policy.logged)) == "quota,spans_dropped,spend,tool_failures"
    error_message = "what is logged is watched"
  }
  assert {
    condition = google_monitoring_alert_policy.logged["spend"].conditions[0].condition_prometheus_query_language[0].query == join("", [
      "sum(increase(logging_googleapis_com:user_gemini_agent_cost_usd_sum{monitored_resource=\"cloud_run_revision\",",
      "service_name=~\"gemini-agent\"}[1h])) > 3",
    ])
    error_message = "the spend of an hour, over all models"
  }
  assert {
    condition     = endswith(google_monitoring_alert_policy.logged["spans_dropped"].conditions[0].condition_prometheus_query_language[0].query, "[10m])) > 0")
    error_message = "one lost span is one too many"
  }
  assert {
    condition = alltrue([
      for policy in google_monitoring_alert_policy.logged :
      policy.conditions[0].condition_prometheus_query_language[0].disable_metric_validation && policy.notification_channels == tolist(var.notification_channels)
    ])
    error_message = "a metric that nothing was logged for does not fail the apply"
  }
}

run "dashboard_states_nothing_that_the_api_drops" {
  command = plan

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.main.dashboard_json).mosaicLayout.tiles) == 16
    error_message = "fourteen charts, the errors and the way to the traces"
  }
  assert {
    condition     = !strcontains(google_monitoring_dashboard.main.dashboard_json, "\"xPos\":0") && !strcontains(google_monitoring_dashboard.main.dashboard_json, "\"yPos\":0")
    error_message = "a zero comes back missing and would be a change in every plan"
  }
}

run "no_objective_and_no_budget_unless_asked_for" {
  command = plan

  assert {
    condition     = length(google_monitoring_custom_service.agent) + length(google_monitoring_slo.main) + length(google_billing_budget.main) == 0
    error_message = "both are options"
  }
  assert {
    condition     = !contains(keys(google_project_service.main), "billingbudgets.googleapis.com")
    error_message = "an API that nothing uses stays off"
  }
}

run "objectives" {
  command = apply

  variables {
    slo                   = { availability = 0.995 }
    notification_channels = ["projects/my-project/notificationChannels/1"]
  }

  assert {
    condition     = google_monitoring_slo.main["availability"].goal == 0.995 && google_monitoring_slo.main["availability"].rolling_period_days == 28
    error_message = "what is given holds, the rest has its default"
  }
  assert {
    condition     = strcontains(google_monitoring_slo.main["availability"].request_based_sli[0].good_total_ratio[0].bad_service_filter, "response_code_class = \"5xx\"")
    error_message = "a 5xx is what makes a request a bad one"
  }
  assert {
    condition     = google_monitoring_slo.main["latency"].request_based_sli[0].distribution_cut[0].range[0].max == 20000
    error_message = "the platform's latency is in milliseconds"
  }
  assert {
    condition     = strcontains(google_monitoring_slo.main["latency"].request_based_sli[0].distribution_cut[0].distribution_filter, "run.googleapis.com/request_latencies")
    error_message = "latency is the platform's"
  }
  assert {
    condition = alltrue([
      for policy in google_monitoring_alert_policy.burn :
      policy.conditions[0].condition_threshold[0].filter == "select_slo_burn_rate(\"projects/123456789012/services/gemini-agent/serviceLevelObjectives/mocked\", \"3600s\")"
    ]) && length(google_monitoring_alert_policy.burn) == 2
    error_message = "each objective tells when it is being missed"
  }
}

run "a_budget" {
  command = apply

  variables {
    billing_budget        = { billing_account = "01AB23-CD45EF-678901", amount = 200 }
    notification_channels = [for n in range(6) : "projects/my-project/notificationChannels/${n}"]
  }

  assert {
    condition     = google_billing_budget.main[0].amount[0].specified_amount[0].units == "200" && one(google_billing_budget.main[0].budget_filter[0].projects) == "projects/123456789012"
    error_message = "of this project, by its number, as the API gives it back"
  }
  assert {
    condition     = length(google_billing_budget.main[0].all_updates_rule[0].monitoring_notification_channels) == 5
    error_message = "the API takes five channels"
  }
  assert {
    condition     = contains(keys(google_project_service.main), "billingbudgets.googleapis.com")
    error_message = "the API is switched on"
  }
}

run "refuses_a_channel_by_name" {
  command = plan

  variables {
    notification_channels = ["mail"]
  }

  expect_failures = [var.notification_channels]
}

run "refuses_an_error_ratio_in_percent" {
  command = plan

  variables {
    alert_thresholds = { error_ratio = 5 }
  }

  expect_failures = [var.alert_thresholds]
}

run "refuses_a_quota_ratio_of_nothing" {
  command = plan

  variables {
    alert_thresholds = { quota_ratio = 0 }
  }

  expect_failures = [var.alert_thresholds]
}

run "refuses_a_spend_of_nothing" {
  command = plan

  variables {
    alert_thresholds = { spend_usd_per_hour = 0 }
  }

  expect_failures = [var.alert_thresholds]
}

run "refuses_an_objective_in_percent" {
  command = plan

  variables {
    slo = { availability = 99 }
  }

  expect_failures = [var.slo]
}

run "refuses_an_objective_without_time" {
  command = plan

  variables {
    slo = { latency_seconds = 0 }
  }

  expect_failures = [var.slo]
}

run "refuses_an_objective_of_a_year" {
  command = plan

  variables {
    slo = { days = 365 }
  }

  expect_failures = [var.slo]
}

run "refuses_a_billing_account_by_name" {
  command = plan

  variables {
    billing_budget = { billing_account = "mine", amount = 1 }
  }

  expect_failures = [var.billing_budget]
}

run "refuses_a_budget_of_cents" {
  command = plan

  variables {
    billing_budget = { billing_account = "01AB23-CD45EF-678901", amount = 0.5 }
  }

  expect_failures = [var.billing_budget]
}
