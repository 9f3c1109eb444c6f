package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"example.com/gemini-agent/tracing/agenttrace"
)

// Price is what a model costs from a day on, in US dollars per million tokens. Tokens of thought are output.
type Price struct {
	Model     string  `json:"model"`
	ValidFrom string  `json:"valid_from"` // YYYY-MM-DD, the day's start in UTC
	Input     float64 `json:"input"`
	Output    float64 `json:"output"`
	// Cached is the price of the part of the input that came from a cache. 0: as Input, which is an upper bound.
	Cached float64 `json:"cached,omitempty"`
	// Above is the number of input tokens of a request above which this price holds; 0: any.
	Above int `json:"above,omitempty"`

	from time.Time
}

// Prices are the prices of models. The zero value knows none. It is safe for concurrent use.
type Prices struct{ rows []Price } // by model, then day and Above, the latest and largest first

// published are the prices of the paid tier for text, one row a price, as read in November 2026.
var published = []Price{
	// Google's latest-model page; BerriAI/litellm discussion 46238.
	{Model: "gemini-4-argon", ValidFrom: "2026-09-30", Input: 2, Output: 10, Cached: 0.10},
	{Model: "gemini-4-argon", ValidFrom: "2026-12-01", Input: 4, Output: 20, Cached: 0.20},
	// models.dev; api-evangelist/deepmind plans/deepmind-plans-pricing.yml, read 2026-10-07.
	{Model: "gemini-3.8-flash", ValidFrom: "2026-09-02", Input: 0.75, Output: 3.75, Cached: 0.075},
	{Model: "gemini-3.8-flash", ValidFrom: "2027-01-01", Input: 1.5, Output: 7.5, Cached: 0.15},
	{Model: "gemini-3.7-flash", ValidFrom: "2026-08-13", Input: 1.5, Output: 7.5, Cached: 0.15},        // models.dev
	{Model: "gemini-3.5-flash", ValidFrom: "2026-05-19", Input: 1.5, Output: 9, Cached: 0.15},          // both
	{Model: "gemini-3.5-flash-lite", ValidFrom: "2026-07-21", Input: 0.3, Output: 2.5},                 // api-evangelist; no cached price found
	{Model: "gemini-3.1-flash-lite", ValidFrom: "2026-05-07", Input: 0.25, Output: 1.5, Cached: 0.025}, // models.dev
	// api-evangelist; no cached price found.
	{Model: "gemini-3.1-pro-preview", ValidFrom: "2026-01-01", Input: 2, Output: 12},
	{Model: "gemini-3.1-pro-preview", ValidFrom: "2026-01-01", Input: 4, Output: 18, Above: 200_000},
}

// PublishedPrices are the prices this program was made with.
func PublishedPrices() *Prices {
	p, err := newPrices(published)
	if err != nil {
		panic(err) // a test reads them
	}
	return p
}

// maxPriceFile bounds what is read of a price file.
const maxPriceFile = 1 << 20

// ReadPrices reads a JSON list of Price, which replaces the published ones of the models it names.
func ReadPrices(r io.Reader) (*Prices, error) {
	dec := json.NewDecoder(io.LimitReader(r, maxPriceFile))
	dec.DisallowUnknownFields()
	var rows []Price
	if err := dec.Decode(&rows); err != nil {
		return nil, fmt.Errorf("reading prices: %w", err)
	}
	own := func(p Price) bool { return slices.ContainsFunc(rows, func(o Price) bool { return o.Model == p.Model }) }
	return newPrices(append(rows, slices.DeleteFunc(slices.Clone(published), own)...))
}

func newPrices(rows []Price) (*Prices, error) {
	p := &Prices{rows: slices.Clone(rows)}
	for i := range p.rows {
		row := &p.rows[i]
		var err error
		if row.from, err = time.Parse(time.DateOnly, row.ValidFrom); err != nil {
			return nil, fmt.Errorf("price %d: valid_from is no date such as 2026-12-01", i+1)
		}
		if row.Model == "" || row.Input < 0 || row.Output < 0 || row.Cached < 0 || row.Above < 0 {
			return nil, errors.New("price " + fmt.Sprint(i+1) + ": a price has a model and is not negative")
		}
	}
	slices.SortStableFunc(p.rows, func(a, b Price) int {
		if c := b.from.Compare(a.from); c != 0 {
			return c
		}
		return b.Above - a.Above
	})
	return p, nil
}

// Cost is what a call of model cost that ended at a time, in US dollars; nil when the price is not known, which is never
// 0. A model is known by its own name: resource paths, a version ("-001") and the mark of a simulated model do not
// count, an alias has no price.
func (p *Prices) Cost(model string, at time.Time, u agenttrace.Usage) *float64 {
	if p == nil {
		return nil
	}
	for _, row := range p.rows {
		if !row.from.After(at) && (row.Above == 0 || u.InputTokens > row.Above) && isPriced(row.Model, model) {
			cached := row.Cached
			if cached == 0 {
				cached = row.Input
			}
			usd := (float64(u.InputTokens-u.CachedInputTokens)*row.Input + float64(u.CachedInputTokens)*cached +
				float64(u.OutputTokens)*row.Output) / 1e6
			usd = math.Round(usd*1e9) / 1e9
			return &usd
		}
	}
	return nil
}

// isPriced reports whether model is the one of a row.
func isPriced(row, model string) bool {
	model = strings.ToLower(model[strings.LastIndexByte(model, '/')+1:])
	rest, ok := strings.CutPrefix(strings.TrimSuffix(model, "-simulated"), row)
	return ok && strings.Trim(rest, "-@0123456789") == "" && (rest == "" || len(rest) >= 3) // -001, @20261101
}

// addCost is a sum of costs, which is unknown as soon as one of them is.
func addCost(sum, next *float64, first bool) *float64 {
	switch {
	case next == nil:
		return nil
	case first:
		return next
	case sum == nil:
		return nil
	}
	usd := math.Round((*sum+*next)*1e9) / 1e9
	return &usd
}
