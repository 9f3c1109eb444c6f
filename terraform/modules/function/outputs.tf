output "member" {
  description = "The account that the function runs as, as a member of grants."
  value       = local.account.member
}

output "revision" {
  description = "What was deployed last: changes with every deploy."
  value       = google_cloudfunctions2_function.main.update_time
}

output "service" {
  description = "The Cloud Run service under the function."
  value       = google_cloudfunctions2_function.main.service_config[0].service
}

output "service_account" {
  description = "Email of the account that the function runs as; grant it what a tool needs."
  value       = local.account.email
}

output "url" {
  description = "URL of the function, and the audience of ID tokens for it."
  value       = google_cloudfunctions2_function.main.service_config[0].uri
}
