package test

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

func TestBackupPlan(t *testing.T) {
	for _, tt := range []struct{ region, other string }{{east, west}, {west, east}} {
		t.Run(tt.region, func(t *testing.T) {
			stack := newStack(t, tt.region)
			newBackupPlan(stack, tt.other)
			tm := templateOf(t, stack)

			tm.counts(map[string]int{"AWS::Backup::BackupVault": 1, "AWS::Backup::BackupPlan": 1, "AWS::Backup::BackupSelection": 1, "AWS::Events::Rule": 0})
			tm.has("the vault has a name that the other region can build", "AWS::Backup::BackupVault", object{
				"BackupVaultName":  "books-backup",
				"EncryptionKeyArn": like(object{"Fn::GetAtt": contains("Arn")}),
			})
			for _, lock := range []string{"LockConfiguration", "AccessPolicy"} {
				tm.hasNo("nothing keeps people from clearing the vault on purpose", "AWS::Backup::BackupVault", object{lock: assertions.Match_AnyValue()})
			}
			tm.has("its key rotates", "AWS::KMS::Key", object{"EnableKeyRotation": true})
			for _, resourceType := range []string{"AWS::Backup::BackupVault", "AWS::KMS::Key", "AWS::IAM::Role"} {
				tm.check("recovery points stay, readable and expiring, when the stack goes; a failed first deploy leaves nothing: "+resourceType, func() {
					tm.AllResources(jsii.String(resourceType), object{"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"})
				})
			}
			keep := object{"DeleteAfterDays": 35, "MoveToColdStorageAfterDays": assertions.Match_Absent()}
			tm.has("snapshots, kept as long in both vaults", "AWS::Backup::BackupPlan", object{
				"BackupPlan": object{
					"BackupPlanName": "books",
					"BackupPlanRule": []any{object{
						"RuleName":                "scheduled",
						"TargetBackupVault":       like(object{"Fn::GetAtt": contains("BackupVaultName")}),
						"ScheduleExpression":      "cron(0 5 * * ? *)",
						"StartWindowMinutes":      60,
						"CompletionWindowMinutes": 720,
						"Lifecycle":               keep,
						"CopyActions": []any{object{
							"DestinationBackupVaultArn": "arn:aws:backup:" + tt.other + ":" + account + ":backup-vault:books-backup",
							"Lifecycle":                 keep,
						}},
						"EnableContinuousBackup": assertions.Match_Absent(),
					}},
				},
			})
			tm.has("database instances and servers of this region, if tagged", "AWS::Backup::BackupSelection", object{
				"BackupSelection": like(object{
					"ListOfTags": assertions.Match_Absent(),
					"Resources": []any{
						"arn:aws:rds:" + tt.region + ":" + account + ":db:*",
						"arn:aws:ec2:" + tt.region + ":" + account + ":instance/*",
					},
					"Conditions": object{"StringEquals": []any{object{"ConditionKey": "aws:ResourceTag/backup-plan", "ConditionValue": "books"}}},
				}),
			})
			tm.has("the role may back up, and only that", "AWS::IAM::Role", object{
				"ManagedPolicyArns": []any{object{"Fn::Join": []any{"", contains(":iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup")}}},
				"Policies":          assertions.Match_Absent(),
			})
			tm.counts(map[string]int{"AWS::IAM::Role": 1, "AWS::IAM::Policy": 0})
		})
	}
}

func TestBackupPlanAssign(t *testing.T) {
	tagged := contains(object{"Key": "backup-plan", "Value": "books"})
	launched := contains(object{"Key": "backup-plan", "Value": "books", "PropagateAtLaunch": true})
	for _, tt := range []struct {
		name     string
		assigned bool
		want     int
	}{
		{"the writer and its servers are backed up", true, 1},
		{"the standby's plan stands by: nothing is assigned", false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := newStack(t, east)
			plan := newBackupPlan(stack, west)
			vpc := constructs.NewTieredVpc(stack, "Network", constructs.TieredVpcProps{
				Cidr: "172.20.0.0/16", AvailabilityZones: []string{"us-east-1a", "us-east-1b"}, NatGateways: 1, FlowLogDays: 30,
			})
			database := awsrds.NewDatabaseInstance(stack, jsii.String("Database"), &awsrds.DatabaseInstanceProps{
				Engine:           awsrds.DatabaseInstanceEngine_MYSQL(),
				Vpc:              vpc.Vpc(),
				VpcSubnets:       vpc.DatabaseSubnets(),
				StorageEncrypted: jsii.Bool(true),
			})
			servers := awsautoscaling.NewAutoScalingGroup(stack, jsii.String("Servers"), &awsautoscaling.AutoScalingGroupProps{
				Vpc:          vpc.Vpc(),
				VpcSubnets:   vpc.WebSubnets(),
				InstanceType: awsec2.NewInstanceType(jsii.String("t4g.small")),
				MachineImage: awsec2.MachineImage_GenericLinux(&map[string]*string{east: jsii.String("ami-0123456789abcdef0")}, nil),
			})
			if tt.assigned {
				plan.Assign(database)
				plan.Assign(servers)
			}
			tm := templateOf(t, stack)
			for resourceType, tags := range map[string]any{"AWS::RDS::DBInstance": tagged, "AWS::AutoScaling::AutoScalingGroup": launched} {
				tm.check(resourceType, func() {
					tm.ResourcePropertiesCountIs(jsii.String(resourceType), object{"Tags": tags}, jsii.Number(tt.want))
				})
			}
			for _, resourceType := range []string{"AWS::RDS::DBSubnetGroup", "AWS::SecretsManager::Secret", "AWS::EC2::SecurityGroup", "AWS::IAM::Role"} {
				tm.hasNo("what surrounds them is not tagged", resourceType, object{"Tags": tagged})
			}
			tm.hasNo("a volume in its server's image is not backed up twice", "AWS::EC2::LaunchTemplate", object{
				"LaunchTemplateData": like(object{"TagSpecifications": contains(like(object{"Tags": tagged}))}),
			})
		})
	}
}

func TestBackupPlanNotifyFailures(t *testing.T) {
	stack := newStack(t, east)
	plan := newBackupPlan(stack, west)
	notifications := constructs.NewNotifications(stack, "Notifications", constructs.NotificationsProps{Emails: []string{"ops@example.com"}})
	plan.NotifyFailures(notifications.Topic())
	tm := templateOf(t, stack)

	topic := object{"Ref": soleTopic(tm)}
	vault := func(attribute string) any { return []any{like(object{"Fn::GetAtt": contains(attribute)})} }
	tm.has("failures of this vault's backups, and of copies out of it, not into it", "AWS::Events::Rule", object{
		"State": "ENABLED",
		"EventPattern": object{
			"source":      []any{"aws.backup"},
			"detail-type": []any{"Backup Job State Change", "Copy Job State Change"},
			"detail": object{
				"state": []any{"FAILED", "ABORTED", "EXPIRED"},
				"$or": []any{
					object{"backupVaultName": vault("BackupVaultName")},
					object{"sourceBackupVaultArn": vault("BackupVaultArn")},
				},
			},
		},
		"Targets": []any{like(object{
			"Arn":              topic,
			"RoleArn":          like(object{"Fn::GetAtt": contains("Arn")}),
			"InputTransformer": assertions.Match_Absent(), // the event itself says most
		})},
	})
	tm.has("through a role that may publish and encrypt", "AWS::IAM::Policy", object{
		"PolicyDocument": like(object{"Statement": contains(
			like(object{"Action": "sns:Publish", "Resource": topic}),
			like(object{"Action": []any{"kms:Decrypt", "kms:GenerateDataKey*"}}),
		)}),
	})
	events := like(object{"Statement": contains(like(object{"Principal": object{"Service": "events.amazonaws.com"}}))})
	tm.hasNo("not as a service", "AWS::SNS::TopicPolicy", object{"PolicyDocument": events})
	tm.hasNo("not as a service", "AWS::KMS::Key", object{"KeyPolicy": events})
}

func newBackupPlan(stack awscdk.Stack, other string) *constructs.BackupPlan {
	return constructs.NewBackupPlan(stack, "Backup", constructs.BackupPlanProps{
		Deployment: "books", CopyRegion: other, Schedule: "cron(0 5 * * ? *)", Days: 35,
	})
}

// soleTopic is the logical id of the template's one topic.
func soleTopic(tm template) string {
	tm.t.Helper()
	topics := *tm.FindResources(jsii.String("AWS::SNS::Topic"), nil)
	if len(topics) != 1 {
		tm.t.Fatalf("want one topic, got %d", len(topics))
	}
	for id := range topics {
		return id
	}
	return ""
}
