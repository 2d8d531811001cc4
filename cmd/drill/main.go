// Drill rehearses a failure: it starts one of the deployment's experiments of
// AWS FIS in one region, watches the site and the API from outside meanwhile,
// and reports what visitors noticed. Ctrl-C stops the experiment.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"warm-standby/account"
	"warm-standby/cmd/internal/program"
	"warm-standby/probe"
	"warm-standby/settings"
)

func main() {
	command := command{
		targets:  targets,
		baseline: 10 * time.Second,
		poll:     2 * time.Second,
		after:    3 * time.Minute,
	}
	program.Main(func(ctx context.Context) error { return command.run(ctx, os.Args[1:], os.Stdin, os.Stdout) })
}

// targets is the deployment as visitors see it, and the region that is to take
// over: when that fails too, the drill does more harm than meant.
func targets(s *settings.Settings, region string) []probe.Target {
	return append(probe.Deployment(s), probe.Region(s, s.OtherRegion(region)))
}

// command is what the tests replace.
type command struct {
	targets  func(s *settings.Settings, region string) []probe.Target
	options  probe.Options // Default: the flags'.
	baseline time.Duration // Watched before the experiment, which must find all well.
	poll     time.Duration // Between two looks at the experiment.
	after    time.Duration // Watched after it: the traffic returns.
}

func (c *command) run(ctx context.Context, arguments []string, in io.Reader, out io.Writer) (err error) {
	flags := flag.NewFlagSet("drill", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: drill [flags] SETTINGS-FILE") //nolint:errcheck // nothing is left to tell
		flags.PrintDefaults()
	}
	experiment := flags.String("experiment", settings.Experiments[0], "what fails: "+strings.Join(settings.Experiments, ", "))
	region := flags.String("region", "", "`region` in which it fails (default the primary)")
	minutes := flags.Int("minutes", 0, "stop the experiment after so many `minutes`; 0: it ends by itself")
	limit := flags.Duration("max-outage", 2*time.Minute, "stop the experiment, and fail, if the site, the API or the other region is down for longer")
	yes := flags.Bool("yes", false, "start without asking")
	var common probe.Flags
	common.Define(flags)
	if err := flags.Parse(arguments); err != nil {
		return flag.ErrHelp // the flag package has told why
	}
	switch {
	case flags.NArg() != 1:
		return fmt.Errorf("want one settings file (got %q)", strings.Join(flags.Args(), " "))
	case !slices.Contains(settings.Experiments, *experiment):
		return fmt.Errorf("-experiment: want one of %s (got %q)", strings.Join(settings.Experiments, ", "), *experiment)
	case *minutes < 0:
		return fmt.Errorf("-minutes: want 0 or more (got %d)", *minutes)
	case *limit <= 0:
		return fmt.Errorf("-max-outage: want more than 0 (got %s)", *limit)
	}
	if err := common.Check(); err != nil {
		return err
	}
	s, err := settings.LoadReal(flags.Arg(0))
	if err != nil {
		return err
	}
	if !s.Drill.Enabled {
		return fmt.Errorf("%s: drill.enabled: want true, and deployed (got false)", flags.Arg(0))
	}
	if *region == "" {
		*region = s.Primary
	}
	cfg, err := account.Open(ctx, s, *region)
	if err != nil {
		return err
	}
	client := fis.NewFromConfig(cfg)
	template, err := find(ctx, client, s.ExperimentName(*experiment), *region)
	if err != nil {
		return err
	}
	samples, closeSamples, err := common.OpenSamples()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSamples()) }()
	question := fmt.Sprintf("%s in %s: %s.", s.ExperimentName(*experiment), *region, aws.ToString(template.Description))
	if err := confirm(in, out, question, s.Name, *yes); err != nil {
		return err
	}
	options := c.options
	if options.Interval == 0 {
		options = common.Options()
	}
	r := &rehearsal{
		command: c, fis: client, template: aws.ToString(template.Id),
		length: time.Duration(*minutes) * time.Minute, limit: *limit,
		session: probe.NewSession(c.targets(s, *region), options, out, samples),
	}
	err = r.run(ctx)
	return errors.Join(err, r.session.Report(common.SLO, r.fault), r.session.CheckOutages(*limit))
}

// find is the experiment template of a name, which is its tag.
func find(ctx context.Context, client *fis.Client, name, region string) (*types.ExperimentTemplateSummary, error) {
	pages := fis.NewListExperimentTemplatesPaginator(client, &fis.ListExperimentTemplatesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, template := range page.ExperimentTemplates {
			if template.Tags["Name"] == name {
				return &template, nil
			}
		}
	}
	return nil, fmt.Errorf("no experiment template %s in %s: deploy the stack with drill.enabled", name, region)
}

// confirm has the deployment's name typed: whoever reads it knows what will fail.
func confirm(in io.Reader, out io.Writer, question, name string, yes bool) error {
	if yes {
		_, err := fmt.Fprintln(out, question)
		return err
	}
	if _, err := fmt.Fprintf(out, "%s\nType %s to start: ", question, name); err != nil {
		return err
	}
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != name {
		return fmt.Errorf("not started: want %q typed (got %q)", name, strings.TrimSpace(answer))
	}
	return nil
}
