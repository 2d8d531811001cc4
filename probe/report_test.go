package probe

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// samples are one a second, n of a state.
type samples struct {
	n        int
	state    State
	resolved string
}

// rehearsal is a failover as a visitor meets it: 30 s well, 20 s without an
// answer, of which DNS has moved for the last five, then the other region.
var rehearsal = []samples{
	{30, east, "198.51.100.1"},
	{15, State{Cause: "timeout, no connection"}, "198.51.100.1"},
	{5, State{Cause: "timeout, no connection"}, "203.0.113.1"},
	{40, west, "203.0.113.1"},
}

func play(session *Session, series []samples) {
	report, second := session.reports[0], 0
	for _, part := range series {
		for range part.n {
			sample := Sample{
				Target: report.Target.Name, At: start.Add(time.Duration(second) * time.Second), State: part.state,
				Resolved: []string{part.resolved}, Latency: time.Duration(second+1) * time.Millisecond,
			}
			if part.state.Up() {
				sample.Status, sample.Address = 200, part.resolved
			}
			session.see(report, sample)
			second++
		}
	}
}

func session(out, lines *bytes.Buffer) *Session {
	s := NewSession([]Target{{"api", "https://api.example.com/ready"}}, Options{Interval: time.Second}, out, nil)
	if lines != nil {
		s.samples = lines
	}
	return s
}

const live = `10:00:00  api  up, us-east-1, database writable  198.51.100.1
10:00:30  api  down: timeout, no connection  198.51.100.1
10:00:50  api  up, us-west-2, database read-only  203.0.113.1
`

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault time.Time
		want  string
	}{
		{"nobody knows when the fault was", time.Time{}, `
api  https://api.example.com/ready
  10:00:00  30s  up, us-east-1, database writable   198.51.100.1
  10:00:30  20s  down: timeout, no connection       
  10:00:50  40s  up, us-west-2, database read-only  203.0.113.1
  availability  77.778 %: 70 of 90 samples
  outages       1, the longest 20s from 10:00:30
  detected      15s after the first failure: DNS gave other addresses
  recovered     20s after the first failure: good answers again
  error budget  20s of 43m12s a month at 99.9 %: 0.8 %
  latency       p50 55ms, p95 87ms, p99 90ms, most 90ms
`},
		{"a fault 2.5 s before the first failure", start.Add(27500 * time.Millisecond), `
api  https://api.example.com/ready
  10:00:00  -28s  30s  up, us-east-1, database writable   198.51.100.1
  10:00:30  +2s   20s  down: timeout, no connection       
  10:00:50  +22s  40s  up, us-west-2, database read-only  203.0.113.1
  availability  77.778 %: 70 of 90 samples
  outages       1, the longest 20s from 10:00:30
  detected      17.5s after the fault: DNS gave other addresses
  recovered     22.5s after the fault: good answers again
  error budget  20s of 43m12s a month at 99.9 %: 0.8 %
  latency       p50 55ms, p95 87ms, p99 90ms, most 90ms
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			s := session(&out, nil)
			play(s, rehearsal)
			if err := s.Report(99.9, tt.fault); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != live+tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, live+tt.want)
			}
		})
	}
}

func TestReportOf(t *testing.T) {
	down, refused := State{Cause: "HTTP 500"}, State{Cause: "connection refused"}
	for _, tt := range []struct {
		name    string
		series  []samples
		outages int
		longest time.Duration
		want    []string
		never   string
	}{
		{"all well", []samples{{10, east, "a"}}, 0, 0, []string{"availability  100.000 %", "outages       none", "error budget  0s"}, "recovered"},
		{"still down at the end", []samples{{3, east, "a"}, {4, down, "a"}}, 1, 4 * time.Second, []string{"recovered     not yet", "DNS gave no other addresses meanwhile"}, "p0"},
		{"never up", []samples{{5, refused, "a"}}, 1, 5 * time.Second, []string{"availability  0.000 %", "error budget  5s"}, "latency"},
		{"DNS moves and all is well", []samples{{2, east, "a"}, {3, down, "a"}, {2, west, "b"}}, 1, 3 * time.Second, []string{"detected      3s after", "recovered     3s after"}, "not yet"},
		{"two causes are one outage", []samples{{1, east, "a"}, {2, down, "a"}, {3, refused, "a"}, {1, east, "a"}}, 1, 5 * time.Second, []string{"outages       1, the longest 5s from 10:00:01"}, "not yet"},
		{"the longest of two", []samples{{1, east, "a"}, {2, down, "a"}, {1, east, "a"}, {3, down, "a"}, {1, west, "b"}}, 2, 3 * time.Second, []string{"outages       2, the longest 3s from 10:00:04", "error budget  5s"}, "not yet"},
		{"another region without an outage", []samples{{2, east, "a"}, {2, west, "b"}}, 0, 0, []string{"2s  up, us-west-2"}, "detected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			s := session(&out, nil)
			play(s, tt.series)
			if err := s.Report(99.9, time.Time{}); err != nil {
				t.Fatal(err)
			}
			if name, longest := s.Longest(); longest.Length() != tt.longest || len(s.reports[0].Outages) != tt.outages || (name == "api") != (tt.outages > 0) {
				t.Errorf("want %d outages, the longest %s, got %v", tt.outages, tt.longest, s.reports[0].Outages)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("want %q in\n%s", want, &out)
				}
			}
			if strings.Contains(out.String(), tt.never) {
				t.Errorf("want no %q in\n%s", tt.never, &out)
			}
		})
	}
}

func TestBudget(t *testing.T) {
	for slo, want := range map[float64]time.Duration{99: 432 * time.Minute, 99.9: 43*time.Minute + 12*time.Second, 99.99: 4*time.Minute + 19*time.Second} {
		if got := budget(slo); got != want {
			t.Errorf("%g %%: want %s, got %s", slo, want, got)
		}
	}
}

func TestSamplesAreJSONLines(t *testing.T) {
	var out, lines bytes.Buffer
	s := session(&out, &lines)
	if _, seen := s.Now(); seen {
		t.Error("nothing has been seen yet")
	}
	play(s, rehearsal)
	if got, seen := s.Now(); got["api"] != west || !seen {
		t.Errorf("want the last state %q, got %v", west, got)
	}
	var n int
	for line := range strings.Lines(lines.String()) {
		var sample Sample
		if err := json.Unmarshal([]byte(line), &sample); err != nil || sample.Target != "api" || sample.At.IsZero() || sample.Latency == 0 {
			t.Fatalf("line %d: %v: %s", n, err, line)
		}
		n++
	}
	if n != 90 {
		t.Errorf("want a line for each of 90 samples, got %d", n)
	}
	first, _, _ := strings.Cut(lines.String(), "\n")
	const want = `{"target":"api","at":"2026-11-02T10:00:00Z","region":"us-east-1","database":"writable","status":200,"latencyNs":1000000,"resolved":["198.51.100.1"],"address":"198.51.100.1"}`
	if first != want {
		t.Errorf("got  %s\nwant %s", first, want)
	}
}

// TestNothingIsLostInSilence: a full disk is told at the end.
func TestNothingIsLostInSilence(t *testing.T) {
	s := session(&bytes.Buffer{}, nil)
	s.samples = full{}
	play(s, rehearsal)
	if err := s.Report(99.9, time.Time{}); err == nil {
		t.Error("a write that failed is not told")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = &json.UnsupportedValueError{Str: "disk full"}
