# The key itself never passes through Terraform, so it is in no plan and no state. The secret is made empty, the
# value is added by hand as a new version, and gemini_api_key_version says which version the function reads:
#   printf %s "$KEY" | gcloud secrets versions add NAME --data-file=-
# Until then the function is up and answers 503, naming what is missing.
resource "google_secret_manager_secret" "gemini_api_key" {
  count = local.on_vertex ? 0 : 1

  project             = local.project_id
  secret_id           = "${var.name}-gemini-api-key"
  labels              = local.labels
  deletion_protection = false

  replication {
    auto {}
  }

  # After the switch to Vertex AI the key goes when the function no longer reads it.
  lifecycle {
    create_before_destroy = true
  }
}
