// Package remote is what the agent needs to talk to other services, whoever they are: their address, no redirects,
// answers of bounded size, streams of events, and what a failure means in our own words.
//
//	Address ─▶ NoRedirects ─▶ Body (bounded) ─▶ Events ─▶ Cause
//
// It imports the standard library and nothing of ours.
package remote
