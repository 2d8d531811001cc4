// Bench holds the project to its speed: a warm `make synth` of all stacks
// against `cdk synth` of an empty one-stack app of the same CDK versions, already
// built, in turn; and `make test` with a warm build cache. `make bench` builds
// what it needs and runs it. It is no part of CI, whose machines are too noisy.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	pairs        = 5
	maxRatio     = 1.75 // of the medians: make synth / empty app
	maxTestTime  = 60 * time.Second
	emptyAppPath = ".build/empty"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	if err := quietly("go", "build", "-o", emptyAppPath, "./cmd/bench/empty"); err != nil {
		return err
	}
	synth := func() error { return quietly("make", "synth") }
	empty := func() error {
		return quietly("cdk", "synth", "--quiet", "--app", emptyAppPath, "--output", ".build/empty.out")
	}
	if err := errors.Join(synth(), empty()); err != nil { // warm both
		return err
	}
	var synths, empties []time.Duration
	for range pairs {
		s, err := timed(synth)
		if err != nil {
			return err
		}
		e, err := timed(empty)
		if err != nil {
			return err
		}
		synths, empties = append(synths, s), append(empties, e)
	}
	ratio := median(synths).Seconds() / median(empties).Seconds()
	fmt.Printf("make synth   %s\nempty app    %s\nratio        %.2f (at most %.2f)\n", spread(synths), spread(empties), ratio, maxRatio)

	if err := quietly("go", "test", "./..."); err != nil { // fills the build cache
		return err
	}
	tests, err := timed(func() error { return quietly("make", "test", "TESTFLAGS=-count=1") })
	if err != nil {
		return err
	}
	fmt.Printf("make test    %.1f s (at most %.0f s)\n", tests.Seconds(), maxTestTime.Seconds())
	if ratio > maxRatio || tests > maxTestTime {
		return errors.New("slower than allowed")
	}
	return nil
}

// quietly runs a command and shows what it printed only if it fails.
func quietly(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil { //nolint:gosec // the commands are the constants above
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

func median(runs []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(runs))[len(runs)/2]
}

func spread(runs []time.Duration) string {
	return fmt.Sprintf("%.1f s (%.1f to %.1f, %d runs)", median(runs).Seconds(), slices.Min(runs).Seconds(), slices.Max(runs).Seconds(), len(runs))
}
