output "curl" {
  description = "First call, ready for a shell. The b3 header asks for the trace to be kept, whatever the sampling."
  value       = <<-EOT
    curl -sS "${local.url}/api/v1/agent/execute" \
      -H "Authorization: Bearer $(gcloud auth print-identity-token)" \
      -H "Content-Type: application/json" \
      -H "b3: $(openssl rand -hex 16)-$(openssl rand -hex 8)-1" \
      -d '{"task": "What time is it in UTC, and what is 17 times 23?"}'
  EOT
}

output "dashboard" {
  description = "The dashboard in the console."
  value = join("", [
    "https://console.cloud.google.com/monitoring/dashboards/builder/",
    "${basename(google_monitoring_dashboard.main.id)}?project=${var.project_id}",
  ])
}

output "gemini_api_key_secret" {
  description = "Secret that waits for the Gemini API key; null on Vertex AI."
  value       = one(google_secret_manager_secret.gemini_api_key[*].secret_id)
}

output "name" {
  description = "Name of the agent's function."
  value       = var.name
}

output "project_id" {
  description = "Project that everything is in."
  value       = var.project_id
}

output "public" {
  description = "Whether everybody may call the agent."
  value       = contains(var.invokers, "allUsers")
}

output "region" {
  description = "Region that everything is in."
  value       = var.region
}

output "service_account" {
  description = "Account the function runs as; grant it what a tool of yours needs."
  value       = google_service_account.runtime["agent"].email
}

output "services" {
  description = "Cloud Run services of this deployment by role, and the URL of each: what the pipeline rolls back and smokes."
  value       = { for key, name in local.services : key => { name = name, url = key == "agent" ? local.url : local.sub_agent_urls[key] } }
}

output "sub_agent_urls" {
  description = "URLs of the sub-agents, by name; only the agent may call them."
  value       = local.sub_agent_urls
}

output "traces" {
  description = "The traces in the console; null when they go elsewhere. One trace: put ;traceId=ID before the ?."
  value       = local.to_cloud_trace ? local.trace_explorer : null
}

output "url" {
  description = "URL of the function, and the audience of ID tokens for it."
  value       = local.url
}

output "version" {
  description = "Version that was deployed: what GET / and service.version of the spans show."
  value       = local.version
}
