package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"warm-standby/assets/runbooks"
	"warm-standby/settings"
)

// runbook runs one of a region's documents, with its own role.
func runbook(t *testing.T, aws *fakeAWS, name string, params object) *execution {
	t.Helper()
	return stoppedRunbook(t, aws, name, "", params)
}

// stoppedRunbook is runbook, cancelled after a step.
func stoppedRunbook(t *testing.T, aws *fakeAWS, name, step string, params object) *execution {
	t.Helper()
	document := documentOf(t, aws.tmpl, "books-"+name)
	aws.assume(document["assumeRole"].(string))
	e := &execution{t: t, aws: aws, document: document, params: object{}, outputs: map[string]any{}, stopAt: step}
	e.run(params)
	return e
}

func documentOf(t *testing.T, tmpl object, name string) object {
	t.Helper()
	for _, resource := range resourcesOf(tmpl, "AWS::SSM::Document") {
		if properties := propertiesOf(resource); properties["Name"] == name {
			return properties["Content"].(object)
		}
	}
	t.Fatalf("there is no document %s", name)
	return nil
}

// want asserts how a run ended and what its last words contain.
func (e *execution) want(status string, words ...string) {
	e.t.Helper()
	said := e.failure
	for _, output := range e.document["outputs"].([]any) {
		said += fmt.Sprintf("\n%v", e.outputs[output.(string)])
	}
	if e.status != status {
		e.t.Errorf("want %s (got %s after %v): %s", status, e.status, e.ran, said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			e.t.Errorf("want %q said (got %s)", word, said)
		}
	}
}

// changesOf is what a run changed, in order.
func (aws *fakeAWS) changesOf() (list []string) {
	for _, line := range aws.log {
		if !strings.HasPrefix(line, "step ") {
			list = append(list, line)
		}
	}
	return list
}

// picture is all that a runbook can change, once RDS has finished.
func (aws *fakeAWS) picture() object {
	aws.advance(30 * time.Minute)
	return object{
		"source": aws.database.source, "status": aws.database.status, "multiAz": aws.database.multiAz,
		"groups": aws.groups, "schedules": slices.Sorted(maps.Keys(aws.schedules)), "alarm": aws.alarm,
	}
}

func example(t *testing.T) *assembly { return deployment(t, "example", "", nil) }

// primaryIsDown is what the standby sees of an outage: the lag is -1 from now on.
func (aws *fakeAWS) primaryIsDown() {
	since := aws.now.Truncate(time.Minute)
	aws.lag = func(at time.Time) (float64, bool) {
		if at.Before(since) {
			return 4, true
		}
		return -1, true
	}
	aws.advance(10 * time.Minute)
}

var allOfFailOver = []string{
	"scale Web", "scale Api", "create schedule", "signal 1",
	"promote books-2, backups 7 days at 02:00-03:00", "multi-az",
}

func TestFailOver(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	aws.primaryIsDown()

	refused := runbook(t, aws, runbooks.FailOver, nil)
	// The last lag that was reported is of the minute from 01:58 on, 4 s.
	refused.want("Failed", "check: Stop: books-2: It replicates no longer", "what was written after 2026-03-29 01:57:56 UTC would be lost", "AcceptDataLoss=true")
	equal(t, "what a refused fail-over changes", aws.changesOf(), []string(nil))

	runbook(t, aws, runbooks.FailOver, object{"AcceptDataLoss": true}).want("Success",
		"would be lost", "https://api-us-west-2.example.com/ready answers 200 (region us-west-2, database writable)", "web tier: 2 of 2 servers healthy")
	equal(t, "a fail-over", aws.changesOf(), allOfFailOver)
	if held, promoted := slices.Index(aws.log, "step held"), slices.Index(aws.log, "step promote"); held < 0 || promoted < held {
		t.Error("it promotes before the traffic is held")
	}

	aws.log = nil
	again := aws.now
	runbook(t, aws, runbooks.FailOver, nil).want("Success", "books-2 is the writer already, and the traffic is held here", "database writable")
	equal(t, "a second fail-over", aws.changesOf(), []string{"scale Web", "scale Api", "signal 1"})
	if took := aws.now.Sub(again); aws.database.status != "modifying" || took > time.Minute {
		t.Errorf("want no wait for the second zone (got %v, and the instance %s)", took, aws.database.status)
	}

	done := aws.picture()
	equal(t, "where it ends", done, object{
		"source": "", "status": "available", "multiAz": true, "schedules": []string{"hold-traffic"}, "alarm": "ALARM",
		"groups": object{
			"WebGroupASG5FD1935A": object{"AutoScalingGroupName": "WebGroupASG5FD1935A", "MinSize": 2, "MaxSize": 6, "DesiredCapacity": 2},
			"ApiGroupASG2B6511B1": object{"AutoScalingGroupName": "ApiGroupASG2B6511B1", "MinSize": 2, "MaxSize": 6, "DesiredCapacity": 2},
		},
	})

	aws.log = nil
	runbook(t, aws, runbooks.FailOver, nil).want("Success")
	equal(t, "a third fail-over, with both zones", aws.changesOf(), []string{"scale Web", "scale Api", "signal 1"})
	equal(t, "where it ends", aws.picture(), done)
}

func TestFailOverLooksAtTheLag(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lag    func(time.Time) (float64, bool)
		params object
		status string
		words  string
	}{
		{"none", func(time.Time) (float64, bool) { return 0, true }, nil, "Success", "It is up to date"},
		{"as much as the settings allow", func(time.Time) (float64, bool) { return 60, true }, nil, "Success", "It is up to date"},
		{"more", func(time.Time) (float64, bool) { return 61, true }, nil, "Failed", "It is 61 s behind, more than 60 s: so much would be lost"},
		{"more, but allowed", func(time.Time) (float64, bool) { return 61, true }, object{"MaxLagSeconds": 100.0}, "Success", "It is up to date"},
		{"more, but accepted", func(time.Time) (float64, bool) { return 61, true }, object{"AcceptDataLoss": true}, "Success", "It is 61 s behind"},
		{"stopped for long", func(time.Time) (float64, bool) { return -1, true }, nil, "Failed", "how much it lacks is not known"},
		{"not reported", func(time.Time) (float64, bool) { return 0, false }, nil, "Failed", "how much it lacks is not known"},
		{"reported until a while ago", func(at time.Time) (float64, bool) { return 0, at.Hour() < 1 }, nil, "Failed", "what was written after 2026-03-29 00:59:00 UTC would be lost"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			aws := newFakeAWS(t, example(t), west)
			aws.lag = tt.lag
			runbook(t, aws, runbooks.FailOver, tt.params).want(tt.status, tt.words)
			if promoted := aws.picture()["source"] == ""; promoted != (tt.status == "Success") {
				t.Errorf("promoted: %v", promoted)
			}
		})
	}
}

// otherRegionWrites has the other region's API take writes, and the replica lag
// behind them, until its fence notices the hold, that long after it.
func (aws *fakeAWS) otherRegionWrites(fence time.Duration) (lastWrite *time.Time) {
	lastWrite = &time.Time{}
	fenced := func(at time.Time) bool {
		held := slices.Sorted(func(yield func(int64) bool) {
			for minute := range aws.signals {
				if !yield(minute.Unix()) {
					return
				}
			}
		})
		return len(held) > 0 && at.After(time.Unix(held[0], 0).Add(fence))
	}
	own := aws.web
	aws.web = func(url string) (int, string) {
		if !strings.Contains(url, east) {
			return own(url)
		}
		if fenced(aws.now) {
			return 200, `{"region":"us-east-1","database":"writable","writer":false}`
		}
		*lastWrite = aws.now
		return 200, `{"region":"us-east-1","database":"writable","writer":true}`
	}
	aws.lag = func(at time.Time) (float64, bool) {
		if fenced(at.Add(-2 * time.Minute)) {
			return 0, true
		}
		return 3, true
	}
	return lastWrite
}

func TestSwitchOverLosesNothing(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	lastWrite := aws.otherRegionWrites(5 * time.Minute)
	var promoted time.Time
	noted := aws.lag
	aws.lag = func(at time.Time) (float64, bool) {
		if aws.database.source != "" {
			promoted = aws.now
		}
		return noted(at)
	}
	runbook(t, aws, runbooks.SwitchOver, nil).want("Success", "It is up to date", "the replica's lag is 0 in two whole minutes since", "database writable")
	equal(t, "a switch-over", aws.changesOf(), allOfFailOver)
	if lastWrite.IsZero() || promoted.Before(lastWrite.Add(4*time.Minute)) {
		t.Errorf("want the promotion after the last write, and after the minutes that prove it replicated (last write %v, promotion after %v)", *lastWrite, promoted)
	}

	aws.log = nil
	runbook(t, aws, runbooks.SwitchOver, nil).want("Success", "the writer already")
	equal(t, "a second switch-over", aws.changesOf(), []string{"scale Web", "scale Api", "signal 1"})
}

func TestSwitchOverStopsWhereSomethingCouldBeLost(t *testing.T) {
	for _, tt := range []struct {
		name    string
		arrange func(*fakeAWS)
		words   string
	}{
		{"the other region goes on writing", func(aws *fakeAWS) { aws.otherRegionWrites(24 * time.Hour) }, "https://api-us-east-1.example.com/ready says that it still takes writes"},
		{"an application that knows no fence", func(aws *fakeAWS) {
			own := aws.web
			aws.web = func(url string) (int, string) {
				if strings.Contains(url, east) {
					return 200, `{"database":"writable"}`
				}
				return own(url)
			}
		}, "still takes writes"},
		{"the other region does not answer", func(aws *fakeAWS) {
			aws.web = func(string) (int, string) { return 0, "connection refused" }
		}, "does not answer as it should (<urlopen error connection refused>)"},
		{"the other region answers slowly", func(aws *fakeAWS) {
			aws.otherRegionWrites(0)
			own := aws.web
			aws.web = func(url string) (int, string) {
				aws.advance(50 * time.Second) // of several addresses, each waited for
				return own(url)
			}
		}, "After 7 minutes https://api-us-east-1.example.com/ready is too slow to be asked ten times"},
		{"the lag stays", func(aws *fakeAWS) {
			aws.otherRegionWrites(0)
			aws.lag = func(time.Time) (float64, bool) { return 1, true }
		}, "not 0 in two minutes after the last write (seconds: 1, 1)"},
		{"the lag comes and goes", func(aws *fakeAWS) {
			aws.otherRegionWrites(0)
			aws.lag = func(at time.Time) (float64, bool) { return float64(at.Minute() % 2), true }
		}, "not 0 in two minutes after the last write (seconds: "},
		{"the lag comes and goes, a minute later", func(aws *fakeAWS) {
			aws.otherRegionWrites(0)
			aws.lag = func(at time.Time) (float64, bool) { return float64((at.Minute() + 1) % 2), true }
		}, "not 0 in two minutes after the last write (seconds: "},
		{"replication stops meanwhile", func(aws *fakeAWS) {
			aws.otherRegionWrites(0)
			since := aws.now.Add(2 * time.Minute)
			aws.lag = func(at time.Time) (float64, bool) { return map[bool]float64{true: -1}[at.After(since)], true }
		}, "not 0 in two minutes after the last write (seconds: -1, -1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			aws := newFakeAWS(t, example(t), west)
			tt.arrange(aws)
			runbook(t, aws, runbooks.SwitchOver, nil).want("Failed", "drain: ", tt.words, "Nothing was promoted", "or books-return")
			if aws.database.source == "" {
				t.Error("it has promoted")
			}
			runbook(t, aws, runbooks.Return, nil).want("Success", "is a replica and the traffic is held here")
		})
	}
	aws := newFakeAWS(t, example(t), west)
	aws.primaryIsDown()
	runbook(t, aws, runbooks.SwitchOver, nil).want("Failed", "check: ", "It replicates no longer")
	equal(t, "a switch-over without its primary", aws.changesOf(), []string(nil))
}

// TestSwitchOverWaitsForServers: no visitor is led to a standby that is too small.
func TestSwitchOverWaitsForServers(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	aws.otherRegionWrites(time.Minute)
	aws.boot = 12 * time.Minute // longer than a script may run
	begun := aws.now
	runbook(t, aws, runbooks.SwitchOver, nil).want("Success")
	held := slices.MinFunc(slices.Collect(maps.Keys(aws.signals)), time.Time.Compare)
	if waited := held.Sub(begun.Truncate(time.Minute)); waited < aws.boot {
		t.Errorf("want no hold before the servers are there (got one after %v)", waited)
	}

	for _, arrange := range []func(*fakeAWS){
		func(aws *fakeAWS) { aws.boot = -1 },
		func(aws *fakeAWS) { aws.broken = "UpdateAutoScalingGroup" },
	} {
		aws := newFakeAWS(t, example(t), west)
		arrange(aws)
		runbook(t, aws, runbooks.SwitchOver, nil).want("Failed", "servers: Stop: Too few servers are healthy here: web has 1 of 2, api has 1 of 2. Nothing was promoted")
		equal(t, "schedules", len(aws.schedules), 0)
	}
}

// TestHoldLasts: for hours, through the return of the primary, until the
// operator's own return.
func TestHoldLasts(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	for range 2 {
		runbook(t, aws, runbooks.Evacuate, nil).want("Success", "reads will work and writes will not")
	}
	equal(t, "two evacuations", aws.changesOf(), []string{"create schedule", "signal 1", "signal 1"})
	begun := aws.now.Truncate(time.Minute)
	aws.advance(6 * time.Hour)
	for minute := begun; minute.Before(aws.now.Truncate(time.Minute)); minute = minute.Add(time.Minute) {
		if aws.signals[minute] != 1 {
			t.Fatalf("%v has no 1, which Route 53 would bridge only for a while", minute)
		}
	}
	released := aws.now
	aws.log = nil
	for range 2 {
		runbook(t, aws, runbooks.Return, nil).want("Success", "books-2 is a replica and the traffic is")
	}
	equal(t, "two returns", aws.changesOf(), []string{"delete schedule", "signal 0", "signal 0", "signal 0", "signal 0"})
	zeros := 0
	for minute, value := range aws.signals {
		if minute.After(released.Add(time.Minute)) && value == 0 {
			zeros++
		}
	}
	if aws.alarm != "OK" || zeros < 2 {
		t.Errorf("want the switch off and two minutes without a 1 (got %s, %d)", aws.alarm, zeros)
	}
	aws.advance(time.Hour)
	equal(t, "an hour later", aws.picture()["alarm"], "OK")
	equal(t, "all of it", aws.database.source != "", true)
}

// TestReturnAfterAPromotion would lead clients, and their writes, to the old
// primary as long as that is what the global stack calls the primary.
func TestReturnAfterAPromotion(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	runbook(t, aws, runbooks.FailOver, nil).want("Success")
	aws.log = nil
	runbook(t, aws, runbooks.Return, nil).want("Failed", "books-2 has been promoted", "RolesSwapped=true", "Nothing was changed")
	equal(t, "a refused return", aws.changesOf(), []string(nil))
	runbook(t, aws, runbooks.Return, object{"RolesSwapped": true}).want("Success", "by your word the roles are swapped")
	equal(t, "schedules left", len(aws.schedules), 0)
	equal(t, "the switch", aws.alarm, "OK")
}

func TestWrongRegion(t *testing.T) {
	for _, name := range []string{runbooks.FailOver, runbooks.SwitchOver, runbooks.Evacuate} {
		aws := newFakeAWS(t, example(t), east)
		params := object{}
		if name == runbooks.FailOver {
			params["AcceptDataLoss"] = true
		}
		runbook(t, aws, name, params).want("Failed", "Wrong region: books-1 is the writer", "Run this in the standby's region", "Nothing was changed")
		equal(t, name+" in the primary's region", aws.changesOf(), []string(nil))
	}
}

func TestDryRunsChangeNothing(t *testing.T) {
	for _, region := range []string{east, west} {
		for _, name := range runbooks.All {
			if name == runbooks.Status {
				continue
			}
			for _, promoted := range []bool{false, true} {
				aws := newFakeAWS(t, example(t), region)
				if promoted && region == west {
					runbook(t, aws, runbooks.FailOver, nil)
				}
				before, _ := json.Marshal(aws.picture())
				aws.log = nil
				e := runbook(t, aws, name, object{"DryRun": true})
				if last := e.ran[len(e.ran)-1]; last != "dryRun" && last != "check" {
					t.Errorf("a dry run of %s gets as far as %s", name, last)
				}
				equal(t, "a dry run of "+name, aws.changesOf(), []string(nil))
				after, _ := json.Marshal(aws.picture())
				equal(t, "what a dry run leaves", string(after), string(before))
			}
		}
	}
}

// TestInterruptedRunsAreResumed stops each runbook after each of its steps, and
// makes each of its changes fail, with and without effect. Run again, it ends
// where it would have ended.
func TestInterruptedRunsAreResumed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		params  object
		arrange func(*fakeAWS)
	}{
		{runbooks.FailOver, object{"AcceptDataLoss": true}, (*fakeAWS).primaryIsDown},
		{runbooks.SwitchOver, nil, func(aws *fakeAWS) { aws.otherRegionWrites(time.Minute) }},
		{runbooks.Evacuate, nil, func(*fakeAWS) {}},
		{runbooks.Return, nil, func(aws *fakeAWS) { runbook(aws.t, aws, runbooks.Evacuate, nil) }},
	} {
		fresh := func() *fakeAWS {
			aws := newFakeAWS(t, example(t), west)
			tt.arrange(aws)
			aws.log, aws.changes = nil, 0
			return aws
		}
		aws := fresh()
		whole := runbook(t, aws, tt.name, tt.params)
		whole.want("Success")
		changes := aws.changes
		want := aws.picture()
		resume := func(aws *fakeAWS, how string) {
			t.Helper()
			aws.failAt = 0
			runbook(t, aws, tt.name, tt.params).want("Success")
			equal(t, tt.name+", "+how, aws.picture(), want)
		}
		for _, step := range whole.ran {
			aws := fresh()
			stoppedRunbook(t, aws, tt.name, step, tt.params).want("Cancelled")
			resume(aws, "cancelled after "+step)
		}
		for i := range changes {
			for _, effects := range []bool{false, true} {
				aws := fresh()
				aws.failAt, aws.effects = i+1, effects
				runbook(t, aws, tt.name, tt.params)
				resume(aws, fmt.Sprintf("whose change %d fails (with effect: %v)", i+1, effects))
			}
		}
	}
}

// TestAFailedMultiAzIsReported, but neither delays nor hides whether the region
// serves.
func TestAFailedMultiAzIsReported(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	aws.broken = "ModifyDBInstance"
	e := runbook(t, aws, runbooks.FailOver, nil)
	e.want("Failed", "multiAz: ", "ServiceUnavailable", "database writable")
	if slices.Index(e.ran, "verify") > slices.Index(e.ran, "multiAz") {
		t.Errorf("want the answer before the second zone (got %v)", e.ran)
	}
}

func TestMultiAzWaitsForRDS(t *testing.T) {
	for _, tt := range []struct {
		busy   time.Duration
		status string
		words  string
	}{
		{12 * time.Minute, "Success", "database writable"},
		{time.Hour, "Failed", "multiAz: Stop: books-2 serves, but is backing-up"},
	} {
		aws := newFakeAWS(t, example(t), west)
		own := aws.web
		aws.web = func(url string) (int, string) {
			aws.database.status = "backing-up"
			aws.later(tt.busy, func() { aws.database.status = "available" })
			return own(url)
		}
		runbook(t, aws, runbooks.FailOver, nil).want(tt.status, tt.words)
		equal(t, "whether a second zone is on its way", aws.database.pendingAz, tt.status == "Success")
	}
}

// TestAFailureToScaleIsReported, but does not keep the region from the writes.
func TestAFailureToScaleIsReported(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	aws.broken = "UpdateAutoScalingGroup"
	e := runbook(t, aws, runbooks.FailOver, nil)
	e.want("Failed", "scaleWeb: ", "scaleApi: ", "ServiceUnavailable", "database writable")
	equal(t, "what it changes all the same", aws.changesOf(), allOfFailOver[2:])
}

func TestARegionThatDoesNotServeFails(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	aws.web = func(string) (int, string) { return 503, "no servers" }
	runbook(t, aws, runbooks.FailOver, nil).want("Failed", "verify: ", "the region does not serve writes", "https://api-us-west-2.example.com/ready answers 503")
}

func TestARegionWithoutWebServersFails(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	aws.boot = -1
	clear(aws.healthy)
	runbook(t, aws, runbooks.FailOver, nil).want("Failed", "verify: ", "database writable", "web tier: 0 of 2 servers healthy")
}

// TestOnlyTheApiIsOpenToRunbooks: a script's request comes from no address that
// the web tier lets in.
func TestOnlyTheApiIsOpenToRunbooks(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	for host, open := range map[string]bool{"web-us-west-2.example.com": false, "api-us-west-2.example.com": true} {
		equal(t, "whether "+host+" is open", aws.open("https://"+host+"/health"), open)
	}
}

func TestStatus(t *testing.T) {
	aws := newFakeAWS(t, example(t), west)
	aws.instances = []object{
		{"DBInstanceIdentifier": "books-0", "TagList": tagged("books")},
		{"DBInstanceIdentifier": "films-1", "TagList": tagged("films")},
	}
	report := func() string {
		e := runbook(t, aws, runbooks.Status, nil)
		e.want("Success")
		return e.outputs["status.Report"].(string)
	}
	aws.alarm = "OK"
	equal(t, "a standby's status", strings.Split(report(), "\n"), []string{
		"database  books-2 is a replica of arn:aws:rds:us-east-1:111122223333:db:books-1, available, in one zone",
		"database  lag 0 s at 2026-03-29 01:58:00 UTC",
		"traffic   not held here; the switch is OK since 2026-03-29 01:59:30 UTC",
		"clients   https://api.example.com/ready answers 200 (region us-west-2, database read-only)",
		"web       1 servers in service, 1 healthy; 1 wanted, 1 to 6 allowed",
		"api       1 servers in service, 1 healthy; 1 wanted, 1 to 6 allowed",
		"api       https://api-us-west-2.example.com/ready answers 200 (region us-west-2, database read-only)",
		"retired   books-0: rescue the writes that were never replicated, then make retire INSTANCE=books-0",
	})
	equal(t, "what it changes", aws.changesOf(), []string(nil))

	aws.primaryIsDown()
	if got := report(); !strings.Contains(got, "database  replicates no longer, at 2026-03-29 02:") {
		t.Errorf("want the outage in the status (got %s)", got)
	}
	aws.boot = -1 // the servers that it adds
	runbook(t, aws, runbooks.FailOver, object{"AcceptDataLoss": true}).want("Success")
	for _, line := range []string{
		"books-2 is the writer, modifying, in one zone, two are pending",
		"held here by its schedule; the switch is ALARM",
		"then run return with RolesSwapped=true",
		"1 servers in service, 1 healthy; 2 wanted, 2 to 6 allowed",
	} {
		if got := report(); !strings.Contains(got, line) {
			t.Errorf("want %q in the status (got %s)", line, got)
		}
	}

	aws.web = func(string) (int, string) { return 0, "name resolution failed" }
	document := documentOf(t, aws.tmpl, "books-status")
	aws.assume(document["assumeRole"].(string))
	aws.allowed = slices.DeleteFunc(aws.allowed, func(g *grant) bool { return g.action == "cloudwatch:DescribeAlarms" })
	e := &execution{t: t, aws: aws, document: document, params: object{}, outputs: map[string]any{}}
	e.run(nil)
	e.want("Success", "traffic   not readable: An error occurred (AccessDenied)", "clients   https://api.example.com/ready does not answer", "retired   books-0")
}

// TestRolesAllowWhatTheStepsDoAndNoMore runs each document to its end in each
// way: what is allowed and was not used is too much. What was used and is not
// allowed has failed the tests above.
func TestRolesAllowWhatTheStepsDoAndNoMore(t *testing.T) {
	a := deployment(t, "example", "approved", func(s *settings.Settings) {
		s.Runbooks.Approvers = []string{"arn:aws:iam::111122223333:role/lead"}
	})
	for _, name := range runbooks.All {
		aws := newFakeAWS(t, a, west)
		aws.otherRegionWrites(time.Minute)
		if name == runbooks.Return {
			runbook(t, aws, runbooks.Evacuate, nil)
		}
		used := map[string]bool{}
		run := func(params object) {
			aws.log = nil
			runbook(t, aws, name, params).want("Success")
			for _, g := range aws.allowed {
				used[g.action+" on "+g.resource] = g.used || used[g.action+" on "+g.resource]
			}
			if changes := aws.changesOf(); name != runbooks.Status && (len(changes) == 0 || changes[0] != "asks for approval") {
				t.Errorf("%s does not ask before it begins: %v", name, changes)
			}
		}
		run(nil)
		aws.database.source = "" // promoted: more is looked at
		if name == runbooks.Return {
			run(object{"RolesSwapped": true})
		} else {
			run(nil)
		}
		for what, used := range used {
			if !used {
				t.Errorf("%s: nothing uses %s", name, what)
			}
		}
	}
}

func TestApproval(t *testing.T) {
	if topics := resourcesOf(example(t).regional(west), "AWS::SNS::Topic"); len(topics) != 1 {
		t.Errorf("want the alarms' topic alone without approvers (got %d)", len(topics))
	}
	a := deployment(t, "example", "approved", func(s *settings.Settings) {
		s.Runbooks.Approvers = []string{"arn:aws:iam::111122223333:role/lead"}
	})
	found := 0
	for _, topic := range resourcesOf(a.regional(west), "AWS::SNS::Topic") {
		if name, _ := propertiesOf(topic)["TopicName"].(string); strings.HasPrefix(name, "Automation") {
			found++
			equal(t, "its key, which needs no grant", propertiesOf(topic)["KmsMasterKeyId"] != nil, true)
		}
	}
	equal(t, "topics with the name that Automation wants", found, 1)
}

// TestDocumentsFitTheService checks what CreateDocument would refuse.
func TestDocumentsFitTheService(t *testing.T) {
	common := []string{"name", "action", "inputs", "outputs", "timeoutSeconds", "maxAttempts", "onFailure", "isCritical", "isEnd", "nextStep"}
	for name, a := range variants(t) {
		for _, region := range []string{east, west} {
			documents := resourcesOf(a.regional(region), "AWS::SSM::Document")
			equal(t, name+": documents in "+region, len(documents), len(runbooks.All))
			for id, resource := range documents {
				properties := propertiesOf(resource)
				if properties["DocumentType"] != "Automation" || properties["UpdateMethod"] != "NewVersion" || properties["DocumentFormat"] != "YAML" {
					t.Errorf("%s: scripts want YAML, and a change a new version: %v", id, properties["DocumentFormat"])
				}
				content := properties["Content"].(object)
				if text, _ := json.Marshal(content); len(text) > 60<<10 {
					t.Errorf("%s: %d bytes: SSM takes 64 KB, parameters included", id, len(text))
				}
				seen := map[string]bool{}
				for _, step := range content["mainSteps"].([]any) {
					for key := range step.(object) {
						if !slices.Contains(common, key) {
							t.Errorf("%s: no step has a %s", id, key)
						}
					}
					step := step.(object)["name"].(string)
					if seen[step] {
						t.Errorf("%s: two steps are called %s", id, step)
					}
					seen[step] = true
				}
				for _, output := range content["outputs"].([]any) {
					if step, _, _ := strings.Cut(output.(string), "."); !seen[step] {
						t.Errorf("%s: output %v is of no step", id, output)
					}
				}
			}
		}
	}
}
