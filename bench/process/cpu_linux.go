package process

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// CPU is the time all threads of a process have run so far, in user mode and in the kernel. It is read from the process's
// CPU clock (clock_getcpuclockid(3)), which counts nanoseconds where /proc counts ticks of 10 ms.
func CPU(pid int) (time.Duration, error) {
	const scheduling = 2 // CPUCLOCK_SCHED
	clock := ^uintptr(pid)<<3 | scheduling
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(int32(clock)), uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("reading the CPU clock of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}
