package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	controltypes "github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"warm-standby/account"
)

// item is something that outlives the stacks.
type item struct {
	region string
	what   string // In words.
	id     string
	cost   string // What it goes on to cost.
	remove string // The command that deletes it for good. Empty: the id says where it is.
	last   bool   // It goes after the others, which can't be read without it.
}

func (i item) String() string {
	text := i.what + " " + i.id
	if i.cost != "" {
		text += ": " + i.cost
	}
	return text
}

// byTheGB is what most of it costs.
const byTheGB = "billed by the GB and month"

// costs is what a resource costs that CloudFormation keeps. A test wants an entry
// for each type that the templates keep.
var costs = map[string]string{
	"AWS::Backup::BackupVault":    byTheGB + ", until its recovery points expire",
	"AWS::IAM::Role":              "free; without it the recovery points don't expire",
	"AWS::KMS::Key":               "billed by the month; what it encrypts is lost without it",
	"AWS::Logs::LogGroup":         byTheGB + ", until its retention has emptied it",
	"AWS::RDS::DBInstance":        "billed as before",
	"AWS::S3::Bucket":             byTheGB + ", until its lifecycle rule has emptied it",
	"AWS::SecretsManager::Secret": "billed by the month",
}

// kept is what stays in a region, or has stayed: what CloudFormation keeps, and what
// it doesn't know of.
func (d *destruction) kept(ctx context.Context, p *place) ([]item, error) {
	var all []item
	for _, find := range []func(context.Context, *place) ([]item, error){
		d.snapshots, d.retained, d.logGroups, d.parameters, d.tagged, d.publicZone,
	} {
		found, err := find(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			i.region = p.region
			all = append(all, i)
		}
	}
	slices.SortStableFunc(all, func(a, b item) int {
		switch {
		case a.last == b.last:
			return 0
		case a.last:
			return 1
		}
		return -1
	})
	return all, nil
}

// snapshots is those of the deployment's instances, whoever took them, and the
// automated backups that were kept when an instance was deleted. Those of AWS
// Backup are in its vault.
func (d *destruction) snapshots(ctx context.Context, p *place) (found []item, _ error) {
	client := rds.NewFromConfig(p.cfg)
	isOurs := func(instance *string, tags []rdstypes.Tag) bool {
		return d.settings.Database.RegionOf(aws.ToString(instance)) == p.region || slices.ContainsFunc(tags, func(tag rdstypes.Tag) bool {
			return aws.ToString(tag.Key) == "deployment" && aws.ToString(tag.Value) == d.settings.Name
		})
	}
	snapshots := rds.NewDescribeDBSnapshotsPaginator(client, &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("manual")})
	for snapshots.HasMorePages() {
		page, err := snapshots.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, snapshot := range page.DBSnapshots {
			if id := aws.ToString(snapshot.DBSnapshotIdentifier); isOurs(snapshot.DBInstanceIdentifier, snapshot.TagList) {
				found = append(found, item{
					what: fmt.Sprintf("snapshot of %s, %d GiB at most,", aws.ToString(snapshot.DBInstanceIdentifier), aws.ToInt32(snapshot.AllocatedStorage)),
					id:   id, cost: byTheGB,
					remove: fmt.Sprintf("aws rds delete-db-snapshot --region %s --db-snapshot-identifier %s", p.region, id),
				})
			}
		}
	}
	backups := rds.NewDescribeDBInstanceAutomatedBackupsPaginator(client, &rds.DescribeDBInstanceAutomatedBackupsInput{
		Filters: []rdstypes.Filter{{Name: aws.String("status"), Values: []string{"retained"}}},
	})
	for backups.HasMorePages() {
		page, err := backups.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, kept := range page.DBInstanceAutomatedBackups {
			if id := aws.ToString(kept.DbiResourceId); isOurs(kept.DBInstanceIdentifier, kept.TagList) {
				found = append(found, item{
					what: "automated backups of " + aws.ToString(kept.DBInstanceIdentifier), id: id, cost: byTheGB + ", until they expire",
					remove: fmt.Sprintf("aws rds delete-db-instance-automated-backup --region %s --dbi-resource-id %s", p.region, id),
				})
			}
		}
	}
	return found, nil
}

// retained is what the deployed templates keep, and what CloudFormation has left of
// the stacks that are deleted, as far as it is still there.
func (d *destruction) retained(ctx context.Context, p *place) (found []item, _ error) {
	seen := map[string]bool{}
	for _, s := range slices.Concat(p.stacks, p.deleted) {
		for _, resource := range s.resources {
			kind, id := aws.ToString(resource.ResourceType), aws.ToString(resource.PhysicalResourceId)
			skipped := resource.ResourceStatus == types.ResourceStatusDeleteSkipped
			stays := skipped || resource.ResourceStatus != types.ResourceStatusDeleteComplete && s.template[aws.ToString(resource.LogicalResourceId)].keeps()
			if id == "" || !stays || seen[kind+id] {
				continue
			}
			seen[kind+id] = true
			there, err := d.exists(ctx, p, kind, id)
			if err != nil {
				return nil, err
			}
			if there {
				i, err := d.retainedItem(ctx, p, kind, id)
				if err != nil {
					return nil, err
				}
				found = append(found, i)
			}
		}
	}
	return found, nil
}

// exists asks Cloud Control, which reads every type of CloudFormation's alike. It
// holds a key that is to be deleted for gone.
func (d *destruction) exists(ctx context.Context, p *place, kind, id string) (bool, error) {
	_, err := cloudcontrol.NewFromConfig(p.cfg).GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: &kind, Identifier: &id})
	var unsupported *controltypes.UnsupportedActionException
	switch {
	case isNotFound(err):
		return false, nil
	case errors.As(err, &unsupported):
		return true, nil // as CloudFormation says
	}
	return err == nil, err
}

func isNotFound(err error) bool {
	var notFound *controltypes.ResourceNotFoundException
	return errors.As(err, &notFound)
}

func (d *destruction) retainedItem(ctx context.Context, p *place, kind, id string) (item, error) {
	i := item{
		what: kind, id: id, cost: costs[kind], last: kind == "AWS::KMS::Key" || kind == "AWS::IAM::Role",
		remove: fmt.Sprintf("aws cloudcontrol delete-resource --region %s --type-name %s --identifier %s", p.region, kind, id),
	}
	switch kind {
	case "AWS::S3::Bucket":
		i.remove = "aws s3 rb --force s3://" + id
	case "AWS::Backup::BackupVault":
		vault, err := backup.NewFromConfig(p.cfg).DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: &id})
		if err != nil {
			return i, err
		}
		i.what = fmt.Sprintf("%s with %d recovery points", kind, vault.NumberOfRecoveryPoints)
		if aws.ToBool(vault.Locked) {
			i.what += ", locked: nothing in it can be deleted before it expires,"
		}
		if vault.NumberOfRecoveryPoints > 0 {
			i.remove = fmt.Sprintf("aws backup list-recovery-points-by-backup-vault --region %[1]s --backup-vault-name %[2]s --query 'RecoveryPoints[].[RecoveryPointArn]' --output text |\n"+
				"        xargs -n1 aws backup delete-recovery-point --region %[1]s --backup-vault-name %[2]s --recovery-point-arn\n      %[3]s", p.region, id, i.remove)
		}
	}
	return i, nil
}

// logGroups is those that services have made by themselves, which CloudFormation
// doesn't know, and which keep their logs for ever.
func (d *destruction) logGroups(ctx context.Context, p *place) (found []item, _ error) {
	known := map[string]bool{}
	var prefixes []string
	for _, s := range slices.Concat(p.stacks, p.deleted) {
		for _, resource := range s.resources {
			id := aws.ToString(resource.PhysicalResourceId)
			switch aws.ToString(resource.ResourceType) {
			case "AWS::Logs::LogGroup":
				known[id] = true
			case "AWS::Lambda::Function":
				prefixes = append(prefixes, "/aws/lambda/"+id)
			case "AWS::Synthetics::Canary":
				prefixes = append(prefixes, "/aws/lambda/cwsyn-"+id+"-")
			case "AWS::ImageBuilder::ImageRecipe": // an ARN: …/name/version
				if parts := strings.Split(id, "/"); len(parts) == 3 {
					prefixes = append(prefixes, "/aws/imagebuilder/"+parts[1])
				}
			case "AWS::RDS::DBInstance":
				prefixes = append(prefixes, "/aws/rds/instance/"+id+"/")
			}
		}
	}
	if len(prefixes) == 0 {
		return nil, nil
	}
	pages := cloudcontrol.NewListResourcesPaginator(cloudcontrol.NewFromConfig(p.cfg), &cloudcontrol.ListResourcesInput{TypeName: aws.String("AWS::Logs::LogGroup")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, group := range page.ResourceDescriptions {
			name := aws.ToString(group.Identifier)
			if !known[name] && slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
				found = append(found, item{
					what: "log group", id: name, cost: byTheGB + ", for ever",
					remove: fmt.Sprintf("aws logs delete-log-group --region %s --log-group-name %s", p.region, name),
				})
			}
		}
	}
	return found, nil
}

// parameters is those below the deployment's name that no stack has: those that
// Image Builder writes, and an operator's own.
func (d *destruction) parameters(ctx context.Context, p *place) (found []item, _ error) {
	for _, path := range []string{"/imagebuilder/" + d.settings.Name, "/" + d.settings.Name} {
		pages := ssm.NewDescribeParametersPaginator(ssm.NewFromConfig(p.cfg), &ssm.DescribeParametersInput{ParameterFilters: []ssmtypes.ParameterStringFilter{
			{Key: aws.String("Path"), Option: aws.String("Recursive"), Values: []string{path}},
		}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, parameter := range page.Parameters {
				name := aws.ToString(parameter.Name)
				if !slices.ContainsFunc(p.stacks, func(s *stack) bool { return slices.Contains(s.ids("AWS::SSM::Parameter"), name) }) {
					found = append(found, item{
						what: "parameter", id: name, cost: "free",
						remove: fmt.Sprintf("aws ssm delete-parameter --region %s --name %s", p.region, name),
					})
				}
			}
		}
	}
	return found, nil
}

// tagged is what else bears the deployment's tag: what has left a stack that goes
// on, what is older than CloudFormation's memory, and what other services made, such
// as images. The index of tags may name for a while what is gone already.
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
func (d *destruction) tagged(ctx context.Context, p *place) (found []item, _ error) {
	known := knownTo(slices.Concat(p.stacks, p.deleted))
	pages := tagging.NewGetResourcesPaginator(tagging.NewFromConfig(p.cfg), &tagging.GetResourcesInput{
		TagFilters: []taggingtypes.TagFilter{{Key: aws.String("deployment"), Values: []string{d.settings.Name}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, resource := range page.ResourceTagMappingList {
			if arn := aws.ToString(resource.ResourceARN); !isListed(arn) && !known.has(arn, resource.Tags) {
				found = append(found, item{what: "tagged", id: arn, cost: "see whether it is there still", remove: removeTagged(arn, p.region)})
			}
		}
	}
	return found, nil
}

// isListed tells of what the services themselves have been asked for.
func isListed(arn string) bool {
	return slices.ContainsFunc([]string{":rds:", ":ssm:", ":backup:"}, func(service string) bool { return strings.Contains(arn, service) }) &&
		slices.ContainsFunc([]string{":snapshot:", ":auto-backup:", ":parameter/", ":recovery-point:"}, func(kind string) bool { return strings.Contains(arn, kind) })
}

// known is what CloudFormation has on record: physical ids, and pairs of a stack's
// id and a logical id that goes, or went, with that stack.
type known map[string]bool

func knownTo(stacks []*stack) known {
	k := known{}
	for _, s := range stacks {
		k[s.id] = true
		for _, resource := range s.resources {
			logical := aws.ToString(resource.LogicalResourceId)
			for _, part := range strings.Split(aws.ToString(resource.PhysicalResourceId), "|") {
				k[part] = true
			}
			if resource.ResourceStatus != types.ResourceStatusDeleteSkipped && !s.template[logical].keeps() {
				k[s.id+" "+logical] = true
			}
		}
	}
	delete(k, "")
	return k
}

// has tells whether a tagged resource is on record. So are the servers of an Auto
// Scaling group, which go with it, and what is in a backup vault, which is counted
// there. An ARN is, or ends in, the physical id, but for a few types.
func (k known) has(arn string, tags []taggingtypes.Tag) bool {
	value := map[string]string{}
	for _, tag := range tags {
		value[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if k[arn] || value["aws:autoscaling:groupName"] != "" || value["aws:backup:source-resource"] != "" ||
		k[value["aws:cloudformation:stack-id"]+" "+value["aws:cloudformation:logical-id"]] {
		return true
	}
	for i, letter := range arn {
		if (letter == ':' || letter == '/') && k[arn[i+1:]] {
			return true
		}
	}
	return false
}

// removeTagged is the command for what the project's services are known to leave.
func removeTagged(arn, region string) string {
	for _, kind := range []struct{ part, command string }{ // of the region, the name and the ARN
		{":image/ami-", "aws ec2 deregister-image --region %[1]s --delete-associated-snapshots --image-id %[2]s"},
		{":snapshot/snap-", "aws ec2 delete-snapshot --region %[1]s --snapshot-id %[2]s"},
		{":imagebuilder:", "aws imagebuilder delete-image --region %[1]s --image-build-version-arn %[3]s"},
		{":kms:", "aws kms schedule-key-deletion --region %[1]s --key-id %[2]s"},
		{":log-group:", "aws cloudcontrol delete-resource --region %[1]s --type-name AWS::Logs::LogGroup --identifier %[4]s"},
		{":s3:::", "aws s3 rb --force s3://%[2]s"},
		{":secretsmanager:", "aws secretsmanager delete-secret --region %[1]s --secret-id %[3]s"},
	} {
		if strings.Contains(arn, kind.part) {
			_, group, _ := strings.Cut(arn, ":log-group:")
			return fmt.Sprintf(kind.command, region, arn[strings.LastIndexAny(arn, "/:")+1:], arn, group)
		}
	}
	return ""
}

// publicZone is the records by which the certificates were validated, which neither
// ACM nor CloudFormation takes back. Another certificate of the account for the same
// name is renewed by the same record.
// https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1603
func (d *destruction) publicZone(ctx context.Context, p *place) (found []item, _ error) {
	if p.region != account.GlobalRegion {
		return nil, nil
	}
	domain := d.settings.Domain
	err := records(ctx, p.cfg, domain.HostedZoneID, func(record route53types.ResourceRecordSet) {
		_, name, _ := strings.Cut(strings.TrimSuffix(aws.ToString(record.Name), "."), ".")
		ofCertificate := record.Type == route53types.RRTypeCname && len(record.ResourceRecords) == 1 &&
			strings.HasSuffix(strings.TrimSuffix(aws.ToString(record.ResourceRecords[0].Value), "."), ".acm-validations.aws")
		if ofCertificate && (name == domain.Name || name == domain.Host(domain.Site)) {
			found = append(found, item{
				what: "certificate's record", id: aws.ToString(record.Name), cost: "free; leave it if another certificate has this name",
				remove: fmt.Sprintf(`aws route53 change-resource-record-sets --hosted-zone-id %s --change-batch '{"Changes":[{"Action":"DELETE","ResourceRecordSet":{"Name":%q,"Type":"CNAME","TTL":%d,"ResourceRecords":[{"Value":%q}]}}]}'`,
					domain.HostedZoneID, aws.ToString(record.Name), aws.ToInt64(record.TTL), aws.ToString(record.ResourceRecords[0].Value)),
			})
		}
	})
	return found, err
}
