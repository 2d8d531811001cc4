// Application builds the archives of a deployment's application, where they are
// missing or their sources have changed. `make app` runs it.
package main

import (
	"fmt"
	"os"
	"strings"

	"warm-standby/application"
	"warm-standby/settings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: application DEPLOYMENT")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(deployment string) error {
	s, err := settings.Load("deployments/" + deployment + ".yaml")
	if err != nil {
		return err
	}
	for _, part := range application.Parts(deployment, s) {
		current, err := part.Current()
		if err != nil {
			return err
		}
		if current {
			continue
		}
		leftOut, err := part.Build()
		if err != nil {
			return err
		}
		fmt.Printf("%s: built from %s\n", part.Archive, part.Folder)
		if len(leftOut) > 0 {
			fmt.Printf("%s: without %s\n", part.Archive, strings.Join(leftOut, ", "))
		}
	}
	return nil
}
