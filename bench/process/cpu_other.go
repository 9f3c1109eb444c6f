//go:build !linux

package process

import (
	"errors"
	"time"
)

// CPU is not known on this system.
func (p *Process) CPU() (time.Duration, error) { return 0, errors.ErrUnsupported }
