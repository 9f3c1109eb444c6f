package semconv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"example.com/gemini-agent/tracing/redact"
)

// maxErrorTypeRunes bounds a name that an error gives itself.
const maxErrorTypeRunes = 256

// ErrorType names a failure for the error.type attribute, with few different names: the ErrorType() of the first
// error in the chain that has this method; "timeout" for a deadline or an error whose Timeout() is true; "canceled";
// "certificate" and "connection" for failures of the network; else "_OTHER", as the conventions have it. It is "" for nil.
// It is never the name of a Go type: that changes with the code, and means nothing to who reads a trace.
func ErrorType(err error) (kind string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil {
			kind = "_OTHER"
		}
	}()
	var named interface{ ErrorType() string }
	if errors.As(err, &named) {
		if kind := named.ErrorType(); kind != "" {
			return redact.Runes(kind, maxErrorTypeRunes)
		}
	}
	var timed interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return networkErrorType(err)
}

func networkErrorType(err error) string {
	var (
		certificate *tls.CertificateVerificationError
		unknown     x509.UnknownAuthorityError
		network     net.Error
		operation   *net.OpError
		number      syscall.Errno
	)
	switch {
	case errors.As(err, &certificate), errors.As(err, &unknown):
		return "certificate"
	case errors.As(err, &operation), errors.As(err, &network), errors.As(err, &number),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection"
	}
	return "_OTHER"
}
