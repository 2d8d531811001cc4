package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// BastionProps configures a Bastion.
type BastionProps struct {
	Vpc          awsec2.IVpc             // Required.
	Subnets      *awsec2.SubnetSelection // Public subnets; the first is taken. Required.
	InstanceType string                  // EC2 instance type. Required.
	KeyName      string                  // EC2 key pair of the region, of the bastion and of the servers behind it. Required.
	AllowFrom    []string                // IPv4 blocks that may connect. Required.
}

// Bastion is an SSH jump host. Servers take SSH from it once they are given it;
// the database does not.
type Bastion struct {
	keyPair  awsec2.IKeyPair
	group    awsec2.SecurityGroup
	instance awsec2.CfnInstance
}

// bastionGiB is what Ubuntu's image takes, and room for its updates.
const bastionGiB = 8

// NewBastion defines the instance under scope/id.
func NewBastion(scope awsconstructs.Construct, id string, props BastionProps) *Bastion {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	b := &Bastion{
		keyPair: awsec2.KeyPair_FromKeyPairName(scope, jsii.String("KeyPair"), jsii.String(props.KeyName)),
		group:   closedGroup(scope, "SecurityGroup", props.Vpc, "Bastion: SSH from the operators, to the servers"),
	}
	for _, block := range props.AllowFrom {
		b.group.AddIngressRule(awsec2.Peer_Ipv4(jsii.String(block)), awsec2.Port_SSH(), jsii.String("Operators"), nil)
	}
	allowUpdates(b.group)
	role := machineRole(scope)
	template := newMachine(scope, machineProps{
		InstanceType:  props.InstanceType,
		VolumeGiB:     bastionGiB,
		Role:          role,
		SecurityGroup: b.group,
		KeyPair:       b.keyPair,
	})
	// An L2 Instance takes no launch template, and only a launch template takes
	// an image that is chosen at launch. Updates of its packages are Ubuntu's own,
	// on by default; replace it for a new image.
	subnets := props.Vpc.SelectSubnets(props.Subnets)
	b.instance = awsec2.NewCfnInstance(scope, jsii.String("Instance"), &awsec2.CfnInstanceProps{
		SubnetId: (*subnets.SubnetIds)[0],
		LaunchTemplate: &awsec2.CfnInstance_LaunchTemplateSpecificationProperty{
			LaunchTemplateId: template.LaunchTemplateId(),
			Version:          template.LatestVersionNumber(),
		},
	})
	b.instance.Node().AddDependency(role, subnets.InternetConnectivityEstablished)
	acknowledge(b.instance, "AwsSolutions-EC28", "The launch template turns detailed monitoring on, which the rule does not look into")
	acknowledge(b.instance, "AwsSolutions-EC29", "It keeps nothing, and termination protection would stop the stack from replacing or deleting it")
	return b
}

// Connections is the bastion's security group.
func (b *Bastion) Connections() awsec2.Connections { return b.group.Connections() }

// InstanceID is the bastion's instance id.
func (b *Bastion) InstanceID() string { return *b.instance.Ref() }
