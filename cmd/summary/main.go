// Summary prints what a synth wrote: each stack's name, region, number of
// resources and template size beside CloudFormation's limits, then the time. It
// refuses templates that an account would have to be asked to finish.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// CloudFormation's limits of one template
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
const (
	maxResources = 500
	maxBytes     = 1 << 20
)

type stack struct {
	name, region     string
	resources, bytes int
}

func main() {
	assembly := flag.String("assembly", "cdk.out", "the cloud assembly a synth wrote")
	since := flag.Int64("since", 0, "when the synth began, in milliseconds of Unix time; 0 prints no time")
	flag.Parse()
	stacks, err := read(*assembly)
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	rows := [][4]string{{"stack", "region", "resources", "template"}}
	for _, s := range stacks {
		rows = append(rows, [4]string{
			s.name, s.region, fmt.Sprintf("%d of %d", s.resources, maxResources), fmt.Sprintf("%d KB of %d", (s.bytes+1023)/1024, maxBytes/1024),
		})
	}
	for _, row := range rows {
		fmt.Printf("%-32s  %-14s  %11s  %15s\n", row[0], row[1], row[2], row[3])
	}
	if *since > 0 {
		fmt.Printf("synthesized in %.1f s\n", time.Since(time.UnixMilli(*since)).Seconds())
	}
}

// read lists the assembly's stacks in the order they are deployed.
func read(assembly string) ([]stack, error) {
	var manifest struct {
		Missing   []struct{ Key string }
		Artifacts map[string]struct {
			Type         string
			Environment  string // aws://account/region
			Properties   struct{ TemplateFile, StackName string }
			Dependencies []string
		}
	}
	if err := readJSON(filepath.Join(assembly, "manifest.json"), &manifest); err != nil {
		return nil, err
	}
	for _, missing := range manifest.Missing {
		return nil, fmt.Errorf("the templates are not final: %s would have to be looked up in the account", missing.Key)
	}
	var stacks []stack
	for id, artifact := range manifest.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		file := filepath.Join(assembly, artifact.Properties.TemplateFile)
		var template struct{ Resources map[string]any }
		if err := readJSON(file, &template); err != nil {
			return nil, err
		}
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		name := artifact.Properties.StackName
		if name == "" {
			name = id
		}
		stacks = append(stacks, stack{name, artifact.Environment[strings.LastIndex(artifact.Environment, "/")+1:], len(template.Resources), int(info.Size())})
	}
	slices.SortFunc(stacks, func(a, b stack) int {
		return len(manifest.Artifacts[a.name].Dependencies) - len(manifest.Artifacts[b.name].Dependencies)
	})
	return stacks, nil
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
