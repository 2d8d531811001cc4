package constructs

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// WarmStandbyDatabaseProps configures one region's half of the database.
//
// An instance's birth is fixed for its life: with ReplicaOf empty it is created
// with an empty schema, otherwise it is replicated from another region. A
// replica becomes the writer when Promoted turns true, which CloudFormation
// carries out in place, or by a call of RDS's API. After such a call Promoted
// stays false for the instance's life.
type WarmStandbyDatabaseProps struct {
	Vpc     awsec2.IVpc             // Required.
	Subnets *awsec2.SubnetSelection // Of two zones at least, Multi-AZ or not: RDS asks it of a subnet group. Required.

	Name         string // DB instance identifier. A new name is a new instance; the old one's fate is DeletionProtection's. Required.
	ReplicaOf    string // Identifier of the instance this one was replicated from. Default: created empty.
	SourceRegion string // Region of ReplicaOf. Required with it, and fixed with it.
	Promoted     bool   // A replica that CloudFormation has made, or is to make, the writer. Default: it replicates, or something else promoted it.

	SecretName           string   // Of the master secret, the same in every region. Required.
	SecretReplicaRegions []string // Regions this region's secret is replicated to. Default: this region owns no secret and reads the replica it was given.

	EngineVersion      string // MySQL version at creation, such as 8.4.10; RDS keeps the minor version up to date. Required.
	InstanceType       string // Without "db.", such as t4g.medium. Required.
	StorageGiB         int    // gp3 storage at creation; a replica takes its source's. 20 or more. Required.
	MaxStorageGiB      int    // Storage autoscaling limit, at least 1.1 times StorageGiB. Default: no autoscaling.
	MultiAz            bool   // Default: one zone.
	BackupDays         int    // Retention of automated backups, 1 to 35; a replica needs them to be recoverable once it is promoted. Required.
	BackupWindow       string // UTC, such as 02:00-03:00. Default: RDS chooses.
	MaintenanceWindow  string // UTC, such as sun:03:30-sun:04:30. Default: RDS chooses.
	DeletionProtection bool   // On: the instance cannot be deleted, so neither can its stack; replaced by one of another name, it stays in the account. Off: it leaves with a final snapshot (as a replica without one). Default: off.
	AllowPlaintext     bool   // Connections without TLS are accepted, too. Default: refused.
	LogDays            int    // Retention of the error and slow query logs, one of LogRetentionDays. Required.

	Schema   string // Initial database. Required.
	Username string // Master user. Required.

	ZoneName   string // Private hosted zone, the same in every region. Required.
	RecordName string // Label of the instance's CNAME in that zone. Required.
}

// WarmStandbyDatabase is one region's half of a MySQL database that has a
// cross-region read replica: the instance, its key, the region's copy of the
// master secret, and a private name that is the same in both regions. It
// imports nothing from the other region: the source is named, not referenced.
type WarmStandbyDatabase struct {
	scope    awsconstructs.Construct
	props    WarmStandbyDatabaseProps
	key      awskms.Key
	instance awsrds.IDatabaseInstance
	secret   awssecretsmanager.ISecret
}

const (
	mysqlPort = 3306

	// privateNameTTL is short so that servers follow soon when the name moves to
	// another instance; within one instance RDS moves the endpoint itself.
	privateNameTTL = 30 * time.Second

	// masterPasswordLength and excludedFromPasswords fit RDS for MySQL: 8 to 41
	// printable characters without / " @ and space
	// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html);
	// the rest is left out to survive shells and connection strings.
	masterPasswordLength  = 40
	excludedFromPasswords = " %+~`#$&*()|[]{}:;<>?!'/@\"\\"
)

// exportedLogs are the MySQL logs sent to CloudWatch Logs. The slow query log
// needs log_output FILE.
var exportedLogs = []string{"error", "slowquery"}

// NewWarmStandbyDatabase defines the database's half under scope/id.
func NewWarmStandbyDatabase(scope awsconstructs.Construct, id string, props WarmStandbyDatabaseProps) *WarmStandbyDatabase {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	d := &WarmStandbyDatabase{scope: scope, props: props}
	if (props.ReplicaOf == "") != (props.SourceRegion == "") || (props.Promoted && props.ReplicaOf == "") {
		panic(fmt.Sprintf("WarmStandbyDatabaseProps: want ReplicaOf and SourceRegion together, and Promoted only with them (got %q, %q, %v)",
			props.ReplicaOf, props.SourceRegion, props.Promoted))
	}
	d.key = awskms.NewKey(scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Storage, backups and performance data of the database"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     outlivesStack, // final snapshots and retained instances are unreadable without it
	})
	d.secret = d.newSecret()
	d.instance = d.newInstance()
	d.addPrivateName()
	acknowledge(d.instance, "AwsSolutions-RDS11", "Another port would hide nothing: the API servers alone reach it, by their security group")
	if !props.MultiAz {
		acknowledge(d.instance, "AwsSolutions-RDS3", "MultiAz is off by choice: the other region holds a copy, and a promotion adds the second zone")
	}
	if !props.DeletionProtection {
		acknowledge(d.instance, "AwsSolutions-RDS10", "DeletionProtection is off by choice; the writer then leaves with a final snapshot")
	}
	return d
}

// newSecret generates the master secret in the region that owns it. Each
// region's copy is encrypted with that region's own aws/secretsmanager key: a
// customer key of the other region would have to exist before this stack, whose
// instance has to exist before the other region's stack.
func (d *WarmStandbyDatabase) newSecret() awssecretsmanager.ISecret {
	name := jsii.String(d.props.SecretName)
	if len(d.props.SecretReplicaRegions) == 0 {
		return awssecretsmanager.Secret_FromSecretNameV2(d.scope, jsii.String("Secret"), name)
	}
	var replicas []*awssecretsmanager.ReplicaRegion
	for _, region := range d.props.SecretReplicaRegions {
		replicas = append(replicas, &awssecretsmanager.ReplicaRegion{Region: jsii.String(region)})
	}
	secret := awssecretsmanager.NewSecret(d.scope, jsii.String("Secret"), &awssecretsmanager.SecretProps{
		SecretName:     name,
		Description:    jsii.String("Master user of the database"),
		ReplicaRegions: &replicas,
		RemovalPolicy:  d.removal(awscdk.RemovalPolicy_DESTROY),
		GenerateSecretString: &awssecretsmanager.SecretStringGenerator{
			SecretStringTemplate: jsii.String(fmt.Sprintf(`{"username":%q}`, d.props.Username)),
			GenerateStringKey:    jsii.String("password"),
			PasswordLength:       jsii.Number(masterPasswordLength),
			ExcludeCharacters:    jsii.String(excludedFromPasswords),
		},
	})
	acknowledge(secret, "AwsSolutions-SMG4", "Rotation is a choice: SecretRotation does it, by a function of its own and only where the writer is")
	return secret
}

// removal is the policy of the instance and of what is of use only beside it:
// they stay while the instance is protected, else leave as said.
func (d *WarmStandbyDatabase) removal(unprotected awscdk.RemovalPolicy) awscdk.RemovalPolicy {
	if d.props.DeletionProtection {
		return outlivesStack
	}
	return unprotected
}

func (d *WarmStandbyDatabase) newInstance() awsrds.IDatabaseInstance {
	engine := awsrds.DatabaseInstanceEngine_Mysql(&awsrds.MySqlInstanceEngineProps{
		Version: awsrds.MysqlEngineVersion_Of(jsii.String(d.props.EngineVersion), jsii.String(majorVersion(d.props.EngineVersion))),
	})
	requireTLS := "1" // RDS for MySQL 8.4 has 0 by default
	if d.props.AllowPlaintext {
		requireTLS = "0"
	}
	placed := placement{
		subnetGroup: awsrds.NewSubnetGroup(d.scope, jsii.String("SubnetGroup"), &awsrds.SubnetGroupProps{
			Description: jsii.String("The database tier's subnets"),
			Vpc:         d.props.Vpc,
			VpcSubnets:  d.props.Subnets,
		}),
		parameters: awsrds.NewParameterGroup(d.scope, jsii.String("Parameters"), &awsrds.ParameterGroupProps{
			Engine:      engine,
			Description: jsii.String("Transport security and the slow query log"), // fixed: another is another group, and a reboot
			Parameters: &map[string]*string{
				// Dynamic: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-ssl-connections.require-ssl.html
				"require_secure_transport": jsii.String(requireTLS),
				"slow_query_log":           jsii.String("1"),
				"long_query_time":          jsii.String("1"), // seconds
				"log_output":               jsii.String("FILE"),
			},
		}),
		securityGroup: closedGroup(d.scope, "SecurityGroup", d.props.Vpc, "MySQL: open to the API servers only"),
	}
	if d.props.ReplicaOf == "" {
		return d.created(engine, placed)
	}
	return d.replicated(placed)
}

// placement is what an instance stands on, whatever its birth. It keeps its ids
// when the instance gets a successor.
type placement struct {
	subnetGroup   awsrds.SubnetGroup
	parameters    awsrds.ParameterGroup
	securityGroup awsec2.SecurityGroup
}

func (d *WarmStandbyDatabase) created(engine awsrds.IInstanceEngine, placed placement) awsrds.IDatabaseInstance {
	instance := awsrds.NewDatabaseInstance(d.scope, jsii.String(d.props.Name), &awsrds.DatabaseInstanceProps{
		Engine:                          engine,
		Credentials:                     awsrds.Credentials_FromPassword(jsii.String(d.props.Username), d.secret.SecretValueFromJson(jsii.String("password"))),
		DatabaseName:                    jsii.String(d.props.Schema),
		AllocatedStorage:                jsii.Number(d.props.StorageGiB),
		StorageEncryptionKey:            d.key,
		Vpc:                             d.props.Vpc,
		SubnetGroup:                     placed.subnetGroup,
		ParameterGroup:                  placed.parameters,
		SecurityGroups:                  &[]awsec2.ISecurityGroup{placed.securityGroup},
		InstanceIdentifier:              jsii.String(d.props.Name),
		InstanceType:                    awsec2.NewInstanceType(jsii.String(d.props.InstanceType)),
		StorageType:                     awsrds.StorageType_GP3,
		MaxAllocatedStorage:             optionalNumber(d.props.MaxStorageGiB),
		MultiAz:                         jsii.Bool(d.props.MultiAz),
		PubliclyAccessible:              jsii.Bool(false),
		BackupRetention:                 days(d.props.BackupDays),
		PreferredBackupWindow:           optionalString(d.props.BackupWindow),
		PreferredMaintenanceWindow:      optionalString(d.props.MaintenanceWindow),
		AutoMinorVersionUpgrade:         jsii.Bool(true),
		CloudwatchLogsExports:           jsii.Strings(exportedLogs...),
		EnablePerformanceInsights:       jsii.Bool(d.hasPerformanceInsights()),
		PerformanceInsightEncryptionKey: d.performanceKey(),
		DeletionProtection:              jsii.Bool(d.props.DeletionProtection),
		RemovalPolicy:                   d.removal(awscdk.RemovalPolicy_SNAPSHOT),
	})
	d.addLogGroups(instance)
	return instance
}

// replicated defines an instance that was born as a replica. While it copies,
// SourceDBInstanceIdentifier names its source; dropping that property promotes
// it, which CloudFormation can't roll back
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html).
// Its handler compares one template with the other, not with the instance:
// dropped from an instance promoted otherwise, it calls PromoteReadReplica
// again, which RDS refuses; kept, it does nothing
// (https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds, UpdateHandler.java).
func (d *WarmStandbyDatabase) replicated(placed placement) awsrds.IDatabaseInstance {
	replica := awsrds.NewDatabaseInstanceReadReplica(d.scope, jsii.String(d.props.Name), &awsrds.DatabaseInstanceReadReplicaProps{
		SourceDatabaseInstance:          d.namedSource(),
		StorageEncryptionKey:            d.key,
		Vpc:                             d.props.Vpc,
		SubnetGroup:                     placed.subnetGroup,
		ParameterGroup:                  placed.parameters,
		SecurityGroups:                  &[]awsec2.ISecurityGroup{placed.securityGroup},
		InstanceIdentifier:              jsii.String(d.props.Name),
		InstanceType:                    awsec2.NewInstanceType(jsii.String(d.props.InstanceType)),
		StorageType:                     awsrds.StorageType_GP3,
		MaxAllocatedStorage:             optionalNumber(d.props.MaxStorageGiB),
		MultiAz:                         jsii.Bool(d.props.MultiAz),
		PubliclyAccessible:              jsii.Bool(false),
		BackupRetention:                 days(d.props.BackupDays),
		PreferredBackupWindow:           optionalString(d.props.BackupWindow),
		PreferredMaintenanceWindow:      optionalString(d.props.MaintenanceWindow),
		AutoMinorVersionUpgrade:         jsii.Bool(true),
		CloudwatchLogsExports:           jsii.Strings(exportedLogs...),
		EnablePerformanceInsights:       jsii.Bool(d.hasPerformanceInsights()),
		PerformanceInsightEncryptionKey: d.performanceKey(),
		DeletionProtection:              jsii.Bool(d.props.DeletionProtection),
		RemovalPolicy:                   d.removal(awscdk.RemovalPolicy_SNAPSHOT),
	})
	resource := replica.Node().DefaultChild().(awsrds.CfnDBInstance)
	// What the L2 does not offer or gets wrong is fixed at birth and stays after
	// promotion, for a change of any of it replaces the instance or is refused:
	// the region copied from; the engine, named so that CloudFormation need not
	// ask the source's region; and encryption, which follows from the key alone.
	resource.SetSourceRegion(jsii.String(d.props.SourceRegion))
	resource.SetEngine(jsii.String("mysql"))
	resource.AddPropertyDeletionOverride(jsii.String("StorageEncrypted"))
	acknowledge(replica, "CloudFormation-Validate::W9008", "A replica's KMS key encrypts it; StorageEncrypted must not stand beside a source, and adding it on promotion would replace the writer")
	if d.props.Promoted {
		resource.AddPropertyDeletionOverride(jsii.String("SourceDBInstanceIdentifier"))
	} else {
		resource.SetSourceDbInstanceIdentifier(jsii.String(d.sourceArn()))
	}
	d.addLogGroups(replica)
	return replica
}

// namedSource satisfies the L2, which wants an instance where a name is all
// there is; it would place the source in this stack's region, so its ARN is
// not used.
func (d *WarmStandbyDatabase) namedSource() awsrds.IDatabaseInstance {
	return awsrds.DatabaseInstance_FromDatabaseInstanceAttributes(d.scope, jsii.String("Source"), &awsrds.DatabaseInstanceAttributes{
		InstanceIdentifier:      jsii.String(d.props.ReplicaOf),
		InstanceEndpointAddress: jsii.String(d.props.ReplicaOf),
		Port:                    jsii.Number(mysqlPort),
		SecurityGroups:          &[]awsec2.ISecurityGroup{},
	})
}

func (d *WarmStandbyDatabase) sourceArn() string {
	return *awscdk.Stack_Of(d.scope).FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("rds"),
		Region:       jsii.String(d.props.SourceRegion),
		Resource:     jsii.String("db"),
		ResourceName: jsii.String(d.props.ReplicaOf),
		ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
}

// addLogGroups creates the groups RDS would create without a retention. It must
// be there before the instance that writes to it.
func (d *WarmStandbyDatabase) addLogGroups(instance awsconstructs.IConstruct) {
	for _, log := range exportedLogs {
		group := newLogGroup(d.scope, d.props.Name+"-"+log, d.props.LogDays,
			fmt.Sprintf("/aws/rds/instance/%s/%s", d.props.Name, log))
		group.ApplyRemovalPolicy(d.removal(awscdk.RemovalPolicy_DESTROY))
		instance.Node().AddDependency(group)
	}
}

// tooSmallForInsights are the classes without Performance Insights on MySQL
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DatabaseInsights.Engines.html).
var tooSmallForInsights = regexp.MustCompile(`^t(2|3|4g)\.(micro|small)$`)

func (d *WarmStandbyDatabase) hasPerformanceInsights() bool {
	return !tooSmallForInsights.MatchString(d.props.InstanceType)
}

func (d *WarmStandbyDatabase) performanceKey() awskms.IKey {
	if !d.hasPerformanceInsights() {
		return nil
	}
	return d.key
}

func (d *WarmStandbyDatabase) addPrivateName() {
	zone := awsroute53.NewPrivateHostedZone(d.scope, jsii.String("Zone"), &awsroute53.PrivateHostedZoneProps{
		ZoneName: jsii.String(d.props.ZoneName),
		Vpc:      d.props.Vpc,
	})
	awsroute53.NewCnameRecord(d.scope, jsii.String("Record"), &awsroute53.CnameRecordProps{
		Zone:       zone,
		RecordName: jsii.String(d.props.RecordName),
		DomainName: d.instance.DbInstanceEndpointAddress(),
		Ttl:        seconds(privateNameTTL),
	})
}

// majorVersion is the 8.4 of 8.4.10, which names the parameter group's family.
func majorVersion(version string) string {
	i := strings.LastIndex(version, ".")
	if i < 0 {
		panic(fmt.Sprintf("WarmStandbyDatabaseProps.EngineVersion: want a version such as 8.4.10 (got %q)", version))
	}
	return version[:i]
}

// Connections is the instance's security group: nobody may connect until
// allowed here.
func (d *WarmStandbyDatabase) Connections() awsec2.Connections { return d.instance.Connections() }

// GrantReadSecret lets grantee read the region's own copy of the master secret,
// a JSON object with username and password.
func (d *WarmStandbyDatabase) GrantReadSecret(grantee awsiam.IGrantable) {
	d.secret.GrantRead(grantee, nil)
}

// SecretName is the secret's name, the same in both regions.
func (d *WarmStandbyDatabase) SecretName() string { return d.props.SecretName }

// Host is the private name of the region's instance, the same in both regions.
func (d *WarmStandbyDatabase) Host() string { return d.props.RecordName + "." + d.props.ZoneName }

// Endpoint is RDS's own name of the instance, the one its certificate carries.
func (d *WarmStandbyDatabase) Endpoint() string { return *d.instance.DbInstanceEndpointAddress() }

// Port is what the instance listens on.
func (d *WarmStandbyDatabase) Port() int { return mysqlPort }

// Schema is the initial database.
func (d *WarmStandbyDatabase) Schema() string { return d.props.Schema }

// Instance is the RDS instance.
func (d *WarmStandbyDatabase) Instance() awsrds.IDatabaseInstance { return d.instance }
