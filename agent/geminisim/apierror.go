package geminisim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// apiError is Google's error model: {"error": {"code", "message", "status", "details"}}.
type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

// statusNames are the canonical names of google.rpc.Code by the HTTP status they travel under.
var statusNames = map[int]string{
	http.StatusBadRequest:          "INVALID_ARGUMENT",
	http.StatusUnauthorized:        "UNAUTHENTICATED",
	http.StatusForbidden:           "PERMISSION_DENIED",
	http.StatusNotFound:            "NOT_FOUND",
	http.StatusConflict:            "ABORTED",
	http.StatusTooManyRequests:     "RESOURCE_EXHAUSTED",
	499:                            "CANCELLED",
	http.StatusInternalServerError: "INTERNAL",
	http.StatusNotImplemented:      "UNIMPLEMENTED",
	http.StatusServiceUnavailable:  "UNAVAILABLE",
	http.StatusGatewayTimeout:      "DEADLINE_EXCEEDED",
}

func errorf(code int, format string, args ...any) *apiError {
	status := statusNames[code]
	if status == "" {
		status = "UNKNOWN"
	}
	return &apiError{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

func invalidf(format string, args ...any) *apiError {
	return errorf(http.StatusBadRequest, format, args...)
}

// fieldf is the API's form for a field that decodes but is not acceptable.
func fieldf(path, format string, args ...any) *apiError {
	return invalidf("* GenerateContentRequest.%s: %s\n", path, fmt.Sprintf(format, args...))
}

func errorInfo(reason, service string) map[string]any {
	return map[string]any{
		"@type":    "type.googleapis.com/google.rpc.ErrorInfo",
		"reason":   reason,
		"domain":   "googleapis.com",
		"metadata": map[string]string{"service": service},
	}
}

func retryInfo(d time.Duration) map[string]any {
	return map[string]any{
		"@type":      "type.googleapis.com/google.rpc.RetryInfo",
		"retryDelay": strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s",
	}
}

func (e *apiError) write(w http.ResponseWriter, asArray bool) {
	body, _ := json.MarshalIndent(map[string]any{"error": e}, "", "  ") // plain data: cannot fail
	if asArray {
		body = append(append([]byte("["), body...), "\n]"...)
	}
	writeBody(w, e.Code, contentTypeJSON, append(body, '\n'))
}

const contentTypeJSON = "application/json; charset=UTF-8"

func writeBody(w http.ResponseWriter, code int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // the client may be gone
}

// writeNotFoundPage is what Google's front end says to a path or method it has no route for.
func writeNotFoundPage(w http.ResponseWriter) {
	const page = "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n" +
		"<p><b>404.</b> <ins>That’s an error.</ins>\n<p>The requested URL was not found on this server.\n"
	writeBody(w, http.StatusNotFound, "text/html; charset=UTF-8", []byte(page))
}
