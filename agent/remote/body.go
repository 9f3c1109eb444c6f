package remote

import "io"

// ErrTooLarge says that a service sent more than we take.
var ErrTooLarge error = tooLarge{}

type tooLarge struct{}

func (tooLarge) Error() string { return "the answer is too large" }

// ErrorType names the failure for the error.type attribute.
func (tooLarge) ErrorType() string { return "too_large" }

// Body returns body with a bound: once more than limit bytes have been read, Read fails with ErrTooLarge. Bytes are
// counted as they are read, after decompression.
func Body(body io.ReadCloser, limit int64) io.ReadCloser {
	return &boundedBody{ReadCloser: body, left: limit}
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more shows that there is more
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}
