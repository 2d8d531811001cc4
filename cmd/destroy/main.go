// Destroy deletes a deployment's stacks: the global one first, then the replica's,
// then the writer's. Before it does, it reads the account and lists what goes,
// what stays and everything that would stop a deletion half-way; while anything
// would, it deletes nothing. Afterwards it lists what is left, and the command that
// deletes each. Started again, it goes on. `make destroy` runs it.
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

	"warm-standby/account"
	"warm-standby/cmd/internal/program"
	"warm-standby/settings"
)

func main() {
	program.Main(func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdin, os.Stdout) })
}

func run(ctx context.Context, arguments []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("destroy", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: destroy [flags] SETTINGS-FILE") //nolint:errcheck // nothing is left to tell
		flags.PrintDefaults()
	}
	only := flags.String("region", "", "delete the stacks of this `region` alone, since the others can't be reached")
	dryRun := flags.Bool("dry-run", false, "list only")
	confirmed := flags.String("confirm", "", "the deployment's `name`, instead of being asked for it")
	poll := flags.Duration("poll", 15*time.Second, "pause between two looks at a deletion")
	if err := flags.Parse(arguments); err != nil {
		return flag.ErrHelp // the flag package has told why
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("want one settings file (got %q)", strings.Join(flags.Args(), " "))
	}
	s, err := settings.LoadReal(flags.Arg(0))
	if err != nil {
		return err
	}
	d := &destruction{settings: s, file: flags.Arg(0), out: out, poll: *poll}
	if d.regions, err = regions(s, *only); err != nil {
		return err
	}
	found, err := d.survey(ctx)
	if err != nil {
		return err
	}
	if err := d.report(found); err != nil || *dryRun || len(found.stacks) == 0 {
		return err
	}
	if err := confirm(in, out, s.Name, *confirmed); err != nil {
		return err
	}
	for _, stack := range found.stacks {
		if err := d.delete(ctx, stack); err != nil {
			return err
		}
	}
	if found, err = d.survey(ctx); err != nil {
		return fmt.Errorf("all stacks are deleted; run this again to list what is left: %w", err)
	}
	return d.report(found)
}

// destruction is that of one deployment.
type destruction struct {
	settings *settings.Settings
	file     string   // The settings'.
	regions  []string // Those to look at and to delete in.
	out      io.Writer
	poll     time.Duration // Between two looks.
}

func (d *destruction) print(format string, values ...any) {
	fmt.Fprintf(d.out, format+"\n", values...) //nolint:errcheck // it goes on whether or not anybody reads
}

// regions is where the deployment has, or had, anything; or the one asked for.
func regions(s *settings.Settings, only string) ([]string, error) {
	all := []string{account.GlobalRegion, s.Standby, s.Primary}
	for _, old := range s.Database.Retired {
		all = append(all, old.Region)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	switch {
	case only == "":
		return all, nil
	case !slices.Contains(all, only):
		return nil, fmt.Errorf("want a region of %s, one of %s (got %q)", s.Name, strings.Join(all, ", "), only)
	}
	return []string{only}, nil
}

// survey is what the account holds of the deployment.
type survey struct {
	stacks   []*stack // Those that are there, in the order they go.
	blockers []string
	kept     []item
}

// survey looks at every region. One that can't be reached is a blocker.
func (d *destruction) survey(ctx context.Context) (*survey, error) {
	found := &survey{}
	var places []*place
	var unreachable []error
	for _, region := range d.regions {
		p, err := d.open(ctx, region)
		if err != nil {
			unreachable = append(unreachable, fmt.Errorf("%s: %w", region, err))
			continue
		}
		places = append(places, p)
	}
	if len(places) == 0 {
		return nil, errors.Join(unreachable...)
	}
	for _, err := range unreachable {
		found.blockers = append(found.blockers, fmt.Sprintf("%v: put that right, or delete what is in the other regions, by REGION=", err))
	}
	for _, p := range places {
		found.stacks = append(found.stacks, p.stacks...)
	}
	d.order(found.stacks)
	for _, p := range places {
		blockers, err := d.blockers(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.region, err)
		}
		found.blockers = append(found.blockers, blockers...)
		kept, err := d.kept(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.region, err)
		}
		found.kept = append(found.kept, kept...)
	}
	return found, nil
}

// report prints a survey. Its error is the blockers.
func (d *destruction) report(found *survey) error {
	where := strings.Join(d.regions, ", ")
	if len(found.stacks) == 0 {
		d.print("%s has no stack in %s (account %s)", d.settings.Name, where, d.settings.Account)
	} else {
		d.print("Goes, in this order (account %s):", d.settings.Account)
		for _, stack := range found.stacks {
			d.print("  %s", stack.describe())
		}
	}
	if len(found.kept) == 0 {
		d.print("Nothing stays in %s", where)
	} else {
		d.print("Stays:")
	}
	for _, item := range found.kept {
		d.print("  %-14s  %s", item.region, item)
		if len(found.stacks) == 0 && item.remove != "" {
			d.print("      %s", item.remove)
		}
	}
	if len(found.blockers) == 0 {
		return nil
	}
	head := "nothing is deleted before this is cleared:"
	if len(found.stacks) == 0 {
		head = "this is left to do:"
	}
	return errors.New(head + "\n  " + strings.Join(found.blockers, "\n  "))
}

// confirm has the deployment's name given or typed: whoever does knows what goes.
func confirm(in io.Reader, out io.Writer, name, given string) error {
	if given == "" {
		if _, err := fmt.Fprintf(out, "Type %s to delete it: ", name); err != nil {
			return err
		}
		answer, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		given = strings.TrimSpace(answer)
	}
	if given != name {
		return fmt.Errorf("nothing is deleted: want %q typed, or CONFIRM=%s (got %q)", name, name, given)
	}
	return nil
}
