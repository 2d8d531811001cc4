package constructs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsfis"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// DrillProps configures a Drill.
type DrillProps struct {
	Deployment string // Part of the experiments' names, see DrillName. Required.

	Vpc                 awsec2.IVpc             // Required.
	LoadBalancerSubnets *awsec2.SubnetSelection // At most five, FIS's limit of targets by ARN. Required.
	CutFor              time.Duration           // How long they are cut off, 1m to 12h. Required.

	Web            awsautoscaling.IAutoScalingGroup // Required.
	Api            awsautoscaling.IAutoScalingGroup // Required.
	ServersPercent int                              // Of each group's servers that are stopped; FIS rounds down, and fails if that leaves none. Required.

	Database awsrds.IDatabaseInstance // Required.
	MultiAz  bool                     // Whether the instance has a second copy to fail over to. Default: it is only rebooted.

	Alarms  *Alarms // Of the same region: what stops an experiment. Required.
	LogDays int     // Retention of the experiments' log. Required.
}

// Drill is one region's rehearsals of failures, experiments of AWS FIS that
// nothing starts by itself: network cuts the load balancers off from the
// internet, servers stops some of both tiers' servers, and database reboots the
// instance, with a failover to its second copy if it has one.
//
// None changes what CloudFormation manages in a way that outlasts it. For the
// cut, FIS puts a network ACL of its own in the place of the subnets' and takes
// it back, also when the experiment is stopped. An Auto Scaling group terminates
// the stopped servers and launches others. A failover moves the instance to its
// second copy under the same name.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html
//
// Alarms stop an experiment only from its own region. That the other region does
// not take over, which would be the harm, is for whoever starts it to watch from
// outside: cmd/drill does.
type Drill struct {
	scope awsconstructs.Construct
	props DrillProps
	stack awscdk.Stack
	logs  awslogs.LogGroup
}

// Names of the experiments.
const (
	DrillNetwork  = "network"
	DrillServers  = "servers"
	DrillDatabase = "database"
)

// DrillName is the tag Name of an experiment's template, the only name that it
// can have.
func DrillName(deployment, experiment string) string { return deployment + "-" + experiment }

// NewDrill defines the experiments' templates, a role each, and their log under
// scope/id.
func NewDrill(scope awsconstructs.Construct, id string, props DrillProps) *Drill {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	d := &Drill{scope: scope, props: props, stack: awscdk.Stack_Of(scope), logs: newLogGroup(scope, "Logs", props.LogDays)}
	d.addNetwork()
	d.addServers()
	d.addDatabase()
	acknowledge(scope, "AwsSolutions-IAM5", "FIS finds its targets and sets up its log by actions that have no resource-level permission, and touches what its tags, or those of the servers' groups, name")
	return d
}

// addNetwork cuts with the scope vpc, which denies what enters and leaves the
// VPC, as the public subnets' share of a region's loss. With the scope all, the
// load balancers would lose their servers too, and the Auto Scaling groups, which
// go by the load balancers' health checks, would replace servers that are well.
// NAT gateways stand in these subnets: the servers have no way out meanwhile.
//
// Load balancers that are cut off may fall silent, which the tiers' alarms take
// for trouble, so only the database's stops the experiment.
func (d *Drill) addNetwork() {
	var arns []*string
	for _, subnet := range *d.props.Vpc.SelectSubnets(d.props.LoadBalancerSubnets).SubnetIds {
		arns = append(arns, d.arn("ec2", "subnet", *subnet))
	}
	anyACL := *d.arn("ec2", "network-acl", "*")
	own := map[string]any{"aws:RequestTag/managedByFIS": "true"}
	d.add(experiment{
		name: DrillNetwork,
		description: fmt.Sprintf("Cuts the load balancers' subnets off from the internet for %g minutes, then restores them",
			d.props.CutFor.Minutes()),
		targets: map[string]target{"subnets": {kind: "aws:ec2:subnet", arns: arns}},
		actions: map[string]action{"cut": {
			id: "aws:network:disrupt-connectivity", on: "Subnets", target: "subnets",
			parameters: map[string]*string{"scope": jsii.String("vpc"), "duration": jsii.String(fmt.Sprintf("PT%gM", d.props.CutFor.Minutes()))},
		}},
		stopOn: []awscloudwatch.IAlarm{d.props.Alarms.databaseDown},
		// As AWSFaultInjectionSimulatorNetworkAccess, without its other actions'
		// and for these subnets only.
		permissions: []permission{
			{actions: []string{"ec2:CreateNetworkAcl"}, resources: []string{anyACL}, equals: own},
			{actions: []string{"ec2:CreateNetworkAcl"}, resources: []string{*d.props.Vpc.VpcArn()}},
			{actions: []string{"ec2:CreateTags"}, resources: []string{anyACL}, equals: map[string]any{
				"ec2:CreateAction": "CreateNetworkAcl", "aws:RequestTag/managedByFIS": "true",
			}},
			{actions: []string{"ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAcl"}, resources: []string{anyACL}, equals: map[string]any{
				"ec2:ResourceTag/managedByFIS": "true",
			}},
			{actions: []string{"ec2:ReplaceNetworkAclAssociation"}, resources: append(values(arns), anyACL)},
			{actions: []string{
				"ec2:DescribeManagedPrefixLists", "ec2:DescribeNetworkAcls", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
			}, resources: []string{"*"}},
			{actions: []string{"ec2:GetManagedPrefixListEntries"}, resources: []string{*d.stack.FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("ec2"), Account: jsii.String("*"), Resource: jsii.String("prefix-list"), ResourceName: jsii.String("*"), // AWS's own, too
			})}},
		},
	})
}

// addServers stops servers and does not start them again: their group has
// replaced them before.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html
func (d *Drill) addServers() {
	const groupTag = "aws:autoscaling:groupName" // Auto Scaling tags its servers.
	names := []*string{d.props.Web.AutoScalingGroupName(), d.props.Api.AutoScalingGroupName()}
	group := func(name *string) target {
		return target{
			kind: "aws:ec2:instance", tags: map[string]*string{groupTag: name},
			running: true, mode: fmt.Sprintf("PERCENT(%d)", d.props.ServersPercent),
		}
	}
	stop := func(target string) action {
		return action{id: "aws:ec2:stop-instances", on: "Instances", target: target}
	}
	d.add(experiment{
		name:        DrillServers,
		description: fmt.Sprintf("Stops %d %% of the servers of each tier, which their Auto Scaling groups replace", d.props.ServersPercent),
		targets:     map[string]target{"web": group(names[0]), "api": group(names[1])},
		actions:     map[string]action{"stop-web": stop("web"), "stop-api": stop("api")},
		stopOn:      d.props.Alarms.regionDown(),
		permissions: []permission{
			{
				actions: []string{"ec2:StopInstances"}, resources: []string{*d.arn("ec2", "instance", "*")},
				equals: map[string]any{"ec2:ResourceTag/" + groupTag: names},
			},
			{actions: []string{"ec2:DescribeInstances"}, resources: []string{"*"}},
		},
	})
}

func (d *Drill) addDatabase() {
	description := "Reboots the database; it has no second copy to fail over to"
	if d.props.MultiAz {
		description = "Reboots the database with a failover to its copy in another zone"
	}
	arn := d.props.Database.InstanceArn()
	d.add(experiment{
		name:        DrillDatabase,
		description: description,
		targets:     map[string]target{"database": {kind: "aws:rds:db", arns: []*string{arn}}},
		actions: map[string]action{"reboot": {
			id: "aws:rds:reboot-db-instances", on: "DBInstances", target: "database",
			parameters: map[string]*string{"forceFailover": jsii.String(strconv.FormatBool(d.props.MultiAz))},
		}},
		stopOn: d.props.Alarms.regionDown(),
		permissions: []permission{
			{actions: []string{"rds:RebootDBInstance"}, resources: []string{*arn}},
			{actions: []string{"rds:DescribeDBInstances"}, resources: []string{*d.stack.FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("rds"), Resource: jsii.String("db"), ResourceName: jsii.String("*"), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
			})}},
			{actions: []string{"tag:GetResources"}, resources: []string{"*"}},
		},
	})
}

// experiment is what differs between templates.
type experiment struct {
	name        string
	description string
	targets     map[string]target
	actions     map[string]action // All start at once.
	stopOn      []awscloudwatch.IAlarm
	permissions []permission
}

type target struct {
	kind    string
	arns    []*string          // Either these
	tags    map[string]*string // or resources with all of these.
	running bool               // Instances in no other state.
	mode    string             // Default: ALL.
}

type action struct {
	id         string
	on         string // The kind of target that the action takes, in FIS's words for it.
	target     string
	parameters map[string]*string
}

type permission struct {
	actions   []string
	resources []string
	equals    map[string]any // Default: without condition.
}

func (d *Drill) add(e experiment) {
	scope := awsconstructs.NewConstruct(d.scope, jsii.String(strings.ToUpper(e.name[:1])+e.name[1:]))
	targets, actions := map[string]any{}, map[string]any{}
	for name, target := range e.targets {
		targets[name] = target.property()
	}
	for name, action := range e.actions {
		property := &awsfis.CfnExperimentTemplate_ExperimentTemplateActionProperty{
			ActionId: jsii.String(action.id),
			Targets:  map[string]*string{action.on: jsii.String(action.target)},
		}
		if action.parameters != nil {
			property.Parameters = action.parameters
		}
		actions[name] = property
	}
	var stopOn []any
	for _, alarm := range e.stopOn {
		stopOn = append(stopOn, &awsfis.CfnExperimentTemplate_ExperimentTemplateStopConditionProperty{
			Source: jsii.String("aws:cloudwatch:alarm"), Value: alarm.AlarmArn(),
		})
	}
	role := d.role(scope, e)
	template := awsfis.NewCfnExperimentTemplate(scope, jsii.String("Template"), &awsfis.CfnExperimentTemplateProps{
		Description:    jsii.String(e.description),
		RoleArn:        role.RoleArn(),
		Targets:        targets,
		Actions:        actions,
		StopConditions: stopOn,
		LogConfiguration: &awsfis.CfnExperimentTemplate_ExperimentTemplateLogConfigurationProperty{
			LogSchemaVersion: jsii.Number(2), // the current one: https://docs.aws.amazon.com/fis/latest/userguide/monitoring-logging.html
			// A map, since the CDK hands its own type on in the wrong case. The ARN
			// has the :* at its end that FIS wants.
			CloudWatchLogsConfiguration: map[string]any{"LogGroupArn": d.logs.LogGroupArn()},
		},
		Tags: &map[string]*string{"Name": jsii.String(DrillName(d.props.Deployment, e.name))},
	})
	template.Node().AddDependency(role)
}

func (t target) property() *awsfis.CfnExperimentTemplate_ExperimentTemplateTargetProperty {
	property := &awsfis.CfnExperimentTemplate_ExperimentTemplateTargetProperty{
		ResourceType:  jsii.String(t.kind),
		SelectionMode: jsii.String("ALL"),
	}
	if t.mode != "" {
		property.SelectionMode = jsii.String(t.mode)
	}
	if t.tags != nil {
		property.ResourceTags = t.tags
	} else {
		property.ResourceArns = &t.arns
	}
	if t.running {
		property.Filters = []any{&awsfis.CfnExperimentTemplate_ExperimentTemplateTargetFilterProperty{
			Path: jsii.String("State.Name"), Values: jsii.Strings("running"),
		}}
	}
	return property
}

// role is for FIS on behalf of this account's experiments alone.
// https://docs.aws.amazon.com/fis/latest/userguide/getting-started-iam-service-role.html
func (d *Drill) role(scope awsconstructs.Construct, e experiment) awsiam.Role {
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("Lets AWS FIS run the experiment " + DrillName(d.props.Deployment, e.name)),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("fis.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": d.stack.Account()},
				"ArnLike":      map[string]any{"aws:SourceArn": d.arn("fis", "experiment", "*")},
			},
		}),
	})
	// Delivered logs take this of whoever sets them up, and have no resources:
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html#AWS-logs-infrastructure-CWL
	logging := permission{actions: []string{
		"logs:CreateLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy",
	}, resources: []string{"*"}}
	for _, permission := range append(e.permissions, logging) {
		statement := &awsiam.PolicyStatementProps{
			Actions:   jsii.Strings(permission.actions...),
			Resources: jsii.Strings(permission.resources...),
		}
		if permission.equals != nil {
			statement.Conditions = &map[string]any{"StringEquals": permission.equals}
		}
		role.AddToPolicy(awsiam.NewPolicyStatement(statement))
	}
	return role
}

// arn is that of a resource of this stack's account and region.
func (d *Drill) arn(service, resource, name string) *string {
	return d.stack.FormatArn(&awscdk.ArnComponents{Service: jsii.String(service), Resource: jsii.String(resource), ResourceName: jsii.String(name)})
}

func values(pointers []*string) []string {
	var all []string
	for _, pointer := range pointers {
		all = append(all, *pointer)
	}
	return all
}
