package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"warm-standby/account"
)

// patience is how long a stack's deletion may take: a distribution and the final
// snapshot of much data take the longest.
const patience = 3 * time.Hour

// place is one region as it is.
type place struct {
	region  string
	cfg     aws.Config
	stacks  []*stack // That are there.
	deleted []*stack // That were, at most 90 days ago: CloudFormation remembers no longer.
}

// stack is one of the deployment's, as CloudFormation has it. What it is to keep is
// in the deployed template, which may differ from the settings.
type stack struct {
	name, id, region string
	cfg              aws.Config
	status           types.StackStatus
	protected        bool
	resources        []types.StackResourceSummary
	template         map[string]templateResource // By logical id. Of a deleted stack: none.
	instance         *rdstypes.DBInstance        // Its database. Nil: it has none, or none any more.
}

type templateResource struct {
	DeletionPolicy string
}

// keeps tells whether the resource stays when the stack goes.
func (r templateResource) keeps() bool { return strings.HasPrefix(r.DeletionPolicy, "Retain") }

func (s *stack) isDeleting() bool { return s.status == types.StackStatusDeleteInProgress }

// ids is the physical ids of what the stack still has of a type, or of all types.
func (s *stack) ids(resourceType string) []string {
	var ids []string
	for _, resource := range s.resources {
		gone := resource.ResourceStatus == types.ResourceStatusDeleteComplete || resource.ResourceStatus == types.ResourceStatusDeleteSkipped
		if id := aws.ToString(resource.PhysicalResourceId); id != "" && !gone && (resourceType == "" || aws.ToString(resource.ResourceType) == resourceType) {
			ids = append(ids, id)
		}
	}
	return ids
}

// instanceTemplate is the deployed template's part on the database.
func (s *stack) instanceTemplate() templateResource {
	for _, resource := range s.resources {
		if s.instance != nil && aws.ToString(resource.PhysicalResourceId) == aws.ToString(s.instance.DBInstanceIdentifier) {
			return s.template[aws.ToString(resource.LogicalResourceId)]
		}
	}
	return templateResource{}
}

// replicates tells whether the stack's instance is a replica now. CloudFormation
// asks RDS the same, whatever the template says, and takes the final snapshot of
// any other: of a writer that the runbook promoted, too.
// https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds/blob/master/aws-rds-dbinstance/src/main/java/software/amazon/rds/dbinstance/DeleteHandler.java
func (s *stack) replicates() bool {
	return s.instance != nil && aws.ToString(s.instance.ReadReplicaSourceDBInstanceIdentifier) != ""
}

func (s *stack) describe() string {
	text := fmt.Sprintf("%-28s  %-14s  %s, %d resources", s.name, s.region, s.status, len(s.ids("")))
	if s.instance != nil {
		name := aws.ToString(s.instance.DBInstanceIdentifier)
		switch {
		case s.replicates():
			text += fmt.Sprintf(", %s without a snapshot: it is a replica", name)
		default:
			text += fmt.Sprintf(", %s with a final snapshot", name)
		}
	}
	for _, failure := range s.failures() {
		text += "\n    failed to go before, is tried again: " + failure
	}
	return text
}

// failures is what an earlier deletion could not delete, and why.
func (s *stack) failures() []string {
	var failures []string
	for _, resource := range s.resources {
		if resource.ResourceStatus == types.ResourceStatusDeleteFailed {
			failures = append(failures, fmt.Sprintf("%s (%s, %s): %s", aws.ToString(resource.LogicalResourceId),
				aws.ToString(resource.ResourceType), aws.ToString(resource.PhysicalResourceId), aws.ToString(resource.ResourceStatusReason)))
		}
	}
	return failures
}

// open reads a region's stacks.
func (d *destruction) open(ctx context.Context, region string) (*place, error) {
	var cfg aws.Config
	var err error
	if region == account.GlobalRegion {
		cfg, err = account.OpenGlobal(ctx, d.settings)
	} else {
		cfg, err = account.Open(ctx, d.settings, region)
	}
	if err != nil {
		return nil, err
	}
	p := &place{region: region, cfg: cfg}
	names := []string{d.settings.Name + "-" + region}
	if region == account.GlobalRegion {
		names = append(names, d.settings.Name+"-global")
	}
	client := cloudformation.NewFromConfig(cfg)
	pages := cloudformation.NewListStacksPaginator(client, &cloudformation.ListStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, summary := range page.StackSummaries {
			if !slices.Contains(names, aws.ToString(summary.StackName)) {
				continue
			}
			s := &stack{name: aws.ToString(summary.StackName), id: aws.ToString(summary.StackId), region: region, cfg: cfg, status: summary.StackStatus}
			if err := s.read(ctx, client); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if s.status == types.StackStatusDeleteComplete {
				p.deleted = append(p.deleted, s)
			} else {
				p.stacks = append(p.stacks, s)
			}
		}
	}
	return p, nil
}

func (s *stack) read(ctx context.Context, client *cloudformation.Client) error {
	s.resources = nil
	if s.status == types.StackStatusReviewInProgress {
		return nil // it has a change set that nobody has carried out, and nothing else
	}
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &s.id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		s.resources = append(s.resources, page.StackResourceSummaries...)
	}
	if s.status == types.StackStatusDeleteComplete {
		return nil
	}
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.id})
	if err != nil {
		return err
	}
	s.protected = aws.ToBool(described.Stacks[0].EnableTerminationProtection)
	got, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &s.id})
	if err != nil {
		return err
	}
	var template struct {
		Resources map[string]templateResource
	}
	if err := json.Unmarshal([]byte(aws.ToString(got.TemplateBody)), &template); err != nil {
		return fmt.Errorf("its template: %w", err)
	}
	s.template = template.Resources
	for _, id := range s.ids("AWS::RDS::DBInstance") {
		s.instance, err = describe(ctx, rds.NewFromConfig(s.cfg), id)
		if err != nil {
			return err
		}
	}
	return nil
}

// describe is an instance, or nil if there is none of that name.
func describe(ctx context.Context, client *rds.Client, name string) (*rdstypes.DBInstance, error) {
	found, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{
		Filters: []rdstypes.Filter{{Name: aws.String("db-instance-id"), Values: []string{name}}},
	})
	if err != nil || len(found.DBInstances) == 0 {
		return nil, err
	}
	return &found.DBInstances[0], nil
}

// order puts the stacks as they go: first what takes the traffic, then a replica,
// which would be promoted if its writer went before it. The settings' standby goes
// before the primary, unless the account says that the primary replicates.
func (d *destruction) order(stacks []*stack) {
	rank := func(s *stack) int {
		switch {
		case s.name == d.settings.Name+"-global":
			return 0
		case s.replicates():
			return 1
		case s.region == d.settings.Standby:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(stacks, func(a, b *stack) int { return rank(a) - rank(b) })
}

// delete deletes a stack and waits until it is gone. One that is on its way already
// is only waited for.
func (d *destruction) delete(ctx context.Context, s *stack) error {
	begun := time.Now()
	client := cloudformation.NewFromConfig(s.cfg)
	if !s.isDeleting() {
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted: %s is not deleted", s.name)
		}
		// Once it is sent, its answer is waited for. CloudFormation goes by the role
		// that the CDK gave it for this stack.
		if _, err := client.DeleteStack(context.WithoutCancel(ctx), &cloudformation.DeleteStackInput{StackName: &s.id}); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	d.print("%s: being deleted", s.name)
	waiter := cloudformation.NewStackDeleteCompleteWaiter(client, func(o *cloudformation.StackDeleteCompleteWaiterOptions) { o.MinDelay, o.MaxDelay = d.poll, d.poll })
	err := waiter.Wait(ctx, &cloudformation.DescribeStacksInput{StackName: &s.id}, patience)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s goes on being deleted without this command: run it again to follow, and to delete the rest", s.name)
	case err == nil:
		d.print("%s: deleted after %s", s.name, time.Since(begun).Round(time.Second))
		return nil
	}
	if again := s.read(ctx, client); again != nil {
		return errors.Join(fmt.Errorf("%s: %w", s.name, err), again)
	}
	failures := s.failures()
	if len(failures) == 0 {
		return fmt.Errorf("%s: %w: run this again to go on", s.name, err)
	}
	return fmt.Errorf("%s is not deleted:\n  %s\nput that right and run this again; docs/clean-up.md has what to do if it can't be", s.name, strings.Join(failures, "\n  "))
}
