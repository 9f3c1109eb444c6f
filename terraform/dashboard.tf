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
        metric  = "logging.googleapis.com/user/${google_logging_metric.errors.name}"
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

  dashboard_promql_charts = [
    {
      title = "Cold starts in five minutes"
      queries = [{
        legend = "$${service_name}"
        query  = "sum by (service_name) (increase(${local.promql_starts}{${local.promql_services}}[5m]))"
      }]
    },
    {
      title = "Spans kept, dropped and retried in five minutes (kept: with log_level = debug)"
      queries = [for count, metric in google_logging_metric.spans : {
        legend = count
        query  = "sum(increase(${local.promql_logged}_${count}_sum{${local.promql_services}}[5m]))"
      }]
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
