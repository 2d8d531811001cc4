// Package delivery reads the workflows of GitHub Actions and runs their steps
// without GitHub.
package delivery

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// A workflow is a file of .github/workflows, as far as steps need it.
type workflow struct {
	On          map[string]any
	Permissions map[string]string
	Concurrency map[string]any
	Jobs        map[string]job
}

type job struct {
	If             string
	Needs          string
	Environment    string
	Permissions    map[string]string
	TimeoutMinutes int `yaml:"timeout-minutes"`
	Steps          []step
}

type step struct {
	Name, Uses, Run, Shell string
	With, Env              map[string]string
}

const root = "../.."

// workflows are all of them by the name of their file.
func workflows() (map[string]workflow, error) {
	files, err := filepath.Glob(root + "/.github/workflows/*.yml")
	if err != nil {
		return nil, err
	}
	found := map[string]workflow{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var w workflow
		if err := yaml.Unmarshal(data, &w); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		found[strings.TrimSuffix(filepath.Base(file), ".yml")] = w
	}
	return found, nil
}

var expression = regexp.MustCompile(`\$\{\{ (.*?) \}\}`)

// evaluated is a text with its expressions replaced by their values. One that is
// not known is an error: it would be empty on GitHub.
func evaluated(text string, values map[string]string) (string, error) {
	var unknown []string
	text = expression.ReplaceAllStringFunc(text, func(whole string) string {
		value, known := values[expression.FindStringSubmatch(whole)[1]]
		if !known {
			unknown = append(unknown, whole)
		}
		return value
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("no value of %s", strings.Join(unknown, ", "))
	}
	return text, nil
}

// environment is what a step adds to the variables of its run.
func (s step) environment(values map[string]string) ([]string, error) {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		value, err := evaluated(s.Env[name], values)
		if err != nil {
			return nil, err
		}
		env = append(env, name+"="+value)
	}
	return env, nil
}
