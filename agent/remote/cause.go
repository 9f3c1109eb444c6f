package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
)

// ErrNoAnswer is the cause of a failure that says nothing more.
var ErrNoAnswer = errors.New("no usable answer")

// Cause says in our own words why a request to another service brought no usable answer, for logs and spans. The text
// of err itself stays behind: such errors quote addresses and what the other side sent.
func Cause(err error) error {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		unknown     x509.UnknownAuthorityError
		op          *net.OpError
		number      syscall.Errno
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, ErrTooLarge):
		return ErrTooLarge
	case errors.As(err, &dns):
		return errors.New("the host name cannot be resolved")
	case errors.As(err, &certificate), errors.As(err, &unknown):
		return errors.New("the certificate is not trusted")
	case errors.As(err, &number) && errors.As(err, &op):
		return errors.New(op.Op + ": " + number.Error())
	case TimedOut(err):
		return errors.New("the network timed out")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection broke off")
	}
	return ErrNoAnswer
}

// TimedOut reports whether err is the timeout of a connection or of http.Client.
func TimedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
