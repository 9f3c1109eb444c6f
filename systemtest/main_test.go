// Package systemtest tests the whole function from outside: over HTTP, with a simulated Gemini, tool services and trace
// backends at its borders, by exported names only. What needs the inside is tested in the root.
package systemtest

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen { // these tests wait more than they compute: more of them than there are cores may run at once
		_ = flag.Set("test.parallel", "16")
	}
	goleak.VerifyTestMain(m)
}
