package test

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

func TestCosts(t *testing.T) {
	emails := []string{"ops@example.com", "dev@example.com"}
	for _, tt := range []struct {
		name             string
		monthly, anomaly int
		want             map[string]int
	}{
		{"a budget", 600, 0, map[string]int{"AWS::Budgets::Budget": 1, "AWS::CE::AnomalyMonitor": 0, "AWS::CE::AnomalySubscription": 0}},
		{"anomalies", 0, 50, map[string]int{"AWS::Budgets::Budget": 0, "AWS::CE::AnomalyMonitor": 1, "AWS::CE::AnomalySubscription": 1}},
		{"both", 600, 50, map[string]int{"AWS::Budgets::Budget": 1, "AWS::CE::AnomalyMonitor": 1, "AWS::CE::AnomalySubscription": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := newStack(t, east)
			constructs.NewCosts(stack, "Costs", constructs.CostsProps{Deployment: "books", Emails: emails, MonthlyUSD: tt.monthly, AnomalyUSD: tt.anomaly})
			tm := templateOf(t, stack)
			tm.counts(tt.want)
			told := func(kind string, percent int) object {
				return object{
					"Notification": object{"NotificationType": kind, "ComparisonOperator": "GREATER_THAN", "Threshold": percent, "ThresholdType": "PERCENTAGE"},
					"Subscribers": []any{
						object{"SubscriptionType": "EMAIL", "Address": "ops@example.com"}, object{"SubscriptionType": "EMAIL", "Address": "dev@example.com"},
					},
				}
			}
			if tt.monthly > 0 {
				tm.has("what is spent, and what will be, of what carries the tag", "AWS::Budgets::Budget", object{
					"Budget": object{
						"BudgetName": assertions.Match_StringLikeRegexp(jsii.String("^books-[0-9a-f]{8}$")), "BudgetType": "COST", "TimeUnit": "MONTHLY",
						"BudgetLimit": object{"Amount": 600, "Unit": "USD"},
						"CostFilters": object{"TagKeyValue": []any{"user:deployment$books"}},
					},
					"NotificationsWithSubscribers": []any{told("ACTUAL", 80), told("ACTUAL", 100), told("FORECASTED", 100)},
				})
			}
			if tt.anomaly > 0 {
				tm.has("the deployment's own monitor, not the one over all services", "AWS::CE::AnomalyMonitor", object{
					"MonitorType": "CUSTOM", "MonitorSpecification": `{"Tags":{"Key":"user:deployment","Values":["books"]}}`,
				})
				tm.has("from that impact on", "AWS::CE::AnomalySubscription", object{
					"Frequency":           "DAILY",
					"ThresholdExpression": `{"Dimensions":{"Key":"ANOMALY_TOTAL_IMPACT_ABSOLUTE","MatchOptions":["GREATER_THAN_OR_EQUAL"],"Values":["50"]}}`,
					"Subscribers":         []any{object{"Type": "EMAIL", "Address": "ops@example.com"}, object{"Type": "EMAIL", "Address": "dev@example.com"}},
				})
			}
		})
	}
}

// TestBudgetIsReplacedUnderAnotherName: CloudFormation makes the new budget, for a
// change of who is told, before it deletes the old; two of one name are refused. A
// change of the sum is made in place.
func TestBudgetIsReplacedUnderAnotherName(t *testing.T) {
	name := func(monthly int, emails ...string) any {
		stack := newStack(t, east)
		constructs.NewCosts(stack, "Costs", constructs.CostsProps{Deployment: "books", Emails: emails, MonthlyUSD: monthly})
		for _, budget := range *templateOf(t, stack).FindResources(jsii.String("AWS::Budgets::Budget"), nil) {
			return (*budget)["Properties"].(object)["Budget"].(object)["BudgetName"]
		}
		return nil
	}
	first := name(600, "ops@example.com")
	equal(t, "another sum", name(700, "ops@example.com"), first)
	for _, emails := range [][]string{{"dev@example.com"}, {"ops@example.com", "dev@example.com"}} {
		if name(600, emails...) == first {
			t.Errorf("told to %v: the budget keeps its name", emails)
		}
	}
}

// TestCostsAreASetting: the walkthrough wants neither.
func TestCostsAreASetting(t *testing.T) {
	for id, resource := range resourcesOf(deployment(t, "walkthrough", "", nil).stacks["walkthrough-global"], "") {
		if kind := resource["Type"].(string); strings.HasPrefix(kind, "AWS::CE::") || strings.HasPrefix(kind, "AWS::Budgets::") {
			t.Errorf("%s is a %s", id, kind)
		}
	}
}

// TestCostTagIsOnEveryStack: a budget of another tag would see no cost.
func TestCostTagIsOnEveryStack(t *testing.T) {
	for name, a := range variants(t) {
		for stack := range a.stacks {
			equal(t, name+": "+stack, a.manifest.Artifacts[stack].Properties.Tags[constructs.CostTag], a.settings.Name)
		}
	}
}
