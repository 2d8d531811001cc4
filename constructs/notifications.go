package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// NotificationsProps configures Notifications.
type NotificationsProps struct {
	Emails []string // Subscribers; each confirms once by mail. Default: none, with a warning.
}

// Notifications is one region's encrypted topic for what people must hear of.
// CloudWatch alarms of the account publish to it; anything else needs
// grantPublish with a role, since EventBridge as a service is kept out.
type Notifications struct {
	scope awsconstructs.Construct
	topic awssns.Topic
}

// NewNotifications defines the topic, its key and its subscriptions under scope/id.
func NewNotifications(scope awsconstructs.Construct, id string, props NotificationsProps) *Notifications {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	n := &Notifications{scope: scope}
	key := n.newKey()
	n.topic = awssns.NewTopic(scope, jsii.String("Topic"), &awssns.TopicProps{
		MasterKey:  key,
		EnforceSSL: jsii.Bool(true),
	})
	n.allowAlarms(key)
	for _, email := range props.Emails {
		n.topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(email), nil))
	}
	if len(props.Emails) == 0 {
		awscdk.Annotations_Of(scope).AddWarningV2(jsii.String("warm-standby:notifications.noEmails"),
			jsii.String("alarms are raised but nobody is told: no e-mail address subscribes to the topic"))
	}
	return n
}

// newKey is deleted with the topic, which keeps no messages.
func (n *Notifications) newKey() awskms.Key {
	return awskms.NewKey(n.scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Notifications of " + *awscdk.Stack_Of(n.scope).StackName()),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY,
		PendingWindow:     days(7),
	})
}

// allowAlarms lets the alarms of this account and region publish. Both grants
// are needed: a topic with a policy of its own loses the default one, and a
// key without this statement drops notifications silently.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
func (n *Notifications) allowAlarms(key awskms.Key) {
	stack := awscdk.Stack_Of(n.scope)
	cloudWatch := awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)
	sameAccount := map[string]any{"aws:SourceAccount": stack.Account()}
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("EncryptAlarms"),
		Principals: &[]awsiam.IPrincipal{cloudWatch},
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey*"),
		Resources:  jsii.Strings("*"),
		Conditions: &map[string]any{"StringEquals": sameAccount},
	}), nil)
	n.topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("PublishAlarms"),
		Principals: &[]awsiam.IPrincipal{cloudWatch},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  &[]*string{n.topic.TopicArn()},
		Conditions: &map[string]any{
			"StringEquals": sameAccount,
			"ArnLike": map[string]any{"aws:SourceArn": stack.FormatArn(&awscdk.ArnComponents{
				Service:      jsii.String("cloudwatch"),
				Resource:     jsii.String("alarm"),
				ResourceName: jsii.String("*"),
				ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
			})},
		},
	}))
}

// Topic is where to publish.
func (n *Notifications) Topic() awssns.ITopic { return n.topic }
