package agent

import (
	"testing"
	"time"
)

func TestCurrentTime(t *testing.T) {
	tool := CurrentTime(func() time.Time { return time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC) })
	for _, tc := range []struct {
		zone string
		want zonedTime
	}{
		{"", zonedTime{"2026-11-22T23:30:00Z", "2026-11-22", "Sunday", "UTC", 1795390200}},
		{"UTC", zonedTime{"2026-11-22T23:30:00Z", "2026-11-22", "Sunday", "UTC", 1795390200}},
		{" Europe/Madrid ", zonedTime{"2026-11-23T00:30:00+01:00", "2026-11-23", "Monday", "Europe/Madrid", 1795390200}},
		{"America/New_York", zonedTime{"2026-11-22T18:30:00-05:00", "2026-11-22", "Sunday", "America/New_York", 1795390200}},
	} {
		got, err := tool.Call(t.Context(), map[string]any{"timezone": tc.zone})
		if err != nil || got != tc.want {
			t.Errorf("%q: got %+v, %v, want %+v", tc.zone, got, err, tc.want)
		}
	}
	for _, zone := range []string{"Local", "Mars/Olympus", "../../etc/passwd", "CET+1"} {
		if got, err := tool.Call(t.Context(), map[string]any{"timezone": zone}); err == nil {
			t.Errorf("%q: got %+v, want an error", zone, got)
		}
	}
}
