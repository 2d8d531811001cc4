// Preflight refuses a deployment that cannot be meant: settings with problems,
// or with a documentation placeholder left in them. `make deploy` runs it first.
package main

import (
	"fmt"
	"os"

	"warm-standby/settings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: preflight SETTINGS-FILE")
		os.Exit(2)
	}
	file := os.Args[1]
	deployment, err := settings.Load(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	placeholders := deployment.Placeholders()
	for _, placeholder := range placeholders {
		fmt.Fprintf(os.Stderr, "%s: %s is a placeholder: put in your own before you deploy\n", file, placeholder)
	}
	if len(placeholders) > 0 {
		os.Exit(1)
	}
}
