# The module alone, as another repository would use it. Mocked as in plan.tftest.hcl.
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
  project_id  = "my-project"
  region      = "europe-west1"
  name        = "hello"
  entry_point = "Hello"
  source_dir  = "."
}

run "a_source_and_an_entry_point_are_enough" {
  command = apply

  module {
    source = "./modules/function"
  }

  assert {
    condition     = google_cloudfunctions2_function.main.build_config[0].runtime == "go126" && google_cloudfunctions2_function.main.build_config[0].entry_point == "Hello"
    error_message = "it is a Go function"
  }
  assert {
    condition     = google_cloudfunctions2_function.main.service_config[0].environment_variables == tomap({ GOGC = "200", GOMEMLIMIT = "460MiB" })
    error_message = "Go is told of nine tenths of the memory"
  }
  assert {
    condition     = google_service_account.main[0].account_id == "hello-run"
    error_message = "it is somebody of its own"
  }
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.invoker) == 0 && length(google_project_iam_member.main) == 0
    error_message = "nobody may call it, and it may do nothing"
  }
  assert {
    condition     = google_cloudfunctions2_function.main.deletion_policy == "DELETE"
    error_message = "protection is asked for"
  }
}

run "everything_that_can_be_asked_for" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    concurrency         = 20
    cpu                 = 4
    deletion_protection = true
    deploy_attempt      = 2
    environment         = { GOMEMLIMIT = "1GiB", A = "b" }
    ingress             = "ALLOW_INTERNAL_ONLY"
    invokers            = ["user:a@example.com"]
    kms_key_name        = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    labels              = { team = "a" }
    max_instances       = 3
    memory              = "2Gi"
    min_instances       = 1
    roles               = ["roles/aiplatform.user"]
    runtime             = "go127"
    secrets             = { KEY = { secret = "key", version = "2" } }
    timeout_seconds     = 120
    vpc                 = { subnetwork = "projects/p/regions/r/subnetworks/s", tags = ["a"] }
  }

  assert {
    condition = google_cloudfunctions2_function.main.service_config[0].environment_variables == tomap({
      A = "b", DEPLOY_ATTEMPT = "2", GOGC = "200", GOMEMLIMIT = "1GiB"
    })
    error_message = "what is given wins over what the module sets"
  }
  assert {
    condition     = google_cloudfunctions2_function.main.build_config[0].environment_variables == tomap({ DEPLOY_ATTEMPT = "2" })
    error_message = "another attempt is another build"
  }
  assert {
    condition     = google_cloudfunctions2_function.main.service_config[0].timeout_seconds == 120 && google_cloudfunctions2_function.main.service_config[0].available_cpu == "4"
    error_message = "the platform is told of time and size"
  }
  assert {
    condition     = google_cloudfunctions2_function.main.service_config[0].direct_vpc_network_interface[0].subnetwork == "projects/p/regions/r/subnetworks/s"
    error_message = "its calls go through the network"
  }
  assert {
    condition     = google_cloudfunctions2_function.main.deletion_policy == "PREVENT" && google_cloudfunctions2_function.main.kms_key_name != null
    error_message = "it is protected and encrypted"
  }
  assert {
    condition     = keys(google_secret_manager_secret_iam_member.main) == ["key"] && google_cloudfunctions2_function.main.service_config[0].secret_environment_variables[0].version == "2"
    error_message = "it reads its secret, and may"
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.invoker) == ["user:a@example.com"]
    error_message = "who is named may call"
  }
}

run "refuses_four_cpus_with_little_memory" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    cpu = 4
  }

  expect_failures = [google_cloudfunctions2_function.main]
}

run "refuses_much_memory_with_one_cpu" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    memory = "8Gi"
  }

  expect_failures = [google_cloudfunctions2_function.main]
}

run "refuses_a_variable_that_is_a_secret_too" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    environment = { A = "1" }
    secrets     = { A = { secret = "a", version = "1" } }
  }

  expect_failures = [google_cloudfunctions2_function.main]
}

run "refuses_a_name_that_is_too_long_for_an_account" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name = "a-function-with-a-long-name"
  }

  expect_failures = [var.name]
}

run "refuses_what_last_failed_to_deploy" {
  command = plan

  module {
    source = "./modules/function"
  }

  override_data {
    target = data.google_cloudfunctions2_function.deployed
    values = { state = "FAILED" }
  }

  expect_failures = [data.google_cloudfunctions2_function.deployed]
}
