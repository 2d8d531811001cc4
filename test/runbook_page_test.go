package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"warm-standby/assets/runbooks"
	"warm-standby/constructs"
)

// TestRunbookPage plays the night of docs/runbook.md: it runs the page's commands,
// as the Makefile has them, against a stand-in for both regions whose SSM runs the
// documents of the templates. What they print is what the page shows; -update
// writes it there.
func TestRunbookPage(t *testing.T) {
	t.Parallel() // it waits for programs
	const file = "../docs/runbook.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	n := newNight(t)
	shown := regexp.MustCompile("(?m)^( *)\\$ (make (?:status|failover|switchover|evacuate|return|retire) .*)\n((?: *[^ $`\n].*\n)+)").FindAllStringSubmatch(page, -1)
	acts := n.acts()
	if len(shown) != len(acts) {
		t.Fatalf("the page shows what %d commands print, the test plays %d", len(shown), len(acts))
	}
	for i, act := range acts {
		indent, command, want := shown[i][1], shown[i][2], shown[i][3]
		if act.arrange != nil {
			act.arrange()
		}
		equal(t, fmt.Sprintf("command %d of the page", i+1), command, act.command)
		var got strings.Builder
		for line := range strings.Lines(n.run(act.command)) {
			got.WriteString(indent + line)
		}
		switch {
		case got.String() == want:
		case *update:
			page = strings.Replace(page, "$ "+command+"\n"+want, "$ "+command+"\n"+got.String(), 1)
		default:
			t.Errorf("docs/runbook.md differs at $ %s; if that is meant: go test ./test -update\n got:\n%s\nwant:\n%s", command, &got, want)
		}
	}
	if page != string(data) {
		if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRunbookPageNamesWhatThereIs: targets and their variables, documents and
// their parameters, stacks, alarms, headings and files.
func TestRunbookPageNamesWhatThereIs(t *testing.T) {
	read := func(file string) string {
		data, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	page, makefile := read("docs/runbook.md"), read("Makefile")
	tmpl := example(t).regional(west)
	each := func(what, pattern string, least int, check func(match []string) bool) {
		t.Helper()
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(page, -1)
		if len(found) < least {
			t.Errorf("want at least %d of %s, or this tests nothing (got %d)", least, what, len(found))
		}
		for _, match := range found {
			if !check(match) {
				t.Errorf("there is no %s: %s", what, match[0])
			}
		}
	}
	each("target", "(?:`|\\$ )make ([a-z-]+)", 15, func(match []string) bool {
		return regexp.MustCompile(`(?m)^` + match[1] + `:.*## `).MatchString(makefile)
	})
	each("variable of make", `\b([A-Z]{5,})=`, 10, func(match []string) bool { return strings.Contains(makefile, "$("+match[1]+")") })
	document := map[string]string{"failover": runbooks.FailOver, "switchover": runbooks.SwitchOver, "return": runbooks.Return, "evacuate": runbooks.Evacuate, "status": runbooks.Status}
	takes := func(name, parameter string) bool {
		return parameter == "" || documentOf(t, tmpl, name)["parameters"].(object)[parameter] != nil
	}
	each("parameter", `make (\w+) [^\n`+"`"+`]*PARAMS="?(\w+)=`, 3, func(match []string) bool { return takes("books-"+document[match[1]], match[2]) })
	each("document", `--document-name (\S+)(?: --parameters (\w+)=)?`, 4, func(match []string) bool { return takes(match[1], match[2]) })
	each("stack", `\bbooks-(?:global|[a-z]{2}-[a-z]+-\d)\b`, 4, func(match []string) bool { return example(t).stacks[match[0]] != nil })
	each("alarm", "`\\*([A-Za-z-]+)\\*`", 9, func(match []string) bool {
		for _, stack := range example(t).stacks {
			for _, kind := range []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"} {
				for id, alarm := range resourcesOf(stack, kind) {
					if name, _ := propertiesOf(alarm)["AlarmName"].(string); strings.Contains(id, match[1]) || strings.Contains(name, match[1]) {
						return true
					}
				}
			}
		}
		return false
	})
	each("dashboard", "`(books-(?:global|us-west-2))`", 2, func(match []string) bool {
		return hasName(example(t).stacks[match[1]], "AWS::CloudWatch::Dashboard", "DashboardName", match[1])
	})
	for _, line := range byHand(t, tmpl) {
		if !strings.Contains(page, line) {
			t.Errorf("the page does not show %s", line)
		}
	}
	slug := func(heading string) string {
		return regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading), "")
	}
	each("link", `\]\(([^):#]*)(?:#([^)]+))?\)`, 6, func(match []string) bool {
		target := "docs/runbook.md"
		if match[1] != "" {
			target = filepath.Join("docs", match[1])
		}
		if match[2] == "" {
			_, err := os.Stat(filepath.Join("..", target))
			return err == nil
		}
		return slices.ContainsFunc(regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(read(target), -1), func(heading []string) bool {
			return strings.ReplaceAll(slug(heading[1]), " ", "-") == match[2]
		})
	})
}

// byHand is what the runbooks do in commands of the AWS CLI.
func byHand(t *testing.T, tmpl object) (lines []string) {
	t.Helper()
	signal := constructs.NewTrafficSwitchSignal("books")
	for name, value := range signal.Dimensions {
		lines = append(lines, fmt.Sprintf("put-metric-data --region %s --namespace %s --metric-name %s --dimensions %s=%s --value 1;", west, signal.Namespace, signal.MetricName, name, value))
	}
	for _, step := range documentOf(t, tmpl, "books-fail-over")["mainSteps"].([]any) {
		if inputs := step.(object)["inputs"].(object); inputs["Api"] == "PromoteReadReplica" {
			lines = append(lines, fmt.Sprintf("promote-read-replica --region %s --db-instance-identifier %v --backup-retention-period %v --preferred-backup-window %v\n",
				west, resolved(inputs["DBInstanceIdentifier"]), inputs["BackupRetentionPeriod"], inputs["PreferredBackupWindow"]))
		}
	}
	for _, group := range resourcesOf(tmpl, "AWS::AutoScaling::AutoScalingGroup") {
		lines = append(lines, fmt.Sprintf("--min-size %v --max-size %v\n", propertiesOf(group)["MinSize"], propertiesOf(group)["MaxSize"]))
	}
	if len(lines) != 4 {
		t.Errorf("want a hold, a promotion and two groups (got %q)", lines)
	}
	return lines
}

// night is a deployment's two regions, each with its SSM, and what the Internet
// sees of them.
type night struct {
	t       *testing.T
	dir     string // where commands run, with their programs and settings
	env     []string
	regions map[string]*fakeAWS
	lost    map[string]bool // Regions that nobody reaches.
	ill     bool            // No server of the API is healthy.
	primary string          // By the global stack,
	standby string          // whose switch is the one that is read.
	deleted string          // The instance that was retired.

	document string     // The last that was started,
	started  *execution // its run,
	seen     time.Time  // and the moment of the last look at it.
}

type act struct {
	command string
	arrange func()
}

// acts are the commands whose output the page shows, in its order, and what
// happens before each.
func (n *night) acts() []act {
	var over *assembly
	return []act{
		{"make status DEPLOYMENT=prod", n.lose},
		{"make failover DEPLOYMENT=prod DRYRUN=1", nil},
		{"make failover DEPLOYMENT=prod PARAMS=AcceptDataLoss=true", nil},
		{"make failover DEPLOYMENT=prod REGION=us-east-1", nil},
		{"make failover DEPLOYMENT=prod PARAMS=AcceptDataLoss=true", func() { // another night
			n.begin()
			n.lose()
			n.ill = true
		}},
		{"make failover DEPLOYMENT=prod", func() { n.ill = false }},
		{"make evacuate DEPLOYMENT=prod", n.begin}, // a third one
		{"make return DEPLOYMENT=prod", nil},
		{"make status DEPLOYMENT=prod", func() { // again the first
			n.begin()
			n.lose()
			n.run("make failover DEPLOYMENT=prod PARAMS=AcceptDataLoss=true")
			n.pass(5 * time.Minute)
		}},
		{"make return DEPLOYMENT=prod", nil},
		{"make return DEPLOYMENT=prod PARAMS=RolesSwapped=true", func() {
			n.pass(8 * time.Hour)
			delete(n.lost, east)
			over = deployment(n.t, "example", "swapped", swapped)
			n.settle(over, 1)
		}},
		{"make status DEPLOYMENT=prod", func() { // books-us-east-1 is deployed
			n.pass(24 * time.Hour)
			rebuilt := n.region(over, east)
			rebuilt.now, rebuilt.alarmed = n.regions[east].now, n.regions[east].alarmed
			rebuilt.instances = []object{{"DBInstanceIdentifier": "books-1", "TagList": tagged("books")}}
		}},
		{"make switchover DEPLOYMENT=prod", nil},
		{"make retire DEPLOYMENT=prod INSTANCE=books-1", nil},
	}
}

// begin is the example as it was deployed first.
func (n *night) begin() {
	n.lost, n.regions = map[string]bool{}, map[string]*fakeAWS{}
	a := example(n.t)
	n.region(a, east)
	n.region(a, west)
	n.settle(a, 0)
}

func (n *night) region(a *assembly, region string) *fakeAWS {
	aws := newFakeAWS(n.t, a, region)
	aws.web = n.web
	n.regions[region] = aws
	return aws
}

// lose takes us-east-1 away, some minutes ago.
func (n *night) lose() {
	n.lost[east] = true
	n.regions[west].primaryIsDown()
}

// newNight is the example as somebody's own, well.
func newNight(t *testing.T) *night {
	t.Helper()
	n := &night{t: t, dir: t.TempDir()}
	ssm := httptest.NewServer(n)
	t.Cleanup(ssm.Close)
	none := filepath.Join(n.dir, "none")
	n.env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=", "TZ=UTC", "AWS_ENDPOINT_URL="+ssm.URL, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=example",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_PROFILE=", "AWS_MAX_ATTEMPTS=1")
	n.shell("..", "go build -o "+filepath.Join(n.dir, ".build")+"/ ./cmd/runbook ./cmd/retire")
	n.begin()
	return n
}

func (n *night) write(name, content string) {
	n.t.Helper()
	file := filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o700); err != nil {
		n.t.Fatal(err)
	}
}

// settle writes the settings of a step of docs/lineage.md, and deploys them in
// us-west-2 and the global stack.
func (n *night) settle(a *assembly, step int) {
	n.t.Helper()
	lineage, err := os.ReadFile("../docs/lineage.md")
	if err != nil {
		n.t.Fatal(err)
	}
	settings := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(lineage), -1)[step][1]
	n.write("deployments/prod.yaml", `name: books
account: "444455556666"
regions:
  us-east-1: { cidr: 172.20.0.0/16, availabilityZones: [us-east-1a, us-east-1b] }
  us-west-2: { cidr: 172.21.0.0/16, availabilityZones: [us-west-2a, us-west-2b] }
domain: { name: books.io, hostedZoneId: Z0123456789ABCDEFGHIJ }
`+settings)
	n.regions[west].tmpl = resolved(a.regional(west)).(object)
	n.primary, n.standby = a.settings.Primary, a.settings.Standby
}

// pass lets time pass in both regions, which were alone with their clocks before.
func (n *night) pass(d time.Duration) {
	for _, aws := range n.regions {
		if other := n.regions[map[string]string{east: west, west: east}[aws.region]]; other.now.After(aws.now) {
			aws.advance(other.now.Sub(aws.now))
		}
	}
	for _, aws := range n.regions {
		aws.advance(d)
	}
}

// shell is what a command line says; it may fail.
func (n *night) shell(dir, line string) string {
	n.t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = dir, n.env
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		n.t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

// run runs what make would: its last line, on the programs that are built here.
func (n *night) run(command string) string {
	n.t.Helper()
	n.pass(0)
	lines := strings.Split(strings.TrimSpace(n.shell("..", strings.Replace(command, "make", "make -n", 1))), "\n")
	line := strings.NewReplacer(".build/runbook", ".build/runbook -poll 1ms").Replace(lines[len(lines)-1])
	return n.shell(n.dir, line)
}

// web is the public names: the region's own ones, and the failover name.
func (n *night) web(url string) (status int, body string) {
	held := n.regions[n.standby].alarm == "ALARM"
	writer := n.primary
	if held {
		writer = n.standby
	}
	region := writer
	if n.lost[region] {
		region = n.standby
	}
	for _, name := range []string{east, west} {
		if strings.Contains(url, name) {
			region = name
		}
	}
	switch {
	case n.lost[region]:
		return 0, "timed out"
	case n.ill:
		return 503, "<html>"
	}
	state := "writable"
	if n.regions[region].database.source != "" {
		state = "read-only"
	}
	return 200, fmt.Sprintf(`{"status":"ready","database":%q,"writer":%v,"region":%q}`, state, writer == region, region)
}

// query is STS, and what a retirement asks of CloudFormation and RDS: books-1 is
// there until it is deleted, copied by nobody.
func (n *night) query(w http.ResponseWriter, r *http.Request) {
	action, answer := r.PostFormValue("Action"), ""
	name := r.PostFormValue("DBInstanceIdentifier") + r.PostFormValue("Filters.Filter.1.Values.Value.1")
	w.Header().Set("Content-Type", "text/xml")
	switch action {
	case "GetCallerIdentity":
		answer = "<Account>444455556666</Account>"
	case "DescribeDBInstances":
		if n.deleted == name {
			http.Error(w, "<ErrorResponse><Error><Code>DBInstanceNotFound</Code></Error></ErrorResponse>", http.StatusNotFound)
			return
		}
		answer = "<DBInstances><DBInstance><DBInstanceStatus>available</DBInstanceStatus></DBInstance></DBInstances>"
	case "DeleteDBInstance":
		n.deleted = name
	case "ListStackResources", "ModifyDBInstance":
	default:
		n.t.Errorf("unexpected call %s", action)
	}
	fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, answer) //nolint:errcheck,gosec // the client would notice, and is no browser
}

// ServeHTTP is STS and SSM. A run is over at once; looks at it, two seconds
// apart, are shown how it was, except for those that would show nothing new.
func (n *night) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "" {
		n.query(w, r)
		return
	}
	signed := regexp.MustCompile(`/(\w+-\w+-\d)/ssm/`).FindStringSubmatch(r.Header.Get("Authorization"))
	var input struct {
		DocumentName string
		Parameters   map[string][]string
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil || signed == nil || n.lost[signed[1]] {
		n.t.Errorf("%s of %v: %v", operation, signed, err)
		return
	}
	answer := object{}
	switch operation {
	case "StartAutomationExecution":
		aws := n.regions[signed[1]]
		name := strings.TrimPrefix(input.DocumentName, "books-")
		params := object{}
		for name, value := range input.Parameters {
			params[name] = value[0] == "true"
		}
		n.seen = aws.now.Add(-2 * time.Second)
		n.document, n.started = input.DocumentName, runbook(n.t, aws, name, params)
		answer["AutomationExecutionId"] = "73c8eef8-f4ee-4a05-820c-e354fEXAMPLE"
	case "GetAutomationExecution":
		answer["AutomationExecution"] = n.look()
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		n.t.Error(err)
	}
}

// look is the next look at the run that shows something new.
func (n *night) look() object {
	e := n.started
	happened := func() (events int) {
		for _, step := range e.steps {
			for _, at := range []time.Time{step.from, step.to} {
				if !at.After(n.seen) {
					events++
				}
			}
		}
		return events
	}
	for before := happened(); happened() == before && before < 2*len(e.steps); {
		n.seen = n.seen.Add(2 * time.Second)
	}
	var steps []object
	for _, step := range e.steps {
		s := object{"StepName": step.name, "StepStatus": "Pending"}
		if !step.from.After(n.seen) {
			s["StepStatus"], s["ExecutionStartTime"] = "InProgress", step.from.Unix()
		}
		if !step.to.After(n.seen) {
			s["StepStatus"], s["ExecutionEndTime"], s["FailureMessage"] = step.status, step.to.Unix(), step.failure
		}
		steps = append(steps, s)
	}
	run := object{"DocumentName": n.document, "AutomationExecutionStatus": "InProgress", "ExecutionStartTime": e.steps[0].from.Unix(), "StepExecutions": steps}
	if happened() == 2*len(e.steps) {
		outputs := object{}
		for _, output := range e.document["outputs"].([]any) {
			value, ok := e.outputs[output.(string)]
			if !ok {
				value = "No output available yet because the step is not successfully executed"
			}
			outputs[output.(string)] = []any{value}
		}
		run["AutomationExecutionStatus"], run["ExecutionEndTime"], run["Outputs"] = e.status, e.steps[len(e.steps)-1].to.Unix(), outputs
	}
	return run
}
