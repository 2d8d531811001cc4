package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	fistypes "github.com/aws/aws-sdk-go-v2/service/fis/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"warm-standby/account"
)

// blockers is what would stop the deletion of a region's stacks half-way, or what
// must not be cut off by it, a line each with what clears it.
func (d *destruction) blockers(ctx context.Context, p *place) ([]string, error) {
	checks := []func(context.Context, *place) ([]string, error){d.runbooks, d.retired}
	for _, s := range p.stacks {
		if s.isDeleting() {
			continue // it is too late for these
		}
		for _, check := range []func(context.Context, *stack) ([]string, error){
			d.stackState, d.database, d.hold, d.experiments, d.loadBalancers, d.privateZone, d.network,
		} {
			checks = append(checks, func(ctx context.Context, _ *place) ([]string, error) { return check(ctx, s) })
		}
	}
	var all []string
	for _, check := range checks {
		found, err := check(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (d *destruction) stackState(_ context.Context, s *stack) (found []string, _ error) {
	if status := string(s.status); strings.HasSuffix(status, "_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS" {
		found = append(found, fmt.Sprintf("%s is %s: wait until that has ended", s.name, status))
	}
	if s.protected {
		found = append(found, fmt.Sprintf("%s has termination protection: %s", s.name, d.turnOff("terminationProtection", d.settings.TerminationProtection)))
	}
	return found, nil
}

// turnOff says how a setting that protects is taken off what is deployed.
func (d *destruction) turnOff(key string, on bool) string {
	if on {
		return fmt.Sprintf("set %s: false in %s, and deploy", key, d.file)
	}
	return fmt.Sprintf("deploy %s, which has %s: false", d.file, key)
}

// noFinalSnapshot is the states in which RDS takes none:
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html
var noFinalSnapshot = []string{"failed", "incompatible-restore", "incompatible-network"}

func (d *destruction) database(ctx context.Context, s *stack) (found []string, _ error) {
	if s.instance == nil {
		return nil, nil
	}
	name, state := aws.ToString(s.instance.DBInstanceIdentifier), aws.ToString(s.instance.DBInstanceStatus)
	switch {
	case s.instanceTemplate().keeps():
		found = append(found, fmt.Sprintf("%s is protected, and would stay on subnets that %s has to delete: %s", name, s.name, d.turnOff("database.deletionProtection", d.settings.Database.DeletionProtection)))
	case aws.ToBool(s.instance.DeletionProtection):
		found = append(found, fmt.Sprintf("%s has a deletion protection that %s doesn't know of: aws rds modify-db-instance --region %s --db-instance-identifier %s --no-deletion-protection --apply-immediately", name, s.name, s.region, name))
	}
	if slices.Contains(noFinalSnapshot, state) && !s.replicates() {
		found = append(found, fmt.Sprintf("%s is %s, a state in which RDS takes no final snapshot: repair it, or give up what is in it: aws rds delete-db-instance --region %s --db-instance-identifier %s --skip-final-snapshot", name, state, s.region, name))
	}
	for _, replica := range s.instance.ReadReplicaDBInstanceIdentifiers {
		if own := replica[strings.LastIndex(replica, ":")+1:]; d.settings.Database.RegionOf(own) == "" {
			found = append(found, fmt.Sprintf("%s has a replica that isn't of %s, %s: delete or promote that first", name, d.settings.Name, replica))
		}
	}
	vpcs := s.ids("AWS::EC2::VPC")
	pages := rds.NewDescribeDBInstancesPaginator(rds.NewFromConfig(s.cfg), &rds.DescribeDBInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, other := range page.DBInstances {
			id := aws.ToString(other.DBInstanceIdentifier)
			if id != name && other.DBSubnetGroup != nil && slices.Contains(vpcs, aws.ToString(other.DBSubnetGroup.VpcId)) && !d.isRetired(id) {
				found = append(found, fmt.Sprintf("the database instance %s is in the VPC of %s but not of it: delete it, or move it out of there", id, s.name))
			}
		}
	}
	return found, nil
}

func (d *destruction) isRetired(name string) bool {
	for _, old := range d.settings.Database.Retired {
		if old.Name == name {
			return true
		}
	}
	return false
}

// retired is the instances left over from failovers, which stand on the subnets and
// security groups of their region's stack.
func (d *destruction) retired(ctx context.Context, p *place) (found []string, _ error) {
	for _, old := range d.settings.Database.Retired {
		if old.Region != p.region {
			continue
		}
		instance, err := describe(ctx, rds.NewFromConfig(p.cfg), old.Name)
		if err != nil {
			return nil, err
		}
		if instance != nil {
			found = append(found, fmt.Sprintf("%s is retired but there: make retire INSTANCE=%s", old.Name, old.Name))
		}
	}
	return found, nil
}

func (d *destruction) runbooks(ctx context.Context, p *place) (found []string, _ error) {
	if len(p.stacks) == 0 {
		return nil, nil
	}
	running, err := account.RunningRunbooks(ctx, ssm.NewFromConfig(p.cfg), d.settings.Name)
	for _, run := range running {
		found = append(found, fmt.Sprintf("%s is running in %s: wait until it has ended, or stop it: aws ssm stop-automation-execution --region %s --automation-execution-id %s",
			aws.ToString(run.DocumentName), p.region, p.region, aws.ToString(run.AutomationExecutionId)))
	}
	return found, err
}

// hold is a traffic switch that is thrown. The schedule would go with its group,
// but a deployment that is failed over is hardly one to be deleted unasked.
func (d *destruction) hold(ctx context.Context, s *stack) (found []string, _ error) {
	for _, group := range s.ids("AWS::Scheduler::ScheduleGroup") {
		schedules, err := scheduler.NewFromConfig(s.cfg).ListSchedules(ctx, &scheduler.ListSchedulesInput{GroupName: &group})
		if err != nil {
			return nil, err
		}
		for _, schedule := range schedules.Schedules {
			found = append(found, fmt.Sprintf("the traffic is held in %s: make return, or give the hold up: aws scheduler delete-schedule --region %s --group-name %s --name %s",
				s.region, s.region, group, aws.ToString(schedule.Name)))
		}
	}
	return found, nil
}

func (d *destruction) experiments(ctx context.Context, s *stack) (found []string, _ error) {
	client := fis.NewFromConfig(s.cfg)
	ended := []fistypes.ExperimentStatus{
		fistypes.ExperimentStatusCompleted, fistypes.ExperimentStatusStopped, fistypes.ExperimentStatusFailed, fistypes.ExperimentStatusCancelled,
	}
	for _, template := range s.ids("AWS::FIS::ExperimentTemplate") {
		pages := fis.NewListExperimentsPaginator(client, &fis.ListExperimentsInput{ExperimentTemplateId: &template})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, experiment := range page.Experiments {
				if experiment.State != nil && !slices.Contains(ended, experiment.State.Status) {
					id := aws.ToString(experiment.Id)
					found = append(found, fmt.Sprintf("the experiment %s is %s in %s: wait until it has ended, or stop it: aws fis stop-experiment --region %s --id %s",
						id, experiment.State.Status, s.region, s.region, id))
				}
			}
		}
	}
	return found, nil
}

func (d *destruction) loadBalancers(ctx context.Context, s *stack) (found []string, _ error) {
	const resourceType = "AWS::ElasticLoadBalancingV2::LoadBalancer"
	for _, arn := range s.ids(resourceType) {
		got, err := cloudcontrol.NewFromConfig(s.cfg).GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: aws.String(resourceType), Identifier: &arn})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var balancer struct {
			LoadBalancerAttributes []struct{ Key, Value string }
		}
		if err := json.Unmarshal([]byte(aws.ToString(got.ResourceDescription.Properties)), &balancer); err != nil {
			return nil, fmt.Errorf("%s: %w", arn, err)
		}
		for _, attribute := range balancer.LoadBalancerAttributes {
			if attribute.Key == "deletion_protection.enabled" && attribute.Value == "true" {
				found = append(found, fmt.Sprintf("the load balancer %s has deletion protection: aws elbv2 modify-load-balancer-attributes --region %s --load-balancer-arn %s --attributes Key=deletion_protection.enabled,Value=false",
					arn[strings.Index(arn, "/")+1:], s.region, arn))
			}
		}
	}
	return found, nil
}

// privateZone is the records that somebody has added to the stack's hosted zone,
// which must hold none but its own two, NS and SOA, to be deleted.
func (d *destruction) privateZone(ctx context.Context, s *stack) (found []string, _ error) {
	own := s.ids("AWS::Route53::RecordSet")
	for _, zone := range s.ids("AWS::Route53::HostedZone") {
		err := records(ctx, s.cfg, zone, func(record route53types.ResourceRecordSet) {
			name := strings.TrimSuffix(aws.ToString(record.Name), ".")
			if record.Type != route53types.RRTypeNs && record.Type != route53types.RRTypeSoa && !slices.ContainsFunc(own, func(id string) bool { return strings.TrimSuffix(id, ".") == name }) {
				found = append(found, fmt.Sprintf("the private zone %s of %s has a record that isn't the stack's, %s %s: delete that", zone, s.name, record.Type, name))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// records shows each record of a hosted zone.
func records(ctx context.Context, cfg aws.Config, zone string, show func(route53types.ResourceRecordSet)) error {
	pages := route53.NewListResourceRecordSetsPaginator(route53.NewFromConfig(cfg), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, record := range page.ResourceRecordSets {
			show(record)
		}
	}
	return nil
}
