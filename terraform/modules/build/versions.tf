# Both bounds on purpose: below, what the files need; above, the next major that nobody has tried.
# OpenTofu counts its versions alone: 1.12 is the one that these files were tried with.
terraform {
  required_version = ">= 1.9, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.45, < 9.0"
    }
  }
}
