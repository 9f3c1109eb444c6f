# Conversations: a Firestore database, of this deployment or an existing one by name. Documents go by themselves when
# the time in their expiry field is over; a deployment that ends takes its own database along, and never another's.
resource "google_firestore_database" "sessions" {
  count = local.makes_database ? 1 : 0

  project                 = local.project_id
  name                    = "${var.name}-sessions"
  location_id             = var.region
  type                    = "FIRESTORE_NATIVE"
  deletion_policy         = "DELETE"
  delete_protection_state = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"

  dynamic "cmek_config" {
    for_each = var.kms_key_name == null ? [] : [var.kms_key_name]
    content {
      kms_key_name = cmek_config.value
    }
  }

  # The functions no longer read it before it goes.
  lifecycle {
    create_before_destroy = true
  }
}

# The policy alone deletes; the field needs no index, and an index on a time that only grows would slow writes down.
resource "google_firestore_field" "expiry" {
  for_each = local.on_firestore ? local.session_collections : toset([])

  project    = local.project_id
  database   = local.sessions_database
  collection = each.value
  field      = "expires"

  ttl_config {}
  index_config {}
}

resource "google_project_iam_member" "sessions" {
  for_each = local.on_firestore ? google_service_account.runtime : {}

  project = local.project_id
  role    = "roles/datastore.user"
  member  = each.value.member

  # Of this database and no other.
  condition {
    title      = "the database of sessions only"
    expression = "resource.name == \"projects/${local.project_id}/databases/${local.sessions_database}\""
  }

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  on_firestore   = var.sessions != null
  makes_database = local.on_firestore && try(var.sessions.database, null) == null

  # Turns and facts are what is stored; the documents that they hang below hold nothing.
  session_collections = toset(["facts", "turns"])

  sessions_database = (
    local.makes_database
    ? google_firestore_database.sessions[0].name
    : try(var.sessions.database, null)
  )

  session_environment = local.on_firestore ? {
    FIRESTORE_DATABASE = local.sessions_database
    SESSION_STORE      = "firestore"
  } : {}
}
