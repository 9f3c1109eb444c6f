package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"

	"cloud.google.com/go/auth"
)

const noAnswer = "no usable answer"

// networkCause says in our own words why a request to another service brought no usable answer, for logs and spans.
// The text of err itself stays behind: such errors quote addresses and what the other side sent.
func networkCause(err error) error {
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
	case errors.As(err, &dns):
		return errors.New("the host name cannot be resolved")
	case errors.As(err, &certificate), errors.As(err, &unknown):
		return errors.New("the certificate is not trusted")
	case errors.As(err, &number) && errors.As(err, &op):
		return errors.New(op.Op + ": " + number.Error())
	case isTimeout(err):
		return errors.New("the network timed out")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection broke off")
	}
	return errors.New(noAnswer)
}

// tokenCause says in our own words why there is no token: the token service's answers may hold anything.
func tokenCause(err error) error {
	if answer := (*auth.Error)(nil); errors.As(err, &answer) && answer.Response != nil {
		return errors.New("the token service answered " + strconv.Itoa(answer.Response.StatusCode))
	}
	if cause := networkCause(err); cause.Error() != noAnswer {
		return cause
	}
	return errors.New("no usable credentials")
}

// statusName returns s if it has the shape of a status or code name such as RESOURCE_EXHAUSTED, else "": the place
// of a name may hold anything in an answer that is not what it should be.
func statusName(s string) string {
	for _, c := range s {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return ""
		}
	}
	return cut(s, 64)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
