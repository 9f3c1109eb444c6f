# Objectives, and a policy for each that fires when it is being missed.
locals {
  objectives = var.slo == null ? {} : {
    availability = {
      title = "${var.slo.availability * 100}% of requests without a 5xx"
      goal  = var.slo.availability
    }
    latency = {
      title = "${var.slo.latency * 100}% of requests within ${var.slo.latency_seconds} s"
      goal  = var.slo.latency
    }
  }
  latencies_of_agent = replace(local.requests_of_agent, "request_count", "request_latencies")
}

resource "google_monitoring_custom_service" "agent" {
  count = var.slo == null ? 0 : 1

  project      = local.project_id
  service_id   = var.name
  display_name = var.name
  user_labels  = local.labels
}

resource "google_monitoring_slo" "main" {
  for_each = local.objectives

  project             = local.project_id
  service             = google_monitoring_custom_service.agent[0].service_id
  slo_id              = "${var.name}-${each.key}"
  display_name        = each.value.title
  goal                = each.value.goal
  rolling_period_days = var.slo.days
  user_labels         = local.labels

  request_based_sli {
    dynamic "good_total_ratio" {
      for_each = each.key == "availability" ? [1] : []

      content {
        bad_service_filter   = local.failures_of_agent
        total_service_filter = local.requests_of_agent
      }
    }

    dynamic "distribution_cut" {
      for_each = each.key == "latency" ? [1] : []

      content {
        distribution_filter = local.latencies_of_agent

        range {
          max = var.slo.latency_seconds * 1000 # the platform measures in milliseconds
        }
      }
    }
  }
}

# Ten times as fast as allowed, for an hour: of 28 days' allowance, the part of ten hours is gone.
resource "google_monitoring_alert_policy" "burn" {
  for_each = length(var.notification_channels) > 0 ? local.objectives : {}

  project               = local.project_id
  display_name          = "${var.name}: objective of ${each.key}"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = "\"${each.value.title}\" is missed ten times as fast as allowed"

    condition_threshold {
      filter          = "select_slo_burn_rate(\"${google_monitoring_slo.main[each.key].name}\", \"3600s\")"
      comparison      = "COMPARISON_GT"
      threshold_value = 10
      duration        = "0s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Slow and failed requests keep their traces: [Trace explorer](${local.trace_explorer}). docs/operations.md has the questions to ask."
  }
}
