// Budget prints how long each failure of a deployment lasts, reckoned from the
// templates that a synth wrote, as tables in Markdown. It fails if a target is
// missed.
package main

import (
	"flag"
	"fmt"
	"os"

	"warm-standby/budget"
	"warm-standby/cloudassembly"
)

func main() {
	assembly := flag.String("assembly", "cdk.out", "the cloud assembly a synth wrote")
	flag.Parse()
	if err := run(*assembly); err != nil {
		fmt.Fprintln(os.Stderr, "budget:", err)
		os.Exit(1)
	}
}

func run(assembly string) error {
	stacks, err := cloudassembly.Read(assembly)
	if err != nil {
		return err
	}
	timings, err := budget.FromStacks(stacks)
	if err != nil {
		return fmt.Errorf("%s: %w", assembly, err)
	}
	fmt.Print(budget.Markdown(timings))
	for _, failure := range budget.Failures(timings) {
		if !failure.Met() {
			return fmt.Errorf("%s: want at most %s (got %s)", failure.Name, failure.Target, failure.Worst())
		}
	}
	return nil
}
