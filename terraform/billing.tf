# What the project may cost in a month. A budget tells; it stops nothing: TASK_MAX_COST_USD does that for a task.
resource "google_billing_budget" "main" {
  count = var.billing_budget == null ? 0 : 1

  provider        = google.billing
  billing_account = var.billing_budget.billing_account
  display_name    = var.name

  budget_filter {
    projects = ["projects/${module.build.project_number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.billing_budget.amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]

    content {
      threshold_percent = threshold_rules.value
    }
  }
  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  # Beside the administrators of the billing account, who are always told. The API takes five channels.
  dynamic "all_updates_rule" {
    for_each = length(var.notification_channels) > 0 ? [slice(var.notification_channels, 0, min(5, length(var.notification_channels)))] : []

    content {
      monitoring_notification_channels = all_updates_rule.value
    }
  }
}
