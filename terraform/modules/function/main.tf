# One HTTP function, an account of its own to run as, and the rights of both.
#
#   source_dir ──▶ zip ──▶ bucket ─▶ build ─▶ repository ─▶ function ◀── invokers
#                          (module build, or the caller's)       │ runs as its own account: roles, secrets
#
# Order: whatever grants a right is made before the function that needs it, and removed after the function that no
# longer does (create_before_destroy; it holds from the apply after the one that brought it).
resource "google_service_account" "main" {
  count = var.service_account == null ? 1 : 0

  project      = var.project_id
  account_id   = "${var.name}-run"
  display_name = "${var.name}: runs the function"
}

# Logs need no role: the platform takes them from standard output.
resource "google_project_iam_member" "main" {
  for_each = var.roles

  project = var.project_id
  role    = each.value
  member  = local.account.member

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "main" {
  for_each = toset([for secret in var.secrets : secret.secret])

  project   = var.project_id
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = local.account.member

  lifecycle {
    create_before_destroy = true
  }
}

# A new grant takes up to some minutes to be known everywhere; an instance that starts before has no rights, and a build
# fails. Made anew, and so waited for, when there is another grant.
resource "time_sleep" "grants" {
  create_duration = var.grant_wait

  triggers = {
    grants = join(" ", concat(
      local.build.grants,
      [for grant in google_project_iam_member.main : grant.id],
      [for grant in google_secret_manager_secret_iam_member.main : grant.id],
      var.grants,
    ))
  }
}

resource "google_cloudfunctions2_function" "main" {
  project         = var.project_id
  location        = var.region
  name            = var.name
  description     = var.description
  labels          = var.labels
  kms_key_name    = var.kms_key_name
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"

  build_config {
    runtime               = var.runtime
    entry_point           = var.entry_point
    environment_variables = merge(var.build_environment, local.attempt)
    docker_repository     = local.build.repository
    service_account       = local.build.service_account
    worker_pool           = var.build_worker_pool

    source {
      storage_source {
        bucket = local.build.bucket
        object = local.build.object
      }
    }
  }

  service_config {
    all_traffic_on_latest_revision   = true
    available_cpu                    = tostring(var.cpu)
    available_memory                 = var.memory
    direct_vpc_egress                = try(var.vpc.egress, null)
    environment_variables            = local.environment
    ingress_settings                 = var.ingress
    max_instance_count               = var.max_instances
    max_instance_request_concurrency = var.concurrency
    min_instance_count               = var.min_instances
    service_account_email            = local.account.email
    timeout_seconds                  = var.timeout_seconds

    dynamic "direct_vpc_network_interface" {
      for_each = var.vpc == null ? [] : [var.vpc]
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = secret_environment_variables.value.secret
        version    = secret_environment_variables.value.version
      }
    }
  }

  lifecycle {
    precondition {
      condition     = (var.source_dir == null) != (var.build == null)
      error_message = "Give either source_dir or build."
    }
    precondition {
      condition     = length(setintersection(keys(var.environment), keys(var.secrets))) == 0
      error_message = "A variable is either in environment or in secrets."
    }
    precondition {
      condition     = var.min_instances <= var.max_instances
      error_message = "min_instances must not be more than max_instances."
    }
    precondition {
      condition     = local.memory_mib >= local.memory_of_cpu[tostring(var.cpu)]
      error_message = "${var.cpu} vCPU need at least ${local.memory_of_cpu[tostring(var.cpu)]}Mi of memory."
    }
    precondition {
      condition     = local.memory_mib <= var.cpu * 4096
      error_message = "${var.memory} of memory need more than ${var.cpu} vCPU: at most 4Gi for each."
    }
  }

  depends_on = [time_sleep.grants]
}

# An update that fails leaves the new values in the state: the next apply would find nothing to do and succeed, while the
# revision before still serves. So every plan and apply fails until the new one does. A postcondition of the function
# itself would do too much: it is checked when planning, against the state that the plan is about to mend.
data "google_cloudfunctions2_function" "deployed" {
  project  = var.project_id
  location = var.region
  name     = var.name

  lifecycle {
    postcondition {
      condition = self.state == "ACTIVE"
      error_message = join(" ", [
        "${var.name} is ${self.state}: its last deploy failed. The revision before it serves, if there was one.",
        "Why: gcloud functions describe ${var.name} --gen2 --region=${var.region} --project=${var.project_id}.",
        "A changed source is deployed anew by the next apply; to retry what is there, apply with another deploy_attempt.",
      ])
    }
  }

  depends_on = [google_cloudfunctions2_function.main]
}

# HTTP calls are admitted by the Cloud Run service under a function; the function's own IAM refuses run.invoker.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = toset(var.invokers)

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.main.service_config[0].service
  role     = "roles/run.invoker"
  member   = each.value
}

locals {
  memory_mib = (
    endswith(var.memory, "Gi")
    ? tonumber(trimsuffix(var.memory, "Gi")) * 1024
    : tonumber(trimsuffix(var.memory, "Mi"))
  )

  # What Cloud Run asks for, by vCPUs.
  memory_of_cpu = { "1" = 128, "2" = 128, "4" = 2048, "6" = 4096, "8" = 4096 }

  # The collector works harder near the limit instead of being killed at it, and the live heap of a function is so small
  # that Go would collect it every few requests.
  environment = merge(
    {
      GOGC       = "200"
      GOMEMLIMIT = "${floor(local.memory_mib * 0.9)}MiB"
    },
    local.attempt,
    var.environment,
  )

  # In the build's environment and the function's: a change of either deploys that half.
  attempt = var.deploy_attempt == 1 ? {} : { DEPLOY_ATTEMPT = tostring(var.deploy_attempt) }

  account = {
    email  = var.service_account == null ? one(google_service_account.main[*].email) : var.service_account.email
    member = var.service_account == null ? one(google_service_account.main[*].member) : var.service_account.member
  }
  build = var.build == null ? one(module.build[*].build) : var.build
}
