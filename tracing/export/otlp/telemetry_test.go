package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/auth"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/googleauth"
)

type staticToken string

func (s staticToken) Token(context.Context) (*auth.Token, error) {
	return &auth.Token{Value: string(s), Type: "Bearer"}, nil
}

// testCredentials are credentials whose token is "token"; project and quota may be empty.
func testCredentials(project, quota, json string) *auth.Credentials {
	property := func(v string) auth.CredentialsPropertyProvider {
		return auth.CredentialsPropertyFunc(func(context.Context) (string, error) { return v, nil })
	}
	return auth.NewCredentials(&auth.CredentialsOptions{
		TokenProvider: staticToken("token"), JSON: []byte(json),
		ProjectIDProvider: property(project), QuotaProjectIDProvider: property(quota),
	})
}

func failDetect(t *testing.T) func() (*auth.Credentials, error) {
	return func() (*auth.Credentials, error) {
		t.Error("looked for credentials")
		return nil, errors.New("not allowed here")
	}
}

func TestGoogleAuthFindsLateCredentialsWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		late := time.Now().Add(20 * time.Second)
		g := googleauth.New("")
		g.Detect = func() (*auth.Credentials, error) {
			looks++
			if time.Now().Before(late) {
				return nil, errors.New("none")
			}
			return testCredentials("", "", ""), nil
		}
		var err error
		tries := 0
		for ; tries < 400; tries++ {
			if _, err = g.GetRequestMetadata(t.Context()); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			t.Fatalf("never found them: %v", err)
		}
		if looks > 8 {
			t.Errorf("looked %d times in %d tries: no back-off", looks, tries)
		}
	})
}

func TestGoogleAuthWaitIsBoundedByContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := googleauth.New("")
		g.Detect = func() (*auth.Credentials, error) { // the library's search heeds no context
			time.Sleep(5 * time.Second)
			return testCredentials("", "", ""), nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := g.GetRequestMetadata(ctx); !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if md, err := g.GetRequestMetadata(t.Context()); err != nil || md["authorization"] != "Bearer token" {
			t.Errorf("the search under way was lost: %v, %v", md, err)
		}
	})
}

func TestGoogleAuthQuotaProject(t *testing.T) {
	for _, tt := range []struct{ name, quota, json, want string }{
		{"service account", "", `{"type":"service_account"}`, ""},
		{"metadata server", "", "", ""},
		{"user", "", `{"type": "authorized_user"}`, "mine"},
		{"user with one", "theirs", `{"type": "authorized_user"}`, "theirs"},
		{"impersonated by a user", "", `{"type": "impersonated_service_account",
			"source_credentials": {"type": "authorized_user"}}`, ""},
		{"impersonated, with one", "theirs", `{"type": "impersonated_service_account"}`, "theirs"},
		{"workload", "", `{"type": "external_account"}`, ""},
		{"workforce", "", `{"type": "external_account", "workforce_pool_user_project": "pool"}`, "pool"},
		{"workforce user", "", `{"type": "external_account_authorized_user"}`, "mine"},
	} {
		g := googleauth.New("mine")
		g.Detect = func() (*auth.Credentials, error) { return testCredentials("p", tt.quota, tt.json), nil }
		md, err := g.GetRequestMetadata(t.Context())
		if err != nil || md["x-goog-user-project"] != tt.want {
			t.Errorf("%s: %v, %v", tt.name, md, err)
		}
	}
}

func TestTelemetryExporterAuthenticatesAndSplits(t *testing.T) {
	cert, certFile := selfSigned(t)
	for _, protocol := range []string{GRPC, HTTP} {
		t.Run(protocol, func(t *testing.T) {
			verifyNoLeaks(t)
			start := startHTTPReceiver
			if protocol == GRPC {
				start = startGRPCReceiver
			}
			r := start(t, &tls.Config{Certificates: []tls.Certificate{cert}})
			g := googleauth.New("")
			g.Detect = func() (*auth.Credentials, error) { return testCredentials("of-credentials", "quota", ""), nil }
			x, err := NewTelemetry(
				Config{Protocol: protocol, Endpoint: r.url, Certificate: certFile},
				"",
				g,
			)
			if err != nil {
				t.Fatal(err)
			}
			defer x.Shutdown(t.Context())
			x.Warm(t.Context())
			var attrs []attribute.KeyValue
			for i := range 1000 {
				attrs = append(attrs, attribute.Int(fmt.Sprint(i), i))
			}
			var stubs tracetest.SpanStubs
			for i := range 20 {
				stubs = append(stubs, tracetest.SpanStub{Name: fmt.Sprint(i), Attributes: attrs})
			}
			if err := x.ExportSpans(t.Context(), stubs.Snapshots()); err != nil {
				t.Fatal(err)
			}
			if n := len(r.spanNames()); n != 20 {
				t.Errorf("%d spans arrived", n)
			}
			for _, req := range r.requests {
				n := 0
				for _, s := range req.ResourceSpans[0].ScopeSpans[0].Spans {
					n += len(s.Attributes)
				}
				if n > telemetryMaxAttributes {
					t.Errorf("%d attributes in one ResourceSpans", n)
				}
				if a := req.ResourceSpans[0].Resource.GetAttributes(); len(a) != 1 || a[0].Key != "gcp.project_id" ||
					a[0].Value.GetStringValue() != "of-credentials" {
					t.Errorf("resource: %v", a)
				}
			}
			if got := r.header("authorization") + " " + r.header("x-goog-user-project"); got != "Bearer token quota" {
				t.Errorf("headers: %s", got)
			}
		})
	}
}

func TestTelemetryExporterSendsNoTokenInPlaintext(t *testing.T) {
	for _, protocol := range []string{GRPC, HTTP} {
		g := googleauth.New("")
		g.Detect = failDetect(t)
		if _, err := NewTelemetry(Config{Protocol: protocol,
			Endpoint: "http://telemetry.googleapis.com"}, "", g); err == nil {
			t.Errorf("%s: no error", protocol)
		}
	}
}

func TestTelemetryExporterWithoutCredentials(t *testing.T) {
	verifyNoLeaks(t)
	cert, certFile := selfSigned(t)
	for _, protocol := range []string{GRPC, HTTP} {
		start := startHTTPReceiver
		if protocol == GRPC {
			start = startGRPCReceiver
		}
		r := start(t, &tls.Config{Certificates: []tls.Certificate{cert}})
		g := googleauth.New("")
		g.Detect = func() (*auth.Credentials, error) { return nil, errors.New("none here") }
		x, err := NewTelemetry(Config{Protocol: protocol, Endpoint: r.url, Certificate: certFile}, "p", g)
		if err != nil {
			t.Fatal(err)
		}
		err = x.ExportSpans(t.Context(), namedSpans("a"))
		if export.Classify(err) != export.Retryable || !strings.Contains(err.Error(), "none here") ||
			len(r.requests) != 0 {
			t.Errorf("%s: %v, %d requests", protocol, err, len(r.requests))
		}
		_ = x.Shutdown(t.Context())
	}
}

func TestIsTelemetryAPI(t *testing.T) {
	for in, want := range map[string]bool{
		"https://telemetry.googleapis.com":                  true,
		"https://telemetry.googleapis.com:443/v1/traces":    true,
		"https://TELEMETRY.googleapis.com":                  true,
		"https://telemetry.europe-west1.rep.googleapis.com": true,
		"https://telemetry.googleapis.com.evil.example":     false,
		"https://eviltelemetry.googleapis.com":              false,
		"http://localhost:4318":                             false,
		"":                                                  false,
	} {
		if got := IsTelemetryAPI(in); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}
