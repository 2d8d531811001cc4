package test

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"warm-standby/budget"
	"warm-standby/cloudassembly"
)

// read is what a synth wrote, as the programs beside the CDK read it.
func (a *assembly) read(t *testing.T) (stacks []cloudassembly.Stack) {
	t.Helper()
	for id, tmpl := range a.stacks {
		data, err := json.Marshal(tmpl)
		if err != nil {
			t.Fatal(err)
		}
		artifact := a.manifest.Artifacts[id]
		stacks = append(stacks, cloudassembly.Stack{Name: id, Region: path.Base(artifact.Environment), Role: artifact.Properties.Tags["stack-role"], Template: data})
	}
	slices.SortFunc(stacks, func(x, y cloudassembly.Stack) int { // as they are deployed
		return len(a.manifest.Artifacts[x.Name].Dependencies) - len(a.manifest.Artifacts[y.Name].Dependencies)
	})
	return stacks
}

// TestBudgetOfSettingsIsThatOfTemplates holds the warnings of a synth to what it
// writes, and the constructs' own timings to those that the budget knows.
func TestBudgetOfSettingsIsThatOfTemplates(t *testing.T) {
	for name, a := range everyDeployment(t) {
		got, err := budget.FromStacks(a.read(t))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, name, got, budget.FromSettings(a.settings))
	}
}

// TestBudgetFollowsTheTemplates changes the example's templates and wants each
// change to show, and to miss its target where it is too much.
func TestBudgetFollowsTheTemplates(t *testing.T) {
	original := deployment(t, "example", "", nil).read(t)
	for _, tt := range []struct {
		name, old, new string
		failure        string
		worst          time.Duration
		met            bool
	}{
		{"rare health checks", `"RequestInterval":10`, `"RequestInterval":30`, budget.RegionReads, 126 * time.Second, false},
		{"patient health checks", `"FailureThreshold":2`, `"FailureThreshold":3`, budget.RegionReads, 96 * time.Second, true},
		{"a record with a TTL of its own", `"AliasTarget":{"DNSName":"api-us-west-2`, `"TTL":"300","Other":{"DNSName":"api-us-west-2`, budget.RegionReads, 326 * time.Second, false},
		{"more attempts", `"ConnectionAttempts":1`, `"ConnectionAttempts":2`, budget.RegionRequest, 8 * time.Second, false},
		{"a longer connection time-out", `"ConnectionTimeout":2`, `"ConnectionTimeout":3`, budget.RegionRequest, 5 * time.Second, true},
		{"a longer response time-out", `"OriginReadTimeout":2`, `"OriginReadTimeout":30`, budget.RegionRequest, 32 * time.Second, false},
		{"clients that stay for the default hour", `"client_keep_alive.seconds","Value":"180"`, `"client_keep_alive.seconds","Value":"3600"`, budget.RegionWrites, 3720 * time.Second, false},
		{"a slow switch", `"EvaluationPeriods":1,"MetricName":"HoldTraffic"`, `"EvaluationPeriods":15,"MetricName":"HoldTraffic"`, budget.RegionWrites, 1140 * time.Second, false},
		{"a writer's name that lasts", `"TTL":"10"`, `"TTL":"900"`, budget.RegionWrites, 969 * time.Second, false},
		{"an alarm that comes late", `"Threshold":60,"TreatMissingData":"breaching"`, `"Threshold":600,"TreatMissingData":"breaching"`, budget.RegionData, 600 * time.Second, false},
		{"rare checks of servers", `"HealthCheckIntervalSeconds":10`, `"HealthCheckIntervalSeconds":30`, "Web or API server lost: its requests", 65 * time.Second, true},
		{"patient checks of servers", `"UnhealthyThresholdCount":2`, `"UnhealthyThresholdCount":5`, "Web or API server lost: its requests", 55 * time.Second, true},
		{"slow servers", `"HealthCheckTimeoutSeconds":5`, `"HealthCheckTimeoutSeconds":8`, "Web or API server lost: its requests", 28 * time.Second, true},
		{"one server", `"MinSize":"2"`, `"MinSize":"1"`, "Web or API server lost: its requests", 266 * time.Second, true},
		{"servers that stay", `"deregistration_delay.timeout_seconds","Value":"30"`, `"deregistration_delay.timeout_seconds","Value":"300"`, "Web or API server lost: capacity", 925 * time.Second, true},
		{"a short grace", `"HealthCheckGracePeriod":600`, `"HealthCheckGracePeriod":300`, "Region lost: capacity", 300 * time.Second, true},
		{"a database in one zone", `"MultiAZ":true`, `"MultiAZ":false`, "Database lost", 8 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timings, err := budget.FromStacks(replaced(t, original, tt.old, tt.new))
			if err != nil {
				t.Fatal(err)
			}
			for _, failure := range budget.Failures(timings) {
				if failure.Name == tt.failure && (failure.Worst() != tt.worst || failure.Met() != tt.met) {
					t.Errorf("%s: want %s, target met: %t, got %s, %t", tt.failure, tt.worst, tt.met, failure.Worst(), failure.Met())
				}
			}
		})
	}
}

func TestBudgetRefusesOtherTemplates(t *testing.T) {
	original := deployment(t, "example", "", nil).read(t)
	for _, tt := range []struct{ name, old, new, want string }{
		{"no health checks", `"AWS::Route53::HealthCheck"`, `"Other"`, "no AWS::Route53::HealthCheck"},
		{"no writer", `"Type":"TXT"`, `"Type":"SPF"`, "no record names the primary"},
		{"no switch", `"books-hold-traffic","ComparisonOperator"`, `"other","ComparisonOperator"`, `no alarm "books-hold-traffic"`},
		{"default keep-alive", `"client_keep_alive.seconds"`, `"other"`, "no client_keep_alive.seconds"},
		{"no figure", `"RequestInterval":10`, `"RequestInterval":{"Ref":"P"}`, "Endpoint"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := budget.FromStacks(replaced(t, original, tt.old, tt.new)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want an error with %q, got %v", tt.want, err)
			}
		})
	}
}

// TestBudgetKnowsBakedImages: a boot that installs nothing is shorter, once both
// tiers are launched from such images.
func TestBudgetKnowsBakedImages(t *testing.T) {
	baked := deployment(t, "example", "failed back", failedBack).read(t)
	for _, tt := range []struct {
		name, old, new string
		typical        time.Duration
	}{
		{"both baked", "/imagebuilder/books/", "/imagebuilder/books/", 64 * time.Second},
		{"the API stock", "resolve:ssm:/imagebuilder/books/api", "resolve:ssm:/aws/service/canonical", 164 * time.Second},
	} {
		timings, err := budget.FromStacks(replaced(t, baked, tt.old, tt.new))
		if err != nil {
			t.Fatal(err)
		}
		for _, failure := range budget.Failures(timings) {
			if failure.Name == "Region lost: capacity" && failure.Typical() != tt.typical {
				t.Errorf("%s: want %s typically, got %s", tt.name, tt.typical, failure.Typical())
			}
		}
	}
}

// replaced is the templates with other text in them, which has to be there.
func replaced(t *testing.T, stacks []cloudassembly.Stack, old, text string) (changed []cloudassembly.Stack) {
	t.Helper()
	found := 0
	for _, stack := range stacks {
		found += strings.Count(string(stack.Template), old)
		stack.Template = []byte(strings.ReplaceAll(string(stack.Template), old, text))
		changed = append(changed, stack)
	}
	if found == 0 {
		t.Fatalf("the templates have no %s", old)
	}
	return changed
}

// TestRecoveryBudgetIsDocumented holds docs/recovery-budget.md to what make
// budget prints of the example.
func TestRecoveryBudgetIsDocumented(t *testing.T) {
	const file, heading = "../docs/recovery-budget.md", "## The example's budget\n\n"
	timings, err := budget.FromStacks(deployment(t, "example", "", nil).read(t))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, documented, found := strings.Cut(string(data), heading)
	want := budget.Markdown(timings)
	switch {
	case !found:
		t.Errorf("%s has no %q", file, heading)
	case *update:
		if err := os.WriteFile(file, []byte(before+heading+want), 0o600); err != nil {
			t.Fatal(err)
		}
	case documented != want:
		t.Errorf("%s is not what make budget prints; if that is meant: go test ./test -update", file)
	}
}
