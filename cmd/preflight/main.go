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
	if _, err := settings.LoadReal(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
