// Runbook runs one of a deployment's runbooks and follows it to its end. What is
// running goes on without it; started again, it follows that run. It uses the
// APIs of the runbook's region only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"warm-standby/account"
	"warm-standby/assets/runbooks"
	"warm-standby/cmd/internal/program"
	"warm-standby/settings"
)

func main() {
	program.Main(func(ctx context.Context) error { return run(ctx, os.Args[1:], os.Stdout) })
}

// parameters is a runbook's, as Name=value on the command line.
type parameters map[string][]string

func (p parameters) String() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		list = append(list, name+"="+strings.Join(p[name], ","))
	}
	return strings.Join(list, " ")
}

func (p parameters) Set(text string) error {
	name, value, found := strings.Cut(text, "=")
	if !found || name == "" {
		return errors.New("want Name=value")
	}
	p[name] = []string{value}
	return nil
}

func run(ctx context.Context, arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("runbook", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: runbook [flags] RUNBOOK SETTINGS-FILE\nrunbooks: "+strings.Join(runbooks.All, ", ")) //nolint:errcheck // nothing is left to tell
		flags.PrintDefaults()
	}
	given := parameters{}
	region := flags.String("region", "", "`region` to run it in (default the standby; the primary for return with RolesSwapped=true)")
	dryRun := flags.Bool("dry-run", false, "check and report only")
	poll := flags.Duration("poll", 2*time.Second, "pause between two looks at the run")
	flags.Var(given, "param", "a parameter of the document, as `Name=value`; may be repeated")
	if err := flags.Parse(arguments); err != nil {
		return flag.ErrHelp // the flag package has told why
	}
	if flags.NArg() != 2 {
		return fmt.Errorf("want a runbook and a settings file (got %q)", strings.Join(flags.Args(), " "))
	}
	name, file := flags.Arg(0), flags.Arg(1)
	if !slices.Contains(runbooks.All, name) {
		return fmt.Errorf("want one of the runbooks %s (got %q)", strings.Join(runbooks.All, ", "), name)
	}
	if *dryRun {
		if name == runbooks.Status {
			return errors.New("status changes nothing: it has no dry run")
		}
		given["DryRun"] = []string{"true"}
	}
	s, err := settings.LoadReal(file)
	if err != nil {
		return err
	}
	if *region, err = regionFor(s, file, name, *region, given); err != nil {
		return err
	}
	cfg, err := account.Open(ctx, s, *region)
	if err != nil {
		return err
	}
	r := &runner{ssm: ssm.NewFromConfig(cfg), deployment: s.Name, region: *region, out: out, poll: *poll}
	id, err := r.attach(ctx, name)
	if err == nil && id == "" {
		id, err = r.start(ctx, name, given)
	}
	if err != nil {
		return err
	}
	return r.follow(ctx, id)
}

// regionFor is the region to run in: the one asked for, if that may be, or else
// the standby. A return with RolesSwapped=true ends a promotion's hold, which is
// on what is the primary now: in the standby it would find nothing, and succeed.
func regionFor(s *settings.Settings, file, name, asked string, given parameters) (string, error) {
	switch {
	case s.IsPrimary(asked) && slices.Contains([]string{runbooks.FailOver, runbooks.SwitchOver, runbooks.Evacuate}, name):
		return "", fmt.Errorf("%s runs in the standby's region, %s by %s (got %s, the primary's)", name, s.Standby, file, asked)
	case asked != "":
		return asked, nil
	case name == runbooks.Return && slices.Equal(given["RolesSwapped"], []string{"true"}):
		if s.Database.Instances[s.Primary].PromotedBy == "" {
			return "", fmt.Errorf("RolesSwapped=true is for after the swap: %s names no promotedBy for the primary, %s", file, s.Primary)
		}
		return s.Primary, nil
	}
	return s.Standby, nil
}

// runner runs a deployment's runbooks in one region.
type runner struct {
	ssm                *ssm.Client
	deployment, region string
	out                io.Writer
	poll               time.Duration // Between two looks.
}

func (r *runner) print(format string, values ...any) {
	fmt.Fprintf(r.out, format+"\n", values...) //nolint:errcheck // the run goes on whether or not anybody reads
}

// attach finds a run of the runbook that has not ended. While another runbook
// runs none is started: two could work against each other. Status may always.
func (r *runner) attach(ctx context.Context, name string) (id string, err error) {
	if name == runbooks.Status {
		return "", nil
	}
	runs, err := account.RunningRunbooks(ctx, r.ssm, r.deployment)
	if err != nil {
		return "", fmt.Errorf("which runbooks run in %s: %w", r.region, err)
	}
	if len(runs) == 0 {
		return "", nil
	}
	document, running := aws.ToString(runs[0].DocumentName), aws.ToString(runs[0].AutomationExecutionId)
	if document != runbooks.DocumentName(r.deployment, name) {
		return "", fmt.Errorf("%s is running in %s: wait until it has ended, or stop it: aws ssm stop-automation-execution --region %s --automation-execution-id %s",
			document, r.region, r.region, running)
	}
	r.print("%s is running in %s since %s, with its own parameters: %s", document, r.region, clock(aws.ToTime(runs[0].ExecutionStartTime)), running)
	return running, nil
}

func (r *runner) start(ctx context.Context, name string, given parameters) (id string, err error) {
	document := runbooks.DocumentName(r.deployment, name)
	started, err := r.ssm.StartAutomationExecution(ctx, &ssm.StartAutomationExecutionInput{DocumentName: &document, Parameters: given})
	if unknown := new(types.AutomationDefinitionNotFoundException); errors.As(err, &unknown) {
		return "", fmt.Errorf("%s is not in %s: deploy the region's stack first", document, r.region)
	}
	if err != nil {
		return "", fmt.Errorf("start of %s in %s: %w", document, r.region, err)
	}
	id = aws.ToString(started.AutomationExecutionId)
	r.print("%s has begun in %s: %s", strings.TrimSpace(document+" "+given.String()), r.region, id)
	return id, nil
}

// follow prints each step as it begins and ends, and at last the outputs.
func (r *runner) follow(ctx context.Context, id string) error {
	printed := map[string]types.AutomationExecutionStatus{} // status of each step
	for {
		look, err := r.ssm.GetAutomationExecution(ctx, &ssm.GetAutomationExecutionInput{AutomationExecutionId: &id})
		if ctx.Err() != nil {
			return fmt.Errorf("the run goes on without this command: give it again to follow, or stop the run: aws ssm stop-automation-execution --region %s --automation-execution-id %s", r.region, id)
		}
		if err != nil {
			return fmt.Errorf("the run %s goes on, but cannot be seen; give the command again to follow: %w", id, err)
		}
		run := look.AutomationExecution
		for _, step := range run.StepExecutions {
			name := aws.ToString(step.StepName)
			if step.StepStatus != types.AutomationExecutionStatusPending && step.StepStatus != printed[name] {
				printed[name] = step.StepStatus
				r.printStep(id, step)
			}
		}
		if run.ExecutionEndTime != nil {
			return r.end(run)
		}
		select {
		case <-ctx.Done():
		case <-time.After(r.poll):
		}
	}
}

func (r *runner) printStep(id string, step types.StepExecution) {
	at, note := aws.ToTime(step.ExecutionStartTime), ""
	if step.ExecutionEndTime != nil {
		at = *step.ExecutionEndTime
		note = length(aws.ToTime(step.ExecutionStartTime), at)
	}
	if step.StepStatus == types.AutomationExecutionStatusWaiting {
		note = fmt.Sprintf("for one of the approvers: aws ssm send-automation-signal --region %s --automation-execution-id %s --signal-type Approve", r.region, id)
	}
	r.print("%s", strings.TrimRight(fmt.Sprintf("%s  %-16s %-10s %s", clock(at), aws.ToString(step.StepName), step.StepStatus, note), " "))
}

// end prints the outputs of the steps that have run. A failure's last words are
// what a script raised, or else all that is known.
func (r *runner) end(run *types.AutomationExecution) error {
	for _, name := range slices.Sorted(maps.Keys(run.Outputs)) {
		if text := strings.Join(run.Outputs[name], "\n"); !strings.HasPrefix(text, "No output available") {
			r.print("%s", text)
		}
	}
	what := fmt.Sprintf("%s: %s after %s", aws.ToString(run.DocumentName), run.AutomationExecutionStatus,
		length(aws.ToTime(run.ExecutionStartTime), aws.ToTime(run.ExecutionEndTime)))
	if run.AutomationExecutionStatus == types.AutomationExecutionStatusSuccess {
		r.print("%s", what)
		return nil
	}
	for _, step := range run.StepExecutions {
		if message := aws.ToString(step.FailureMessage); message != "" {
			what += fmt.Sprintf("\n%s: %s", aws.ToString(step.StepName), reason(message))
		}
	}
	return errors.New(what)
}

// reason spares the reader the traceback around what a script raised.
func reason(message string) string {
	if i := strings.LastIndex(message, "Stop: "); i >= 0 {
		message, _, _ = strings.Cut(message[i+len("Stop: "):], "\n\n")
	}
	return strings.TrimSpace(message)
}

func clock(at time.Time) string { return at.Local().Format(time.TimeOnly) }

func length(from, to time.Time) string { return to.Sub(from).Round(time.Second).String() }
