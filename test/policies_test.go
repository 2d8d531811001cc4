package test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// statement is one statement of a policy, of whatever kind, wherever it stands.
type statement struct {
	place      string // the resource's type and property
	effect     string
	principals []string // as "Service:name" or "AWS:arn"
	actions    []string
	resources  []string
	conditions object // by operator, then key
}

// statements are those of all policies in a template: of roles, customer-managed,
// of buckets, topics and keys, and who may assume a role.
func statements(tmpl object) []statement {
	var found []statement
	var walk func(place string, value any)
	walk = func(place string, value any) {
		switch value := value.(type) {
		case []any:
			for _, item := range value {
				walk(place, item)
			}
		case object:
			if list, ok := value["Statement"].([]any); ok && value["Version"] != nil {
				for _, item := range list {
					found = append(found, newStatement(place, item.(object)))
				}
				return
			}
			for key, item := range value {
				walk(place+"/"+key, item)
			}
		}
	}
	for _, resource := range resourcesOf(tmpl, "") {
		walk(resource["Type"].(string), propertiesOf(resource))
	}
	return found
}

func newStatement(place string, raw object) statement {
	s := statement{place: place, effect: raw["Effect"].(string), actions: texts(raw["Action"]), resources: texts(raw["Resource"])}
	s.conditions, _ = raw["Condition"].(object)
	switch principal := raw["Principal"].(type) {
	case string:
		s.principals = []string{principal}
	case object:
		for kind, names := range principal {
			for _, name := range texts(names) {
				s.principals = append(s.principals, kind+":"+name)
			}
		}
	}
	return s
}

// texts are one value or several, with references as <LogicalID>.
func texts(value any) []string {
	if value == nil {
		return nil
	}
	values, several := value.([]any)
	if !several {
		values = []any{value}
	}
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = text(v)
	}
	return all
}

var hashOfID = regexp.MustCompile(`[0-9A-F]{8}$`)

func text(value any) string {
	reference, ok := value.(object)
	if !ok {
		return value.(string)
	}
	if id, ok := reference["Ref"].(string); ok {
		return "<" + hashOfID.ReplaceAllString(id, "") + ">"
	}
	if attribute, ok := reference["Fn::GetAtt"].([]any); ok {
		return "<" + hashOfID.ReplaceAllString(attribute[0].(string), "") + ">"
	}
	if join, ok := reference["Fn::Join"].([]any); ok {
		return strings.Join(texts(join[1]), join[0].(string))
	}
	if sub, ok := reference["Fn::Sub"].(string); ok {
		return sub
	}
	panic(fmt.Sprintf("a policy has what this test cannot read: %v", value))
}

// conditionKeys are the keys of the conditions that name what is let in.
func (s statement) conditionKeys() []string {
	keys := map[string]bool{}
	for operator, values := range s.conditions {
		for key := range values.(object) {
			keys[operator+" "+key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// wildcards are what a statement allows by a wildcard: "action on resource", with
// the keys of its conditions.
func (s statement) wildcards() []string {
	if s.effect != "Allow" {
		return nil // it takes away
	}
	condition := ""
	if keys := s.conditionKeys(); len(keys) > 0 {
		condition = " if " + strings.Join(keys, ", ")
	}
	var found []string
	for _, action := range s.actions {
		for _, resource := range s.resources {
			if strings.HasPrefix(s.place, "AWS::KMS::Key/") && resource == "*" {
				resource = "the key" // all that * can mean in the policy of a key
			}
			if strings.Contains(action+resource, "*") {
				found = append(found, action+" on "+resource+condition)
			}
		}
	}
	return found
}

// Why a policy may have a wildcard.
const (
	noResourceLevel = "AWS has no resource-level permission for it: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"
	sessionManager  = "AWS's own least for Session Manager; an id is known after its launch: https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html"
	deliveredLogs   = "asked of who sets up delivered logs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html#AWS-logs-infrastructure-CWL"
	fisOwn          = "the id of what FIS makes; its tag says that FIS made it: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSFaultInjectionSimulatorNetworkAccess.html"
	describes       = "lists them all, and tells nothing but descriptions"
	serverIDs       = "the ids of servers, which come and go; their group's tag says whose they are"
	groupID         = "the id in a group's ARN, which only AWS knows; its name is exact"
	artifacts       = "releases of the application, the former one too while servers are replaced"
	keyOfTopic      = "GenerateDataKey, with and without plaintext, of one key: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"
	accountRoot     = "AWS's default: the account's IAM decides, and no key can be locked: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"
	emptying        = "the CDK's function that empties a bucket of logs before it is deleted"
	logFolder       = "the folder of the bucket in which these logs are: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html"
)

// wildcards are all that policies allow by a wildcard, in any deployment, and why.
var wildcards = map[string]string{
	"autoscaling:DescribeAutoScalingGroups on *":                         noResourceLevel,
	"cloudwatch:GetMetricStatistics on *":                                noResourceLevel,
	"cloudwatch:PutMetricData on * if StringEquals cloudwatch:namespace": noResourceLevel,
	"ec2:DescribeInstances on *":                                         noResourceLevel,
	"ec2:DescribeManagedPrefixLists on *":                                noResourceLevel,
	"ec2:DescribeNetworkAcls on *":                                       noResourceLevel,
	"ec2:DescribeSubnets on *":                                           noResourceLevel,
	"ec2:DescribeVpcs on *":                                              noResourceLevel,
	"elasticloadbalancing:DescribeTargetHealth on *":                     noResourceLevel,
	"tag:GetResources on *":                                              noResourceLevel,

	"ssm:UpdateInstanceInformation on *":    sessionManager,
	"ssmmessages:CreateControlChannel on *": sessionManager,
	"ssmmessages:CreateDataChannel on *":    sessionManager,
	"ssmmessages:OpenControlChannel on *":   sessionManager,
	"ssmmessages:OpenDataChannel on *":      sessionManager,

	"logs:CreateLogDelivery on *":        deliveredLogs,
	"logs:DescribeLogGroups on *":        deliveredLogs,
	"logs:DescribeResourcePolicies on *": deliveredLogs,
	"logs:PutResourcePolicy on *":        deliveredLogs,

	"ec2:CreateNetworkAcl on arn:aws:ec2:REGION:ACCOUNT:network-acl/* if StringEquals aws:RequestTag/managedByFIS":                          fisOwn,
	"ec2:CreateNetworkAclEntry on arn:aws:ec2:REGION:ACCOUNT:network-acl/* if StringEquals ec2:ResourceTag/managedByFIS":                    fisOwn,
	"ec2:CreateTags on arn:aws:ec2:REGION:ACCOUNT:network-acl/* if StringEquals aws:RequestTag/managedByFIS, StringEquals ec2:CreateAction": fisOwn,
	"ec2:DeleteNetworkAcl on arn:aws:ec2:REGION:ACCOUNT:network-acl/* if StringEquals ec2:ResourceTag/managedByFIS":                         fisOwn,
	"ec2:ReplaceNetworkAclAssociation on arn:aws:ec2:REGION:ACCOUNT:network-acl/*":                                                          fisOwn,
	"ec2:GetManagedPrefixListEntries on arn:aws:ec2:REGION:*:prefix-list/*":                                                                 describes,
	"rds:DescribeDBInstances on arn:aws:rds:REGION:ACCOUNT:db:*":                                                                            describes,
	"ec2:StopInstances on arn:aws:ec2:REGION:ACCOUNT:instance/* if StringEquals ec2:ResourceTag/aws:autoscaling:groupName":                  serverIDs,
	"autoscaling:UpdateAutoScalingGroup on arn:aws:autoscaling:REGION:ACCOUNT:autoScalingGroup:*:autoScalingGroupName/<ApiGroupASG>":        groupID,
	"autoscaling:UpdateAutoScalingGroup on arn:aws:autoscaling:REGION:ACCOUNT:autoScalingGroup:*:autoScalingGroupName/<WebGroupASG>":        groupID,
	"s3:GetObject on arn:aws:s3:::cdk-hnb659fds-assets-ACCOUNT-REGION/*.gz":                                                             artifacts,

	"kms:GenerateDataKey* on <NotificationsKey>":                        keyOfTopic,
	"kms:GenerateDataKey* on the key if StringEquals aws:SourceAccount": keyOfTopic,
	"kms:* on the key": accountRoot,

	"s3:DeleteObject* on <AccessLogs>":     emptying,
	"s3:DeleteObject* on <AccessLogs>/*":   emptying,
	"s3:GetBucket* on <AccessLogs>":        emptying,
	"s3:GetBucket* on <AccessLogs>/*":      emptying,
	"s3:List* on <AccessLogs>":             emptying,
	"s3:List* on <AccessLogs>/*":           emptying,
	"s3:PutBucketPolicy on <AccessLogs>/*": emptying,

	"s3:PutObject on <AccessLogs>/Api/AWSLogs/ACCOUNT/*":                                                                                          logFolder,
	"s3:PutObject on <AccessLogs>/Api/AWSLogs/ACCOUNT/* if StringEquals s3:x-amz-acl":                                                             logFolder,
	"s3:PutObject on <AccessLogs>/Web/AWSLogs/ACCOUNT/*":                                                                                          logFolder,
	"s3:PutObject on <AccessLogs>/Web/AWSLogs/ACCOUNT/* if StringEquals s3:x-amz-acl":                                                             logFolder,
	"s3:PutObject on <EdgeAccessLogBucket>/AWSLogs/ACCOUNT/* if ArnLike aws:SourceArn, StringEquals aws:SourceAccount, StringEquals s3:x-amz-acl": logFolder,
}

func TestWildcardsInPolicies(t *testing.T) {
	used := map[string]bool{}
	for name, a := range variants(t) {
		anyRegion := strings.NewReplacer(east, "REGION", west, "REGION", account, "ACCOUNT")
		for stack, tmpl := range a.stacks {
			for _, s := range statements(tmpl) {
				for _, wildcard := range s.wildcards() {
					wildcard = anyRegion.Replace(wildcard)
					if wildcards[wildcard] == "" {
						t.Errorf("%s: %s: %s allows %s: name the action and the resource, or give the reason here", name, stack, s.place, wildcard)
					}
					used[wildcard] = true
				}
			}
		}
	}
	for wildcard := range wildcards {
		if !used[wildcard] {
			t.Errorf("no policy allows %s: take it off the list", wildcard)
		}
	}
}

// loadBalancerAccounts are AWS's own, which write access logs in east and west.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
var loadBalancerAccounts = []string{"AWS:arn:aws:iam::127311923021:root", "AWS:arn:aws:iam::797873946194:root"}

// TestPoliciesLetNobodyElseIn: the account itself, its own roles and AWS services.
func TestPoliciesLetNobodyElseIn(t *testing.T) {
	own := regexp.MustCompile(`^(Service:[a-z0-9.-]+\.amazonaws\.com|AWS:<\w+>|AWS:arn:aws:iam::` + account + `:.*[^*])$`)
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for _, s := range statements(tmpl) {
				for _, principal := range s.principals {
					logs := strings.HasPrefix(s.place, "AWS::S3::") && slices.Contains(loadBalancerAccounts, principal)
					if s.effect == "Allow" && !own.MatchString(principal) && !logs {
						t.Errorf("%s: %s: %s lets %s in", name, stack, s.place, principal)
					}
				}
			}
		}
	}
}

// TestKeysAreForWhoNeedsThem: a key is left to the account's IAM; a service named
// in its policy uses it for this account only.
func TestKeysAreForWhoNeedsThem(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for id, key := range resourcesOf(tmpl, "AWS::KMS::Key") {
				root := false
				for _, s := range statements(object{"Resources": object{id: key}}) {
					for _, principal := range s.principals {
						switch {
						case principal == "AWS:arn:aws:iam::"+account+":root":
							root = true
						case slices.Contains(s.actions, "kms:*"):
							t.Errorf("%s: %s/%s: %s may do anything with it", name, stack, id, principal)
						case strings.HasPrefix(principal, "Service:") && !slices.Contains(s.conditionKeys(), "StringEquals aws:SourceAccount"):
							t.Errorf("%s: %s/%s: %s may use it for any account", name, stack, id, principal)
						}
					}
				}
				if !root {
					t.Errorf("%s: %s/%s: the account could lose it", name, stack, id)
				}
			}
		}
	}
}
