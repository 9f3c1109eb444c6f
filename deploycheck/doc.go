// Package deploycheck keeps what deploys the function in step with the function. It reads the files of terraform/ as
// data, needs no cloud, and holds:
//
//	terraform/source.tf ──▶ the files that are deployed ──▶ the rehearsal of the buildpack, .gcloudignore
//	terraform/*.tf      ──▶ the environment they run in  ──▶ the same names in Go, docs/ and local/
//	cloudbuild*.yaml    ──▶ declared and escaped variables, pinned images, bounded steps
//
// Where Terraform and the providers are to be had, it applies the configuration to a simulated control plane (cloudsim)
// and reads off in which order things are made and taken away; see newRig. There it also pastes the commands of
// README.md and docs/deploy.md into a shell, and runs the steps of cloudbuild.yaml; see reader.
//
// The command in fileset prints the first two for scripts, planguard refuses plans that take down what serves, and smoke
// asks a deployment which version it is and for answers, and reads their traces back. Nothing here is deployed.
package deploycheck
