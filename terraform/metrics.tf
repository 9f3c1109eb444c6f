# Metrics out of the log: what the dashboard draws and the alerts watch. The fields are those of the one line of an
# invocation, "task done"; each filter and each field is tried in a test on lines that the function has written.
locals {
  logs_of_services = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.location=\"${var.region}\"",
    "resource.labels.service_name=(${join(" OR ", [for name in values(local.services) : "\"${name}\""])})",
  ])
  task_lines = "${local.logs_of_services} AND jsonPayload.message=\"task done\""

  # A count of lines where value is null, else the distribution of a field, because only that carries a value out of a
  # line: its sum is the total. A line without the field is left out by the comparison: a request that was refused has
  # no model, and a model without a price no cost. What sub-agents spent is on their own lines, so nothing counts
  # delegated.
  log_metrics = merge(
    {
      errors = {
        text = "Errors logged"
        # Not the platform's own request log, which tells of the same failure once more.
        filter = "${local.logs_of_services} AND severity>=ERROR AND NOT log_id(\"run.googleapis.com/requests\")"
        value  = null
        unit   = "1"
        labels = { service = "resource.labels.service_name" }
      }
      tasks = {
        text   = "Tasks, by how they were answered and why their trace was kept"
        filter = local.task_lines
        value  = null
        unit   = "1"
        labels = {
          finish_reason = "jsonPayload.finish_reason"
          kept_for      = "jsonPayload.reason"
          status        = "jsonPayload.\"http.response.status_code\""
        }
      }
      task_duration = {
        text   = "Time of a task"
        filter = "${local.task_lines} AND jsonPayload.duration_ms>=0"
        value  = "jsonPayload.duration_ms"
        unit   = "ms"
        labels = { model = "jsonPayload.model" }
      }
      cost_usd = {
        text   = "Cost of a task in US dollars, as far as prices are known"
        filter = "${local.task_lines} AND jsonPayload.cost_usd>=0"
        value  = "jsonPayload.cost_usd"
        unit   = "{USD}"
        labels = { model = "jsonPayload.model" }
      }
      tool_failures = {
        text   = "Calls of tools that failed"
        filter = "${local.logs_of_services} AND jsonPayload.message=\"tool failed\""
        value  = null
        unit   = "1"
        labels = { error_type = "jsonPayload.error_type", tool = "jsonPayload.tool" }
      }
      tasks_with_tools = {
        text   = "Tasks that called a tool"
        filter = "${local.task_lines} AND jsonPayload.tools=~\".\""
        value  = null
        unit   = "1"
        labels = {}
      }
      tasks_with_failed_tools = {
        text   = "Tasks that called a tool which failed"
        filter = "${local.task_lines} AND jsonPayload.tools_failed=~\".\""
        value  = null
        unit   = "1"
        labels = {}
      }
    },
    { for field, text in local.task_counts : field => {
      text   = text
      filter = "${local.task_lines} AND jsonPayload.${field}>=0"
      value  = "jsonPayload.${field}"
      unit   = "1"
      labels = { model = "jsonPayload.model" }
    } },
    { for field, text in local.span_counts : field => {
      text   = text
      filter = "${local.logs_of_services} AND jsonPayload.${field}>0"
      value  = "jsonPayload.${field}"
      unit   = "1"
      labels = {}
    } },
  )

  task_counts = {
    attempts         = "Requests to the model's service for a task, those made again included"
    cached_tokens    = "Tokens of a task's input that came from a cache"
    input_tokens     = "Tokens of a task's input, cached ones included"
    output_tokens    = "Tokens of a task's output, thoughts included"
    reasoning_tokens = "Tokens of a task's output that were thoughts"
    steps            = "Rounds of tools of a task"
  }

  # Each line that has them says what was added since the one before, whoever wrote it: their sum is the total.
  span_counts = {
    spans_dropped = "Spans given up: the buffer was full while the trace backend was away"
    spans_kept    = "Spans handed to the trace backend"
    spans_retried = "Spans sent again after a failed export"
  }

  # PromQL of what was added to each metric in a window. Of a distribution NAME is the sum, NAME_count counts its values and
  # NAME_bucket has their distribution.
  promql_services = "monitored_resource=\"cloud_run_revision\",service_name=~\"${join("|", values(local.services))}\""
  promql_logged   = "logging_googleapis_com:user_${replace(var.name, "-", "_")}"
  added = { for window in ["5m", "10m", "1h"] : window => merge(
    { for name, metric in local.log_metrics : name =>
      "increase(${local.promql_logged}_${name}${metric.value == null ? "" : "_sum"}{${local.promql_services}}[${window}])"
    },
    merge([for part in ["count", "bucket"] : {
      for name, metric in local.log_metrics : "${name}_${part}" =>
      "increase(${local.promql_logged}_${name}_${part}{${local.promql_services}}[${window}])" if metric.value != null
    }]...),
  ) }

  # Distributions have 24 buckets, each twice the one before.
  first_bucket = { "1" = 1, "{USD}" = 0.0001, ms = 10 }
}

resource "google_logging_metric" "main" {
  for_each = local.log_metrics

  project          = local.project_id
  name             = "${var.name}/${each.key}"
  description      = "${each.value.text}."
  filter           = each.value.filter
  value_extractor  = each.value.value == null ? null : "EXTRACT(${each.value.value})"
  label_extractors = { for label, field in each.value.labels : label => "EXTRACT(${field})" }

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = each.value.value == null ? "INT64" : "DISTRIBUTION"
    unit         = each.value.unit
    display_name = each.value.text

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = each.value.value == null ? [] : [local.first_bucket[each.value.unit]]

    content {
      exponential_buckets {
        num_finite_buckets = 24
        growth_factor      = 2
        scale              = bucket_options.value
      }
    }
  }
}
