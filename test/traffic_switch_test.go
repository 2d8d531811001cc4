package test

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"

	"warm-standby/constructs"
)

func TestTrafficSwitch(t *testing.T) {
	stack := newStack(t, west)
	constructs.NewTrafficSwitch(stack, "TrafficSwitch", constructs.TrafficSwitchProps{Deployment: "books"})
	signal := constructs.NewTrafficSwitchSignal("books")

	absent := assertions.Match_Absent()
	template := templateOf(t, stack)
	template.has("an operator's 1 raises the alarm that Route 53 looks for", "AWS::CloudWatch::Alarm", object{
		"AlarmName":          signal.AlarmName,
		"Namespace":          signal.Namespace,
		"MetricName":         signal.MetricName,
		"Dimensions":         []object{{"Name": "Deployment", "Value": signal.Dimensions["Deployment"]}},
		"Statistic":          "Maximum",
		"Threshold":          1,
		"ComparisonOperator": "GreaterThanOrEqualToThreshold",
		"EvaluationPeriods":  1,
	})
	template.has("Route 53 supports no high resolution, metric math, extended statistic or M out of N", "AWS::CloudWatch::Alarm", object{
		"Period": 60, "Metrics": absent, "ExtendedStatistic": absent, "DatapointsToAlarm": absent,
	})
	template.has("silence changes nothing and nobody is called", "AWS::CloudWatch::Alarm", object{
		"TreatMissingData": "ignore", "AlarmActions": absent, "OKActions": absent, "InsufficientDataActions": absent,
	})
}

func TestTrafficSwitchSignalIsTheDeploymentsOwn(t *testing.T) {
	books, films := constructs.NewTrafficSwitchSignal("books"), constructs.NewTrafficSwitchSignal("films")
	if books.AlarmName == films.AlarmName {
		t.Errorf("two deployments share the alarm %q", books.AlarmName)
	}
	if books.Dimensions["Deployment"] == films.Dimensions["Deployment"] {
		t.Errorf("two deployments share the metric of %v", books.Dimensions)
	}
}
