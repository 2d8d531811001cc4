// Retire deletes a database instance that has left the deployment, with a final
// snapshot. It goes by the settings, by what the region's stack holds and by what
// RDS says replicates, so that it can be neither the writer nor a replica in use.
// Started again, it goes on. `make retire` runs it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"warm-standby/account"
	"warm-standby/cmd/internal/program"
	"warm-standby/settings"
)

// patience is how long a deletion may take, its final snapshot included.
const patience = time.Hour

func main() {
	if len(os.Args) != 3 || os.Args[2] == "" {
		fmt.Fprintln(os.Stderr, "usage: retire SETTINGS-FILE INSTANCE (make retire INSTANCE=name)")
		os.Exit(2)
	}
	program.Main(func(ctx context.Context) error {
		return retire(ctx, os.Args[1], os.Args[2], os.Stdout, 30*time.Second)
	})
}

func retire(ctx context.Context, file, name string, out io.Writer, poll time.Duration) error {
	s, err := settings.LoadReal(file)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.Database.Retired, func(old settings.Retired) bool { return old.Name == name })
	if i < 0 {
		return fmt.Errorf("%s: database.retired: want an entry named %q, for only what has left is retired (got none)", file, name)
	}
	r := &retirement{settings: s, name: name, region: s.Database.Retired[i].Region, out: out, poll: poll}
	cfg, err := account.Open(ctx, s, r.region)
	if err != nil {
		return err
	}
	r.rds = rds.NewFromConfig(cfg)
	instance, err := describe(ctx, r.rds, name)
	if err != nil {
		return err
	}
	if instance == nil {
		r.print("%s is not in %s any more", name, r.region)
		return nil
	}
	if err := r.checkStack(ctx, cfg); err != nil {
		return err
	}
	if aws.ToString(instance.DBInstanceStatus) != "deleting" {
		if err := r.checkReplicas(ctx, instance); err != nil {
			return err
		}
		if err := r.delete(ctx, instance); err != nil {
			return err
		}
	}
	return r.wait(ctx)
}

// retirement is that of one instance.
type retirement struct {
	settings     *settings.Settings
	name, region string
	rds          *rds.Client
	out          io.Writer
	poll         time.Duration // Between two looks at a deletion.
}

func (r *retirement) print(format string, values ...any) {
	fmt.Fprintf(r.out, format+"\n", values...) //nolint:errcheck // it goes on whether or not anybody reads
}

// describe is an instance, or nil if there is none of that name.
func describe(ctx context.Context, client *rds.Client, name string) (*types.DBInstance, error) {
	found, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{
		Filters: []types.Filter{{Name: aws.String("db-instance-id"), Values: []string{name}}},
	})
	if err != nil || len(found.DBInstances) == 0 {
		return nil, err
	}
	return &found.DBInstances[0], nil
}

// checkStack wants the instance to have left its region's stack. That of a region
// that has left the settings is gone, and holds nothing.
func (r *retirement) checkStack(ctx context.Context, cfg aws.Config) error {
	if r.region != r.settings.Primary && r.region != r.settings.Standby {
		return nil
	}
	stack := r.settings.Name + "-" + r.region
	pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(cfg), &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, resource := range page.StackResourceSummaries {
			if aws.ToString(resource.PhysicalResourceId) == r.name && !strings.HasPrefix(string(resource.ResourceStatus), "DELETE_") {
				return fmt.Errorf("%s belongs to the stack %s still: deploy that first", r.name, stack)
			}
		}
	}
	return nil
}

// checkReplicas wants nothing to replicate from the instance any more: while
// something does, it is the writer, or a link to it, whatever the settings say.
// Both ends are asked, since either's region may be late to know.
func (r *retirement) checkReplicas(ctx context.Context, instance *types.DBInstance) error {
	replicas := instance.ReadReplicaDBInstanceIdentifiers
	for name, region := range r.replicated() {
		cfg, err := account.Open(ctx, r.settings, region)
		if err != nil {
			return err
		}
		replica, err := describe(ctx, rds.NewFromConfig(cfg), name)
		if err != nil {
			return err
		}
		if replica != nil && aws.ToString(replica.ReadReplicaSourceDBInstanceIdentifier) != "" {
			replicas = append(replicas, aws.ToString(replica.DBInstanceArn))
		}
	}
	if len(replicas) > 0 {
		slices.Sort(replicas)
		return fmt.Errorf("%s still has replicas, %s: promote or delete those first", r.name, strings.Join(slices.Compact(replicas), ", "))
	}
	return nil
}

// replicated is the regions of the instances that were replicated from this one.
func (r *retirement) replicated() map[string]string {
	regions := map[string]string{}
	for region, instance := range r.settings.Database.Instances {
		if instance.ReplicaOf == r.name {
			regions[instance.Name] = region
		}
	}
	for _, old := range r.settings.Database.Retired {
		if old.ReplicaOf == r.name {
			regions[old.Name] = old.Region
		}
	}
	return regions
}

func (r *retirement) delete(ctx context.Context, instance *types.DBInstance) error {
	r.print("%s in %s: switching the deletion protection off", r.name, r.region)
	if _, err := r.rds.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &r.name, DeletionProtection: aws.Bool(false), ApplyImmediately: aws.Bool(true),
	}); err != nil {
		return err
	}
	input := &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &r.name}
	if aws.ToString(instance.ReadReplicaSourceDBInstanceIdentifier) != "" {
		input.SkipFinalSnapshot = aws.Bool(true) // RDS takes none of a replica
		r.print("%s in %s: deleting it, a replica, without a final snapshot", r.name, r.region)
	} else {
		input.FinalDBSnapshotIdentifier = aws.String(r.name + "-final")
		r.print("%s in %s: deleting it with the final snapshot %s", r.name, r.region, *input.FinalDBSnapshotIdentifier)
	}
	_, err := r.rds.DeleteDBInstance(ctx, input)
	return err
}

func (r *retirement) wait(ctx context.Context) error {
	r.print("%s in %s: waiting until it is deleted", r.name, r.region)
	waiter := rds.NewDBInstanceDeletedWaiter(r.rds, func(o *rds.DBInstanceDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = r.poll, r.poll })
	if err := waiter.Wait(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &r.name}, patience); err != nil {
		return fmt.Errorf("%s in %s is being deleted; run this again to wait for it: %w", r.name, r.region, err)
	}
	r.print("%s in %s: deleted", r.name, r.region)
	return nil
}
