package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
)

// causeOf says in a few words why a request had no answer. The words are the
// same for the same failure, so that they tell one state from another.
func causeOf(err error, connected bool) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		network     net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "DNS: no such name"
	case errors.As(err, &dns):
		return "DNS: no answer"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		if connected {
			return "timeout, no answer"
		}
		return "timeout, no connection"
	case errors.As(err, &certificate):
		return "TLS: certificate refused"
	case errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return "TLS: no handshake"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	}
	// What wraps the first error names ports, which differ each time.
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err.Error()
}
