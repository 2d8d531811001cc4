package constructs

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsbudgets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsce"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// CostsProps configures Costs.
type CostsProps struct {
	Deployment string   // Value of the tag CostTag that the deployment's resources carry; begins the budget's name and is the monitor's. Required.
	Emails     []string // 1 to 10 addresses that are told. Required.
	MonthlyUSD int      // Budget of a calendar month. Default: no budget.
	AnomalyUSD int      // Impact from which an unusual cost is told, once a day. Default: no anomalies are told.
}

// CostTag is the key of the tag by which a deployment's cost is told from others'.
// Until it is activated as a cost allocation tag, in the account that pays, budget
// and monitor see no cost at all; activation takes up to a day.
// https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
const CostTag = "deployment"

// NewCosts defines the budget and the detection of anomalies under scope/id, in a
// stack in us-east-1. Both mail directly: a topic would have to let the billing
// services in, and decrypt for them.
func NewCosts(scope awsconstructs.Construct, id string, props CostsProps) {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	mustBeInUsEast1(scope, "Costs")
	if props.MonthlyUSD > 0 {
		addBudget(scope, props)
	}
	if props.AnomalyUSD > 0 {
		addAnomalies(scope, props)
	}
}

// addBudget tells of the month's cost on its way to the budget, and before, once
// AWS has about five weeks of data to forecast from.
//
// Who is told, and of what, is part of the name: a change of it replaces the budget,
// and the new one is made while the old one still has its name.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html
func addBudget(scope awsconstructs.Construct, props CostsProps) {
	var subscribers []any
	for _, email := range props.Emails {
		subscribers = append(subscribers, &awsbudgets.CfnBudget_SubscriberProperty{SubscriptionType: jsii.String("EMAIL"), Address: jsii.String(email)})
	}
	told := func(kind string, percent float64) any {
		return &awsbudgets.CfnBudget_NotificationWithSubscribersProperty{
			Notification: &awsbudgets.CfnBudget_NotificationProperty{
				NotificationType:   jsii.String(kind),
				ComparisonOperator: jsii.String("GREATER_THAN"),
				Threshold:          jsii.Number(percent),
				ThresholdType:      jsii.String("PERCENTAGE"),
			},
			Subscribers: subscribers,
		}
	}
	notifications := []any{told("ACTUAL", 80), told("ACTUAL", 100), told("FORECASTED", 100)}
	awsbudgets.NewCfnBudget(scope, jsii.String("Budget"), &awsbudgets.CfnBudgetProps{
		Budget: &awsbudgets.CfnBudget_BudgetDataProperty{
			BudgetName:  jsii.String(fmt.Sprintf("%s-%.4x", props.Deployment, sha256.Sum256([]byte(*expression(notifications))))),
			BudgetType:  jsii.String("COST"),
			TimeUnit:    jsii.String("MONTHLY"),
			BudgetLimit: &awsbudgets.CfnBudget_SpendProperty{Amount: jsii.Number(props.MonthlyUSD), Unit: jsii.String("USD")},
			CostFilters: map[string]any{"TagKeyValue": []string{fmt.Sprintf("user:%s$%s", CostTag, props.Deployment)}},
		},
		NotificationsWithSubscribers: notifications,
	})
}

// addAnomalies watches what carries the tag with a monitor of its own: of those
// over all services AWS allows one an account, which may be there already.
// https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html
func addAnomalies(scope awsconstructs.Construct, props CostsProps) {
	monitor := awsce.NewCfnAnomalyMonitor(scope, jsii.String("Monitor"), &awsce.CfnAnomalyMonitorProps{
		MonitorName: jsii.String(props.Deployment),
		MonitorType: jsii.String("CUSTOM"),
		MonitorSpecification: expression(map[string]any{
			"Tags": map[string]any{"Key": "user:" + CostTag, "Values": []string{props.Deployment}},
		}),
	})
	var subscribers []any
	for _, email := range props.Emails {
		subscribers = append(subscribers, &awsce.CfnAnomalySubscription_SubscriberProperty{Type: jsii.String("EMAIL"), Address: jsii.String(email)})
	}
	awsce.NewCfnAnomalySubscription(scope, jsii.String("Subscription"), &awsce.CfnAnomalySubscriptionProps{
		SubscriptionName: jsii.String(props.Deployment),
		Frequency:        jsii.String("DAILY"), // at once would be for topics only
		MonitorArnList:   &[]any{monitor.AttrMonitorArn()},
		Subscribers:      subscribers,
		ThresholdExpression: expression(map[string]any{
			"Dimensions": map[string]any{
				"Key":          "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
				"MatchOptions": []string{"GREATER_THAN_OR_EQUAL"},
				"Values":       []string{strconv.Itoa(props.AnomalyUSD)},
			},
		}),
	})
}

// expression is JSON, as CloudFormation takes Cost Explorer's expressions.
func expression(value any) *string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, numbers and what is made of them always have JSON
	}
	return jsii.String(string(text))
}
