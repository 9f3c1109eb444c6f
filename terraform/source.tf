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
    "agent/agenttest/**",
    "agent/geminisim/**",
    "bench/**",
    "bin/**",
    "cloudbuild*.yaml",
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

# One build for all functions: the bucket, the repository of images and the account that builds.
module "build" {
  source = "./modules/build"

  project_id   = local.project_id
  region       = var.region
  name         = var.name
  keep_images  = var.keep_images
  kms_key_name = var.kms_key_name
  labels       = local.labels

  zip = {
    path   = data.archive_file.source.output_path
    sha256 = data.archive_file.source.output_sha256
  }
}
