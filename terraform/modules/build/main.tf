# What builds functions: the zip of their source in a bucket, the account that builds, the repository that it writes to.
resource "google_storage_bucket" "source" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true
  labels                      = var.labels

  # The zip can be made again from the source; keeping deleted ones would outlive a destroy.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  dynamic "encryption" {
    for_each = var.kms_key_name == null ? [] : [var.kms_key_name]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

# The hash is in the name because a function is built anew only when the object's name changes.
resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = "source-${var.zip.sha256}.zip"
  source = var.zip.path

  lifecycle {
    create_before_destroy = true
  }
}

# Without a repository of one's own, images pile up in the platform's gcf-artifacts, and the account that builds must
# be a writer of every repository of the project.
resource "google_artifact_registry_repository" "images" {
  project       = var.project_id
  location      = var.region
  repository_id = var.name
  description   = "Images of ${var.name}, built by Cloud Run functions."
  format        = "DOCKER"
  kms_key_name  = var.kms_key_name
  labels        = var.labels

  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = var.keep_images
    }
  }
  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"

    condition {
      older_than = "30d"
      tag_state  = "ANY"
    }
  }
}

resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = "${var.name}-build"
  display_name = "${var.name}: builds the function's image"
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member

  lifecycle {
    create_before_destroy = true
  }
}

# The platform copies the zip into a bucket of its own before it builds, so a grant on our bucket alone is not enough;
# the condition names both. Logs are the project's and cannot be narrowed.
resource "google_project_iam_member" "build" {
  for_each = {
    "roles/logging.logWriter" = null
    "roles/storage.objectViewer" = join(" || ", [
      for bucket in [google_storage_bucket.source.name, local.platform_bucket] :
      "resource.name.startsWith(\"projects/_/buckets/${bucket}\")"
    ])
  }

  project = var.project_id
  role    = each.key
  member  = google_service_account.build.member

  dynamic "condition" {
    for_each = each.value == null ? [] : [each.value]
    content {
      title      = "source buckets of functions only"
      expression = condition.value
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  platform_bucket = "gcf-v2-sources-${google_storage_bucket.source.project_number}-${var.region}"
}
