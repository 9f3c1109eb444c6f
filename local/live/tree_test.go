package live_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// modelSpan is what the page's tree depends on.
type modelSpan struct {
	ID, Parent string
	Start      int
	Kind       int // of OTLP: 1 internal, 2 server, 3 client
	Transport  bool
	Failed     bool
}

// model is the page's tree written a second time, without care for speed: the rows of page/tree.js's outline.
func model(spans []modelSpan) string {
	byID := map[string]modelSpan{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	before := func(a, b modelSpan) int { return cmp.Or(cmp.Compare(a.Start, b.Start), strings.Compare(a.ID, b.ID)) }
	parent := func(s modelSpan) string {
		if _, known := byID[s.Parent]; !known || s.Parent == s.ID {
			return ""
		}
		first, at := s, s // the first span of the circle that s is in, if it is in one
		for range byID {
			next, known := byID[at.Parent]
			if !known || next.ID == at.ID {
				return s.Parent
			}
			at = next
			if at.ID == s.ID {
				if first.ID == s.ID {
					return ""
				}
				return s.Parent
			}
			if before(at, first) < 0 {
				first = at
			}
		}
		return s.Parent // it leads into a circle, and is not in it
	}
	children := map[string][]modelSpan{}
	for _, s := range byID {
		children[parent(s)] = append(children[parent(s)], s)
	}
	for _, list := range children {
		slices.SortFunc(list, before)
	}
	folds := func(s modelSpan) bool {
		return parent(s) != "" && s.Transport && s.Kind != 1 && (s.Kind != 2 || !s.Failed || len(children[s.ID]) > 0)
	}
	var b strings.Builder
	var row func(s modelSpan, depth int)
	row = func(s modelSpan, depth int) {
		var folded []string
		var below []modelSpan
		var unfold func(s modelSpan)
		unfold = func(s modelSpan) {
			for _, c := range children[s.ID] {
				if !folds(c) {
					below = append(below, c)
					continue
				}
				folded = append(folded, c.ID)
				unfold(c)
			}
		}
		unfold(s)
		slices.SortStableFunc(below, before)
		b.WriteString(strings.Repeat(" ", depth) + s.ID)
		if len(folded) > 0 {
			b.WriteString(" [" + strings.Join(folded, " ") + "]")
		}
		b.WriteByte('\n')
		for _, c := range below {
			row(c, depth+1)
		}
	}
	for _, s := range children[""] {
		row(s, 0)
	}
	return b.String()
}

// randomSpans is a set of spans with parents that are lost, circular or their own, and starts that tie.
func randomSpans(r *rand.Rand) []modelSpan {
	spans := make([]modelSpan, 1+r.IntN(24))
	id := func(i int) string { return fmt.Sprintf("%016x", i+1) }
	for i := range spans {
		s := modelSpan{ID: id(i), Start: r.IntN(len(spans)), Kind: 1 + r.IntN(3), Transport: r.IntN(2) == 0, Failed: r.IntN(4) == 0}
		switch r.IntN(8) {
		case 0: // a root
		case 1:
			s.Parent = id(100 + r.IntN(3)) // lost
		case 2:
			s.Parent = id(r.IntN(len(spans))) // anyone, later ones and itself included
		default:
			s.Parent = id(r.IntN(i + 1))
		}
		spans[i] = s
	}
	return spans
}

// sequence is the order in which a stream tells of spans: starts and ends, shuffled, some twice, some without an end.
func sequence(r *rand.Rand, spans []modelSpan) (events []map[string]any) {
	for _, s := range spans {
		for range 1 + r.IntN(2) {
			events = append(events, wire(s, false))
		}
		if r.IntN(5) > 0 {
			events = append(events, wire(s, true))
		}
	}
	r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	return events
}

// wire is a span as the stream sends it.
func wire(s modelSpan, ended bool) map[string]any {
	w := map[string]any{
		"traceId": strings.Repeat("ab", 16), "spanId": s.ID, "parentSpanId": s.Parent, "kind": s.Kind, "name": "s",
		"startTimeUnixNano": fmt.Sprint(1_795_590_422_000_000_000 + s.Start), "status": map[string]any{},
	}
	if s.Failed {
		w["status"] = map[string]any{"code": 2}
	}
	if ended {
		w["endTimeUnixNano"] = fmt.Sprint(1_795_590_422_000_000_000 + s.Start + 5)
	}
	if s.Transport {
		w["attributes"] = []any{map[string]any{"key": "http.request.method", "value": map[string]any{"stringValue": "POST"}}}
	}
	return w
}

// TestModelHasEverySpanOnce: whatever is lost or circular, the model's tree has each span in one place, and does not
// depend on the order.
func TestModelHasEverySpanOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 1))
	for range 3000 {
		spans := randomSpans(r)
		want := model(spans)
		seen := strings.Fields(strings.NewReplacer("[", " ", "]", " ").Replace(want))
		slices.Sort(seen)
		if len(seen) != len(spans) || len(slices.Compact(seen)) != len(spans) {
			t.Fatalf("%d spans are %d times in the tree:\n%s%+v", len(spans), len(seen), want, spans)
		}
		r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		if got := model(spans); got != want {
			t.Fatalf("in another order:\n%swant\n%s", got, want)
		}
	}
}

// TestPageBuildsTheModelsTree: the page's own code, in the browser, makes the model's tree of any sequence of starts and
// ends, with every figure of the head beside it.
func TestPageBuildsTheModelsTree(t *testing.T) {
	const sequences = 400
	p := open(t, serve(t).url)
	r := rand.New(rand.NewPCG(17, 2))
	type recorded struct {
		Events []map[string]any `json:"events"`
		want   string
		spans  []modelSpan
	}
	list := make([]recorded, sequences)
	for i := range list {
		spans := randomSpans(r)
		list[i] = recorded{sequence(r, spans), model(spans), spans}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	got := eval[[]string](p, `Promise.all(["store", "otlp", "tree", "timing", "describe"].map((m) => import("/page/" + m + ".js")))
		.then(([{ Store }, { parse }, { build, outline, rows }, { summary, split, parts }, { label, marks }]) => `+string(raw)+`.map(({ events }) => {
			const store = new Store();
			for (const e of events) store.add(parse({ resourceSpans: [{ scopeSpans: [{ spans: [e] }] }] }), null);
			const [trace] = store.traces.values();
			const tree = build(trace.spans.values());
			for (const row of rows(tree)) { label(row.node); marks(row); }
			const now = Number(1795590422000n) + 1;
			const sum = summary(trace, tree, now, null);
			const total = parts.reduce((n, part) => n + sum.time[part], 0);
			if (Math.abs(total - sum.own) > 0.001) return "the parts are " + total + " ms of " + sum.own;
			return outline(tree);
		}))`)
	for i, g := range got {
		if g != list[i].want {
			t.Fatalf("sequence %d: the page has\n%swant\n%s%+v", i, g, list[i].want, list[i].spans)
		}
	}
}

// FuzzModel: the model takes what any bytes describe.
func FuzzModel(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Add([]byte{1, 0, 7, 0, 1, 7, 2, 2, 7})
	f.Fuzz(func(t *testing.T, raw []byte) {
		ids := map[string]bool{}
		var spans []modelSpan
		for ; len(raw) >= 3; raw = raw[3:] {
			id, parent := fmt.Sprintf("%016x", raw[0]%32+1), fmt.Sprintf("%016x", raw[1]%40+1)
			if ids[id] {
				continue
			}
			ids[id] = true
			spans = append(spans, modelSpan{id, parent, int(raw[2] >> 5), int(raw[2]%3) + 1, raw[2]&4 != 0, raw[2]&8 != 0})
		}
		if got := len(strings.Fields(model(spans))); got != len(spans) {
			t.Errorf("%d spans are %d times in the tree", len(spans), got)
		}
	})
}
