package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awswafv2"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// WebAclProps configures a WebAcl.
type WebAclProps struct {
	Name                string // Names its metrics: letters, digits, hyphens; no other web ACL of the account and region has it. Required.
	CloudFront          bool   // Protects a CloudFront distribution; the stack must be in us-east-1. Default: protects load balancers of the stack's region.
	RequestsPer5Minutes int    // Requests from one address that are let through, at least 100: a Route 53 health checker alone makes 30. Required.
	LogDays             int    // Retention of the log, a value CloudWatch Logs knows. Required.
}

// WebAcl is an AWS WAF web ACL of AWS's managed rules and a rate limit, which
// allows what no rule blocks, and its log.
type WebAcl struct {
	scope awsconstructs.Construct
	acl   awswafv2.CfnWebACL
	name  string
	edge  bool
}

// managedRules are rule groups of AWS, in order. Their capacity, with 2 for the
// rate limit, is 1127 of the 1500 units that a web ACL has without extra charge:
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
//
// All rules of theirs block by default but AWSManagedIPDDoSList, which counts:
// the rate limit is for those. https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-ip-rep.html
// Of a JSON API they block bodies over 8 KB (a load
// balancer's web ACL sees no more), addresses with an IPv4 host or "../" in
// them, script tags, and text that reads like SQL: a book about SQL injection
// may have to be described in other words. The log names the rule of each
// blocked request.
var managedRules = []string{
	"AWSManagedRulesAmazonIpReputationList", // 25
	"AWSManagedRulesCommonRuleSet",          // 700
	"AWSManagedRulesKnownBadInputsRuleSet",  // 200
	"AWSManagedRulesSQLiRuleSet",            // 200
}

// NewWebAcl defines the web ACL and its log under scope/id.
func NewWebAcl(scope awsconstructs.Construct, id string, props WebAclProps) *WebAcl {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	w := &WebAcl{scope: scope, name: props.Name, edge: props.CloudFront}
	webAclScope := "REGIONAL"
	if props.CloudFront {
		mustBeInUsEast1(scope, "WebAcl with CloudFront")
		webAclScope = "CLOUDFRONT"
	}
	w.acl = awswafv2.NewCfnWebACL(scope, jsii.String("WebAcl"), &awswafv2.CfnWebACLProps{
		Scope:            jsii.String(webAclScope),
		DefaultAction:    &awswafv2.CfnWebACL_DefaultActionProperty{Allow: &awswafv2.CfnWebACL_AllowActionProperty{}},
		Rules:            rules(props.RequestsPer5Minutes),
		VisibilityConfig: visibility(props.Name),
	})
	w.addLog(props.LogDays)
	return w
}

// rules puts the rate limit first, so that it counts what the others block.
func rules(requestsPer5Minutes int) []any {
	all := []any{&awswafv2.CfnWebACL_RuleProperty{
		Name:     jsii.String("RateLimit"),
		Priority: jsii.Number(0),
		Statement: &awswafv2.CfnWebACL_StatementProperty{
			RateBasedStatement: &awswafv2.CfnWebACL_RateBasedStatementProperty{
				AggregateKeyType:    jsii.String("IP"),
				EvaluationWindowSec: jsii.Number(300),
				Limit:               jsii.Number(requestsPer5Minutes),
			},
		},
		Action:           &awswafv2.CfnWebACL_RuleActionProperty{Block: &awswafv2.CfnWebACL_BlockActionProperty{}},
		VisibilityConfig: visibility("RateLimit"),
	}}
	for _, group := range managedRules {
		all = append(all, &awswafv2.CfnWebACL_RuleProperty{
			Name:     jsii.String(group),
			Priority: jsii.Number(len(all)),
			Statement: &awswafv2.CfnWebACL_StatementProperty{
				ManagedRuleGroupStatement: &awswafv2.CfnWebACL_ManagedRuleGroupStatementProperty{
					VendorName: jsii.String("AWS"),
					Name:       jsii.String(group),
				},
			},
			OverrideAction:   &awswafv2.CfnWebACL_OverrideActionProperty{None: map[string]any{}},
			VisibilityConfig: visibility(group),
		})
	}
	return all
}

func visibility(metric string) *awswafv2.CfnWebACL_VisibilityConfigProperty {
	return &awswafv2.CfnWebACL_VisibilityConfigProperty{
		CloudWatchMetricsEnabled: jsii.Bool(true),
		MetricName:               jsii.String(metric),
		SampledRequestsEnabled:   jsii.Bool(true),
	}
}

// addLog logs every request without its credentials. WAF wants this prefix and
// an ARN without the ":*" that LogGroupArn ends in; it lets itself write to the
// group when logging begins.
func (w *WebAcl) addLog(days int) {
	name := awscdk.Names_UniqueResourceName(w.scope, &awscdk.UniqueResourceNameOptions{Separator: jsii.String("-")})
	group := newLogGroup(w.scope, "LogGroup", days, "aws-waf-logs-"+*name)
	awswafv2.NewCfnLoggingConfiguration(w.scope, jsii.String("Logging"), &awswafv2.CfnLoggingConfigurationProps{
		ResourceArn: w.acl.AttrArn(),
		LogDestinationConfigs: &[]any{awscdk.Stack_Of(w.scope).FormatArn(&awscdk.ArnComponents{
			Service:      jsii.String("logs"),
			Resource:     jsii.String("log-group"),
			ResourceName: group.LogGroupName(),
			ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
		})},
		RedactedFields: []any{redactedHeader("authorization"), redactedHeader("cookie")},
	})
}

func redactedHeader(name string) *awswafv2.CfnLoggingConfiguration_FieldToMatchProperty {
	return &awswafv2.CfnLoggingConfiguration_FieldToMatchProperty{
		SingleHeader: map[string]string{"Name": name}, // raw JSON to the CDK: its own type would come out in lower case
	}
}

// Associate puts a load balancer behind the web ACL. A distribution names its
// web ACL itself.
func (w *WebAcl) Associate(id, loadBalancerArn string) {
	if w.edge {
		panic("WebAcl.Associate: a web ACL with CloudFront protects no load balancer")
	}
	awswafv2.NewCfnWebACLAssociation(w.scope, jsii.String(id), &awswafv2.CfnWebACLAssociationProps{
		ResourceArn: jsii.String(loadBalancerArn),
		WebAclArn:   w.acl.AttrArn(),
	})
}

// Arn is the web ACL's ARN.
func (w *WebAcl) Arn() string { return *w.acl.AttrArn() }
