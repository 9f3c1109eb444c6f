package tracingtest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// fakeTB records whether the test would have failed.
type fakeTB struct {
	testing.TB
	failed bool
}

func (f *fakeTB) Helper()               {}
func (f *fakeTB) Errorf(string, ...any) { f.failed = true }
func (f *fakeTB) Fatalf(string, ...any) { f.failed = true; runtime.Goexit() }
func (f *fakeTB) Fatal(...any)          { f.failed = true; runtime.Goexit() }

// fails reports whether Golden fails its test.
func fails(path, text string) bool {
	f := &fakeTB{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Golden(f, path, text)
	}()
	<-done
	return f.failed
}

func TestGolden(t *testing.T) {
	t.Setenv(UpdateEnv, "")
	path := filepath.Join(t.TempDir(), "testdata", "x.golden")
	if !fails(path, "a\n") {
		t.Error("a missing file passes")
	}
	t.Setenv(UpdateEnv, "1")
	if fails(path, "a\n") {
		t.Error("the update fails")
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "a\n" {
		t.Errorf("the update wrote %q, %v", data, err)
	}
	t.Setenv(UpdateEnv, "")
	if fails(path, "a\n") {
		t.Error("the same text fails")
	}
	if !fails(path, "b\n") {
		t.Error("another text passes")
	}
}
