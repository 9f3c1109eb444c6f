// Package googleauth looks up Google's application default credentials, late, bounded by the context of whoever waits,
// and once for all who ask at the same time.
//
// It imports cloud.google.com/go/auth and nothing of ours.
package googleauth
