# From states of before the modules: nothing that serves is made anew.
moved {
  from = google_cloudfunctions2_function.agent
  to   = module.agent.google_cloudfunctions2_function.main
}

moved {
  from = google_cloud_run_v2_service_iam_member.invoker
  to   = module.agent.google_cloud_run_v2_service_iam_member.invoker
}

moved {
  from = google_cloudfunctions2_function.sub_agent[0]
  to   = module.sub_agent["sub"].google_cloudfunctions2_function.main
}

moved {
  from = google_cloud_run_v2_service_iam_member.sub_agent_caller[0]
  to   = google_cloud_run_v2_service_iam_member.sub_agent_caller["sub"]
}

moved {
  from = google_service_account.runtime["sub_agent"]
  to   = google_service_account.runtime["sub"]
}

moved {
  from = google_service_account_iam_member.deploy_acts_as["sub_agent"]
  to   = google_service_account_iam_member.deploy_acts_as["sub"]
}

moved {
  from = google_service_account.build
  to   = module.build.google_service_account.build
}

moved {
  from = google_project_iam_member.build
  to   = module.build.google_project_iam_member.build
}

moved {
  from = google_storage_bucket.source
  to   = module.build.google_storage_bucket.source
}

moved {
  from = google_storage_bucket_object.source
  to   = module.build.google_storage_bucket_object.source
}

moved {
  from = google_logging_metric.errors
  to   = google_logging_metric.main["errors"]
}

moved {
  from = google_logging_metric.spans["spans_dropped"]
  to   = google_logging_metric.main["spans_dropped"]
}

moved {
  from = google_logging_metric.spans["spans_kept"]
  to   = google_logging_metric.main["spans_kept"]
}

moved {
  from = google_logging_metric.spans["spans_retried"]
  to   = google_logging_metric.main["spans_retried"]
}

# These grants are made again in the modules, before the functions change; taking the old ones away would take away
# the same rights. What is left over of them is in docs/deploy.md, "Upgrades".
removed {
  from = google_project_iam_member.runtime

  lifecycle {
    destroy = false
  }
}

removed {
  from = google_secret_manager_secret_iam_member.gemini_api_key

  lifecycle {
    destroy = false
  }
}

removed {
  from = google_secret_manager_secret_iam_member.settings

  lifecycle {
    destroy = false
  }
}

removed {
  from = terraform_data.sub_agent

  lifecycle {
    destroy = false
  }
}
