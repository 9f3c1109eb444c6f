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
  description = "Key that encrypts source and images, as projects/P/locations/L/keyRings/R/cryptoKeys/K. Default: Google's."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels of the bucket and the repository."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "First part of the names of the bucket, the repository and the account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "name has 2 to 24 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "project_id" {
  description = "Project that everything is made in."
  type        = string
}

variable "region" {
  description = "Region of the functions that are built."
  type        = string
}

variable "zip" {
  description = "The source: path of a zip on this machine, and its SHA-256."
  type = object({
    path   = string
    sha256 = string
  })
}
