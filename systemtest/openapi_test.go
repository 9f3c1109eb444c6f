package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	validation "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	function "example.com/gemini-agent"
)

// description is what the function serves at /openapi.json, ready to hold requests and answers against. Strict: what is
// not described is wrong.
var description = sync.OnceValues(func() (*described, error) {
	app := function.New(context.Background(), function.Config{Getenv: func(string) string { return "" }})
	defer func() { _ = app.Shutdown(context.Background()) }()
	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	doc, err := libopenapi.NewDocument(w.Body.Bytes())
	if err != nil {
		return nil, err
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(doc, config.WithStrictMode(), config.WithFormatAssertions(),
		config.WithStrictIgnoredHeadersExtra("Trailer", "X-Accel-Buffering")) // how a stream travels
	return &described{v, model.Model, schema_validation.NewSchemaValidator(config.WithFormatAssertions())}, errors.Join(errs...)
})

type described struct {
	validator validator.Validator
	model     v3.Document
	schemas   schema_validation.SchemaValidator
}

func describe(tb testing.TB) *described {
	tb.Helper()
	d, err := description()
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// schema complains unless a JSON text satisfies one of the schemas.
func (d *described) schema(name string, text []byte) []*validation.ValidationError {
	_, errs := d.schemas.ValidateSchemaBytes(d.model.Components.Schemas.GetOrZero(name).Schema(), text)
	return errs
}

// checkAnswer fails the test unless an answer is described: its status, headers and body. A path or a method that there is
// not gets a problem, and a path that is not clean is sent to the one that is.
func checkAnswer(tb testing.TB, req *http.Request, res *http.Response, body []byte) {
	tb.Helper()
	d, copied := describe(tb), *res
	copied.Body = io.NopCloser(bytes.NewReader(body))
	_, errs := d.validator.ValidateHttpResponse(req, &copied)
	switch {
	case res.StatusCode == http.StatusTemporaryRedirect:
		return
	case len(errs) == 0:
	case errs[0].IsPathMissingError(), errs[0].IsOperationMissingError(), strings.HasSuffix(req.URL.Path, "/"): // which the validator ignores
		if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed {
			errs = d.schema("Problem", body)
		}
	}
	for _, err := range errs {
		tb.Errorf("%s %s answers %d, which is not described: %s\n%s", req.Method, req.URL.Path, res.StatusCode, explain(err), body)
	}
}

// events are the schemas of what a stream sends.
var events = map[string]string{
	"start": "StartEvent", "delta": "DeltaEvent", "step": "StepEvent", "tool": "ToolEvent", "answer": "Answer", "error": "Problem",
}

// checkStream fails the test unless the events of a stream are described, from the first to the last.
func checkStream(tb testing.TB, body []byte) {
	tb.Helper()
	var seen []string
	for _, m := range regexp.MustCompile(`(?m)^event: (.*)\ndata: (.*)$`).FindAllSubmatch(body, -1) {
		name := string(m[1])
		seen = append(seen, name)
		if events[name] == "" {
			tb.Errorf("the event %s is not described", name)
			continue
		}
		for _, err := range describe(tb).schema(events[name], m[2]) {
			tb.Errorf("the event %s is not as described: %s\n%s", name, explain(err), m[2])
		}
	}
	if n := len(seen); n < 2 || seen[0] != "start" || seen[n-1] != "answer" && seen[n-1] != "error" {
		tb.Errorf("the events are %v", seen)
	}
}

func explain(err *validation.ValidationError) string {
	text := err.Message + ": " + err.Reason
	for _, failure := range err.SchemaValidationErrors {
		text += "; " + failure.FieldPath + " " + failure.Reason
	}
	return text
}

func TestTheDescriptionIsOpenAPI(t *testing.T) {
	t.Parallel()
	d := describe(t)
	_, errs := d.validator.ValidateDocument()
	for _, err := range errs {
		t.Error(explain(err))
	}
	if d.model.Version != "3.1.0" {
		t.Errorf("the version is %s", d.model.Version)
	}
	// Every example in it is one.
	examples := 0
	check := func(where string, contents map[string]*v3.MediaType) {
		for kind, content := range contents {
			if content.Example == nil || !strings.HasSuffix(kind, "json") {
				continue
			}
			var value any
			if err := content.Example.Decode(&value); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			examples++
			_, errs := d.schemas.ValidateSchemaBytes(content.Schema.Schema(), text)
			for _, err := range errs {
				t.Errorf("an example of %s: %s", where, explain(err))
			}
		}
	}
	for path, item := range d.model.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			if op.RequestBody != nil {
				check(method+" "+path, collect(op.RequestBody.Content.FromOldest()))
			}
			for code, res := range op.Responses.Codes.FromOldest() {
				check(method+" "+path+" "+code, collect(res.Content.FromOldest()))
			}
		}
	}
	if examples < 20 {
		t.Errorf("found %d examples", examples)
	}
}

func collect[V any](seq func(func(string, V) bool)) map[string]V {
	m := map[string]V{}
	seq(func(k string, v V) bool { m[k] = v; return true })
	return m
}

// fenced are the blocks of a language in a document.
func fenced(t *testing.T, file, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// kinds are the schemas of the documents, by a field that only they have.
var kinds = map[string]string{"total_steps": "Answer", "task": "Task", "detail": "Problem", "turns": "Session", "paths": "Index"}

// The requests and answers that the documents show are described.
func TestDocumentedExamplesAreDescribed(t *testing.T) {
	t.Parallel()
	cut := regexp.MustCompile(`"([0-9a-f]+)…"`) // an id that goes on
	for file, want := range map[string][]string{
		"README.md": {"Task", "Answer"}, "docs/http.md": {"Answer", "Index", "Problem"},
	} {
		var found []string
		for _, block := range fenced(t, file, "json") {
			block = cut.ReplaceAllStringFunc(block, func(id string) string {
				id = strings.Trim(id, `"…`)
				return `"` + id + strings.Repeat("0", 32-len(id)) + `"`
			})
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(block), &members); err != nil {
				t.Errorf("%s: %v in %s", file, err, block)
			}
			for member, kind := range kinds {
				if members[member] == nil {
					continue
				}
				found = append(found, kind)
				for _, err := range describe(t).schema(kind, []byte(block)) {
					t.Errorf("%s: no %s: %s\n%s", file, kind, explain(err), block)
				}
			}
		}
		for _, kind := range want {
			if !slices.Contains(found, kind) {
				t.Errorf("%s shows no %s, only %v", file, kind, found)
			}
		}
	}
}

// The commands of docs/http.md run as they are pasted and get what is described: the status in the comment behind them,
// else 200.
func TestCommandsOfTheHTTPInterface(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("the commands need ", name)
		}
	}
	math := start(t, setup{})
	s := start(t, setup{env: map[string]string{
		"SUB_AGENTS": "research=http://127.0.0.1:1,math=" + math.url, "CORS_ALLOWED_ORIGINS": "https://app.example.com",
	}})
	var statuses []int
	watched := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		s.app.ServeHTTP(rec, r)
		res := rec.Result()
		statuses = append(statuses, res.StatusCode)
		if r.Method != http.MethodOptions {
			if checkAnswer(t, r, res, rec.Body.Bytes()); res.Header.Get("Content-Type") == "text/event-stream" {
				checkStream(t, rec.Body.Bytes())
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			if valid, errs := describe(t).validator.ValidateHttpRequest(r); valid != (res.StatusCode < 400) {
				t.Errorf("%s %s with %s answers %d, and the description says of it: %v", r.Method, r.URL, body, res.StatusCode, errs)
			}
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	defer watched.Close()
	address := strings.TrimPrefix(watched.URL, "http://")
	commands := fenced(t, "docs/http.md", "sh")
	if len(commands) < 5 {
		t.Fatalf("docs/http.md has %d commands", len(commands))
	}
	for _, command := range commands {
		want := 200
		if m := regexp.MustCompile(`# (\d{3})\n$`).FindStringSubmatch(command); m != nil {
			want, _ = strconv.Atoi(m[1])
		}
		statuses = nil
		local := strings.Replace(command, "localhost:8080", address, 1)
		if out, err := exec.CommandContext(t.Context(), "bash", "-c", local).Output(); err != nil || !slices.Equal(statuses, []int{want}) {
			t.Errorf("%sgets %v (%v), want %d\n%s", command, statuses, err, want, out)
		}
	}
}
