# The API leaves out fields that are zero or empty, and a field that comes back missing would show as a change in
# every plan: so tiles in the first row and column state no position.
resource "google_monitoring_dashboard" "main" {
  project = local.project_id

  dashboard_json = jsonencode({
    displayName = var.name
    mosaicLayout = {
      columns = 12
      tiles   = local.dashboard_tiles
    }
  })

  depends_on = [google_logging_metric.main]
}

locals {
  dashboard_charts = [
    {
      title = "Requests per second, by class of answer"
      unit  = "1/s"
      queries = [{
        legend  = "$${resource.labels.service_name} $${metric.labels.response_code_class}"
        metric  = "run.googleapis.com/request_count"
        aligner = "ALIGN_RATE"
        reducer = "REDUCE_SUM"
        groups  = ["resource.label.service_name", "metric.label.response_code_class"]
      }]
    },
    {
      title = "Latency: 50th, 95th and 99th percentile"
      unit  = "ms"
      queries = [for percentile in ["50", "95", "99"] : {
        legend  = "$${resource.labels.service_name} p${percentile}"
        metric  = "run.googleapis.com/request_latencies"
        aligner = "ALIGN_DELTA"
        reducer = "REDUCE_PERCENTILE_${percentile}"
        groups  = ["resource.label.service_name"]
      }]
    },
    {
      title = "Errors logged per minute"
      unit  = "1"
      queries = [{
        legend  = "$${metric.labels.service}"
        metric  = "logging.googleapis.com/user/${var.name}/errors"
        aligner = "ALIGN_DELTA"
        reducer = "REDUCE_SUM"
        groups  = ["metric.label.service"]
      }]
    },
    {
      title = "Instances"
      unit  = "1"
      queries = [{
        legend  = "$${resource.labels.service_name} $${metric.labels.state}"
        metric  = "run.googleapis.com/container/instance_count"
        aligner = "ALIGN_MAX"
        reducer = "REDUCE_SUM"
        groups  = ["resource.label.service_name", "metric.label.state"]
      }]
    },
  ]

  # PromQL, most of it over the metrics from the log in windows of five minutes.
  dashboard_promql_charts = [
    {
      title = "Cold starts in five minutes"
      queries = [{
        legend = "$${service_name}"
        query  = "sum by (service_name) (increase(run_googleapis_com:container_startup_latencies_count{${local.promql_services}}[5m]))"
      }]
    },
    {
      title = "Spans kept, dropped and retried"
      queries = [for count in keys(local.span_counts) : {
        legend = count
        query  = "sum(${local.added["5m"][count]})"
      }]
    },
    {
      title   = "Tasks by status and how they ended"
      queries = [{ legend = "$${status} $${finish_reason}", query = "sum by (status, finish_reason) (${local.added["5m"].tasks})" }]
    },
    {
      title   = "Traces kept, by the reason (none: not kept)"
      queries = [{ legend = "$${kept_for}", query = "sum by (kept_for) (${local.added["5m"].tasks})" }]
    },
    {
      title   = "Cost in an hour, by model (USD)"
      queries = [{ legend = "$${model}", query = "sum by (model) (${local.added["1h"].cost_usd})" }]
    },
    {
      title = "Tokens, by model (cached are part of input, reasoning of output)"
      queries = [for kind in ["input", "cached", "output", "reasoning"] : {
        legend = "${kind} $${model}"
        query  = "sum by (model) (${local.added["5m"]["${kind}_tokens"]})"
      }]
    },
    {
      title = "Time of a task, by model (ms)"
      queries = [for q in [0.5, 0.95] : {
        legend = "$${model} p${q * 100}"
        query  = "histogram_quantile(${q}, sum by (le, model) (${local.added["5m"].task_duration_bucket}))"
      }]
    },
    {
      title = "Rounds of tools a task"
      queries = [{
        legend = "$${model}"
        query  = "sum by (model) (${local.added["5m"].steps}) / sum by (model) (${local.added["5m"].steps_count})"
      }]
    },
    {
      title   = "Failures of tools"
      queries = [{ legend = "$${tool} $${error_type}", query = "sum by (tool, error_type) (${local.added["5m"].tool_failures})" }]
    },
    {
      # A task asks once, and once more after each round of tools; what is above that was asked again.
      title = "Refused for quota, and questions to the model that were repeated"
      queries = [
        { legend = "answered 429", query = "sum(${replace(local.added["5m"].tasks, "}", ",status=\"429\"}")})" },
        { legend = "repeated", query = "sum(${local.added["5m"].attempts}) - sum(${local.added["5m"].steps}) - sum(${local.added["5m"].attempts_count})" },
      ]
    },
  ]

  dashboard_widgets = concat(
    [for chart in local.dashboard_charts : {
      title = chart.title
      xyChart = {
        dataSets = [for query in chart.queries : {
          plotType       = "LINE"
          legendTemplate = query.legend
          timeSeriesQuery = {
            unitOverride = chart.unit
            timeSeriesFilter = {
              filter = "${local.metrics_of_services} AND metric.type = \"${query.metric}\""
              aggregation = {
                alignmentPeriod    = "60s"
                perSeriesAligner   = query.aligner
                crossSeriesReducer = query.reducer
                groupByFields      = query.groups
              }
            }
          }
        }]
      }
    }],
    [for chart in local.dashboard_promql_charts : {
      title = chart.title
      xyChart = {
        dataSets = [for query in chart.queries : {
          plotType        = "LINE"
          legendTemplate  = query.legend
          timeSeriesQuery = { prometheusQuery = query.query }
        }]
      }
    }],
    [
      {
        title = "What was logged as an error"
        logsPanel = {
          filter        = "${local.logs_of_services} AND severity>=ERROR"
          resourceNames = ["projects/${var.project_id}"]
        }
      },
      {
        title = "Traces"
        text = {
          format  = "MARKDOWN"
          content = "Answers carry `trace_id`, log lines link to theirs: [Trace explorer](${local.trace_explorer})."
        }
      },
    ],
  )

  # Two to a row, four high. Encoded one by one: the widgets are of different types, a list has one.
  dashboard_tiles = [for index, widget in local.dashboard_widgets : merge(
    { width = 6, height = 4, widget = widget },
    index % 2 == 1 ? { xPos = 6 } : {},
    index >= 2 ? { yPos = floor(index / 2) * 4 } : {},
  )]
}
