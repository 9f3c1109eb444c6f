// Package deploycheck keeps what deploys the function in step with the function. It reads the files of terraform/ as
// data, needs no cloud and no Terraform, and holds:
//
//	terraform/source.tf ──▶ the files that are deployed ──▶ the rehearsal of the buildpack, .gcloudignore
//	terraform/*.tf      ──▶ the environment they run in  ──▶ the same names in Go, README.md and local/
//	cloudbuild.yaml     ──▶ declared and escaped variables, pinned images, bounded steps
//
// The command in fileset prints the first two for scripts, the command in smoke asks a deployed function for an answer
// and reads the answer's trace back. Nothing here is deployed.
package deploycheck
