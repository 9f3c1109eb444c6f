package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type composeFile struct {
	Services map[string]struct {
		Image       string
		Ports       []string
		Volumes     []string
		Environment map[string]*string
		DependsOn   []string `yaml:"depends_on"`
	}
	Volumes map[string]any
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	raw, err := os.ReadFile("docker-compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestComposeJaegerShowsGenAI: the image is pinned, and no older than its view for GenAI spans.
func TestComposeJaegerShowsGenAI(t *testing.T) {
	jaeger := readCompose(t).Services["jaeger"]
	name, tag, _ := strings.Cut(jaeger.Image, ":")
	if name != "jaegertracing/jaeger" {
		t.Fatalf("image %q", jaeger.Image)
	}
	var version []int
	for part := range strings.SplitSeq(tag, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatalf("%q is no version", tag)
		}
		version = append(version, n)
	}
	if len(version) != 3 || slices.Compare(version, []int{2, 20, 0}) < 0 {
		t.Errorf("version %q, want one from 2.20.0 on, in full", tag)
	}
	for _, port := range []string{"16686", "4317", "4318"} {
		if !slices.Contains(jaeger.Ports, fmt.Sprintf("127.0.0.1:%s:%s", port, port)) {
			t.Errorf("port %s is not published to this machine", port)
		}
	}
}

// TestComposeAgentExportsToJaeger: the agent beside Jaeger answers the README's curl and sends its traces there.
func TestComposeAgentExportsToJaeger(t *testing.T) {
	file := readCompose(t)
	agent := file.Services["agent"]
	if !slices.Contains(agent.Ports, "127.0.0.1:8080:8080") {
		t.Errorf("ports %v: the README's curl goes to 8080", agent.Ports)
	}
	if !slices.Contains(agent.Volumes, "..:/src:ro") {
		t.Errorf("volumes %v: the source is missing, or can be written to", agent.Volumes)
	}
	for _, v := range agent.Volumes {
		name, _, _ := strings.Cut(v, ":")
		if _, declared := file.Volumes[name]; !declared && name != ".." {
			t.Errorf("volume %s is not declared", name)
		}
	}
	env := func(name string) string {
		if v := agent.Environment[name]; v != nil {
			return *v
		}
		return ""
	}
	if env("OTEL_TRACES_EXPORTER") != "console,otlp" || env("OTEL_EXPORTER_OTLP_ENDPOINT") != "http://jaeger:4317" {
		t.Errorf("traces go to %s, endpoint %s", env("OTEL_TRACES_EXPORTER"), env("OTEL_EXPORTER_OTLP_ENDPOINT"))
	}
	if v, named := agent.Environment["GEMINI_API_KEY"]; !named || v != nil {
		t.Error("the caller's GEMINI_API_KEY is not passed through")
	}
	if got := host(env); got != "0.0.0.0" {
		t.Errorf("the agent listens on %s, which nobody outside the container reaches", got)
	}
	for name, s := range file.Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to other machines", name, port)
			}
		}
		if strings.HasSuffix(s.Image, ":latest") || !strings.Contains(s.Image, ":") {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
	}
}
