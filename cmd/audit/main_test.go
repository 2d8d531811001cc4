package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var someDay = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

func TestJudge(t *testing.T) {
	found := []vulnerability{{"GO-1", "GO-1 is called"}}
	for name, test := range map[string]struct {
		exceptions []exception
		complete   bool
		want       []string // in the problems, in order
	}{
		"without exception":              {nil, true, []string{"GO-1 is called"}},
		"until today":                    {[]exception{{"GO-1", "why", "2027-01-31"}}, true, nil},
		"until yesterday":                {[]exception{{"GO-1", "why", "2027-01-30"}}, true, []string{"GO-1: its last day was 2027-01-30"}},
		"of another":                     {[]exception{{"GO-1", "why", "2027-02-01"}, {"GO-2", "why", "2027-02-01"}}, true, []string{"GO-2: found nowhere"}},
		"of what was not looked at":      {[]exception{{"GO-1", "why", "2027-02-01"}, {"GO-2", "why", "2027-02-01"}}, false, nil},
		"over, of what nobody looked at": {[]exception{{"GO-1", "why", "2027-02-01"}, {"GO-2", "why", "2026-02-01"}}, false, []string{"GO-2: its last day"}},
	} {
		got := judge(found, test.exceptions, someDay, test.complete)
		same := slices.EqualFunc(got, test.want, strings.Contains)
		if !same {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestExceptionsAreWhole(t *testing.T) {
	if _, err := readExceptions(exceptionsFile); err != nil {
		t.Error(err)
	}
	for _, file := range []string{
		"- id: GO-1\n  reason: why\n",
		"- id: GO-1\n  until: 2027-01-31\n",
		"- id: GO-1\n  reason: why\n  until: soon\n",
		"- id: GO-1\n  reason: why\n  until: 2027-01-31\n  severity: low\n",
	} {
		if _, err := readExceptions([]byte(file)); err == nil {
			t.Errorf("takes %q", file)
		}
	}
}

func TestCalled(t *testing.T) {
	got, err := called([]byte(`
{"config":{"protocol_version":"v1.0.0"}}
{"osv":{"id":"GO-1","summary":"Loops for ever"}}
{"finding":{"osv":"GO-1","fixed_version":"v1.2.3","trace":[{"module":"m","version":"v1.0.0"}]}}
{"finding":{"osv":"GO-1","fixed_version":"v1.2.3","trace":[{"module":"m","version":"v1.0.0","package":"m/p","function":"F"},{"module":"own","package":"own","function":"main"}]}}
{"finding":{"osv":"GO-1","fixed_version":"v1.2.3","trace":[{"module":"m","version":"v1.0.0","package":"m/p","function":"G"}]}}
{"osv":{"id":"GO-2","summary":"Imported only"}}
{"finding":{"osv":"GO-2","trace":[{"module":"m","version":"v1.0.0","package":"m/q"}]}}
`))
	want := []vulnerability{{"GO-1", "GO-1: Loops for ever: m/p.F of m@v1.0.0 is called, fixed in v1.2.3 (https://pkg.go.dev/vuln/GO-1)"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := called([]byte("no packages")); err == nil {
		t.Error("takes what is no JSON")
	}
}

func TestAdvisories(t *testing.T) {
	report := []byte(`{"auditReportVersion":2,"vulnerabilities":{
		"a":{"severity":"high","via":[{"title":"Reads files","url":"https://github.com/advisories/GHSA-1","severity":"moderate","range":"<1.2"}]},
		"b":{"severity":"high","via":["a"]}}}`)
	for least, want := range map[string]int{"moderate": 1, "high": 0} {
		if got, err := advisories(report, least); err != nil || len(got) != want {
			t.Errorf("from %s on: got %q, %v, want %d", least, got, err, want)
		}
	}
	if _, err := advisories([]byte(`{"message":"405 Method Not Allowed","error":{"summary":""}}`), "high"); !errors.Is(err, errUnreachable) {
		t.Errorf("a registry that refuses: %v", err)
	}
}

func TestReach(t *testing.T) {
	if err := reach("file://" + t.TempDir()); !errors.Is(err, errUnreachable) {
		t.Errorf("an empty database: %v", err)
	}
}
