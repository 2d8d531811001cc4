// Changes prints, as Markdown, what deploying the cloud assembly in cdk.out would
// change: first what would be replaced or deleted with the data it holds. It can
// keep that in a pull request's comment. `make changes` runs it.
//
// It runs nothing of the assembly and asks AWS for the deployed templates only, so
// that it may have credentials where whoever wrote the assembly may not.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"

	"warm-standby/account"
	"warm-standby/changes"
	"warm-standby/cloudassembly"
	"warm-standby/cmd/internal/program"
)

// How much GitHub takes: of a comment, by its API's refusal "body is too long
// (maximum is 65536 characters)", and of a step's summary
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary).
const (
	commentLimit = 65_536
	summaryLimit = 1 << 20
)

func main() {
	program.Main(func(ctx context.Context) error { return run(ctx, os.Args[1:]) })
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("changes", flag.ContinueOnError)
	assembly := flags.String("assembly", "cdk.out", "the cloud assembly a synth wrote")
	name := flags.String("deployment", "", "the name of the deployment it was made of")
	appendTo := flags.String("append", "", "the file to append to, such as $GITHUB_STEP_SUMMARY; empty: standard output")
	number := flags.Int("pull-request", 0, "the number of a pull request to comment, with GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	if *name == "" || flags.NArg() > 0 {
		flags.Usage()
		return flag.ErrHelp
	}
	var pr *pullRequest
	if *number > 0 {
		var err error
		if pr, err = newPullRequest(*number); err != nil {
			return err
		}
	}
	stacks, err := compare(ctx, *assembly)
	if err != nil {
		return err
	}
	if pr != nil {
		marker := fmt.Sprintf("<!-- changes of %s -->\n", *name)
		if err := pr.comment(ctx, marker, changes.Markdown(*name, stacks, commentLimit-len(marker))); err != nil {
			return err
		}
	}
	return write(*appendTo, changes.Markdown(*name, stacks, summaryLimit))
}

// write prints the text, or appends it to a file.
func write(file, text string) error {
	if file == "" {
		_, err := fmt.Print(text)
		return err
	}
	out, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = out.WriteString(text)
	return errors.Join(err, out.Close())
}

// compare compares the assembly's stacks with what is deployed, in the order in
// which they are deployed.
func compare(ctx context.Context, assembly string) ([]changes.Stack, error) {
	synthesized, err := cloudassembly.Read(assembly)
	if err != nil {
		return nil, err
	}
	pairs := make([]changes.Pair, len(synthesized))
	for i, stack := range synthesized {
		before, err := deployed(ctx, stack)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", stack.Name, err)
		}
		pairs[i] = changes.Pair{Before: before, After: stack.Template}
	}
	differences, _, err := changes.Compare(ctx, pairs)
	if err != nil {
		return nil, err
	}
	stacks := make([]changes.Stack, len(synthesized))
	for i, stack := range synthesized {
		stacks[i] = changes.Stack{Name: stack.Name, New: pairs[i].Before == nil, Difference: differences[i]}
	}
	return stacks, nil
}

// region is the only form of one. It is part of the host that is asked, and who
// wrote the assembly is not to be trusted.
var region = regexp.MustCompile(`^[a-z0-9-]+$`)

// deployed is the template that the stack was last deployed with, or nil.
func deployed(ctx context.Context, s cloudassembly.Stack) (json.RawMessage, error) {
	if !region.MatchString(s.Region) {
		return nil, fmt.Errorf("want a region (got %q)", s.Region)
	}
	cfg, err := account.In(ctx, s.Name, s.Account, s.Region)
	if err != nil {
		return nil, err
	}
	out, err := cloudformation.NewFromConfig(cfg).GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &s.Name})
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == "ValidationError" && strings.HasSuffix(refused.ErrorMessage(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	template := aws.ToString(out.TemplateBody)
	if !json.Valid([]byte(template)) {
		return nil, errors.New("what is deployed is no JSON template: it is not of this app")
	}
	return json.RawMessage(template), nil
}
