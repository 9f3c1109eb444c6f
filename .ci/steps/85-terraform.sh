# terraform plan tests, and applies on a simulated control plane
.ci/terraform
