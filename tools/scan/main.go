// Scan runs Trivy's checks of CloudFormation on the templates below a folder, which
// holds nothing else. Each finding must be accepted in accepted.yaml, with a
// reason. It asks nothing of the network: the checks are compiled in.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/iac/rego"
	"github.com/aquasecurity/trivy/pkg/iac/scan"
	"github.com/aquasecurity/trivy/pkg/iac/scanners/cloudformation"
	"github.com/goccy/go-yaml"
)

//go:embed accepted.yaml
var acceptedFile []byte

// accepted is findings that stay as they are.
type accepted struct {
	Check     string   // as AVD-AWS-0017
	Resources []string // patterns of logical ids, without the hash at their end
	Reason    string
	used      map[string]bool
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: scan FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	acceptances, err := readAccepted()
	if err != nil {
		return err
	}
	templates := os.DirFS(folder)
	scanner := cloudformation.New(rego.WithEmbeddedPolicies(true), rego.WithEmbeddedLibraries(true))
	results, err := scanner.ScanFS(context.Background(), templates, ".")
	if err != nil {
		return err
	}
	if len(results.GetPassed()) == 0 {
		return fmt.Errorf("%s: nothing was checked: want templates, as make scan writes them", folder)
	}
	var problems []string
	failed := results.GetFailed()
	for _, finding := range failed {
		problem, err := judge(finding, folder, acceptances)
		if err != nil {
			return err
		}
		if problem != "" && !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	slices.Sort(problems)
	for _, a := range acceptances {
		for _, pattern := range a.Resources {
			if !a.used[pattern] {
				problems = append(problems, fmt.Sprintf("tools/scan/accepted.yaml: %s: nothing is found at %s: take it off", a.Check, pattern))
			}
		}
	}
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n"))
	}
	fmt.Printf("%d checks passed, %d findings accepted\n", len(results.GetPassed()), len(failed))
	return nil
}

func readAccepted() ([]*accepted, error) {
	var acceptances []*accepted
	if err := yaml.UnmarshalWithOptions(acceptedFile, &acceptances, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("tools/scan/accepted.yaml: %w", err)
	}
	for _, a := range acceptances {
		if a.Check == "" || len(a.Resources) == 0 || a.Reason == "" {
			return nil, fmt.Errorf("tools/scan/accepted.yaml: want check, resources and reason (got %q, %v, %q)", a.Check, a.Resources, a.Reason)
		}
		a.used = map[string]bool{}
	}
	return acceptances, nil
}

// judge is what is wrong with a finding, empty if it is accepted.
func judge(finding scan.Result, folder string, acceptances []*accepted) (string, error) {
	where := finding.Metadata().Range()
	template, err := os.ReadFile(filepath.Join(folder, where.GetFilename())) //nolint:gosec // the folder that the caller gave
	if err != nil {
		return "", err
	}
	resource := resourceAt(string(template), where.GetStartLine())
	rule := finding.Rule()
	for _, a := range acceptances {
		for _, pattern := range a.Resources {
			if ok, _ := path.Match(pattern, resource); ok && a.Check == rule.AVDID {
				a.used[pattern] = true
				return "", nil
			}
		}
	}
	return fmt.Sprintf("%s:%d: %s: %s (%s, %s, https://avd.aquasec.com/misconfig/%s)", where.GetFilename(), where.GetStartLine(),
		resource, finding.Description(), rule.AVDID, strings.ToLower(string(finding.Severity())), strings.ToLower(rule.AVDID)), nil
}

// logicalID begins a resource in the CDK's own indentation, and has a hash at its
// end, or in YAML.
var logicalID = regexp.MustCompile(`^ {2}(?:"(\w+?)(?:[0-9A-F]{8})?": \{|(\w+):)$`)

// resourceAt is the resource that a line belongs to.
func resourceAt(template string, line int) string {
	lines := strings.Split(template, "\n")
	for i := min(line, len(lines)) - 1; i >= 0; i-- {
		if id := logicalID.FindStringSubmatch(lines[i]); id != nil {
			return id[1] + id[2]
		}
	}
	return ""
}
