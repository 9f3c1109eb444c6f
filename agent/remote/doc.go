// Package remote is what the agent needs to talk to other services, whoever they are: their address, connections that
// notice a peer which has gone silent, answers of bounded size, and what a failure means in our own words.
//
//	Address ─▶ Transport ─▶ Client (no redirects) ─▶ Body (bounded) ─▶ Cause
//
// It imports the standard library and nothing of ours.
package remote
