// Audit looks for known vulnerabilities in all that the project depends on: in
// the Go code by govulncheck, which tells whether the vulnerable function is
// called, and in every package-lock.json by npm audit. What fails:
//
//   - Go: a vulnerable function that is called;
//   - npm: severity moderate and up in what is deployed, high and up in tools;
//   - a database out of reach, unless -unreachable=warn.
//
// exceptions.yaml has what may stay, each with a reason and its last day.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

//go:embed exceptions.yaml
var exceptionsFile []byte

const exceptionsPath = "cmd/audit/exceptions.yaml"

// exception is a vulnerability that may stay for a time.
type exception struct {
	ID     string // as GO-2026-1234 or GHSA-…
	Reason string
	Until  string // its last day, as 2027-01-31
}

// vulnerability is one that makes the audit fail.
type vulnerability struct{ id, text string }

// errUnreachable is a database that did not answer: nothing is known then.
var errUnreachable = errors.New("nothing is known")

func main() {
	unreachable := flag.String("unreachable", "fail", "what to do without a vulnerability database: warn or fail")
	db := flag.String("db", "https://vuln.go.dev", "Go's vulnerability database, a URL of http, https or file")
	flag.Parse()
	if flag.NArg() > 0 || *unreachable != "warn" && *unreachable != "fail" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*db, *unreachable == "warn"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(db string, tolerant bool) error {
	exceptions, err := readExceptions(exceptionsFile)
	if err != nil {
		return err
	}
	locks, err := exec.Command("git", "ls-files", "*package-lock.json").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	audits := map[string]func() ([]vulnerability, error){
		"Go": func() ([]vulnerability, error) { return auditGo(db) },
	}
	for _, lock := range strings.Fields(string(locks)) {
		audits["npm in "+path.Dir(lock)] = func() ([]vulnerability, error) { return auditNpm(path.Dir(lock)) }
	}
	var found []vulnerability
	var problems []string
	complete := true
	for name, audit := range audits {
		vulnerabilities, err := audit()
		switch {
		case errors.Is(err, errUnreachable) && tolerant:
			complete = false
			fmt.Fprintf(os.Stderr, "[Warning] %s: %s\n", name, err)
		case err != nil:
			complete = false
			problems = append(problems, fmt.Sprintf("%s: %s", name, err))
		}
		for _, v := range vulnerabilities {
			found = append(found, vulnerability{v.id, name + ": " + v.text})
		}
	}
	problems = append(problems, judge(found, exceptions, time.Now(), complete)...)
	if len(problems) > 0 {
		slices.Sort(problems)
		return errors.New(strings.Join(problems, "\n"))
	}
	if complete {
		fmt.Printf("no known vulnerability in Go and %d package-lock.json, %d exceptions\n", len(audits)-1, len(exceptions))
	}
	return nil
}

func readExceptions(data []byte) ([]exception, error) {
	var exceptions []exception
	if err := yaml.UnmarshalWithOptions(data, &exceptions, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", exceptionsPath, err)
	}
	for _, e := range exceptions {
		if _, err := time.Parse(time.DateOnly, e.Until); err != nil || e.ID == "" || e.Reason == "" {
			return nil, fmt.Errorf("%s: want id, reason and until as 2027-01-31 (got %q, %q, %q)", exceptionsPath, e.ID, e.Reason, e.Until)
		}
	}
	return exceptions, nil
}

// judge is what is wrong: vulnerabilities without exception, exceptions that are
// over, and, if everything could be looked at, those that nothing needs.
func judge(found []vulnerability, exceptions []exception, now time.Time, complete bool) []string {
	var problems []string
	used := map[string]bool{}
	for _, v := range found {
		used[v.id] = true
		if !slices.ContainsFunc(exceptions, func(e exception) bool { return e.ID == v.id }) {
			problems = append(problems, v.text)
		}
	}
	for _, e := range exceptions {
		if e.Until < now.UTC().Format(time.DateOnly) {
			problems = append(problems, fmt.Sprintf("%s: %s: its last day was %s", exceptionsPath, e.ID, e.Until))
		} else if complete && !used[e.ID] {
			problems = append(problems, fmt.Sprintf("%s: %s: found nowhere: take it off", exceptionsPath, e.ID))
		}
	}
	return problems
}

// auditGo asks govulncheck for the vulnerable functions that this module calls.
func auditGo(db string) ([]vulnerability, error) {
	if err := reach(db); err != nil {
		return nil, err
	}
	output, err := capture(".", "govulncheck", "-db", db, "-format", "json", "./...")
	if err != nil {
		return nil, err
	}
	return called(output)
}

// reach tells whether a database of that form answers: govulncheck's own errors
// do not tell that from others.
func reach(db string) error {
	if folder, local := strings.CutPrefix(db, "file://"); local {
		if _, err := os.Stat(filepath.Join(folder, "index", "db.json")); err != nil {
			return fmt.Errorf("%w: %w", err, errUnreachable)
		}
		return nil
	}
	client := http.Client{Timeout: 20 * time.Second}
	response, err := client.Get(db + "/index/db.json")
	if err != nil {
		return fmt.Errorf("%w: %w", err, errUnreachable)
	}
	defer response.Body.Close() //nolint:errcheck // nothing of it is used
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %w", db, response.Status, errUnreachable)
	}
	return nil
}

// called reads govulncheck's stream of messages. Of a finding, the first of the
// trace is the vulnerable function, if one is called.
// https://pkg.go.dev/golang.org/x/vuln/internal/govulncheck
func called(stream []byte) ([]vulnerability, error) {
	summaries, seen := map[string]string{}, map[string]bool{}
	var found []vulnerability
	decoder := json.NewDecoder(bytes.NewReader(stream))
	for {
		var message struct {
			OSV     *struct{ ID, Summary string }
			Finding *struct {
				OSV          string
				FixedVersion string `json:"fixed_version"`
				Trace        []struct{ Module, Version, Package, Function string }
			}
		}
		if err := decoder.Decode(&message); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("govulncheck: %w", err)
		}
		if message.OSV != nil {
			summaries[message.OSV.ID] = message.OSV.Summary
		}
		f := message.Finding
		if f == nil || len(f.Trace) == 0 || f.Trace[0].Function == "" || seen[f.OSV] {
			continue
		}
		seen[f.OSV] = true
		at := f.Trace[0]
		fix := "no fix yet"
		if f.FixedVersion != "" {
			fix = "fixed in " + f.FixedVersion
		}
		found = append(found, vulnerability{f.OSV, fmt.Sprintf("%s: %s: %s.%s of %s@%s is called, %s (https://pkg.go.dev/vuln/%s)",
			f.OSV, summaries[f.OSV], at.Package, at.Function, at.Module, at.Version, fix, f.OSV)})
	}
}

// severities are npm's, rising.
var severities = []string{"info", "low", "moderate", "high", "critical"}

// auditNpm asks for what is deployed, then for everything.
func auditNpm(folder string) ([]vulnerability, error) {
	var found []vulnerability
	for _, scope := range []struct {
		omit  string
		least string
	}{{"--omit=dev", "moderate"}, {"--include=dev", "high"}} {
		output, err := capture(folder, "npm", "audit", "--json", "--package-lock-only", scope.omit)
		if len(output) == 0 && err != nil {
			return nil, err
		}
		advisories, err := advisories(output, scope.least)
		if err != nil {
			return nil, err
		}
		for _, v := range advisories {
			if !slices.Contains(found, v) {
				found = append(found, v)
			}
		}
	}
	return found, nil
}

// advisories reads a report of npm audit; without one, it is an error of the registry's.
// https://docs.npmjs.com/cli/v11/commands/npm-audit
func advisories(output []byte, least string) ([]vulnerability, error) {
	var report struct {
		AuditReportVersion int
		Message            string
		Vulnerabilities    map[string]struct{ Via []json.RawMessage }
	}
	if err := json.Unmarshal(output, &report); err != nil {
		return nil, fmt.Errorf("npm audit: %w", err)
	}
	if report.AuditReportVersion != 2 {
		return nil, fmt.Errorf("npm audit: %s: %w", report.Message, errUnreachable)
	}
	var found []vulnerability
	for name, vulnerable := range report.Vulnerabilities {
		for _, via := range vulnerable.Via {
			var advisory struct{ Title, URL, Severity, Range string }
			if json.Unmarshal(via, &advisory) != nil {
				continue // the name of another package of the report
			}
			if slices.Index(severities, advisory.Severity) < slices.Index(severities, least) {
				continue
			}
			id := path.Base(advisory.URL)
			found = append(found, vulnerability{id, fmt.Sprintf("%s: %s %s: %s (%s, %s)", id, name, advisory.Range, advisory.Title, advisory.Severity, advisory.URL)})
		}
	}
	return found, nil
}

// capture is a command's output, with what it said of an error.
func capture(folder, name string, arguments ...string) ([]byte, error) {
	command := exec.Command(name, arguments...) //nolint:gosec // the commands above, with the URL that the caller gave
	var said bytes.Buffer
	command.Dir, command.Stderr = folder, &said
	output, err := command.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(said.String()))
	}
	return output, err
}
