// Cost prints what a deployment costs a month, reckoned from the templates that a
// synth wrote, as tables in Markdown.
package main

import (
	"flag"
	"fmt"
	"os"

	"warm-standby/cloudassembly"
	"warm-standby/cost"
)

func main() {
	assembly := flag.String("assembly", "cdk.out", "the cloud assembly a synth wrote")
	details := flag.Bool("details", false, "print each line of the bill, too")
	assumptions := cost.Defaults()
	for _, a := range assumptions.List() {
		flag.Float64Var(a.Value, a.Name, *a.Value, a.Meaning)
	}
	flag.Parse()
	if err := run(*assembly, *details, assumptions); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(assembly string, details bool, assumptions cost.Assumptions) error {
	stacks, err := cloudassembly.Read(assembly)
	if err != nil {
		return err
	}
	estimate, err := cost.Of(stacks, assumptions)
	if err != nil {
		return err
	}
	fmt.Print(estimate.Markdown(details))
	return nil
}
