// Package redact keeps secrets out of what is recorded: it masks the values of secret keys ([Args], [JSON]), finds
// secrets in running text ([Text]), and cuts without splitting a character ([Runes], [Bytes], [Preview]).
//
// It imports the standard library only.
package redact
