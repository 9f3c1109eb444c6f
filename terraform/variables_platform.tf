# How the functions are built and run. What they do is in variables.tf, their settings in variables_settings.tf.
variable "build_worker_pool" {
  description = "Private pool of Cloud Build that builds, as projects/P/locations/L/workerPools/N. Default: the shared one."
  type        = string
  default     = null

  validation {
    condition = (
      var.build_worker_pool == null ||
      can(regex("^projects/[^/]+/locations/[^/]+/workerPools/[^/]+$", var.build_worker_pool))
    )
    error_message = "build_worker_pool is projects/P/locations/L/workerPools/N."
  }
}

variable "concurrency" {
  description = "Requests that one instance serves at a time. An invocation mostly waits for the model."
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
  description = "Refuses to destroy the functions, until it is applied as false. Worth true once the first deploy has served."
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

variable "keep_images" {
  description = "Newest images of each function that are kept, however old: as many revisions can be gone back to."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.keep_images >= 2 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images is at least 2: the image that serves, and the one before it."
  }
}

variable "kms_key_name" {
  description = "Key that encrypts functions, source and images, as projects/P/locations/L/keyRings/R/cryptoKeys/K. Default: Google's."
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

variable "max_instances" {
  description = "Most instances at a time; with concurrency and the model's price, the bound on what a flood can cost."
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
  description = "Instances kept warm. Zero costs nothing while nobody calls."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances is a whole number of at least 0."
  }
  validation {
    condition     = var.min_instances <= var.max_instances
    error_message = "min_instances must not be more than max_instances."
  }
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

variable "timeout_seconds" {
  description = "Longest that a request may take; the function answers 504, with its trace, before the platform does."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = floor(min(max(var.timeout_seconds, 5), 3600)) == var.timeout_seconds
    error_message = "timeout_seconds is a whole number from 5 to 3600."
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
