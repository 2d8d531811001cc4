// Package cloudassembly reads what a synth wrote to a folder: the stacks and
// their templates. It imports no CDK.
package cloudassembly

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Stack is one stack of a deployment.
type Stack struct {
	Name     string
	Account  string
	Region   string
	Role     string // Its tag stack-role: regional or global.
	Template []byte // The JSON that CloudFormation gets.
}

// Resource is one of a template; what is in its properties is for the reader to know.
type Resource struct {
	Type       string
	Properties json.RawMessage
}

// Read is the stacks of the assembly in a folder, in the order they are deployed.
// It is an error if an account would have to be asked to finish a template.
func Read(folder string) ([]Stack, error) {
	var manifest struct {
		Missing   []struct{ Key string }
		Artifacts map[string]struct {
			Type        string
			Environment string // aws://account/region
			Properties  struct {
				TemplateFile, StackName string
				Tags                    map[string]string
			}
			Dependencies []string
		}
	}
	file := filepath.Join(folder, "manifest.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, missing := range manifest.Missing {
		return nil, fmt.Errorf("the templates are not final: %s would have to be looked up in the account", missing.Key)
	}
	var stacks []Stack
	dependencies := map[string]int{}
	for id, artifact := range manifest.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		template, err := os.ReadFile(filepath.Join(folder, filepath.Base(artifact.Properties.TemplateFile)))
		if err != nil {
			return nil, err
		}
		name := cmp.Or(artifact.Properties.StackName, id)
		dependencies[name] = len(artifact.Dependencies)
		stacks = append(stacks, Stack{
			Name:     name,
			Account:  path.Base(path.Dir(artifact.Environment)),
			Region:   path.Base(artifact.Environment),
			Role:     artifact.Properties.Tags["stack-role"],
			Template: template,
		})
	}
	slices.SortFunc(stacks, func(a, b Stack) int {
		return cmp.Or(cmp.Compare(dependencies[a.Name], dependencies[b.Name]), cmp.Compare(a.Name, b.Name))
	})
	return stacks, nil
}

// Resources is those of the stack's template by logical id.
func (s Stack) Resources() (map[string]Resource, error) {
	var template struct{ Resources map[string]Resource }
	if err := json.Unmarshal(s.Template, &template); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return template.Resources, nil
}

// PrimaryRegion is the one that serves: the one that the record of who writes
// names while nobody holds the traffic.
func PrimaryRegion(stacks []Stack) (string, error) {
	for _, stack := range stacks {
		resources, err := stack.Resources()
		if err != nil {
			return "", err
		}
		for id, r := range resources {
			if r.Type != "AWS::Route53::RecordSetGroup" {
				continue
			}
			var group struct {
				RecordSets []struct {
					Type, Failover  string
					ResourceRecords []string
				}
			}
			if err := json.Unmarshal(r.Properties, &group); err != nil {
				return "", fmt.Errorf("%s: %s: %w", stack.Name, id, err)
			}
			for _, record := range group.RecordSets {
				if record.Type == "TXT" && record.Failover == "PRIMARY" && len(record.ResourceRecords) == 1 {
					return strings.Trim(record.ResourceRecords[0], `"`), nil
				}
			}
		}
	}
	return "", errors.New("no record names the primary")
}
