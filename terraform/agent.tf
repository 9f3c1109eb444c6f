# The agent, and its sub-agents: the same source, as specialists that only the agent may call and that delegate to nobody.
module "agent" {
  source = "./modules/function"

  project_id          = local.project_id
  region              = var.region
  name                = var.name
  description         = "Gemini agent; every step of an answer is a span."
  entry_point         = local.entry_point
  runtime             = var.runtime
  build               = module.build.build
  build_worker_pool   = var.build_worker_pool
  concurrency         = var.concurrency
  cpu                 = var.cpu
  deletion_protection = var.deletion_protection
  deploy_attempt      = var.deploy_attempt
  grant_wait          = var.grant_wait
  ingress             = var.ingress
  invokers            = var.invokers
  kms_key_name        = var.kms_key_name
  labels              = local.labels
  max_instances       = var.max_instances
  memory              = var.memory
  min_instances       = var.min_instances
  roles               = local.runtime_roles
  service_account     = google_service_account.runtime["agent"]
  timeout_seconds     = var.timeout_seconds
  vpc                 = var.vpc
  secrets             = local.secrets

  environment = merge(
    local.environment,
    local.session_environment,
    { OTEL_SERVICE_NAME = var.name },
    local.delegation,
    var.environment,
  )

  grants = concat(
    local.grants["agent"],
    [for grant in google_cloud_run_v2_service_iam_member.sub_agent_caller : grant.id],
  )
}

module "sub_agent" {
  source   = "./modules/function"
  for_each = var.sub_agents

  project_id          = local.project_id
  region              = var.region
  name                = local.services[each.key]
  description         = coalesce(each.value.description, "Sub-agent of ${var.name}, from the same source.")
  entry_point         = local.entry_point
  runtime             = var.runtime
  build               = module.build.build
  build_worker_pool   = var.build_worker_pool
  concurrency         = var.concurrency
  cpu                 = var.cpu
  deletion_protection = var.deletion_protection
  deploy_attempt      = var.deploy_attempt
  grant_wait          = var.grant_wait
  # The agent calls from outside any network of yours; who may call is decided by the grant below alone.
  ingress         = "ALLOW_ALL"
  kms_key_name    = var.kms_key_name
  labels          = local.labels
  max_instances   = var.max_instances
  memory          = var.memory
  min_instances   = var.min_instances
  roles           = local.runtime_roles
  service_account = google_service_account.runtime[each.key]
  timeout_seconds = var.timeout_seconds
  vpc             = var.vpc
  secrets         = merge(local.secrets, each.value.secrets)
  grants          = local.grants[each.key]

  environment = merge(
    local.environment,
    local.session_environment,
    { OTEL_SERVICE_NAME = local.services[each.key] },
    { for name, value in { AGENT_DESCRIPTION = each.value.description } : name => value if value != null },
    var.environment,
    each.value.environment,
  )
}

# Made before the agent is told of the sub-agent, removed after it no longer calls. That holds for the sub-agent below
# the grant too, and makes one wish of Terraform's: a sub-agent whose first deploy failed is not replaced but made
# beside the failed one, which has the name. Delete that one by hand, then apply.
resource "google_cloud_run_v2_service_iam_member" "sub_agent_caller" {
  for_each = module.sub_agent

  project  = local.project_id
  location = var.region
  name     = each.value.service
  role     = "roles/run.invoker"
  member   = google_service_account.runtime["agent"].member

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # Known when planning, before the sub-agent is there: so adding one changes the agent in place, and nothing stops
  # half-way for an environment that was unknown. The platform admits this URL as the audience of ID tokens as it does
  # the one with a hash in it, which it has made before this form and which the function's `uri` still shows.
  sub_agent_urls = {
    for key, sub_agent in var.sub_agents :
    key => "https://${local.services[key]}-${module.build.project_number}.${var.region}.run.app"
  }

  # A single sub-agent is the tool delegate_to_subagent; several are a tool each, by name.
  delegation = merge(
    length(var.sub_agents) > 0 ? { SUB_AGENT_AUTH = "idtoken" } : {},
    length(var.sub_agents) == 1 ? { SUB_AGENT_URL = one(values(local.sub_agent_urls)) } : {},
    length(var.sub_agents) > 1 ? {
      SUB_AGENTS = join(",", [for key, url in local.sub_agent_urls : "${key}=${url}"])
    } : {},
  )

  # What each function waits for beside the grants that its module makes.
  grants = {
    for key in keys(local.services) : key => concat(
      [for service, grant in google_project_iam_member.sessions : grant.id if service == key],
      [for account, grant in google_service_account_iam_member.deploy_acts_as : grant.id
      if contains([key, "build", "deploy"], account)],
    )
  }
}
