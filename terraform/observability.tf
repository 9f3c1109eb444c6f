# What a person looks at: one dashboard, and two policies that call somebody once there is a channel to call by.
locals {
  logs_of_services = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.location=\"${var.region}\"",
    "resource.labels.service_name=(${join(" OR ", [for name in values(local.services) : "\"${name}\""])})",
  ])

  # Log fields that count spans. Each is what was added since the line before that had it, so that their sum is the
  # total. A flush says what it kept at debug, so "kept" is complete only with log_level = "debug"; a loss is a warning.
  span_counts = {
    spans_dropped = "Spans given up: the buffer was full while the trace backend was away"
    spans_kept    = "Spans handed to the trace backend"
    spans_retried = "Spans sent again after a failed export"
  }

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

  promql_services = "monitored_resource=\"cloud_run_revision\",service_name=~\"${join("|", values(local.services))}\""
  promql_starts   = "run_googleapis_com:container_startup_latencies_count"
  promql_logged   = "logging_googleapis_com:user_${replace(var.name, "-", "_")}"
}

resource "google_logging_metric" "errors" {
  project     = local.project_id
  name        = "${var.name}/errors"
  description = "Log entries of ${var.name} at ERROR and above."
  # Not the platform's own request log, which tells of the same failure once more.
  filter = "${local.logs_of_services} AND severity>=ERROR AND NOT log_id(\"run.googleapis.com/requests\")"

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "INT64"
    unit         = "1"
    display_name = "Errors logged"

    labels {
      key         = "service"
      value_type  = "STRING"
      description = "Function that logged the error"
    }
  }

  label_extractors = {
    service = "EXTRACT(resource.labels.service_name)"
  }
}

# Distributions, because only they carry a value out of a log line; the dashboard shows their sums.
resource "google_logging_metric" "spans" {
  for_each = local.span_counts

  project         = local.project_id
  name            = "${var.name}/${each.key}"
  description     = "${each.value}."
  filter          = "${local.logs_of_services} AND jsonPayload.${each.key}>0"
  value_extractor = "EXTRACT(jsonPayload.${each.key})"

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = "1"
    display_name = each.value
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 16
      growth_factor      = 2
      scale              = 1
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
