package function

import (
	"errors"
	"testing"
)

// Every reader takes such bodies in another way, so they must not get past us to a sub-agent.
func TestAmbiguousNamesAreRefused(t *testing.T) {
	for _, tt := range []struct{ body, field string }{
		{`{"Task":"Hi"}`, "Task"},
		{`{"task":"Hi","USER_ID":"u"}`, "USER_ID"},
		{`{"task":"Hi","ma\u017f_steps":1}`, "maſ_steps"},
		{`{"task":"Hi","max_\u017fteps":1}`, "max_ſteps"},
		{`{"task":"Hi","task":"Ho"}`, "task"},
		{`{"task":"Hi","\u0074ask":"Ho"}`, "task"},
		{`{"max_steps":1,"task":"Hi","max_steps":null}`, "max_steps"},
	} {
		_, err := parseTask([]byte(tt.body))
		var bad *requestError
		if !errors.As(err, &bad) || bad.status != 400 || bad.field != tt.field {
			t.Errorf("%s: error %v, want 400 for %q", tt.body, err, tt.field)
		}
	}
	for _, body := range []string{
		`{"task":"{\"task\":1}","user_id":null,"session_id":"s","task_type":"t","max_steps":3}`, ` {"task" : "Hi"} `,
	} {
		if _, err := parseTask([]byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}
