package constructs

import (
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// SecretRotationProps configures a SecretRotation.
type SecretRotationProps struct {
	Database   *WarmStandbyDatabase    // Of the region that owns the secret. Required.
	Vpc        awsec2.IVpc             // The database's. Required.
	Subnets    *awsec2.SubnetSelection // With a way to Secrets Manager, by NAT or endpoint. Required.
	Artifact   string                  // A .zip with rotation.js at its root. Required.
	WriterName string                  // FailoverDns's record that says which region writes: in any other the function refuses. Required.
	Days       int                     // Between two passwords, 1 to 1000. Default: no schedule, the function is there and nothing calls it.
	Alarms     *Alarms                 // The region's, with which a rotation that failed is told and shown. Required.
	LogDays    int                     // Retention of the function's log. Required.
}

// SecretRotation changes the database's password on a schedule, by a function of
// its own: those of AWS would change the password of this region's database, and
// then the secret of both regions, after another has become the writer.
//
// A region's role brings and takes the schedule alone. A failover then creates
// neither a role nor a function, and the way home has both.
type SecretRotation struct {
	scope    awsconstructs.Construct
	props    SecretRotationProps
	function awslambda.Function
}

const (
	rotationHandler = "rotation.handler"

	// A step takes a second or two. This is what its own deadlines add up to: DNS,
	// three calls of Secrets Manager and three connections.
	rotationTimeout = time.Minute

	rotationMemoryMiB = 256
)

// NewSecretRotation defines the function, its alarm and its schedule under scope/id.
func NewSecretRotation(scope awsconstructs.Construct, id string, props SecretRotationProps) *SecretRotation {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	r := &SecretRotation{scope: scope, props: props}
	r.addFunction()
	r.addAlarm()
	if props.Days > 0 {
		r.addSchedule()
	} else {
		props.Database.KeepPassword("The writer is in the other region, and its password with it")
	}
	return r
}

func (r *SecretRotation) addFunction() {
	database := r.props.Database
	group := closedGroup(r.scope, "SecurityGroup", r.props.Vpc, "Password rotation: to the database and AWS only")
	group.AddEgressRule(awsec2.Peer_AnyIpv4(), awsec2.Port_HTTPS(), jsii.String("AWS"), nil)
	group.Connections().AllowTo(database.Connections(), awsec2.Port_Tcp(jsii.Number(database.Port())), jsii.String("MySQL from the password rotation"))
	logs := newLogGroup(r.scope, "Logs", r.props.LogDays)
	role := r.newRole()
	logs.GrantWrite(role)

	r.function = awslambda.NewFunction(r.scope, jsii.String("Function"), &awslambda.FunctionProps{
		Description:    jsii.String("Changes the database's password, called by Secrets Manager"),
		Runtime:        awslambda.Runtime_NODEJS_24_X(),
		Architecture:   awslambda.Architecture_ARM_64(),
		Code:           awslambda.Code_FromAsset(jsii.String(r.props.Artifact), nil),
		Handler:        jsii.String(rotationHandler),
		Timeout:        seconds(rotationTimeout),
		MemorySize:     jsii.Number(rotationMemoryMiB),
		Role:           role,
		LogGroup:       logs,
		LoggingFormat:  awslambda.LoggingFormat_JSON,
		Vpc:            r.props.Vpc,
		VpcSubnets:     r.props.Subnets,
		SecurityGroups: &[]awsec2.ISecurityGroup{group},
		Environment: &map[string]*string{
			"DB_HOST":      jsii.String(database.Host()),
			"DB_PORT":      jsii.String(strconv.Itoa(database.Port())),
			"DB_NAME":      jsii.String(database.Schema()),
			"DB_SECRET_ID": jsii.String(database.SecretName()),
			"DB_TLS_NAME":  jsii.String(database.Endpoint()),
			"WRITER_NAME":  jsii.String(r.props.WriterName),
		},
	})
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
	r.function.AddPermission(jsii.String("SecretsManager"), &awslambda.Permission{
		Principal:     awsiam.NewServicePrincipal(jsii.String("secretsmanager.amazonaws.com"), nil),
		SourceAccount: awscdk.Stack_Of(r.scope).Account(),
		SourceArn:     database.secret.SecretArn(),
	})
	r.keepNetworkFromCode(role)
}

// interfaces is what Lambda does with the function's role to join it to the VPC.
var interfaces = []string{"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"}

// newRole is the function's, which may rotate the one secret. It stands in for
// AWSLambdaVPCAccessExecutionRole, which holds for every region's network and log.
func (r *SecretRotation) newRole() awsiam.Role {
	role := awsiam.NewRole(r.scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
	})
	allow := func(resource *string, actions ...string) {
		role.AddToPrincipalPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions:   jsii.Strings(actions...),
			Resources: &[]*string{resource},
		}))
	}
	allow(r.props.Database.secret.SecretArn(),
		"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage")
	// With any one resource named, Lambda may fail to join the VPC:
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
	allow(awscdk.Stack_Of(r.scope).FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("ec2"),
		Resource:     jsii.String("*"),
		ResourceName: jsii.String("*"),
	}), interfaces...)
	allow(jsii.String("*"), "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets") // they have no resource-level permission
	acknowledge(role, "AwsSolutions-IAM5", "Lambda joins the VPC by the function's role, with any one resource named perhaps not; the function's own code is denied it")
	return role
}

// keepNetworkFromCode denies the function's own code what only Lambda needs.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice
func (r *SecretRotation) keepNetworkFromCode(role awsiam.IRole) {
	awsiam.NewPolicy(r.scope, jsii.String("NoNetworkFromCode"), &awsiam.PolicyProps{
		Roles: &[]awsiam.IRole{role},
		Statements: &[]awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Effect:     awsiam.Effect_DENY,
			Actions:    jsii.Strings(append([]string{"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"}, interfaces...)...),
			Resources:  jsii.Strings("*"),
			Conditions: &map[string]any{"ArnEquals": map[string]any{"lambda:SourceFunctionArn": r.function.FunctionArn()}},
		})},
	})
}

// addAlarm tells of each step that failed, a refusal included.
func (r *SecretRotation) addAlarm() {
	r.props.Alarms.add(r.scope, "Failed", alarm{
		metric: r.function.MetricErrors(statistic("Sum", time.Hour)),
		beyond: above, threshold: 0, datapoints: 1, periods: 1, missing: silenceIsFine,
		meaning: "The database's password was not changed; servers go on with the one they have. " +
			"Look first at the function's log, which says why: after a failover it refuses, as it must, until the settings are deployed.",
	})
}

// addSchedule has Secrets Manager call the function. A new schedule rotates nothing
// at once: servers may be starting with the password that is there. But it has the
// function log in, so the database and the way to it come first.
//
// The L2 is not used because it would bring and take more with it: permissions of
// the role, which IAM's control plane in us-east-1 would have to change, and a policy
// of the secret.
func (r *SecretRotation) addSchedule() {
	schedule := awssecretsmanager.NewCfnRotationSchedule(r.scope, jsii.String("Schedule"), &awssecretsmanager.CfnRotationScheduleProps{
		SecretId:                  r.props.Database.secret.SecretArn(),
		RotationLambdaArn:         r.function.FunctionArn(),
		RotationRules:             &awssecretsmanager.CfnRotationSchedule_RotationRulesProperty{AutomaticallyAfterDays: jsii.Number(r.props.Days)},
		RotateImmediatelyOnUpdate: jsii.Bool(false),
	})
	schedule.Node().AddDependency(r.function, r.props.Database.scope, r.props.Vpc)
}
