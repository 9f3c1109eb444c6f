variable "build" {
  description = "Source, account and repository from the output `build` of module build. Default: made from source_dir."
  type = object({
    bucket          = string
    object          = string
    repository      = string
    service_account = string
    grants          = list(string)
  })
  default = null
}

variable "build_environment" {
  description = "Environment of the build, for example GOPRIVATE."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "build_worker_pool" {
  description = "Private pool of Cloud Build that builds, as projects/P/locations/L/workerPools/N. Default: the shared one."
  type        = string
  default     = null
}

variable "concurrency" {
  description = "Requests that one instance serves at a time."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency is a whole number from 1 to 1000."
  }
}

variable "cpu" {
  description = "vCPUs of an instance. Less than one would forbid more than one request at a time."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.cpu)
    error_message = "cpu is 1, 2, 4, 6 or 8."
  }
}

variable "deletion_protection" {
  description = "Refuses to destroy the function, until it is applied as false."
  type        = bool
  default     = false
  nullable    = false
}

variable "deploy_attempt" {
  description = "Another number deploys anew what did not change, for example after a build that failed."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.deploy_attempt >= 1 && floor(var.deploy_attempt) == var.deploy_attempt
    error_message = "deploy_attempt is a whole number of at least 1."
  }
}

variable "description" {
  description = "Description of the function."
  type        = string
  default     = null
}

variable "entry_point" {
  description = "Name that the function registers by functions.HTTP."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_]*$", var.entry_point))
    error_message = "entry_point is a name such as Agent."
  }
}

variable "environment" {
  description = "Environment of the function. GOGC and GOMEMLIMIT (90 % of the memory) are set unless they are here."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for value in values(var.environment) : try(length(value) > 0, false)])
    error_message = "A variable of the environment is left out, not set to nothing."
  }
}

variable "excludes" {
  description = "With source_dir: globs of files that are not uploaded, beside tests, secrets and Terraform files."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "grant_wait" {
  description = "How long a new grant is given to be known everywhere before the function is deployed."
  type        = string
  default     = "90s"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+(s|m)$", var.grant_wait))
    error_message = "grant_wait is a duration such as 90s."
  }
}

variable "grants" {
  description = "Ids of grants made elsewhere that the function needs: it is deployed after them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "ingress" {
  description = "Which networks reach the function. Callers need permission to invoke it in every case."
  type        = string
  default     = "ALLOW_ALL"
  nullable    = false

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], var.ingress)
    error_message = "ingress is ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB."
  }
}

variable "invokers" {
  description = "Who may call the function, as members of IAM: `user:a@example.com`, `group:…`, and so on."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "kms_key_name" {
  description = "Key that encrypts the function, as projects/P/locations/L/keyRings/R/cryptoKeys/K. Default: Google's."
  type        = string
  default     = null

  validation {
    condition = (
      var.kms_key_name == null ||
      can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key_name))
    )
    error_message = "kms_key_name is projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "labels" {
  description = "Labels of the function."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "max_instances" {
  description = "Most instances at a time."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances is a whole number of at least 1."
  }
}

variable "memory" {
  description = "Memory of an instance, for example 512Mi or 1Gi."
  type        = string
  default     = "512Mi"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(Mi|Gi)$", var.memory))
    error_message = "memory is a number with Mi or Gi, for example 512Mi."
  }
}

variable "min_instances" {
  description = "Instances kept warm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances is a whole number of at least 0."
  }
}

variable "name" {
  description = "Name of the function."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,24}[a-z0-9]$", var.name))
    error_message = "name has 2 to 26 lower-case letters, digits and dashes: an account's id, NAME-run, ends at 30."
  }
}

variable "project_id" {
  description = "Project that everything is made in."
  type        = string
}

variable "region" {
  description = "Region of the function, for example europe-west1."
  type        = string
}

variable "roles" {
  description = "Roles on the project that the function runs with."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "runtime" {
  description = "Go runtime. go126 is deprecated in early 2027; go127 follows it."
  type        = string
  default     = "go126"
  nullable    = false

  validation {
    condition     = can(regex("^go1[0-9]{2}$", var.runtime))
    error_message = "runtime is a Go runtime such as go126."
  }
}

variable "secrets" {
  description = "Environment that comes from Secret Manager: a secret and the number of its version. The grant is made."
  type = map(object({
    secret  = string
    version = string
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for secret in var.secrets :
      can(regex("^[A-Za-z0-9_-]{1,255}$", secret.secret)) && can(regex("^[1-9][0-9]*$", secret.version))
    ])
    error_message = "Each of secrets has a secret's id and the number of a version: a new value is a new number."
  }
}

variable "service_account" {
  description = "Account that the function runs as. Default: one of its own, NAME-run."
  type = object({
    email  = string
    member = string
  })
  default = null
}

variable "source_dir" {
  description = "Folder of the source, for a function that is alone in its repository. Not with build."
  type        = string
  default     = null
}

variable "timeout_seconds" {
  description = "Longest that a request may take."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 3600 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds is a whole number from 1 to 3600."
  }
}

variable "vpc" {
  description = "Network that the function's own calls go through. egress: VPC_EGRESS_PRIVATE_RANGES_ONLY or VPC_EGRESS_ALL_TRAFFIC."
  type = object({
    network    = optional(string)
    subnetwork = string
    egress     = optional(string, "VPC_EGRESS_PRIVATE_RANGES_ONLY")
    tags       = optional(list(string), [])
  })
  default = null
}
