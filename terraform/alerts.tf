# Policies that call somebody once there is a channel to call by: two on what the platform measures, the others on what
# the function logs.
locals {
  metrics_of_services = join(" AND ", [
    "resource.type = \"cloud_run_revision\"",
    "resource.labels.service_name = one_of(${join(",", [for name in values(local.services) : "\"${name}\""])})",
  ])
  requests_of_agent = join(" AND ", [
    "resource.type = \"cloud_run_revision\"",
    "resource.labels.service_name = \"${var.name}\"",
    "metric.type = \"run.googleapis.com/request_count\"",
  ])
  failures_of_agent = "${local.requests_of_agent} AND metric.labels.response_code_class = \"5xx\""

  refused_for_quota = replace(local.added["10m"].tasks, "}", ",status=\"429\"}")

  # A policy with PromQL has one condition. A share of one or two tasks is no reason to wake anybody.
  logged_alerts = {
    quota = {
      title    = "quota of the model"
      severity = "WARNING"
      when     = "More than ${var.alert_thresholds.quota_ratio * 100}% of tasks are answered 429, and more than two, in ten minutes"
      query = join(" and ", [
        "sum(${local.refused_for_quota}) / sum(${local.added["10m"].tasks}) > ${var.alert_thresholds.quota_ratio}",
        "sum(${local.refused_for_quota}) > 2",
      ])
      what_now = "The model's service refuses for its quota, retries included. The log lines of the tasks say which quota and for how long."
    }
    spans_dropped = {
      title    = "spans lost"
      severity = "ERROR"
      when     = "Any span was given up in ten minutes"
      query    = "sum(${local.added["10m"].spans_dropped}) > 0"
      what_now = "The trace backend is away or refuses. The warnings that say `spans` name the reason; what is still buffered is sent when it answers again."
    }
    spend = {
      title    = "spend"
      severity = "WARNING"
      when     = "The model costs more than USD ${var.alert_thresholds.spend_usd_per_hour} an hour"
      query    = "sum(${local.added["1h"].cost_usd}) > ${var.alert_thresholds.spend_usd_per_hour}"
      what_now = "The question \"what does each user cost\" of docs/operations.md names who; TASK_MAX_COST_USD bounds a task."
    }
    tool_failures = {
      title    = "failing tools"
      severity = "WARNING"
      when     = "A tool fails in more than ${var.alert_thresholds.tool_failure_ratio * 100}% of the tasks that use some, and in more than two, in ten minutes"
      query = join(" and ", [
        "sum(${local.added["10m"].tasks_with_failed_tools}) / sum(${local.added["10m"].tasks_with_tools}) > ${var.alert_thresholds.tool_failure_ratio}",
        "sum(${local.added["10m"].tasks_with_failed_tools}) > 2",
      ])
      what_now = "The warnings \"tool failed\" name tool and reason; the trace of each is kept and shows arguments and answer."
    }
  }
}

resource "google_monitoring_alert_policy" "error_ratio" {
  count = length(var.notification_channels) > 0 ? 1 : 0

  project               = local.project_id
  display_name          = "${var.name}: share of failed requests"
  combiner              = "AND"
  severity              = "ERROR"
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = "More than ${var.alert_thresholds.error_ratio * 100}% of answers are 5xx"

    condition_threshold {
      filter             = local.failures_of_agent
      denominator_filter = local.requests_of_agent
      comparison         = "COMPARISON_GT"
      threshold_value    = var.alert_thresholds.error_ratio
      duration           = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
      denominator_aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
    }
  }

  # One failure of one request at night is a ratio of one, and no reason to wake anybody.
  conditions {
    display_name = "More than two such answers in five minutes"

    condition_threshold {
      filter          = local.failures_of_agent
      comparison      = "COMPARISON_GT"
      threshold_value = 2
      duration        = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-EOT
      Every failed request keeps its whole trace: open [Trace explorer](${local.trace_explorer}) and filter by
      status Error. What was logged is in the logs of Cloud Run service ${var.name}, with a link to each trace.
    EOT
  }
}

resource "google_monitoring_alert_policy" "latency" {
  count = length(var.notification_channels) > 0 ? 1 : 0

  project               = local.project_id
  display_name          = "${var.name}: latency"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = "95th percentile above ${var.alert_thresholds.latency_p95_seconds} s"

    condition_threshold {
      filter          = replace(local.requests_of_agent, "request_count", "request_latencies")
      comparison      = "COMPARISON_GT"
      threshold_value = var.alert_thresholds.latency_p95_seconds * 1000
      duration        = "300s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_PERCENTILE_95"
        group_by_fields      = ["resource.label.service_name"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-EOT
      A slow trace in [Trace explorer](${local.trace_explorer}) shows what took the time: the model, a tool or the
      sub-agent. Requests to look for: longer than ${var.alert_thresholds.latency_p95_seconds} s.
    EOT
  }
}

# Validation is off because a metric from the log exists for the API only once something was logged.
resource "google_monitoring_alert_policy" "logged" {
  for_each = length(var.notification_channels) > 0 ? local.logged_alerts : {}

  project               = local.project_id
  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.when

    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = "0s"
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.what_now} Queries for the rest are in docs/operations.md; traces in [Trace explorer](${local.trace_explorer})."
  }

  depends_on = [google_logging_metric.main]
}
