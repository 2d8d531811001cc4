package constructs

import (
	"cmp"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// machineProps is what differs between launch templates of this package.
type machineProps struct {
	InstanceType  string
	Image         string // SSM parameter that names the image. Default: Ubuntu's.
	VolumeGiB     int
	Role          awsiam.IRole
	SecurityGroup awsec2.ISecurityGroup
	UserData      awsec2.UserData // Default: none.
	KeyPair       awsec2.IKeyPair // Default: none.
}

// newMachine defines a launch template: Ubuntu or an image made of it, metadata by
// session token only, encrypted volume.
//
// The image is the one that its parameter names when an instance is launched. A
// newer image changes nothing in the template, so that no deploy, least of all one
// that promotes a database, replaces servers for it; packages are kept up to date
// by unattended upgrades.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/using-systems-manager-parameters.html
func newMachine(scope awsconstructs.Construct, props machineProps) awsec2.LaunchTemplate {
	image := cmp.Or(props.Image, ubuntu(props.InstanceType))
	template := awsec2.NewLaunchTemplate(scope, jsii.String("LaunchTemplate"), &awsec2.LaunchTemplateProps{
		MachineImage:  awsec2.MachineImage_ResolveSsmParameterAtLaunch(jsii.String(image), nil),
		InstanceType:  awsec2.NewInstanceType(jsii.String(props.InstanceType)),
		Role:          props.Role,
		SecurityGroup: props.SecurityGroup,
		UserData:      props.UserData,
		KeyPair:       props.KeyPair,
		RequireImdsv2: jsii.Bool(true),
		// No container here needs the role's credentials, and none gets them:
		// a second hop is what a bridged container is away.
		HttpPutResponseHopLimit: jsii.Number(1),
		// A standby that takes over scales on one-minute figures, not five.
		DetailedMonitoring: jsii.Bool(true),
		EbsOptimized:       jsii.Bool(true),
		BlockDevices: &[]*awsec2.BlockDevice{{
			DeviceName: jsii.String("/dev/sda1"), // Ubuntu's root device
			Volume: awsec2.BlockDeviceVolume_Ebs(jsii.Number(props.VolumeGiB), &awsec2.EbsDeviceOptions{
				VolumeType: awsec2.EbsDeviceVolumeType_GP3,
				Encrypted:  jsii.Bool(true),
			}),
		}},
	})
	acknowledge(template, "CloudFormation-Validate::E1152", "EC2 takes resolve:ssm: in a launch template's ImageId; the schema's format does not know it")
	return template
}

// ubuntu is Canonical's own parameter, which names its current image.
// https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
func ubuntu(instanceType string) string {
	architecture := "amd64"
	if awsec2.NewInstanceType(jsii.String(instanceType)).Architecture() == awsec2.InstanceArchitecture_ARM_64 {
		architecture = "arm64"
	}
	return fmt.Sprintf("/aws/service/canonical/ubuntu/server/26.04/stable/current/%s/hvm/ebs-gp3/ami-id", architecture)
}

// machineRole is a role that lets the SSM agent, a snap that Ubuntu's images come
// with, serve Session Manager. AWS's managed policy for it would let a server
// read every parameter of the account, too.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
func machineRole(scope awsconstructs.Construct) awsiam.Role {
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("ec2.amazonaws.com"), nil),
	})
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings(
			"ssm:UpdateInstanceInformation",
			"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
			"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
		),
		Resources: jsii.Strings("*"),
	}))
	acknowledge(role, "AwsSolutions-IAM5", "Session Manager's channels and DescribeTargetHealth have no resource-level permission; artifacts of any release are read, see server, and components of any version")
	return role
}

// closedGroup is a security group that lets nothing in or out.
func closedGroup(scope awsconstructs.Construct, id string, vpc awsec2.IVpc, description string) awsec2.SecurityGroup {
	return awsec2.NewSecurityGroup(scope, jsii.String(id), &awsec2.SecurityGroupProps{
		Vpc:              vpc,
		Description:      jsii.String(description),
		AllowAllOutbound: jsii.Bool(false),
	})
}

// allowUpdates lets a machine out to AWS (443) and Ubuntu's archive (80: its
// packages are signed). DNS, time and metadata need no rule:
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
func allowUpdates(group awsec2.SecurityGroup) {
	group.AddEgressRule(awsec2.Peer_AnyIpv4(), awsec2.Port_HTTPS(), jsii.String("AWS"), nil)
	group.AddEgressRule(awsec2.Peer_AnyIpv4(), awsec2.Port_HTTP(), jsii.String("Ubuntu packages"), nil)
}
