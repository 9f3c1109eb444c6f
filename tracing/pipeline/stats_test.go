package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
)

func TestLogLinesOfFlushesAddUpToTheTotals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := newTestProvider(t, testConfig{
			Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}, &backend{})
		for range 3 {
			invoke(p, 4, false)
		}
		synctest.Wait()
		var kept, lines int64
		for dec := json.NewDecoder(&log); dec.More(); {
			var line struct {
				Msg   string
				Spans int64
				Kept  int64 `json:"spans_kept"`
			}
			if err := dec.Decode(&line); err != nil {
				t.Fatal(err)
			}
			if line.Msg == "flush" {
				lines++
				kept += line.Kept
			}
		}
		if lines != 3 || kept != 15 || p.Stats().Kept != 15 {
			t.Errorf("%d lines add up to %d kept spans, stats say %d; want 3 lines and 15", lines, kept, p.Stats().Kept)
		}
	})
}

func TestFlushIsSilentUnlessDebugIsOn(t *testing.T) {
	var log bytes.Buffer
	p := newTestProvider(t, testConfig{Logger: slog.New(slog.NewJSONHandler(&log, nil))}, &backend{})
	invoke(p, 4, false)
	if err := p.Flush(context.Background()); err != nil || log.Len() > 0 {
		t.Errorf("err = %v, log = %s; want nothing", err, &log)
	}
}
