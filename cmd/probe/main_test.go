package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestBadInput(t *testing.T) {
	for _, tt := range []struct {
		name      string
		arguments string
		want      string
	}{
		{"nothing to sample", "", "want either URLs or -deployment FILE"},
		{"both", "-deployment ../../deployments/example.yaml https://example.com/", "want either URLs or -deployment FILE"},
		{"no URL", "example.com", `want a URL such as https://api.example.com/ready (got "example.com")`},
		{"a deployment that is not there", "-deployment none.yaml", "none.yaml: want a settings file (got no such file)"},
		{"a deployment of placeholders", "-deployment ../../deployments/example.yaml", "example.yaml: domain.name: example.com is a placeholder"},
		{"too often", "-interval 10ms https://example.com/", "-interval: want 500ms or more"},
		{"no time to answer", "-timeout 0s https://example.com/", "-timeout: want more than 0"},
		{"an objective without a budget", "-slo 100 https://example.com/", "-slo: want more than 0 and less than 100 percent (got 100)"},
		{"samples to nowhere", "-samples no/such/folder https://example.com/", "-samples: open no/such/folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), strings.Fields(tt.arguments), &out)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			if out.Len() > 0 {
				t.Errorf("want nothing sampled, got %s", &out)
			}
		})
	}
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		limit  string
		want   string // What the command fails with.
	}{
		{"all is well", 200, "1ns", ""},
		{"an outage beyond the limit", 503, "1ns", "127.0.0.1"},
		{"an outage within it", 503, "1h", ""},
		{"no limit", 503, "0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var seen atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = fmt.Fprint(w, `{"region":"us-east-1"}`)
				if seen.Add(1) == 2 { // the first is over: Ctrl-C
					cancel()
				}
			}))
			defer server.Close()
			file := filepath.Join(t.TempDir(), "samples.jsonl")
			var out bytes.Buffer
			err := run(ctx, []string{"-interval", "500ms", "-max-outage", tt.limit, "-samples", file, server.URL}, &out)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			if !strings.Contains(out.String(), ", us-east-1") || !strings.Contains(out.String(), "availability") {
				t.Errorf("want a line and a summary, got\n%s", &out)
			}
			var sample struct{ Status int }
			data, err := os.ReadFile(file)
			line, _, _ := bytes.Cut(data, []byte("\n"))
			if err != nil || json.Unmarshal(line, &sample) != nil || sample.Status != tt.status {
				t.Errorf("want samples as JSON lines, got %v\n%s", err, data)
			}
		})
	}
}
