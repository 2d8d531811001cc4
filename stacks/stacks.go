// Package stacks composes the constructs into the three stacks of a deployment
// and maps its settings to their props.
package stacks

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/settings"
)

// Artifacts are files that stacks hold: what servers and functions run, .tar.gz but
// for the functions'.
type Artifacts struct {
	Web      string // Path of the static files, index.html at the archive's root. Required.
	Api      string // Path of the Node.js server, package.json at the archive's root. Required.
	Rotation string // Path of the .zip of the function that rotates the database's password. Required with database.rotationDays.
}

// New defines the deployment's stacks. They are named by region, not role: the
// roles swap after a failover, the stacks stay. None refers to another; what one
// must know of another it builds from names, and the order is stated here.
func New(app awscdk.App, s *settings.Settings, artifacts Artifacts) {
	primary := newRegional(app, s, s.Primary, artifacts)
	standby := newRegional(app, s, s.Standby, artifacts)
	standby.AddStackDependency(primary, jsii.String("its database copies the primary's"))
	global := newGlobal(app, s)
	global.AddStackDependency(primary, jsii.String("its records and health checks point at the region's names"))
	global.AddStackDependency(standby, jsii.String("its records and health checks point at the region's names"))
}

// newStack is a stack with what all have in common. Tags are the stack's, not
// each resource's: CloudFormation copies them to every resource. None follows
// the region's role: the swap of a failover would touch every resource, some of
// them (IAM, Route 53) by control planes in us-east-1, which may be what failed.
// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html
func newStack(app awscdk.App, s *settings.Settings, suffix, region, role, description string) awscdk.Stack {
	tags := map[string]*string{"deployment": jsii.String(s.Name), "stack-role": jsii.String(role)}
	for key, value := range s.Tags {
		tags[key] = jsii.String(value)
	}
	return awscdk.NewStack(app, jsii.String(s.Name+"-"+suffix), &awscdk.StackProps{
		Env:                   &awscdk.Environment{Account: jsii.String(s.Account), Region: jsii.String(region)},
		Description:           jsii.String(description),
		TerminationProtection: jsii.Bool(s.TerminationProtection),
		Tags:                  &tags,
	})
}

// publicZone is the hosted zone named in the settings; its id spares a look-up.
func publicZone(scope awsconstructs.Construct, domain settings.Domain) awsroute53.IHostedZone {
	return awsroute53.HostedZone_FromHostedZoneAttributes(scope, jsii.String("PublicZone"), &awsroute53.HostedZoneAttributes{
		HostedZoneId: jsii.String(domain.HostedZoneID),
		ZoneName:     jsii.String(domain.Name),
	})
}

// apiAclName names the metrics of the web ACL before the API, in each region.
func apiAclName(s *settings.Settings) string { return s.Name + "-api" }

func canaryInterval(s *settings.Settings) time.Duration {
	return time.Duration(s.Canaries.Minutes) * time.Minute
}

func output(stack awscdk.Stack, id, description, value string) {
	awscdk.NewCfnOutput(stack, jsii.String(id), &awscdk.CfnOutputProps{
		Description: jsii.String(description),
		Value:       jsii.String(value),
	})
}
