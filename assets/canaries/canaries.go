// Package canaries holds the canaries' script, a file that is run and tested as it is.
package canaries

import _ "embed"

// Script is what a canary runs: a module whose handler asks what its environment says.
//
//go:embed index.js
var Script string
