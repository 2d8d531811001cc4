// Summary prints what a synth wrote: each stack's name, region, number of
// resources and template size beside CloudFormation's limits, then the time. It
// refuses templates that an account would have to be asked to finish.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"warm-standby/cloudassembly"
)

// CloudFormation's limits of one template
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
const (
	maxResources = 500
	maxBytes     = 1 << 20
)

func main() {
	folder := flag.String("assembly", "cdk.out", "the cloud assembly a synth wrote")
	since := flag.Int64("since", 0, "when the synth began, in milliseconds of Unix time; 0 prints no time")
	flag.Parse()
	if err := run(*folder); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	if *since > 0 {
		fmt.Printf("synthesized in %.1f s\n", time.Since(time.UnixMilli(*since)).Seconds())
	}
}

func run(folder string) error {
	stacks, err := cloudassembly.Read(folder)
	if err != nil {
		return err
	}
	const row = "%-32s  %-14s  %11s  %15s\n"
	fmt.Printf(row, "stack", "region", "resources", "template")
	for _, s := range stacks {
		resources, err := s.Resources()
		if err != nil {
			return err
		}
		fmt.Printf(row, s.Name, s.Region,
			fmt.Sprintf("%d of %d", len(resources), maxResources),
			fmt.Sprintf("%d KB of %d", (len(s.Template)+1023)/1024, maxBytes/1024))
	}
	return nil
}
