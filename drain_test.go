package function

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// SIGTERM ends the process by way of Shutdown.
func TestDrainOnSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM that a process could send")
	}
	a, _ := newTestApp(t, nil, nil)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	caught := make(chan os.Signal, 1) // a signal that comes before DrainOnSignal listens must not end the test
	signal.Notify(caught, syscall.SIGTERM)
	defer signal.Stop(caught)
	codes := make(chan int, 1)
	go a.DrainOnSignal(func(code int) { codes <- code })
	for {
		if err := self.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case code := <-codes:
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
