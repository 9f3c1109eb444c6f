# Who is told what, and when.
variable "alert_thresholds" {
  description = "When the alert policies fire: shares of answers, seconds, and US dollars an hour. A lost span always does."
  type = object({
    error_ratio         = optional(number, 0.05)
    latency_p95_seconds = optional(number, 30)
    quota_ratio         = optional(number, 0.1)
    spend_usd_per_hour  = optional(number, 10)
    tool_failure_ratio  = optional(number, 0.2)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for ratio in [var.alert_thresholds.error_ratio, var.alert_thresholds.quota_ratio, var.alert_thresholds.tool_failure_ratio] :
      ratio > 0 && ratio < 1
    ])
    error_message = "error_ratio, quota_ratio and tool_failure_ratio are shares between 0 and 1, for example 0.05."
  }
  validation {
    condition     = var.alert_thresholds.latency_p95_seconds > 0 && var.alert_thresholds.spend_usd_per_hour > 0
    error_message = "latency_p95_seconds and spend_usd_per_hour must be positive."
  }
}

variable "billing_budget" {
  description = "Budget of the project in whole units of the billing account's currency, told of at half, nine tenths and all. Default: none."
  type = object({
    billing_account = string
    amount          = number
  })
  default = null

  validation {
    condition     = var.billing_budget == null || can(regex("^[0-9A-F]{6}(-[0-9A-F]{6}){2}$", var.billing_budget.billing_account))
    error_message = "billing_budget.billing_account is an account's id, for example 01AB23-CD45EF-678901."
  }
  validation {
    condition     = try(var.billing_budget.amount >= 1 && floor(var.billing_budget.amount) == var.billing_budget.amount, var.billing_budget == null)
    error_message = "billing_budget.amount is a whole number of at least 1."
  }
}

variable "notification_channels" {
  description = "Channels told by the alert policies, as projects/P/notificationChannels/N. Without one, no policies."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))
    ])
    error_message = "Each of notification_channels is projects/PROJECT/notificationChannels/ID."
  }
}

variable "slo" {
  description = "Objectives of the agent: {} is 99% of requests without a 5xx and 95% within 20 s, over 28 days. Default: none."
  type = object({
    availability    = optional(number, 0.99)
    latency         = optional(number, 0.95)
    latency_seconds = optional(number, 20)
    days            = optional(number, 28)
  })
  default = null

  validation {
    condition     = try(min(var.slo.availability, var.slo.latency) > 0 && max(var.slo.availability, var.slo.latency) <= 0.9999, var.slo == null)
    error_message = "slo.availability and slo.latency are shares above 0 and at most 0.9999, for example 0.99."
  }
  validation {
    condition     = try(var.slo.latency_seconds > 0, var.slo == null)
    error_message = "slo.latency_seconds must be positive."
  }
  validation {
    condition     = try(var.slo.days >= 1 && var.slo.days <= 30 && floor(var.slo.days) == var.slo.days, var.slo == null)
    error_message = "slo.days is a whole number from 1 to 30."
  }
}
