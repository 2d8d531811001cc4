package constructs

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// machineProps is what differs between launch templates of this package.
type machineProps struct {
	Image         func(architecture string) awsec2.IMachineImage
	InstanceType  string
	VolumeGiB     int
	Role          awsiam.IRole
	SecurityGroup awsec2.ISecurityGroup
	UserData      awsec2.UserData // Default: none.
	KeyPair       awsec2.IKeyPair // Default: none.
}

// machine is a launch template's properties: Ubuntu, metadata by session token
// only, encrypted volume.
func machine(props machineProps) *awsec2.LaunchTemplateProps {
	instanceType := awsec2.NewInstanceType(jsii.String(props.InstanceType))
	architecture := "amd64"
	if instanceType.Architecture() == awsec2.InstanceArchitecture_ARM_64 {
		architecture = "arm64"
	}
	return &awsec2.LaunchTemplateProps{
		MachineImage:  props.Image(architecture),
		InstanceType:  instanceType,
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
	}
}

// ubuntuParameter is Canonical's own parameter for the newest image:
// https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
func ubuntuParameter(architecture string) *string {
	return jsii.String(fmt.Sprintf("/aws/service/canonical/ubuntu/server/26.04/stable/current/%s/hvm/ebs-gp3/ami-id", architecture))
}

// currentUbuntu is the image that is newest when the stack is deployed. A deploy
// after a new one replaces the servers in a rolling update that proves it; until
// then servers that scaling adds boot the proven one.
func currentUbuntu(architecture string) awsec2.IMachineImage {
	return awsec2.MachineImage_FromSsmParameter(ubuntuParameter(architecture), nil)
}

// ubuntuAtLaunch is the image that is newest when the instance is launched: a
// newer one changes nothing in the template, so no deploy replaces the instance.
func ubuntuAtLaunch(architecture string) awsec2.IMachineImage {
	return awsec2.MachineImage_ResolveSsmParameterAtLaunch(ubuntuParameter(architecture), nil)
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
