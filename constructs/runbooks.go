package constructs

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	elb "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/assets/runbooks"
)

// RunbooksProps configures Runbooks.
type RunbooksProps struct {
	Deployment    string          // Names the documents. Required.
	Database      RunbookDatabase // Required.
	Web           RunbookTier     // Required.
	Api           RunbookTier     // Required.
	ApiURL        string          // API's health check by the region's name. Required.
	OtherApiURL   string          // The same of the other region. Required.
	ClientURL     string          // The same by the failover name. Required.
	MaxLagSeconds int             // Lag that a promotion accepts unasked. Required.

	Approvers []string // ARNs of up to 10 users or roles, one of whom approves each run that changes something. Default: nobody is asked.
	Emails    []string // Who is told that a run waits for approval; each confirms once by mail. Default: nobody.
}

// RunbookDatabase is the region's instance, as it is to be once promoted.
type RunbookDatabase struct {
	Name         string // DB instance identifier. Required.
	BackupDays   int    // Required: a promotion would reset it.
	BackupWindow string // Likewise.
	MultiAz      bool   // Default: it keeps the zones it has.
}

// RunbookTier is a tier of the region, as it is to be when the region serves.
type RunbookTier struct {
	Group       awsautoscaling.IAutoScalingGroup // Required.
	TargetGroup elb.IApplicationTargetGroup      // Required.
	Min, Max    int                              // Capacity of a primary. Required.
}

// Runbooks is the operators' runbooks in one region, as documents of SSM
// Automation. They call this region's APIs alone; switch-over, which needs both
// regions well, asks the other's API by its public name. Both regions have all of
// them, and each looks at the database for what the region is: nothing in them
// depends on its role. The steps are in assets/runbooks.
//
// What a promotion brings with it, that is capacity, a second zone and the
// promotion itself, drifts from the stack until the settings follow. A hold does
// not: it is a schedule that sends the TrafficSwitch's metric each minute, made
// and deleted by runs in a schedule group of the stack's.
//
// Who starts a run needs ssm:StartAutomationExecution for the document, and
// iam:PassRole for its role.
//
// Scripts in the steps reach the Internet:
// https://github.com/aws-samples/aws-systems-manager-executescript-slack
type Runbooks struct {
	scope awsconstructs.Construct
	stack awscdk.Stack
	props RunbooksProps
}

// holdSchedule is the schedule's name; there is one at most.
const holdSchedule = "hold-traffic"

var documentIDs = map[string]string{
	runbooks.FailOver:   "FailOver",
	runbooks.SwitchOver: "SwitchOver",
	runbooks.Evacuate:   "Evacuate",
	runbooks.Return:     "Return",
	runbooks.Status:     "Status",
}

// NewRunbooks defines the documents, a role for each, and what a hold needs under
// scope/id.
func NewRunbooks(scope awsconstructs.Construct, id string, props RunbooksProps) *Runbooks {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	r := &Runbooks{scope: scope, stack: awscdk.Stack_Of(scope), props: props}
	values := r.values()
	for _, runbook := range runbooks.All {
		r.addDocument(runbook, values)
	}
	acknowledge(scope, "AwsSolutions-IAM5", "Steps read figures and move the switch by actions that have no resource-level permission; an Auto Scaling group's ARN has an id that only AWS knows")
	return r
}

func (r *Runbooks) values() runbooks.Values {
	signal := NewTrafficSwitchSignal(r.props.Deployment)
	database, web, api := r.props.Database, r.props.Web, r.props.Api
	scheduleGroup := r.props.Deployment + "-runbooks"
	values := runbooks.Values{
		Deployment:     r.props.Deployment,
		Database:       database.Name,
		DatabaseArn:    r.arn("rds", "db", database.Name, awscdk.ArnFormat_COLON_RESOURCE_NAME),
		AnyDatabaseArn: r.arn("rds", "db", "*", awscdk.ArnFormat_COLON_RESOURCE_NAME),
		BackupDays:     database.BackupDays,
		BackupWindow:   database.BackupWindow,
		MaxLagSeconds:  r.props.MaxLagSeconds,
		WebGroup:       *web.Group.AutoScalingGroupName(),
		WebGroupArn:    *web.Group.AutoScalingGroupArn(),
		WebTargets:     *web.TargetGroup.TargetGroupArn(),
		WebMin:         web.Min,
		WebMax:         web.Max,
		ApiGroup:       *api.Group.AutoScalingGroupName(),
		ApiGroupArn:    *api.Group.AutoScalingGroupArn(),
		ApiTargets:     *api.TargetGroup.TargetGroupArn(),
		ApiURL:         r.props.ApiURL,
		ApiMin:         api.Min,
		ApiMax:         api.Max,
		OtherApiURL:    r.props.OtherApiURL,
		ClientURL:      r.props.ClientURL,
		AlarmName:      signal.AlarmName,
		AlarmArn:       r.arn("cloudwatch", "alarm", signal.AlarmName, awscdk.ArnFormat_COLON_RESOURCE_NAME),
		Namespace:      signal.Namespace,
		MetricName:     signal.MetricName,
		ScheduleGroup:  scheduleGroup,
		Schedule:       holdSchedule,
		ScheduleArn:    r.arn("scheduler", "schedule", scheduleGroup+"/"+holdSchedule, awscdk.ArnFormat_SLASH_RESOURCE_NAME),
		ScheduleRole:   r.addSchedules(scheduleGroup, signal),
		MultiAz:        database.MultiAz,
		Approvers:      r.props.Approvers,
	}
	if len(r.props.Approvers) > 0 {
		values.ApprovalTopic = r.addApprovalTopic()
	}
	return values
}

// addSchedules defines the group, which takes a hold that is left with it when
// the stack is deleted, and the role of the schedules in it.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
func (r *Runbooks) addSchedules(name string, signal TrafficSwitchSignal) (roleArn string) {
	group := awsscheduler.NewScheduleGroup(r.scope, jsii.String("Schedules"), &awsscheduler.ScheduleGroupProps{
		ScheduleGroupName: jsii.String(name),
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY,
	})
	return *awsiam.NewRole(r.scope, jsii.String("ScheduleRole"), &awsiam.RoleProps{
		Description: jsii.String("Lets EventBridge Scheduler move the traffic switch of " + r.props.Deployment),
		AssumedBy:   r.service("scheduler.amazonaws.com", *group.ScheduleGroupArn()),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"Switch": policy(runbooks.Permission{
			Actions:    []string{"cloudwatch:PutMetricData"},
			Resource:   "*", // it has no resource-level permission
			Conditions: map[string]map[string]string{"StringEquals": {"cloudwatch:namespace": signal.Namespace}},
		})},
	}).RoleArn()
}

// addApprovalTopic tells who approves. Automation wants its name to begin so.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-approve.html
func (r *Runbooks) addApprovalTopic() (arn string) {
	topic := awssns.NewTopic(r.scope, jsii.String("Approvals"), &awssns.TopicProps{
		TopicName:  jsii.String("Automation-" + r.props.Deployment + "-approvals"),
		MasterKey:  awskms.Alias_FromAliasName(r.scope, jsii.String("SnsKey"), jsii.String("alias/aws/sns")),
		EnforceSSL: jsii.Bool(true),
	})
	for _, email := range r.props.Emails {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(email), nil))
	}
	return *topic.TopicArn()
}

// addDocument defines a runbook and its role. A role for all would let evacuate
// promote, if somebody passed it to a document of their own.
//
// The format is YAML, since embedded scripts are not supported in JSON; the
// resource's handler converts the object.
func (r *Runbooks) addDocument(runbook string, values runbooks.Values) {
	id, document := documentIDs[runbook], runbooks.New(runbook, values)
	role := awsiam.NewRole(r.scope, jsii.String(id+"Role"), &awsiam.RoleProps{
		Description:    jsii.String(fmt.Sprintf("What the steps of %s may do", document.Name)),
		AssumedBy:      r.service("ssm.amazonaws.com", r.arn("ssm", "automation-execution", "*", awscdk.ArnFormat_SLASH_RESOURCE_NAME)),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"Steps": policy(document.Permissions...)},
	})
	document.Content["assumeRole"] = *role.RoleArn()
	awsssm.NewCfnDocument(r.scope, jsii.String(id), &awsssm.CfnDocumentProps{
		Name:           jsii.String(document.Name),
		DocumentType:   jsii.String("Automation"),
		DocumentFormat: jsii.String("YAML"),
		Content:        document.Content,
		UpdateMethod:   jsii.String("NewVersion"), // a replacement would need another name
	})
}

// service is a service on behalf of one of this account's resources.
func (r *Runbooks) service(name, arn string) awsiam.IPrincipal {
	return awsiam.NewServicePrincipal(jsii.String(name), &awsiam.ServicePrincipalOpts{Conditions: &map[string]any{
		"StringEquals": map[string]any{"aws:SourceAccount": r.stack.Account()},
		"ArnLike":      map[string]any{"aws:SourceArn": arn},
	}})
}

func policy(permissions ...runbooks.Permission) awsiam.PolicyDocument {
	document := awsiam.NewPolicyDocument(nil)
	for _, permission := range permissions {
		props := &awsiam.PolicyStatementProps{
			Actions:   jsii.Strings(permission.Actions...),
			Resources: jsii.Strings(permission.Resource),
		}
		if len(permission.Conditions) > 0 {
			conditions := map[string]any{}
			for operator, values := range permission.Conditions {
				conditions[operator] = values
			}
			props.Conditions = &conditions
		}
		document.AddStatements(awsiam.NewPolicyStatement(props))
	}
	return document
}

func (r *Runbooks) arn(service, resource, name string, format awscdk.ArnFormat) string {
	return *r.stack.FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String(service),
		Resource:     jsii.String(resource),
		ResourceName: jsii.String(name),
		ArnFormat:    format,
	})
}
