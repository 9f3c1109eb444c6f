//go:build !linux

package process

import (
	"errors"
	"time"
)

// CPU is not known on this system.
func CPU(int) (time.Duration, error) { return 0, errors.ErrUnsupported }
