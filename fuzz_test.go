package function

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

func seedBodies(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `"x"`, `7`, `{"task":"Hi"}`, `{"task":"Hi","max_steps":3}`, `{"task":"Hi","max_steps":1e2}`,
		`{"task":" "}`, `{"task":7}`, `{"task":"Hi","user_id":null,"session_id":"s","task_type":"t"}`, `{"x":1}`,
		`{"task":"Hi"}{`, `{"task":"\ud800"}`, "{\"task\":\"\xff\"}", `{"task":{"task":"Hi"}}`, `{"TASK":"Hi"}`,
		`{"task":"Hi","task":""}`, strings.Repeat(`{"task":`, 50),
		`{"":""}`, `{"task":"Hi","max_steps":-9223372036854775809}`, "\ufeff{}", `{"a\"b":1}`,
	} {
		f.Add([]byte(seed))
	}
}

// Every body either is a task within the limits, or an error for the caller that can be shown.
func FuzzParseTask(f *testing.F) {
	seedBodies(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		task, err := parseTask(body)
		if err != nil {
			var bad *requestError
			if !errors.As(err, &bad) {
				t.Fatalf("%q: the error is of type %T", body, err)
			}
			if bad.status != http.StatusBadRequest || bad.text == "" || len(bad.text) > 500 || !utf8.ValidString(bad.text) {
				t.Errorf("%q: status %d, text %q", body, bad.status, bad.text)
			}
			return
		}
		switch {
		case task.Text == "" || len(task.Text) > maxTask || strings.TrimSpace(task.Text) != task.Text:
			t.Errorf("%q: the task has %d bytes", body, len(task.Text))
		case task.MaxSteps < 1 || task.MaxSteps > maxSteps:
			t.Errorf("%q: %d steps", body, task.MaxSteps)
		case task.UserID == "" || task.Type == "":
			t.Errorf("%q: no default for user %q or type %q", body, task.UserID, task.Type)
		case len(task.UserID) > maxName || len(task.SessionID) > maxName || len(task.Type) > maxName:
			t.Errorf("%q: a name is too long", body)
		case !utf8.ValidString(task.Text + task.UserID + task.SessionID + task.Type):
			t.Errorf("%q: a text is not valid UTF-8", body)
		}
	})
}

// Whatever comes as a body and its type, the answer is 200 or a problem document of the 4xx kind that says whose fault
// it is.
func FuzzExecute(f *testing.F) {
	seedBodies(f)
	app, rec := newTestApp(f, modelFunc(says), nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		rec.Reset()
		for _, contentType := range []string{"application/json", string(body[:min(len(body), 40)])} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, executePath, strings.NewReader(string(body)))
			req.Header["Content-Type"] = []string{contentType}
			w := httptest.NewRecorder()
			app.ServeHTTP(w, req)

			var answer map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatalf("%q: %d %q: %v", body, w.Code, w.Body, err)
			}
			switch w.Code {
			case http.StatusOK:
				if answer["response"] != "Hello." {
					t.Errorf("%q: %v", body, answer)
				}
			case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
				if answer["status"] != float64(w.Code) || answer["detail"] == "" || answer["trace_id"] == "" {
					t.Errorf("%q: %v", body, answer)
				}
			default:
				t.Errorf("%q: status %d", body, w.Code)
			}
		}
	})
}
