package constructs

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// BackupPlanProps configures a BackupPlan.
type BackupPlanProps struct {
	Deployment string // Names the vault and is the value of BackupTag: letters, digits, hyphens; 2 to 43 characters. Required.
	CopyRegion string // Region whose BackupPlan of the same deployment takes the copies. Required.
	Schedule   string // AWS cron expression in UTC. No backup or maintenance window of the database may touch the two hours from here on. Required.
	Days       int    // Days a recovery point is kept, in both vaults. Required.
}

// BackupPlan is one region's vault and the plan that fills it and copies each
// recovery point to the vault of the other region. It backs up what was handed
// to Assign, nothing else. The two regions' plans are alike and know each
// other by name only; whichever has something assigned works.
//
// What it keeps outlives its stack: the vault, which CloudFormation could not
// delete while it holds a recovery point; its key, without which the copies in
// it are lost; and its role, without which recovery points stop expiring. To
// deploy again under the same name, let CloudFormation take the vault back:
// cdk deploy --import-existing-resources. It stays on its old key then.
type BackupPlan struct {
	scope      awsconstructs.Construct
	deployment string
	vault      awsbackup.BackupVault
}

// BackupTag is the key of the tag that assigns a resource to the plan of the
// deployment named by its value.
const BackupTag = "backup-plan"

const (
	// backupStartWindow is the least that AWS Backup takes. RDS refuses a
	// snapshot during its backup and maintenance windows and in the hour before
	// them, so each hour more here is an hour more that they must keep clear of.
	// https://docs.aws.amazon.com/aws-backup/latest/devguide/plan-options-and-configuration.html#backup-window
	backupStartWindow = time.Hour
	// backupCompletionWindow is ample for a first, full snapshot, and ends before
	// the next day's job.
	backupCompletionWindow = 12 * time.Hour
)

// NewBackupPlan defines the vault with its key, the plan and the role that
// carries it out under scope/id.
func NewBackupPlan(scope awsconstructs.Construct, id string, props BackupPlanProps) *BackupPlan {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	b := &BackupPlan{scope: scope, deployment: props.Deployment}
	b.vault = awsbackup.NewBackupVault(scope, jsii.String("Vault"), &awsbackup.BackupVaultProps{
		BackupVaultName: jsii.String(vaultName(props.Deployment)),
		EncryptionKey:   b.newKey(),
		RemovalPolicy:   outlivesStack,
	})
	plan := awsbackup.NewBackupPlan(scope, jsii.String("Plan"), &awsbackup.BackupPlanProps{
		BackupPlanName: jsii.String(props.Deployment),
		BackupVault:    b.vault,
	})
	plan.AddRule(b.newRule(props))
	b.addSelection(plan)
	return b
}

func vaultName(deployment string) string { return deployment + "-backup" }

// newKey encrypts the copies that arrive from the other region: RDS snapshots
// and AMIs taken here keep the key of their source, but a copy takes the key of
// the vault it goes to. Such copies need a customer managed key; its default
// policy leaves the decision to IAM, where AWS's policy for the backup role
// brings DescribeKey and CreateGrant.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/encryption.html#copy-encryption
func (b *BackupPlan) newKey() awskms.Key {
	return awskms.NewKey(b.scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Backup vault of " + b.deployment),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     outlivesStack,
	})
}

// newRule takes snapshots only. A continuous backup would take over the
// instance's own backup window and retention, and so drift from its stack.
// Neither RDS nor EC2 has cold storage.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html#point-in-time-recovery-rds
func (b *BackupPlan) newRule(props BackupPlanProps) awsbackup.BackupPlanRule {
	keep := days(props.Days)
	copyVault := awsbackup.BackupVault_FromBackupVaultArn(b.scope, jsii.String("CopyVault"), b.arn(&awscdk.ArnComponents{
		Service:      jsii.String("backup"),
		Region:       jsii.String(props.CopyRegion),
		Resource:     jsii.String("backup-vault"),
		ResourceName: jsii.String(vaultName(props.Deployment)),
		ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
	}))
	return awsbackup.NewBackupPlanRule(&awsbackup.BackupPlanRuleProps{
		RuleName:           jsii.String("scheduled"),
		ScheduleExpression: awsevents.Schedule_Expression(jsii.String(props.Schedule)),
		StartWindow:        seconds(backupStartWindow),
		CompletionWindow:   seconds(backupCompletionWindow),
		DeleteAfter:        keep,
		CopyActions: &[]*awsbackup.BackupPlanCopyActionProps{
			{DestinationBackupVault: copyVault, DeleteAfter: keep},
		},
	})
}

// addSelection selects by resource type and tag. The types make it independent
// of the account's opt-in settings, which a selection by tag alone obeys, and
// keep out the volumes of a tagged server, which its image contains.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources-json.html
func (b *BackupPlan) addSelection(plan awsbackup.BackupPlan) {
	role := awsiam.NewRole(b.scope, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("Lets AWS Backup back up, copy and expire, not restore"),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("backup.amazonaws.com"), nil),
	})
	role.ApplyRemovalPolicy(outlivesStack)
	acknowledge(role, "AwsSolutions-IAM4", "AWS Backup alone assumes it, and AWS keeps the policy in step with what backing up and copying takes")
	selection := plan.AddSelection(jsii.String("Tagged"), &awsbackup.BackupSelectionOptions{
		Role: role,
		Resources: &[]awsbackup.BackupResource{
			awsbackup.BackupResource_FromArn(b.arn(&awscdk.ArnComponents{
				Service:      jsii.String("rds"),
				Resource:     jsii.String("db"),
				ResourceName: jsii.String("*"),
				ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
			})),
			awsbackup.BackupResource_FromArn(b.arn(&awscdk.ArnComponents{
				Service:      jsii.String("ec2"),
				Resource:     jsii.String("instance"),
				ResourceName: jsii.String("*"),
			})),
		},
	})
	// The L2 has no Conditions; its tags would add to the resources above
	// instead of narrowing them.
	selection.Node().DefaultChild().(awsbackup.CfnBackupSelection).AddPropertyOverride(jsii.String("BackupSelection.Conditions"), map[string]any{
		"StringEquals": []any{map[string]any{
			"ConditionKey":   "aws:ResourceTag/" + BackupTag,
			"ConditionValue": b.deployment,
		}},
	})
}

// Assign has the plan back up a database instance, or the servers of an Auto
// Scaling group from their next launch on, by tagging them. Taking the call
// back removes the tag in place, from servers with their replacement, and leaves
// the recovery points.
func (b *BackupPlan) Assign(resource awsconstructs.IConstruct) {
	awscdk.Tags_Of(resource).Add(jsii.String(BackupTag), jsii.String(b.deployment), &awscdk.TagProps{
		IncludeResourceTypes: jsii.Strings("AWS::RDS::DBInstance", "AWS::AutoScaling::AutoScalingGroup"),
	})
}

// NotifyFailures reports to topic each backup and each copy from this vault
// that failed, was stopped or could not start in time. Call it at most once.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html
//
// The rule publishes through a role: in the policies of a topic and of its key,
// no condition can tell this account's EventBridge rules from another's.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
func (b *BackupPlan) NotifyFailures(topic awssns.ITopic) {
	rule := awsevents.NewRule(b.scope, jsii.String("Failures"), &awsevents.RuleProps{
		Description: jsii.String("Backups and copies of " + b.deployment + " that did not complete; statusMessage has the reason"),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.backup"),
			DetailType: jsii.Strings("Backup Job State Change", "Copy Job State Change"),
			Detail: &map[string]any{
				"state": []string{"FAILED", "ABORTED", "EXPIRED"},
				"$or": []any{
					map[string]any{"backupVaultName": []*string{b.vault.BackupVaultName()}},
					map[string]any{"sourceBackupVaultArn": []*string{b.vault.BackupVaultArn()}},
				},
			},
		},
		Targets: &[]awsevents.IRuleTarget{
			awseventstargets.NewSnsTopic(topic, &awseventstargets.SnsTopicProps{AuthorizeUsingRole: jsii.Bool(true)}),
		},
	})
	acknowledge(rule, "AwsSolutions-IAM5", keyOfTopic)
}

// arn completes an ARN with the partition, account and region of the stack.
func (b *BackupPlan) arn(components *awscdk.ArnComponents) *string {
	return awscdk.Stack_Of(b.scope).FormatArn(components)
}
