// Package session keeps conversations: what was asked and answered under one session id, and what the agent is to
// remember of a user beyond it.
//
//	Begin     ──▶ read the newest turns ──▶ create turn 8, reserved ──▶ Conversation{History: 5, 6, 7}
//	                                              │ is there already: *BusyError, nothing was spent
//	the run   ──▶ …
//	Complete  ──▶ set turn 8, whole                 Release ──▶ delete it, so that the next request has its place
//
// A turn is one document. Its number belongs to the request that created it, which is all that keeps requests of one
// conversation apart: a [Store] needs an atomic create, get, set, query and delete, no transaction. A reservation names
// a deadline; one whose process died is passed over when that is past. What is reserved only never reaches the model.
//
// What no longer fits into the prompt is left out, or stands in a summary that the model makes (Summarize) and each turn
// carries on. What is known of a user beyond a session are facts, which the agent keeps and finds by tools (FactTools).
//
// [Conversations] holds the rules, a [Store] the documents: [Memory] in this process, [Firestore] for a deployment. In
// Firestore they lie at
//
//	users/USER/sessions/SESSION/turns/00000008      one document a turn
//	users/USER/facts/FACT                           one document a fact
//
// where USER is the SHA-256 of service, NUL, user id, in hexadecimal, and SESSION that of service, NUL, user id, NUL,
// session id. Everything of a user hangs below one document. Each document names in "expires" when it may go; what is
// expired but still there is not read.
package session
