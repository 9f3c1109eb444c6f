package agent_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/agenttrace"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestCost(t *testing.T) {
	million := agenttrace.Usage{InputTokens: 1_000_000, OutputTokens: 1_000_000}
	for _, tt := range []struct {
		name, model, at string
		usage           agenttrace.Usage
		want            float64 // -1: not known
	}{
		{"before the change", "gemini-4-argon", "2026-11-30 23:59:59", million, 12},
		{"after it", "gemini-4-argon", "2026-12-01 00:00:00", million, 24},
		{"before the other change", "gemini-3.8-flash", "2026-12-31 23:59:59", million, 4.5},
		{"after it", "gemini-3.8-flash", "2027-01-01 00:00:00", million, 9},
		{"before there was a price", "gemini-3.8-flash", "2026-09-01 00:00:00", million, -1},
		{"cached", "gemini-3.8-flash", "2026-11-25 00:00:00", agenttrace.Usage{InputTokens: 1_000_000, CachedInputTokens: 400_000}, 0.48},
		{"cached without a price of its own", "gemini-3.5-flash-lite", "2026-11-25 00:00:00",
			agenttrace.Usage{InputTokens: 1_000_000, CachedInputTokens: 400_000}, 0.3},
		{"thoughts and tool use are parts", "gemini-3.8-flash", "2026-11-25 00:00:00", agenttrace.Usage{
			InputTokens: 1_000_000, OutputTokens: 1_000_000, ReasoningTokens: 900_000, ToolUseTokens: 500_000}, 4.5},
		{"short prompt", "gemini-3.1-pro-preview", "2026-11-25 00:00:00", agenttrace.Usage{InputTokens: 200_000}, 0.4},
		{"long prompt", "gemini-3.1-pro-preview", "2026-11-25 00:00:00", agenttrace.Usage{InputTokens: 200_001}, 0.800004},
		{"nothing used", "gemini-3.8-flash", "2026-11-25 00:00:00", agenttrace.Usage{}, 0},
		{"a version", "gemini-3.8-flash-001", "2026-11-25 00:00:00", million, 4.5},
		{"a path", "publishers/google/models/gemini-3.8-flash@20261101", "2026-11-25 00:00:00", million, 4.5},
		{"simulated", "gemini-3.8-flash-simulated", "2026-11-25 00:00:00", million, 4.5},
		{"another model of the same name", "gemini-3.5-flash-lite-x", "2026-11-25 00:00:00", million, -1},
		{"lite is not flash", "gemini-3.5-flash-lite", "2026-11-25 00:00:00", million, 2.8},
		{"an alias", "gemini-flash-latest", "2026-11-25 00:00:00", million, -1},
		{"unknown", "gemini-9", "2026-11-25 00:00:00", million, -1},
		{"none", "", "2026-11-25 00:00:00", million, -1},
	} {
		got := agent.PublishedPrices().Cost(tt.model, day(tt.at), tt.usage)
		switch {
		case tt.want < 0 && got != nil:
			t.Errorf("%s: $%v, want none", tt.name, *got)
		case tt.want >= 0 && (got == nil || math.Abs(*got-tt.want) > 1e-9):
			t.Errorf("%s: %v, want $%v", tt.name, got, tt.want)
		}
	}
	if (*agent.Prices)(nil).Cost("gemini-3.8-flash", day("2026-11-25 00:00:00"), million) != nil {
		t.Error("a cost without prices")
	}
}

func TestReadPrices(t *testing.T) {
	own, err := agent.ReadPrices(strings.NewReader(`[{"model":"gemini-3.8-flash","valid_from":"2026-01-01","input":1,"output":2}]`))
	if err != nil {
		t.Fatal(err)
	}
	u := agenttrace.Usage{InputTokens: 1_000_000, OutputTokens: 1_000_000}
	if got := own.Cost("gemini-3.8-flash", day("2027-06-01 00:00:00"), u); got == nil || *got != 3 {
		t.Errorf("an own price: %v", got)
	}
	if got := own.Cost("gemini-4-argon", day("2026-11-01 00:00:00"), u); got == nil || *got != 12 {
		t.Errorf("a published price beside it: %v", got)
	}
	for _, bad := range []string{
		``, `{}`, `[{"model":"x"}]`, `[{"model":"","valid_from":"2026-01-01"}]`, `[{"model":"x","valid_from":"1.1.26"}]`,
		`[{"model":"x","valid_from":"2026-01-01","input":-1}]`, `[{"model":"x","valid_from":"2026-01-01","inptu":1}]`,
	} {
		if _, err := agent.ReadPrices(strings.NewReader(bad)); err == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}
