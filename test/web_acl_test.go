package test

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

// ruleCapacity is what each rule costs in web ACL capacity units:
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html
var ruleCapacity = map[string]int{
	"RateLimit":                             2,
	"AWSManagedRulesAmazonIpReputationList": 25,
	"AWSManagedRulesCommonRuleSet":          700,
	"AWSManagedRulesKnownBadInputsRuleSet":  200,
	"AWSManagedRulesSQLiRuleSet":            200,
}

func TestWebAcl(t *testing.T) {
	const arn = "arn:aws:elasticloadbalancing:us-west-2:" + account + ":loadbalancer/app/api/1"
	for _, tt := range []struct {
		name, region, scope string
		cloudFront          bool
		associations        int
	}{
		{"of a region's load balancer", west, "REGIONAL", false, 1},
		{"of CloudFront", east, "CLOUDFRONT", true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := newStack(t, tt.region)
			acl := constructs.NewWebAcl(stack, "WebAcl", constructs.WebAclProps{Name: "books-site", CloudFront: tt.cloudFront, RequestsPer5Minutes: 2000, LogDays: 14})
			if !tt.cloudFront {
				acl.Associate("Api", arn)
			}

			template := templateOf(t, stack)
			template.counts(map[string]int{"AWS::WAFv2::WebACL": 1, "AWS::WAFv2::WebACLAssociation": tt.associations})
			webACL := template.only("what no rule blocks is allowed", "AWS::WAFv2::WebACL", object{
				"Scope": tt.scope, "DefaultAction": object{"Allow": object{}},
				"Name": assertions.Match_Absent(), // a named one could not be replaced
			})
			template.has("one address is slowed down", "AWS::WAFv2::WebACL", object{"Rules": contains(like(object{
				"Action":    object{"Block": object{}},
				"Statement": object{"RateBasedStatement": object{"AggregateKeyType": "IP", "EvaluationWindowSec": 300, "Limit": 2000}},
			}))})
			checkRules(t, template.resources("AWS::WAFv2::WebACL")[webACL].Properties["Rules"].([]any))

			group := template.only("WAF logs to groups of this name only", "AWS::Logs::LogGroup", object{
				"LogGroupName":    assertions.Match_StringLikeRegexp(jsii.String("^aws-waf-logs-.+")),
				"RetentionInDays": 14,
			})
			template.has("requests are logged, without credentials", "AWS::WAFv2::LoggingConfiguration", object{
				"ResourceArn": object{"Fn::GetAtt": []string{webACL, "Arn"}},
				"LogDestinationConfigs": []any{object{"Fn::Join": []any{"", []any{
					"arn:aws:logs:" + tt.region + ":" + account + ":log-group:", object{"Ref": group},
				}}}},
				"RedactedFields": []object{{"SingleHeader": object{"Name": "authorization"}}, {"SingleHeader": object{"Name": "cookie"}}},
			})
			if !tt.cloudFront {
				template.has("the load balancer is protected", "AWS::WAFv2::WebACLAssociation", object{
					"ResourceArn": arn, "WebACLArn": object{"Fn::GetAtt": []string{webACL, "Arn"}},
				})
			}
		})
	}
}

// checkRules asserts that all rules are there and none is only counted, in order
// and within the capacity that a web ACL has without extra charge.
func checkRules(t *testing.T, rules []any) {
	t.Helper()
	capacity, found := 0, map[string]bool{}
	for i, rule := range rules {
		rule := rule.(object)
		name := rule["Name"].(string)
		cost, known := ruleCapacity[name]
		if !known {
			t.Errorf("rule %s: its capacity is not in this test", name)
		}
		capacity, found[name] = capacity+cost, true
		if rule["Priority"] != float64(i) {
			t.Errorf("rule %s: priority %v, want %d", name, rule["Priority"], i)
		}
		if action, ok := rule["OverrideAction"].(object); ok && action["None"] == nil {
			t.Errorf("rule %s: %v, want its own actions", name, action)
		}
		if rule["VisibilityConfig"].(object)["CloudWatchMetricsEnabled"] != true {
			t.Errorf("rule %s has no metrics", name)
		}
	}
	for name := range ruleCapacity {
		if !found[name] {
			t.Errorf("rule %s is missing", name)
		}
	}
	if capacity > 1500 {
		t.Errorf("capacity: want at most 1500 units (got %d)", capacity)
	}
}

func TestWebAclOfCloudFront(t *testing.T) {
	props := constructs.WebAclProps{Name: "books-site", CloudFront: true, RequestsPer5Minutes: 2000, LogDays: 14}
	if got := panicOf(func() { constructs.NewWebAcl(newStack(t, west), "WebAcl", props) }); !strings.Contains(got, "us-west-2") {
		t.Errorf("outside us-east-1: want a panic that names the region (got %q)", got)
	}
	acl := constructs.NewWebAcl(newStack(t, east), "WebAcl", props)
	if got := panicOf(func() { acl.Associate("Api", "arn") }); !strings.Contains(got, "load balancer") {
		t.Errorf("with a load balancer: want a panic (got %q)", got)
	}
}
