# The module that builds, alone. Mocked as in plan.tftest.hcl.
mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      service_config = {
        service = "projects/my-project/locations/europe-west1/services/mocked"
        uri     = "https://mocked-ew.a.run.app"
      }
    }
  }
  mock_data "google_cloudfunctions2_function" {
    defaults = { state = "ACTIVE" }
  }
  mock_resource "google_storage_bucket" {
    defaults = { project_number = 123456789012 }
  }
  mock_resource "google_service_account" {
    defaults = {
      email  = "mocked@my-project.iam.gserviceaccount.com"
      id     = "projects/my-project/serviceAccounts/mocked@my-project.iam.gserviceaccount.com"
      member = "serviceAccount:mocked@my-project.iam.gserviceaccount.com"
      name   = "projects/my-project/serviceAccounts/mocked@my-project.iam.gserviceaccount.com"
    }
  }
}

mock_provider "archive" {
  mock_data "archive_file" {
    defaults = {
      output_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }
}

mock_provider "time" {}

variables {
  project_id = "my-project"
  region     = "europe-west1"
  name       = "hello"
  zip        = { path = "source.zip", sha256 = "0123" }
}

run "builds_with_narrow_rights" {
  command = apply

  module {
    source = "./modules/build"
  }

  assert {
    condition     = google_storage_bucket_object.source.name == "source-0123.zip"
    error_message = "the hash is in the name, or a new zip would not be built"
  }
  assert {
    condition     = google_storage_bucket.source.public_access_prevention == "enforced" && google_storage_bucket.source.force_destroy
    error_message = "the source is nobody's to read, and a destroy takes it too"
  }
  assert {
    condition     = keys(google_project_iam_member.build) == ["roles/logging.logWriter", "roles/storage.objectViewer"]
    error_message = "on the project it reads sources and writes its log"
  }
  assert {
    condition = google_project_iam_member.build["roles/storage.objectViewer"].condition[0].expression == join(" || ", [
      "resource.name.startsWith(\"projects/_/buckets/my-project-hello-source\")",
      "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-123456789012-europe-west1\")",
    ])
    error_message = "it reads the two buckets that sources lie in"
  }
  assert {
    condition     = google_artifact_registry_repository_iam_member.build.role == "roles/artifactregistry.writer"
    error_message = "it writes images into one repository"
  }
  assert {
    condition     = toset([for policy in google_artifact_registry_repository.images.cleanup_policies : policy.action]) == toset(["DELETE", "KEEP"])
    error_message = "old images go, the newest stay"
  }
}
