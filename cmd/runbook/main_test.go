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
	"testing"
	"time"

	"warm-standby/account/accounttest"
)

type object = map[string]any

// cloud is a stand-in for SSM and STS in one region that answers over HTTP as
// they do. Each look at a run sees the next of its pictures.
type cloud struct {
	t        *testing.T
	account  string
	running  []object // what DescribeAutomationExecutions lists, one a page
	refuses  object   // of StartAutomationExecution, if not nil
	pictures []object // of the run, the last for ever
	onLook   func()

	calls   []string
	started object // the input
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "" { // STS, in its own protocol
		c.calls = append(c.calls, "GetCallerIdentity")
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, c.account) //nolint:errcheck // the client would notice
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "/us-west-2/") && !strings.Contains(r.Header.Get("Authorization"), "/us-east-1/ssm") {
		c.t.Errorf("signed for another region: %s", r.Header.Get("Authorization"))
	}
	c.calls = append(c.calls, operation)
	var input, answer object
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		c.t.Error(err)
	}
	switch operation {
	case "DescribeAutomationExecutions":
		page := 0
		if token, ok := input["NextToken"].(string); ok {
			page = len(token)
		}
		answer = object{}
		if page < len(c.running) {
			answer = object{"AutomationExecutionMetadataList": []object{c.running[page]}, "NextToken": strings.Repeat("n", page+1)}
		}
	case "StartAutomationExecution":
		c.started, answer = input, object{"AutomationExecutionId": "id-1"}
		if c.refuses != nil {
			answer = c.refuses
			w.WriteHeader(http.StatusBadRequest)
		}
	case "GetAutomationExecution":
		if c.onLook != nil {
			c.onLook()
		}
		if len(c.pictures) == 0 {
			w.WriteHeader(http.StatusForbidden)
			break
		}
		answer = object{"AutomationExecution": c.pictures[0]}
		if len(c.pictures) > 1 {
			c.pictures = c.pictures[1:]
		}
	default:
		c.t.Errorf("unexpected call %s", operation)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		c.t.Error(err)
	}
}

const begun = 1774749600 // 2026-03-29 02:00:00 UTC

// step is one of a run that begins and ends so many seconds after it.
func step(name, status string, from, to int) object {
	s := object{"StepName": name, "StepStatus": status, "ExecutionStartTime": begun + from}
	if to > 0 {
		s["ExecutionEndTime"] = begun + to
	}
	return s
}

func picture(status string, end int, outputs object, steps ...object) object {
	run := object{"AutomationExecutionId": "id-1", "DocumentName": "books-fail-over", "AutomationExecutionStatus": status, "ExecutionStartTime": begun, "StepExecutions": steps, "Outputs": outputs}
	if end > 0 {
		run["ExecutionEndTime"] = begun + end
	}
	return run
}

// run runs the command against the cloud.
func (c *cloud) run(t *testing.T, arguments ...string) (out string, err error) {
	t.Helper()
	c.t = t
	if c.account == "" {
		c.account = "444455556666"
	}
	server := httptest.NewServer(c)
	defer server.Close()
	accounttest.Use(t, server.URL)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Cleanup(func(zone *time.Location) func() { return func() { time.Local = zone } }(time.Local))
	time.Local = time.UTC
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if c.onLook != nil {
		c.onLook = cancel
	}
	var text bytes.Buffer
	err = run(ctx, append([]string{"-poll", "1ms"}, arguments...), &text)
	return text.String(), err
}

// prod is the example's settings as somebody's own.
func prod(t *testing.T) string {
	t.Helper()
	example, err := os.ReadFile("../../deployments/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "prod.yaml")
	own := strings.NewReplacer("example.com", "books.io", "111122223333", "444455556666", "Z0123456789EXAMPLE", "Z0123456789ABCDEFGHIJ")
	if err := os.WriteFile(file, []byte(own.Replace(string(example))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFollowsARun(t *testing.T) {
	c := &cloud{pictures: []object{
		picture("InProgress", 0, nil, step("check", "InProgress", 0, 0), step("dryRun", "Pending", 0, 0)),
		picture("InProgress", 0, nil, step("check", "Success", 0, 3), step("dryRun", "Success", 3, 4), step("promoted", "InProgress", 5, 0)),
		picture("InProgress", 0, nil, step("check", "Success", 0, 3), step("dryRun", "Success", 3, 4), step("promoted", "InProgress", 5, 0)),
		picture("Success", 400, object{"check.Findings": []string{"books-2 is a replica."}, "verify.Report": []string{"all well\nall of it"}, "drain.Findings": []string{"No output available yet because the step is not successfully executed"}},
			step("check", "Success", 0, 3), step("dryRun", "Success", 3, 4), step("promoted", "Success", 5, 399)),
	}}
	out, err := c.run(t, "-param", "MaxLagSeconds=300", "-param", "AcceptDataLoss=true", "fail-over", prod(t))
	if err != nil {
		t.Fatal(err)
	}
	const want = `books-fail-over AcceptDataLoss=true MaxLagSeconds=300 has begun in us-west-2: id-1
02:00:00  check            InProgress
02:00:03  check            Success    3s
02:00:04  dryRun           Success    1s
02:00:05  promoted         InProgress
02:06:39  promoted         Success    6m34s
books-2 is a replica.
all well
all of it
books-fail-over: Success after 6m40s
`
	if out != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
	input, _ := json.Marshal(c.started)
	if got, want := string(input), `{"DocumentName":"books-fail-over","Parameters":{"AcceptDataLoss":["true"],"MaxLagSeconds":["300"]}}`; got != want {
		t.Errorf("want it started with %s (got %s)", want, got)
	}
}

func TestApprovalIsAskedFor(t *testing.T) {
	c := &cloud{pictures: []object{
		picture("Waiting", 0, nil, step("approve", "Waiting", 4, 0)),
		picture("Success", 60, nil, step("approve", "Success", 4, 60)),
	}}
	out, err := c.run(t, "-dry-run", "return", prod(t))
	if want := "aws ssm send-automation-signal --region us-west-2 --automation-execution-id id-1 --signal-type Approve\n"; err != nil || !strings.Contains(out, want) {
		t.Errorf("want %q said (got %s, %v)", want, out, err)
	}
	if want := fmt.Sprint(object{"DryRun": []any{"true"}}); fmt.Sprint(c.started["Parameters"]) != want {
		t.Errorf("want parameters %s (got %v)", want, c.started["Parameters"])
	}
}

func TestFailsAsTheRunDoes(t *testing.T) {
	failed := step("check", "Failed", 0, 2)
	failed["FailureMessage"] = "Step fails when it is Execute action.\nTraceback (most recent call last):\n  File \"script\"\nStop: Wrong region: books-1 is the writer.\n\nStop - Wrong region: books-1"
	plain := step("promote", "Failed", 0, 2)
	plain["FailureMessage"] = "AccessDenied"
	for _, tt := range []struct {
		status string
		step   object
		want   string
	}{
		{"Failed", failed, "books-fail-over: Failed after 2s\ncheck: Wrong region: books-1 is the writer."},
		{"Failed", plain, "books-fail-over: Failed after 2s\npromote: AccessDenied"},
		{"TimedOut", step("approve", "TimedOut", 0, 2), "books-fail-over: TimedOut after 2s"},
		{"Cancelled", step("check", "Cancelled", 0, 2), "books-fail-over: Cancelled after 2s"},
	} {
		c := &cloud{pictures: []object{picture(tt.status, 2, nil, tt.step)}}
		if _, err := c.run(t, "fail-over", prod(t)); err == nil || err.Error() != tt.want {
			t.Errorf("want %q (got %v)", tt.want, err)
		}
	}
}

func TestStartsNoSecondRun(t *testing.T) {
	other := object{"DocumentName": "books-fail-over-rehearsed", "AutomationExecutionId": "id-0"} // the prefix finds it too
	own := object{"DocumentName": "books-fail-over", "AutomationExecutionId": "id-1", "ExecutionStartTime": begun}
	done := []object{picture("Success", 60, nil, step("verify", "Success", 0, 60))}

	c := &cloud{running: []object{other, own}, pictures: done}
	out, err := c.run(t, "fail-over", prod(t))
	if err != nil || c.started != nil || !strings.Contains(out, "books-fail-over is running in us-west-2 since 02:00:00, with its own parameters: id-1\n") || !strings.Contains(out, "verify") {
		t.Errorf("want the run followed that is there (got %v, %v)\n%s", err, c.calls, out)
	}
	c = &cloud{running: []object{other, own}, pictures: done}
	if _, err := c.run(t, "return", prod(t)); err == nil || c.started != nil || !strings.Contains(err.Error(), "books-fail-over is running in us-west-2: wait") {
		t.Errorf("want no other runbook beside it (got %v, %v)", err, c.calls)
	}
	c = &cloud{running: []object{other, own}, pictures: done}
	if _, err := c.run(t, "status", prod(t)); err != nil || c.started == nil {
		t.Errorf("want the status at any time (got %v, %v)", err, c.calls)
	}
	c = &cloud{running: []object{other}, pictures: done}
	if _, err := c.run(t, "fail-over", prod(t)); err != nil || c.started == nil {
		t.Errorf("want another deployment's run ignored (got %v, %v)", err, c.calls)
	}
}

// TestReturnFindsTheHold: before the swap on the standby, after it on what is the
// primary then, unless another region is asked for.
func TestReturnFindsTheHold(t *testing.T) {
	swap := strings.NewReplacer("primary: us-east-1", "primary: us-west-2", "standby: us-west-2", "standby: us-east-1",
		`name: books-1`, `name: books-3`, `replicaOf: ""`, "replicaOf: books-2", `replicaOf: books-1
      # As above. Default: none, not promoted.
      promotedBy: ""`, "replicaOf: books-1\n      promotedBy: runbook", "retired: []", "retired: [{ name: books-1, region: us-east-1 }]")
	for _, tt := range []struct {
		name      string
		swapped   bool
		arguments []string
		want      string
	}{
		{"the hold of an evacuation", false, nil, "has begun in us-west-2"},
		{"of a promotion, after the swap", true, []string{"-param", "RolesSwapped=true"}, "RolesSwapped=true has begun in us-west-2"},
		{"of an evacuation, after the swap", true, nil, "has begun in us-east-1"},
		{"one left behind", true, []string{"-param", "RolesSwapped=true", "-region", "us-east-1"}, "has begun in us-east-1"},
		{"of a promotion, before the swap", false, []string{"-param", "RolesSwapped=true"}, "prod.yaml names no promotedBy for the primary, us-east-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := prod(t)
			if text, err := os.ReadFile(file); err != nil || tt.swapped && os.WriteFile(file, []byte(swap.Replace(string(text))), 0o600) != nil {
				t.Fatal(err)
			}
			c := &cloud{pictures: []object{picture("Success", 60, nil)}}
			out, err := c.run(t, append(tt.arguments, "return", file)...)
			if !strings.Contains(out+fmt.Sprint(err), tt.want) {
				t.Errorf("want %q (got %s, %v)", tt.want, out, err)
			}
		})
	}
}

func TestInterruptLeavesTheRun(t *testing.T) {
	c := &cloud{pictures: []object{picture("InProgress", 0, nil)}, onLook: func() {}}
	if _, err := c.run(t, "fail-over", prod(t)); err == nil || !strings.Contains(err.Error(), "the run goes on without this command") {
		t.Errorf("want it said that the run goes on (got %v)", err)
	}
	if slices.Contains(c.calls, "StopAutomationExecution") {
		t.Error("it has stopped the run")
	}
}

func TestRefuses(t *testing.T) {
	for _, tt := range []struct {
		name      string
		cloud     *cloud
		arguments []string // without the settings file
		want      string
		reaches   string // the last call
	}{
		{"the primary's region", &cloud{}, []string{"-region", "us-east-1", "fail-over"}, `^fail-over runs in the standby's region, us-west-2 by .*prod.yaml \(got us-east-1, the primary's\)$`, ""},
		{"the same for evacuate", &cloud{}, []string{"-region", "us-east-1", "evacuate"}, `^evacuate runs in the standby's region`, ""},
		{"another region", &cloud{}, []string{"-region", "eu-west-1", "status"}, `^want a region of books, us-east-1 or us-west-2 \(got "eu-west-1"\)$`, ""},
		{"another runbook", &cloud{}, []string{"failover"}, `^want one of the runbooks status, fail-over, switch-over, evacuate, return \(got "failover"\)$`, ""},
		{"a parameter without value", &cloud{}, []string{"-param", "AcceptDataLoss", "fail-over"}, `help requested`, ""},
		{"a dry run of status", &cloud{}, []string{"-dry-run", "status"}, `^status changes nothing`, ""},
		{"another account", &cloud{account: "999988887777"}, []string{"status"}, `^want credentials of account 444455556666, where books is \(got 999988887777\)$`, "GetCallerIdentity"},
		{"no document", &cloud{refuses: object{"__type": "AutomationDefinitionNotFoundException"}}, []string{"fail-over"}, `^books-fail-over is not in us-west-2: deploy the region's stack first$`, "StartAutomationExecution"},
		{"a parameter that the document refuses", &cloud{refuses: object{"__type": "InvalidAutomationExecutionParametersException", "Message": "no Foo"}}, []string{"-param", "Foo=1", "fail-over"}, `^start of books-fail-over in us-west-2: .*no Foo$`, "StartAutomationExecution"},
		{"a run that cannot be seen", &cloud{}, []string{"status"}, `^the run id-1 goes on, but cannot be seen; give the command again`, "GetAutomationExecution"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.cloud.run(t, append(tt.arguments, prod(t))...)
			if err == nil || !regexp.MustCompile(tt.want).MatchString(err.Error()) {
				t.Errorf("want %s (got %v)", tt.want, err)
			}
			last := ""
			if n := len(tt.cloud.calls); n > 0 {
				last = tt.cloud.calls[n-1]
			}
			if last != tt.reaches {
				t.Errorf("want the last call %q (got %v)", tt.reaches, tt.cloud.calls)
			}
		})
	}
}
