// Package constructs holds the L3 constructs of a warm-standby system. Each
// takes plain values and CDK interfaces, so each works alone in another app;
// none knows the settings of this one.
package constructs

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newLogGroup defines a log group that leaves with its stack. The optional
// name is for services that write to a group of a fixed name.
func newLogGroup(scope awsconstructs.Construct, id string, days int, name ...string) awslogs.LogGroup {
	props := &awslogs.LogGroupProps{
		Retention:     retention(days),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	}
	if len(name) == 1 {
		props.LogGroupName = jsii.String(name[0])
	}
	return awslogs.NewLogGroup(scope, jsii.String(id), props)
}

// newPassingBucket defines a private bucket for what is kept for some days; it
// leaves, emptied, with its stack.
func newPassingBucket(scope awsconstructs.Construct, id string, keepDays int) awss3.IBucket {
	bucket := awss3.NewBucket(scope, jsii.String(id), &awss3.BucketProps{
		// Load balancers write to buckets with S3-managed keys only:
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		EnforceSSL:        jsii.Bool(true),
		LifecycleRules: &[]*awss3.LifecycleRule{{
			Expiration:                          days(keepDays),
			AbortIncompleteMultipartUploadAfter: days(1),
		}},
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY,
		AutoDeleteObjects: jsii.Bool(true),
	})
	acknowledge(bucket, "AwsSolutions-S1", "What comes here is itself a record that passes; logging the access to it would log the logging")
	return bucket
}

// BoundProviderLogs gives the functions that the CDK adds to a stack on its own, to
// empty buckets and the like, a log group that leaves with it: else Lambda makes one
// that keeps everything for ever. Call it last, once a stack.
func BoundProviderLogs(stack awscdk.Stack, logDays int) {
	var group awslogs.LogGroup
	for _, child := range *stack.Node().Children() {
		if !strings.HasPrefix(*child.Node().Id(), "Custom::") {
			continue
		}
		handler, ok := child.Node().TryFindChild(jsii.String("Handler")).(awscdk.CfnResource)
		if !ok {
			continue
		}
		if group == nil {
			group = newLogGroup(stack, "ProviderLogs", logDays)
		}
		handler.AddPropertyOverride(jsii.String("LoggingConfig.LogGroup"), group.LogGroupName())
	}
}

// LogRetentionDays is the retention periods, in days, offered here out of those
// that CloudWatch Logs knows.
var LogRetentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731}

func retention(days int) awslogs.RetentionDays {
	switch days {
	case 1:
		return awslogs.RetentionDays_ONE_DAY
	case 3:
		return awslogs.RetentionDays_THREE_DAYS
	case 5:
		return awslogs.RetentionDays_FIVE_DAYS
	case 7:
		return awslogs.RetentionDays_ONE_WEEK
	case 14:
		return awslogs.RetentionDays_TWO_WEEKS
	case 30:
		return awslogs.RetentionDays_ONE_MONTH
	case 60:
		return awslogs.RetentionDays_TWO_MONTHS
	case 90:
		return awslogs.RetentionDays_THREE_MONTHS
	case 180:
		return awslogs.RetentionDays_SIX_MONTHS
	case 365:
		return awslogs.RetentionDays_ONE_YEAR
	case 731:
		return awslogs.RetentionDays_TWO_YEARS
	}
	panic(fmt.Sprintf("log retention: want one of %v days (got %d)", LogRetentionDays, days))
}

// seconds converts to the CDK's own duration.
func seconds(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Seconds(jsii.Number(d.Seconds()))
}

// outlivesStack keeps a resource when its stack lets go of it, except when the
// resource's own creation is rolled back: a leftover would block the second
// attempt.
const outlivesStack = awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE

func days(n int) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) }

// optionalString leaves a property out when its value is empty.
func optionalString(s string) *string {
	if s == "" {
		return nil
	}
	return jsii.String(s)
}

// optionalNumber leaves a property out when its value is zero.
func optionalNumber(n int) *float64 {
	if n == 0 {
		return nil
	}
	return jsii.Number(n)
}

// acknowledge accepts a finding of the CDK's template validation, or one of
// cdk-nag's AwsSolutions at or below a construct, with a reason. Only the tests
// run cdk-nag; nothing of this is in a template.
func acknowledge(at awsconstructs.IConstruct, rule, reason string) {
	awscdk.Validations_Of(at).Acknowledge(&awscdk.Acknowledgment{Id: jsii.String(rule), Reason: jsii.String(reason)})
}

// keyOfTopic is why a rule that publishes by a role of its own has a wildcard.
const keyOfTopic = "The CDK grants the topic's key as kms:GenerateDataKey*: two actions, on this key alone"
