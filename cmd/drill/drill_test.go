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
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"warm-standby/account/accounttest"
	"warm-standby/probe"
	"warm-standby/settings"
)

const patience = 20 * time.Second

// cloud is a fake of AWS FIS and STS that answers as they do over HTTP, with the
// system that its experiments harm.
type cloud struct {
	t       *testing.T
	account string
	name    string // Of the one experiment template; pages before it are empty.
	end     string // Status that the experiment ends with by itself. Empty: it runs until stopped.
	harm    int    // Requests that fail before the other region answers. Negative: it never does.
	refuses bool   // FIS answers GetExperiment with errors once.

	mu      sync.Mutex
	status  string // Of the experiment; empty before it is started.
	looks   int
	failed  int
	calls   []string
	started time.Time
	onLook  func() // Called at each look at a running experiment.
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	c.calls = append(c.calls, call)
	answer := func(value any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(value); err != nil {
			c.t.Error(err)
		}
	}
	switch call {
	case "POST /":
		w.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, c.account)
	case "GET /experimentTemplates":
		if r.URL.Query().Get("nextToken") == "" {
			answer(object{"experimentTemplates": []object{{"id": "EXT0", "tags": object{"Name": "films-network"}}}, "nextToken": "2"})
			return
		}
		answer(object{"experimentTemplates": []object{{"id": "EXT1", "description": "Cuts the subnets off", "tags": object{"Name": c.name}}}})
	case "POST /experiments":
		var body struct{ ExperimentTemplateId, ClientToken string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.ExperimentTemplateId != "EXT1" || body.ClientToken == "" {
			c.t.Errorf("want EXT1 started once, got %+v, %v", body, err)
		}
		c.status, c.started = "initiating", time.Now()
		answer(c.experiment())
	case "GET /experiments/EXP1":
		c.looks++
		if c.refuses && c.looks == 2 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		switch {
		case c.status == "initiating":
			c.status = "running"
		case c.status == "stopping":
			c.status = "stopped"
		case c.status == "running" && c.end != "" && c.failed >= c.harm && c.looks > 5:
			c.status = c.end
		case c.status == "running" && c.onLook != nil:
			c.onLook()
		}
		answer(c.experiment())
	case "DELETE /experiments/EXP1":
		c.status = "stopping"
		answer(c.experiment())
	default:
		c.t.Errorf("unexpected call %s", call)
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *cloud) experiment() object {
	e := object{"id": "EXP1", "state": object{"status": c.status, "reason": "Experiment is " + c.status}}
	if c.status != "initiating" {
		e["actions"] = object{"cut": object{"startTime": float64(c.started.UnixMilli()) / 1000}}
	}
	return object{"experiment": e}
}

type object = map[string]any

func (c *cloud) called(call string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.calls, call)
}

func (c *cloud) now() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// api is the deployment's API under its failover name.
func (c *cloud) api(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status != "running" {
		_, _ = fmt.Fprint(w, `{"region":"us-east-1","database":"writable"}`)
		return
	}
	if c.harm < 0 || c.failed < c.harm {
		c.failed++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprint(w, `{"region":"us-west-2","database":"read-only"}`)
}

// command is the drill's, fast and on loopback.
func (c *cloud) command(t *testing.T) *command {
	t.Helper()
	aws := httptest.NewServer(c)
	t.Cleanup(aws.Close)
	api := httptest.NewServer(http.HandlerFunc(c.api))
	t.Cleanup(api.Close)
	accounttest.Use(t, aws.URL)
	return &command{
		targets: func(*settings.Settings, string) []probe.Target {
			return []probe.Target{{Name: "api", URL: api.URL + "/ready"}}
		},
		options:  probe.Options{Interval: 5 * time.Millisecond, Timeout: patience},
		baseline: 100 * time.Millisecond,
		poll:     10 * time.Millisecond,
		after:    patience, // until it is interrupted
	}
}

// real is the example's settings as somebody's own.
func real(t *testing.T, changes ...string) string {
	t.Helper()
	example, err := os.ReadFile("../../deployments/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := append([]string{"example.com", "books.io", "111122223333", "444455556666", "Z0123456789EXAMPLE", "Z0123456789ABCDEFGHIJ"}, changes...)
	file := filepath.Join(t.TempDir(), "prod.yaml")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(own...).Replace(string(example))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func newCloud(t *testing.T) *cloud {
	return &cloud{t: t, account: "444455556666", name: "books-network", end: "completed", harm: 3}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		flags  []string
		file   string
		change func(*cloud)
		typed  string
		want   string
	}{
		{"no file", nil, "", nil, "books", "want one settings file"},
		{"no such file", nil, "none.yaml", nil, "books", "none.yaml: want a settings file"},
		{"placeholders", nil, "../../deployments/example.yaml", nil, "books", "account: 111122223333 is a placeholder"},
		{"a deployment without drills", nil, real(t, "enabled: true", "enabled: false"), nil, "books", "drill.enabled: want true"},
		{"an unknown experiment", []string{"-experiment", "fire"}, real(t), nil, "books", `-experiment: want one of network, servers, database (got "fire")`},
		{"another region", []string{"-region", "eu-west-1"}, real(t), nil, "books", `want a region of books, us-east-1 or us-west-2 (got "eu-west-1")`},
		{"a negative length", []string{"-minutes", "-1"}, real(t), nil, "books", "-minutes: want 0 or more (got -1)"},
		{"no outage at all", []string{"-max-outage", "0s"}, real(t), nil, "books", "-max-outage: want more than 0"},
		{"somebody else's account", nil, real(t), func(c *cloud) { c.account = "999900001111" }, "books", "want credentials of account 444455556666, where books is (got 999900001111)"},
		{"a stack without the experiment", nil, real(t), func(c *cloud) { c.name = "books-other" }, "books", "no experiment template books-network in us-east-1"},
		{"something else typed", nil, real(t), nil, "yes\n", `not started: want "books" typed (got "yes")`},
		{"nothing typed", nil, real(t), nil, "", `not started: want "books" typed (got "")`},
		{"a system that is ill already", []string{"-yes"}, real(t), func(c *cloud) { c.status, c.harm = "running", -1 }, "", "not started: api is down: HTTP 503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			if tt.change != nil {
				tt.change(c)
			}
			arguments := tt.flags
			if tt.file != "" {
				arguments = append(arguments, tt.file)
			}
			var out bytes.Buffer
			err := c.command(t).run(t.Context(), arguments, strings.NewReader(tt.typed), &out)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			if c.called("POST /experiments") {
				t.Error("an experiment was started")
			}
		})
	}
}

// screen ends the watch when it has shown all that is waited for.
type screen struct {
	mu     sync.Mutex
	shown  bytes.Buffer
	awaits []string // Regular expressions, in any order.
	end    context.CancelFunc
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.awaits {
		if !regexp.MustCompile(text).MatchString(s.shown.String() + string(p)) {
			return s.shown.Write(p)
		}
	}
	s.end()
	return s.shown.Write(p)
}

func TestDrill(t *testing.T) {
	for _, tt := range []struct {
		name   string
		flags  []string
		change func(*cloud)
		awaits []string // Regular expressions of the output, in any order; then the watch ends.
		want   []string // In the output, in this order.
		err    string
		stops  bool // Whether it is stopped from here.
	}{
		{
			"a failover, and back", nil, nil,
			[]string{"drill  completed", "(?s)us-west-2.*up, us-east-1"},
			[]string{
				"Cuts the subnets off", "api  up, us-east-1, database writable", "drill  experiment EXP1",
				"api  down: HTTP 503", "api  up, us-west-2, database read-only", "api  up, us-east-1", "recovered", "after the fault", "error budget",
			},
			"", false,
		},
		{
			"AWS is out of reach for a moment", nil, func(c *cloud) { c.refuses = true },
			[]string{"drill  completed"},
			[]string{"drill  running", "drill  no word of the experiment", "drill  completed"},
			"", false,
		},
		{
			"nobody takes over",
			[]string{"-max-outage", "100ms"},
			func(c *cloud) { c.end, c.harm = "", -1 }, nil,
			[]string{"down: HTTP 503", "drill  stopping the experiment", "drill  stopped", "availability"},
			"the experiment was stopped: api was down for more than 100ms", true,
		},
		{
			"an alarm stops it", nil, func(c *cloud) { c.end = "stopped" }, nil,
			[]string{"drill  stopped", "availability"},
			"AWS FIS stopped the experiment: Experiment is stopped", false,
		},
		{
			"it fails", nil, func(c *cloud) { c.end = "failed" }, nil,
			[]string{"drill  failed", "availability"},
			"the experiment has failed: Experiment is failed", false,
		},
		{
			"the minutes are over",
			[]string{"-minutes", "1"},
			func(c *cloud) {
				c.end = ""
				c.onLook = func() { c.started = time.Now().Add(-time.Minute) }
			},
			[]string{"drill  stopped"},
			[]string{"drill  running", "drill  stopping the experiment", "drill  stopped", "availability"},
			"", true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			if tt.change != nil {
				tt.change(c)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &screen{awaits: tt.awaits, end: cancel}
			if tt.awaits == nil {
				out.end = func() {}
			}
			err := c.command(t).run(ctx, append(tt.flags, real(t)), strings.NewReader("books\n"), out)
			if got := fmt.Sprint(err); tt.err == "" && err != nil || !strings.Contains(got, tt.err) {
				t.Errorf("want %q, got %v", tt.err, err)
			}
			rest := out.shown.String()
			for _, want := range tt.want {
				before, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("want %q after\n%s\nin\n%s", want, before, &out.shown)
				}
				rest = after
			}
			if got := c.called("DELETE /experiments/EXP1"); got != tt.stops {
				t.Errorf("stopped from here: %v", got)
			}
		})
	}
}

// TestInterrupt: Ctrl-C never leaves an experiment running.
func TestInterrupt(t *testing.T) {
	c := newCloud(t)
	c.end = ""
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.onLook = cancel
	var out bytes.Buffer
	err := c.command(t).run(ctx, []string{"-yes", real(t)}, strings.NewReader(""), &out)
	if err == nil || !strings.Contains(err.Error(), "interrupted: the experiment was stopped") {
		t.Errorf("want it told, got %v", err)
	}
	if c.now() != "stopped" {
		t.Errorf("the experiment is %s", c.now())
	}
	if !strings.Contains(out.String(), "availability") {
		t.Errorf("want the summary, got\n%s", &out)
	}
}

func TestInterruptBeforeTheStart(t *testing.T) {
	c := newCloud(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	command := c.command(t)
	command.baseline = time.Hour
	out := &screen{awaits: []string{"api  up"}, end: cancel}
	err := command.run(ctx, []string{"-yes", real(t)}, strings.NewReader(""), out)
	if err == nil || !strings.Contains(err.Error(), "interrupted before the experiment was started") || c.called("POST /experiments") {
		t.Errorf("want nothing started, got %v", err)
	}
}

// TestTargets: visitors' names, and the region that is to take over.
func TestTargets(t *testing.T) {
	s, err := settings.LoadReal(real(t))
	if err != nil {
		t.Fatal(err)
	}
	for region, other := range map[string]string{"us-east-1": "us-west-2", "us-west-2": "us-east-1"} {
		got := fmt.Sprint(targets(s, region))
		want := fmt.Sprintf("[{site https://threetier.books.io/config.json} {api https://api.books.io/ready} {api-%s https://api-%s.books.io/ready}]", other, other)
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
