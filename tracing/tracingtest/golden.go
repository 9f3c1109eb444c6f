package tracingtest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// UpdateEnv names the variable that makes Golden write its files: UPDATE_GOLDEN=1 go test ./…
// (A flag would have to be known to every test binary of ./… .) A failure does not mention it: what differs is to be
// understood before it is accepted, and what differs from run to run is a fault of the test.
const UpdateEnv = "UPDATE_GOLDEN"

// Golden compares text with the file at path and shows the difference; with UpdateEnv set it writes the file instead.
func Golden(tb testing.TB, path, text string) {
	tb.Helper()
	if os.Getenv(UpdateEnv) != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		tb.Fatalf("there is no %s; %s=1 writes it with:\n%s", path, UpdateEnv, text)
	case err != nil:
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		tb.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
