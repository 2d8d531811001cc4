// Probe samples the site and the API of a deployment, or any URLs, once a second
// from outside. It prints each change of state, and on Ctrl-C the timeline,
// availability, outages, latencies and what they cost of the error budget.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"warm-standby/cmd/internal/program"
	"warm-standby/probe"
	"warm-standby/settings"
)

func main() {
	program.Main(func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdout) })
}

func run(ctx context.Context, arguments []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: probe [flags] URL..., or probe [flags] -deployment FILE") //nolint:errcheck // nothing is left to tell
		flags.PrintDefaults()
	}
	file := flags.String("deployment", "", "settings `file` of the deployment whose site and API to sample")
	keepAlive := flags.Bool("keep-alive", false, "keep connections open, as a browser between clicks; else each sample is a new visitor")
	length := flags.Duration("for", 0, "end after this long; 0: on Ctrl-C")
	limit := flags.Duration("max-outage", 0, "fail if an outage was longer; 0: never")
	var common probe.Flags
	common.Define(flags)
	if err := flags.Parse(arguments); err != nil {
		return flag.ErrHelp // the flag package has told why
	}
	if err := common.Check(); err != nil {
		return err
	}
	targets, err := targets(*file, flags.Args())
	if err != nil {
		return err
	}
	samples, closeSamples, err := common.OpenSamples()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSamples()) }()
	if *length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *length)
		defer cancel()
	}
	options := common.Options()
	options.KeepAlive = *keepAlive
	session := probe.NewSession(targets, options, out, samples)
	session.Watch(ctx)
	if err := session.Report(common.SLO, time.Time{}); err != nil {
		return err
	}
	if *limit == 0 {
		return nil
	}
	return session.CheckOutages(*limit)
}

func targets(file string, addresses []string) ([]probe.Target, error) {
	if (file == "") == (len(addresses) == 0) {
		return nil, fmt.Errorf("want either URLs or -deployment FILE (got %q and %q)", strings.Join(addresses, " "), file)
	}
	if file != "" {
		s, err := settings.LoadReal(file)
		if err != nil {
			return nil, err
		}
		return probe.Deployment(s), nil
	}
	var all []probe.Target
	seen := map[string]bool{}
	for _, address := range addresses {
		target, err := probe.ParseTarget(address)
		if err != nil {
			return nil, err
		}
		if seen[target.Name] {
			target.Name = address // two of one host
		}
		seen[target.Name] = true
		all = append(all, target)
	}
	return all, nil
}
