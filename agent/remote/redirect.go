package remote

import "net/http"

// NoRedirects is a redirect policy: a redirect is handed back as the answer. Following it would take credentials and
// content to a place that nobody has named.
func NoRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
