# The source as the buildpack gets it. The zip lies in a folder that is itself excluded, so it never holds itself.
# What is left out here is left out of .gcloudignore's upload too, and of the rehearsal: a test compares the three.
data "archive_file" "source" {
  type             = "zip"
  source_dir       = "${path.module}/.."
  output_path      = "${path.module}/.terraform/source.zip"
  output_file_mode = "0644"

  excludes = [
    # Not the function's.
    ".ci/**",
    ".gcloudignore",
    ".git",
    ".git/**",
    ".github/**",
    ".gitignore",
    ".golangci.yml",
    "agent/geminisim/**",
    "bench/**",
    "bin/**",
    "cloudbuild.yaml",
    "deploycheck/**",
    "docs/**",
    "local/**",
    "terraform/**",
    "tracing/tracingtest/**",
    "*.md",
    # Tests: two package names in the root would break the build.
    "**/*_test.go",
    "**/testdata/**",
    # A workspace file changes what the buildpack takes for the module.
    "go.work",
    "go.work.sum",
    # Whatever must never end in an image.
    "**/.env*",
    "**/.terraform/**",
    "**/*.key",
    "**/*.pem",
    "**/*.tfplan",
    "**/*.tfstate*",
    "**/*.tfvars*",
    "**/*credentials*.json",
    # What builds, tests and editors leave behind.
    "**/.DS_Store",
    "**/*.out",
    "**/*.prof",
    "**/*.test",
    "**/*.zip",
    ".idea/**",
    ".vscode/**",
  ]
}

resource "google_storage_bucket" "source" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true
  labels                      = local.labels

  # The zip can be made again from the source; keeping deleted ones would outlive a destroy.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [google_project_service.main]
}

# The hash is in the name because the function is built anew only when the object's name changes.
resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = "source-${data.archive_file.source.output_sha256}.zip"
  source = data.archive_file.source.output_path

  lifecycle {
    create_before_destroy = true
  }
}
