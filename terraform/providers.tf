provider "google" {
  project = var.project_id
  region  = var.region
}

# The Budget API answers a person's credentials only with a project that pays for the calls.
provider "google" {
  alias                 = "billing"
  billing_project       = var.project_id
  project               = var.project_id
  user_project_override = true
}
