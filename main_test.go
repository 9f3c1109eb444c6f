package function

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
