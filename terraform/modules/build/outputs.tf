# What the module `function` takes as `build`. A function that names these is built after the grants are made.
output "bucket" {
  description = "Bucket of the source."
  value       = google_storage_bucket.source.name
}

output "build" {
  description = "Source, account and repository, for the function's variable `build`."
  value = {
    bucket          = google_storage_bucket.source.name
    object          = google_storage_bucket_object.source.name
    repository      = google_artifact_registry_repository.images.id
    service_account = google_service_account.build.id

    grants = concat(
      [google_artifact_registry_repository_iam_member.build.id],
      [for grant in google_project_iam_member.build : grant.id],
    )
  }
}

output "project_number" {
  description = "Number of the project; it is part of every function's URL."
  value       = google_storage_bucket.source.project_number
}

output "service_account_name" {
  description = "Resource name of the account that builds."
  value       = google_service_account.build.name
}
