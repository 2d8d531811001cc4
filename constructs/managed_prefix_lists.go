package constructs

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/customresources"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// managedPrefixLists finds AWS-managed prefix lists by name while the stack is
// deployed. Their ids differ by region and no document lists them, so there is
// nothing to make a table of; CloudFormation has no lookup; and CDK's
// PrefixList.fromLookup asks the account, with credentials, at synth.
type managedPrefixLists struct {
	scope awsconstructs.Construct
	logs  awslogs.LogGroup
	role  awsiam.Role
}

// newManagedPrefixLists defines the log group and the role of the one function
// that CDK makes for all of a stack's AwsCustomResources.
func newManagedPrefixLists(scope awsconstructs.Construct, id string, logDays int) *managedPrefixLists {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	m := &managedPrefixLists{scope: scope, logs: newLogGroup(scope, "LookupLogGroup", logDays)}
	m.role = awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
	})
	m.role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings("ec2:DescribeManagedPrefixLists"),
		Resources: jsii.Strings("*"),
	}))
	m.logs.GrantWrite(m.role)
	acknowledge(m.role, "AwsSolutions-IAM5", "EC2's Describe actions have no resource-level permission")
	return m
}

// find returns the list of that name as a peer of security group rules.
func (m *managedPrefixLists) find(id, name string) awsec2.IPeer {
	const idPath = "PrefixLists.0.PrefixListId"
	lookup := customresources.NewAwsCustomResource(m.scope, jsii.String(id), &customresources.AwsCustomResourceProps{
		OnUpdate: &customresources.AwsSdkCall{ // on create too
			Service:            jsii.String("EC2"),
			Action:             jsii.String("describeManagedPrefixLists"),
			Parameters:         map[string]any{"Filters": []any{map[string]any{"Name": "prefix-list-name", "Values": []any{name}}}},
			OutputPaths:        jsii.Strings(idPath),
			PhysicalResourceId: customresources.PhysicalResourceId_Of(jsii.String(name)),
		},
		Role:                m.role,
		InstallLatestAwsSdk: jsii.Bool(false),
		Timeout:             seconds(time.Minute),
		LogGroup:            m.logs,
	})
	lookup.Node().AddDependency(m.role) // and its policy
	return awsec2.Peer_PrefixList(lookup.GetResponseField(jsii.String(idPath)))
}

// cloudFront is the addresses from which CloudFront calls origins. It counts as
// 55 rules of a security group's quota of 60:
// https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html
func (m *managedPrefixLists) cloudFront() awsec2.IPeer {
	return m.find("CloudFront", "com.amazonaws.global.cloudfront.origin-facing")
}

// healthCheckers is the addresses of Route 53's health checkers. It counts as 25
// rules, so it does not fit into a group with CloudFront's.
func (m *managedPrefixLists) healthCheckers() awsec2.IPeer {
	region := *awscdk.Stack_Of(m.scope).Region()
	return m.find("HealthCheckers", fmt.Sprintf("com.amazonaws.%s.route53-healthchecks", region))
}
