# For a function that is alone in its repository: its source and its build are made here. Functions that share a source
# get the output of one module `build`.
data "archive_file" "source" {
  count = var.source_dir == null ? 0 : 1

  type             = "zip"
  source_dir       = var.source_dir
  output_path      = "${path.root}/.terraform/${var.name}.zip"
  output_file_mode = "0644"

  excludes = concat(
    [".git", ".git/**", "go.work", "go.work.sum"],
    ["**/*_test.go", "**/testdata/**", "**/.terraform/**", "**/*.tf", "**/*.tfplan", "**/*.tfstate*", "**/*.tfvars*"],
    ["**/.env*", "**/*.key", "**/*.pem", "**/*credentials*.json", "**/*.zip"],
    var.excludes,
  )
}

module "build" {
  source = "../build"
  count  = var.source_dir == null ? 0 : 1

  project_id   = var.project_id
  region       = var.region
  name         = var.name
  labels       = var.labels
  kms_key_name = var.kms_key_name

  zip = {
    path   = data.archive_file.source[0].output_path
    sha256 = data.archive_file.source[0].output_sha256
  }
}
