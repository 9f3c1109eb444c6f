# Both bounds on purpose: below, what the files need; above, the next major that nobody has tried.
# 1.9 is also the first version of OpenTofu that these files are meant for.
terraform {
  required_version = ">= 1.9, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.40, < 9.0"
    }
  }
}
