package budget

import (
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"warm-standby/settings"
)

func load(t *testing.T, name string) *settings.Settings {
	t.Helper()
	s, err := settings.Load("../deployments/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// find is the failure of a name.
func find(t *testing.T, timings Timings, name string) Failure {
	t.Helper()
	for _, failure := range Failures(timings) {
		if failure.Name == name {
			return failure
		}
	}
	t.Fatalf("no failure is named %q", name)
	return Failure{}
}

// TestEveryDeploymentKeepsTheTargets also pins the example's sums: a change of
// them is a change of what the documentation promises.
func TestEveryDeploymentKeepsTheTargets(t *testing.T) {
	files, err := filepath.Glob("../deployments/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no deployments: %v", err)
	}
	for _, file := range files {
		s := load(t, strings.TrimSuffix(filepath.Base(file), ".yaml"))
		for _, failure := range Failures(FromSettings(s)) {
			if !failure.Met() {
				t.Errorf("%s: %s: want at most %s, got %s", file, failure.Name, failure.Target, failure.Worst())
			}
		}
		if warnings := Warnings(s); len(warnings) > 0 {
			t.Errorf("%s: want no warnings, got %q", file, warnings)
		}
	}
	example := FromSettings(load(t, "example"))
	for _, want := range []struct {
		name          string
		worst, target time.Duration
	}{
		{RegionRequest, 4 * time.Second, 5 * time.Second},
		{RegionReads, 86 * time.Second, 2 * time.Minute},
		{RegionWrites, 300 * time.Second, 15 * time.Minute},
		{RegionData, time.Minute, time.Minute},
	} {
		if got := find(t, example, want.name); got.Worst() != want.worst || got.Target != want.target {
			t.Errorf("%s: want %s of %s, got %s of %s", want.name, want.worst, want.target, got.Worst(), got.Target)
		}
	}
}

func TestWarningsNameTheSetting(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*settings.Settings)
		want   string // Empty: no warning.
	}{
		{"slow checks", func(s *settings.Settings) { s.Failover.Interval, s.Failover.FailureThreshold = 30*time.Second, 10 }, "failover.interval × failureThreshold: want at most 54 s, to keep the target of 120 s for \"Region lost: reads\" (got 30s × 10)"},
		{"checks just quick enough", func(s *settings.Settings) { s.Failover.FailureThreshold = 5 }, ""},
		{"and one more", func(s *settings.Settings) { s.Failover.FailureThreshold = 6 }, "failover.interval × failureThreshold: want at most 54 s"},
		{"three attempts", func(s *settings.Settings) { s.Edge.ConnectionAttempts = 3 }, "edge.connectionAttempts × (connectionTimeout + readTimeout): want at most 5 s, to keep the target of 5 s for \"Region lost: a request to the site\" (got 3 × (2s + 2s))"},
		{"a long time-out", func(s *settings.Settings) { s.Edge.ReadTimeout = 30 * time.Second }, "edge.connectionAttempts × (connectionTimeout + readTimeout): "},
		{"just short enough", func(s *settings.Settings) { s.Edge.ReadTimeout = 3 * time.Second }, ""},
		{"an alarm that comes late", func(s *settings.Settings) { s.Alarms.ReplicaLagSeconds = 61 }, "alarms.replicaLagSeconds: want at most 60 s, to keep the target of 60 s for \"Region lost: data\" (got 61)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, "example")
			tt.change(s)
			got := Warnings(s)
			if want := tt.want != ""; len(got) > 1 || (len(got) == 1) != want || want && !strings.HasPrefix(got[0], tt.want) {
				t.Errorf("want %q, got %q", tt.want, got)
			}
			if table := Markdown(FromSettings(s)); strings.Contains(table, "**missed**") != (tt.want != "") {
				t.Errorf("the table and the warning differ:\n%s", table)
			}
		})
	}
}

// TestEachTimeCanBeChecked reckons after what the tables say.
func TestEachTimeCanBeChecked(t *testing.T) {
	arithmetic := regexp.MustCompile(`^[0-9 ×+()s]+`)
	checked := 0
	for _, failure := range Failures(FromSettings(load(t, "example"))) {
		for _, path := range failure.Paths {
			for _, part := range path.Parts {
				where := failure.Name + ": " + part.Name
				if part.Unpublished {
					if part.Worst != 0 || part.Typical != 0 {
						t.Errorf("%s: a figure that no document states", where)
					}
					continue
				}
				if part.Worst == 0 || part.Typical > part.Worst || part.How == "" || part.Source == "" {
					t.Errorf("%s: want a worst time, a typical one within it, and where they are from, got %+v", where, part)
				}
				expression := strings.NewReplacer(" s", "", "×", "*").Replace(arithmetic.FindString(part.How))
				if expression == "" {
					continue // AWS's own words
				}
				got, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expression)
				if err != nil || got.Value == nil || got.Value.String() != fmt.Sprint(part.Worst.Seconds()) {
					t.Errorf("%s: %s is not %s (%v)", where, part.How, part.Worst, err)
				}
				checked++
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d times say how they are reckoned", checked)
	}
}

func TestWhatIsThereOnlyOnceLastsLonger(t *testing.T) {
	s := load(t, "example")
	several := FromSettings(s)
	s.Api.Capacity.Primary.Min = 1
	s.Database.MultiAz.Primary = false
	one := FromSettings(s)
	server := Failures(several)[0].Name
	// 26 s until the endpoint is given up, 60 s of DNS, 180 s of an open connection.
	if got := find(t, one, server).Worst(); find(t, several, server).Worst() != 25*time.Second || got != 266*time.Second {
		t.Errorf("want the only server of a tier to take 266 s, got %s", got)
	}
	// Writes wait for another: 25 s + 30 s + 600 s.
	if got := find(t, one, "Zone lost").Worst(); got != 655*time.Second {
		t.Errorf("want a zone with the only server of a tier to take 655 s, got %s", got)
	}
	database := find(t, one, "Database lost")
	if !slices.ContainsFunc(database.Paths[0].Parts, func(p Part) bool { return p.Unpublished && strings.HasPrefix(p.Name, "RDS recovers") }) {
		t.Errorf("want no figure for an instance without a copy, got %+v", database)
	}
}

// TestTheApplicationIsAsQuick compares with the code that has the figures.
func TestTheApplicationIsAsQuick(t *testing.T) {
	for _, tt := range []struct {
		file, name string
		want       time.Duration
	}{
		{"fence.js", "askEvery", fenceAskEvery},
		{"fence.js", "timeout", fenceTimeout},
		{"database.js", "probeEvery", probeEvery},
		{"driver.js", "connect", databaseConnect},
	} {
		code, err := os.ReadFile("../assets/app/api/src/" + tt.file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`(?m)^  ` + tt.name + `: ([0-9_]+),`).FindSubmatch(code)
		if found == nil || strings.ReplaceAll(string(found[1]), "_", "") != fmt.Sprint(tt.want.Milliseconds()) {
			t.Errorf("%s: want %s: %d, got %q", tt.file, tt.name, tt.want.Milliseconds(), found)
		}
	}
}
