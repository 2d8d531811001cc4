package test

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"

	"warm-standby/constructs"
)

const (
	dbInstance = "AWS::RDS::DBInstance"
	dbSecret   = "AWS::SecretsManager::Secret"
)

// primaryDatabase is the writer of a new deployment.
func primaryDatabase() constructs.WarmStandbyDatabaseProps {
	return constructs.WarmStandbyDatabaseProps{
		Name: "books-1", SecretName: "books/database", SecretReplicaRegions: []string{west},
		EngineVersion: "8.4.10", InstanceType: "t4g.medium", StorageGiB: 22, MaxStorageGiB: 100, MultiAz: true,
		BackupDays: 7, DeletionProtection: true, LogDays: 30,
		Schema: "books", Username: "admin", ZoneName: "rds.internal", RecordName: "book",
	}
}

// replicaDatabase is its replica, seen from the other region.
func replicaDatabase() constructs.WarmStandbyDatabaseProps {
	props := primaryDatabase()
	props.Name, props.ReplicaOf, props.SourceRegion = "books-2", "books-1", east
	props.SecretReplicaRegions = nil
	props.MultiAz = false
	return props
}

func databaseTemplate(t *testing.T, region string, props constructs.WarmStandbyDatabaseProps) template {
	t.Helper()
	stack := newStack(t, region)
	zones := []string{region + "a", region + "b"}
	network := constructs.NewTieredVpc(stack, "Network", constructs.TieredVpcProps{Cidr: "172.20.0.0/16", AvailabilityZones: zones, NatGateways: 1, FlowLogDays: 30})
	props.Vpc, props.Subnets = network.Vpc(), network.DatabaseSubnets()
	constructs.NewWarmStandbyDatabase(stack, "Database", props)
	return templateOf(t, stack)
}

func TestPrimaryDatabase(t *testing.T) {
	tm := databaseTemplate(t, east, primaryDatabase())
	tm.has("the writer is private, encrypted, recoverable and protected", dbInstance, object{
		"DBInstanceIdentifier": "books-1", "DBInstanceClass": "db.t4g.medium", "Engine": "mysql", "EngineVersion": "8.4.10",
		"StorageType": "gp3", "AllocatedStorage": "22", "MaxAllocatedStorage": 100, "StorageEncrypted": true,
		"MultiAZ": true, "BackupRetentionPeriod": 7, "DeletionProtection": true, "DBName": "books", "PubliclyAccessible": false,
		"EnableCloudwatchLogsExports": []any{"error", "slowquery"}, "EnablePerformanceInsights": true,
		"SourceDBInstanceIdentifier": assertions.Match_Absent(),
	})
	tm.check("what leaves the settings stays in the account, unless its creation failed", func() {
		for _, resourceType := range []string{dbInstance, dbSecret, "AWS::KMS::Key"} {
			tm.AllResources(str(resourceType), like(object{"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}))
		}
	})
	tm.has("connections without TLS are refused", "AWS::RDS::DBParameterGroup", object{
		"Family": "mysql8.4", "Parameters": like(object{"require_secure_transport": "1"}),
	})
	tm.has("the secret is generated here and replicated to the standby", dbSecret, object{
		"Name": "books/database", "ReplicaRegions": []any{object{"Region": west}}, "SecretString": assertions.Match_Absent(),
		"GenerateSecretString": like(object{"SecretStringTemplate": `{"username":"admin"}`, "GenerateStringKey": "password"}),
	})
	tm.has("the key rotates", "AWS::KMS::Key", object{"EnableKeyRotation": true})
	tm.has("servers know the database by a private name", "AWS::Route53::RecordSet", object{"Name": "book.rds.internal.", "Type": "CNAME"})
	tm.has("its logs have a retention", "AWS::Logs::LogGroup", object{"LogGroupName": "/aws/rds/instance/books-1/slowquery", "RetentionInDays": 30})
	tm.hasNo("nobody may connect until allowed", "AWS::EC2::SecurityGroup", object{"SecurityGroupIngress": assertions.Match_AnyValue(), "GroupDescription": assertions.Match_StringLikeRegexp(str("MySQL.*"))})
	tm.counts(map[string]int{"AWS::EC2::SecurityGroupIngress": 0, "AWS::SecretsManager::SecretTargetAttachment": 0})
}

func TestReplicaDatabase(t *testing.T) {
	tm := databaseTemplate(t, west, replicaDatabase())
	tm.has("the replica names its source and is recoverable by itself", dbInstance, object{
		"DBInstanceIdentifier": "books-2", "Engine": "mysql", "SourceRegion": east, "BackupRetentionPeriod": 7,
		"KmsKeyId": assertions.Match_AnyValue(), "StorageEncrypted": assertions.Match_Absent(), "PubliclyAccessible": false,
		"SourceDBInstanceIdentifier": "arn:aws:rds:us-east-1:111122223333:db:books-1",
		"MasterUsername":             assertions.Match_Absent(), "MasterUserPassword": assertions.Match_Absent(), "DBName": assertions.Match_Absent(),
		"EngineVersion": assertions.Match_Absent(), "AllocatedStorage": assertions.Match_Absent(),
	})
	tm.counts(map[string]int{dbSecret: 0, dbInstance: 1, "AWS::KMS::Key": 1})
	tm.has("the private name is the writer's", "AWS::Route53::RecordSet", object{"Name": "book.rds.internal.", "Type": "CNAME"})
}

// TestPromotionDropsTheSourceOnly is the promise that lets CloudFormation
// promote in place: nothing else about the instance may change.
func TestPromotionDropsTheSourceOnly(t *testing.T) {
	promoted := replicaDatabase()
	promoted.Promoted = true
	before := *databaseTemplate(t, west, replicaDatabase()).FindResources(str(dbInstance), nil)
	after := *databaseTemplate(t, west, promoted).FindResources(str(dbInstance), nil)
	for _, instance := range before {
		properties := (*instance)["Properties"].(object)
		if _, ok := properties["SourceDBInstanceIdentifier"]; !ok {
			t.Fatal("the replica has no source to drop")
		}
		delete(properties, "SourceDBInstanceIdentifier")
	}
	equal(t, "the promoted instance", after, before)
}

func TestSuccessorOfAnInstanceIsANewResource(t *testing.T) {
	successor := replicaDatabase()
	successor.Name, successor.ReplicaOf, successor.SourceRegion = "books-3", "books-2", west
	first := databaseTemplate(t, east, primaryDatabase()).only("one instance", dbInstance, object{})
	second := databaseTemplate(t, east, successor).only("one instance", dbInstance, object{})
	if first == second {
		t.Errorf("books-1 and books-3 share the logical id %s: CloudFormation would replace the one by the other", first)
	}
}

func TestUnprotectedDatabaseLeavesASnapshot(t *testing.T) {
	props := primaryDatabase()
	props.DeletionProtection = false
	tm := databaseTemplate(t, east, props)
	tm.check("the instance leaves with a final snapshot", func() {
		tm.AllResources(str(dbInstance), like(object{"DeletionPolicy": "Snapshot", "Properties": like(object{"DeletionProtection": false})}))
	})
	tm.check("the key stays, for the snapshot", func() {
		tm.AllResources(str("AWS::KMS::Key"), like(object{"DeletionPolicy": "RetainExceptOnCreate"}))
	})
}

func TestSmallClassesHaveNoPerformanceInsights(t *testing.T) {
	for class, want := range map[string]bool{"t3.micro": false, "t4g.small": false, "t4g.medium": true, "m7g.large": true} {
		t.Run(class, func(t *testing.T) {
			props := primaryDatabase()
			props.InstanceType = class
			tm := databaseTemplate(t, east, props)
			tm.has("Performance Insights where RDS offers it", dbInstance, object{"EnablePerformanceInsights": want})
		})
	}
}

func TestImpossibleBirths(t *testing.T) {
	for name, spoil := range map[string]func(*constructs.WarmStandbyDatabaseProps){
		"a replica of nowhere":  func(p *constructs.WarmStandbyDatabaseProps) { p.ReplicaOf = "books-1" },
		"promoted from nothing": func(p *constructs.WarmStandbyDatabaseProps) { p.Promoted = true },
	} {
		t.Run(name, func(t *testing.T) {
			props := primaryDatabase()
			spoil(&props)
			message := panicOf(func() { databaseTemplate(t, east, props) })
			if !strings.HasPrefix(message, "WarmStandbyDatabaseProps: ") {
				t.Errorf("want a panic that names the props, got %q", message)
			}
		})
	}
}
