package constructs

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// TrafficSwitchProps configures a TrafficSwitch.
type TrafficSwitchProps struct {
	Deployment string // Name of the deployment, part of the alarm's name. Required.
}

// TrafficSwitch is the alarm through which an operator holds the traffic on the
// standby region: Route 53 reads its metric there, so that the switch works
// without the failed region. Every region has one; only the standby's is read.
type TrafficSwitch struct {
	alarm awscloudwatch.Alarm
}

// TrafficSwitchSignal is what moves the switch: PutMetricData in the standby
// region with a value of 1 holds the traffic there, 0 releases it. SetAlarmState
// does nothing, since Route 53 reads the metric and not the alarm's state.
//
// Within a minute a 1 outweighs a 0: a release is 0 for two minutes, of which one
// has no 1 left. A hold is a 1 every minute: without new values Route 53 keeps the
// last status, which is meant for brief gaps and advised against for more than a
// few hours. The Runbooks evacuate and return do both.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html
type TrafficSwitchSignal struct {
	AlarmName  string
	Namespace  string
	MetricName string
	Dimensions map[string]string
}

// NewTrafficSwitchSignal names the signal of a deployment, the same in all regions.
func NewTrafficSwitchSignal(deployment string) TrafficSwitchSignal {
	return TrafficSwitchSignal{
		AlarmName:  deployment + "-hold-traffic",
		Namespace:  metricNamespace(deployment),
		MetricName: "HoldTraffic",
		Dimensions: map[string]string{"Deployment": deployment},
	}
}

// metricNamespace is that of a deployment's own metrics: who may send to one must
// not move another's.
func metricNamespace(deployment string) string { return "WarmStandby/" + deployment }

// NewTrafficSwitch defines the alarm under scope/id.
//
// Route 53 supports neither high resolution nor metric math, extended
// statistics, nor M out of N. It copies the definition when its health check is
// made, and again when UpdateHealthCheck names the alarm, be it the same one:
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-updating-cloudwatch-alarm-settings.html
// CloudFormation alone makes no such call, since to it the health check has not
// changed.
func NewTrafficSwitch(scope awsconstructs.Construct, id string, props TrafficSwitchProps) *TrafficSwitch {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	signal := NewTrafficSwitchSignal(props.Deployment)
	dimensions := map[string]*string{}
	for name, value := range signal.Dimensions {
		dimensions[name] = jsii.String(value)
	}
	alarm := awscloudwatch.NewAlarm(scope, jsii.String("Alarm"), &awscloudwatch.AlarmProps{
		AlarmName:        jsii.String(signal.AlarmName),
		AlarmDescription: jsii.String(fmt.Sprintf("In alarm, %s holds its traffic on the standby region. PutMetricData moves it, SetAlarmState does not.", props.Deployment)),
		Metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace:     jsii.String(signal.Namespace),
			MetricName:    jsii.String(signal.MetricName),
			DimensionsMap: &dimensions,
			Statistic:     jsii.String("Maximum"),
			Period:        seconds(time.Minute),
		}),
		Threshold:          jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		EvaluationPeriods:  jsii.Number(1),
		TreatMissingData:   awscloudwatch.TreatMissingData_IGNORE, // keeps the alarm where it is, as the health check does
	})
	return &TrafficSwitch{alarm: alarm}
}

// Alarm is the alarm itself, without actions.
func (s *TrafficSwitch) Alarm() awscloudwatch.IAlarm { return s.alarm }
