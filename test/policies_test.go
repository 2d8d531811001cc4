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

// onlyPrincipal is the one role for which a statement holds, or everybody.
func (s statement) onlyPrincipal() string {
	equal, _ := s.conditions["ArnEquals"].(object)
	if only := texts(equal["aws:PrincipalArn"]); len(only) == 1 {
		return "AWS:" + only[0]
	}
	return "AWS:*"
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
	condition := strings.Join(s.conditionKeys(), ", ")
	var found []string
	for _, action := range s.actions {
		for _, resource := range s.resources {
			if strings.HasPrefix(s.place, "AWS::KMS::Key/") && resource == "*" {
				resource = "the-key" // all that * can mean in the policy of a key
			}
			if strings.Contains(action+resource, "*") {
				found = append(found, wildcard(action, resource, condition))
			}
		}
	}
	return found
}

func wildcard(action, resource, condition string) string {
	if condition != "" {
		condition = " if " + condition
	}
	return action + " on " + resource + condition
}

// Why a policy may have a wildcard.
const (
	noResourceLevel  = "AWS has no resource-level permission for it: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"
	sessionManager   = "AWS's own least for Session Manager; an id is known after its launch: https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html"
	deliveredLogs    = "asked of who sets up delivered logs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html#AWS-logs-infrastructure-CWL"
	fisOwn           = "the id of what FIS makes; its tag says that FIS made it: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSFaultInjectionSimulatorNetworkAccess.html"
	describes        = "lists them all, and tells nothing but descriptions"
	serverIDs        = "the ids of servers, which come and go; their group's tag says whose they are"
	groupID          = "the id in a group's ARN, which only AWS knows; its name is exact"
	artifacts        = "releases of the application, the former one too while servers are replaced"
	keyOfTopic       = "GenerateDataKey, with and without plaintext, of one key: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"
	accountRoot      = "AWS's default: the account's IAM decides, and no key can be locked: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"
	emptying         = "the CDK's function that empties a bucket of what passes before it is deleted"
	logFolder        = "the folder of the bucket in which these logs are: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html"
	canaryResults    = "the folder of the bucket in which a canary's results are: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_CanaryPermissions.html"
	lambdaInterfaces = "all resources or one by its id, says AWS, and the id is not known before: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"
	imagesUnmarked   = "an image or snapshot whose mark is not there yet, or that is Canonical's; AWS's own role has these for all, too: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSServiceRoleForImageBuilder.html"
	imagesMarked     = "the id of what Image Builder makes; its mark says that Image Builder made it: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderLifecycleExecutionPolicy.html"
	imageVersions    = "versions, which Image Builder counts; the name is exact"
	imageProgram     = "the program that runs components, in AWS's own buckets: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2InstanceProfileForImageBuilder.html"
	imageRules       = "Image Builder's own rules, by whose names AWS's own role knows them, too: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSServiceRoleForImageBuilder.html"
	interfaceIn      = "an interface that is there with its server; it is in one subnet: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances-subnet"
	keyByAlias       = "the other region's key, whose id is not known here; its alias is exact: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases"
)

// wildcards are all that policies allow by a wildcard, in any deployment, and why:
// each of these actions on each of these resources, with these keys of conditions.
var wildcards = []struct{ reason, actions, resources, condition string }{
	{reason: noResourceLevel, resources: "*", actions: `autoscaling:DescribeAutoScalingGroups cloudwatch:GetMetricStatistics
		ec2:DescribeImages ec2:DescribeInstanceStatus ec2:DescribeInstanceTypeOfferings ec2:DescribeInstanceTypes ec2:DescribeInstances
		ec2:DescribeManagedPrefixLists ec2:DescribeNetworkAcls ec2:DescribeNetworkInterfaces ec2:DescribeSnapshots ec2:DescribeSubnets
		ec2:DescribeTags ec2:DescribeVpcs elasticloadbalancing:DescribeTargetHealth s3:ListAllMyBuckets ssm:DescribeInstanceInformation
		ssm:GetCommandInvocation ssm:ListCommandInvocations ssm:ListCommands tag:GetResources`},
	{reason: noResourceLevel, resources: "*", actions: "cloudwatch:PutMetricData", condition: "StringEquals cloudwatch:namespace"},
	{reason: sessionManager, resources: "*", actions: `ssm:UpdateInstanceInformation ssmmessages:CreateControlChannel
		ssmmessages:CreateDataChannel ssmmessages:OpenControlChannel ssmmessages:OpenDataChannel`},
	{reason: deliveredLogs, resources: "*", actions: "logs:CreateLogDelivery logs:DescribeLogGroups logs:DescribeResourcePolicies logs:PutResourcePolicy"},

	{reason: fisOwn, resources: aclsHere, actions: "ec2:CreateNetworkAcl", condition: "StringEquals aws:RequestTag/managedByFIS"},
	{reason: fisOwn, resources: aclsHere, actions: "ec2:CreateNetworkAclEntry ec2:DeleteNetworkAcl", condition: "StringEquals ec2:ResourceTag/managedByFIS"},
	{reason: fisOwn, resources: aclsHere, actions: "ec2:CreateTags", condition: "StringEquals aws:RequestTag/managedByFIS, StringEquals ec2:CreateAction"},
	{reason: fisOwn, resources: aclsHere, actions: "ec2:ReplaceNetworkAclAssociation"},
	{reason: describes, resources: "arn:aws:ec2:REGION:*:prefix-list/*", actions: "ec2:GetManagedPrefixListEntries"},
	{reason: describes, resources: "arn:aws:rds:REGION:ACCOUNT:db:*", actions: "rds:DescribeDBInstances"},
	{reason: serverIDs, resources: instancesHere, actions: "ec2:StopInstances", condition: "StringEquals ec2:ResourceTag/aws:autoscaling:groupName"},
	{reason: groupID, actions: "autoscaling:UpdateAutoScalingGroup", resources: `arn:aws:autoscaling:REGION:ACCOUNT:autoScalingGroup:*:autoScalingGroupName/<ApiGroupASG>
		arn:aws:autoscaling:REGION:ACCOUNT:autoScalingGroup:*:autoScalingGroupName/<WebGroupASG>`},
	{reason: artifacts, resources: "arn:aws:s3:::cdk-hnb659fds-assets-ACCOUNT-REGION/*.gz", actions: "s3:GetObject"},
	{reason: lambdaInterfaces, resources: "arn:aws:ec2:REGION:ACCOUNT:*/*", actions: `ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface
		ec2:DeleteNetworkInterface ec2:UnassignPrivateIpAddresses`},

	{reason: accountRoot, resources: "the-key", actions: "kms:*"},
	{reason: keyOfTopic, resources: "<NotificationsKey>", actions: "kms:GenerateDataKey*"},
	{reason: keyOfTopic, resources: "the-key", actions: "kms:GenerateDataKey*", condition: "StringEquals aws:SourceAccount"},

	{reason: emptying, actions: "s3:DeleteObject* s3:GetBucket* s3:List*", resources: "<AccessLogs> <AccessLogs>/* <CanariesResults> <CanariesResults>/*"},
	{reason: emptying, actions: "s3:PutBucketPolicy", resources: "<AccessLogs>/* <CanariesResults>/*"},
	{reason: logFolder, actions: "s3:PutObject", resources: lbLogs},
	{reason: logFolder, actions: "s3:PutObject", resources: lbLogs, condition: "StringEquals s3:x-amz-acl"},
	{
		reason: logFolder, actions: "s3:PutObject", resources: "<EdgeAccessLogBucket>/AWSLogs/ACCOUNT/*",
		condition: "ArnLike aws:SourceArn, StringEquals aws:SourceAccount, StringEquals s3:x-amz-acl",
	},
	{reason: canaryResults, actions: "s3:PutObject", resources: "<CanariesResults>/Api/* <CanariesResults>/Site/*"},

	{reason: imagesUnmarked, actions: "ec2:RunInstances ec2:CreateImage ec2:CopyImage", resources: "arn:aws:ec2:REGION::image/* arn:aws:ec2:REGION::snapshot/*"},
	{reason: imagesUnmarked, actions: "ec2:CreateTags ec2:ModifyImageAttribute", resources: "arn:aws:ec2:REGION::image/*"},
	{reason: imagesMarked, actions: "ec2:RunInstances ec2:CreateTags", resources: instancesHere + " arn:aws:ec2:REGION:ACCOUNT:volume/*", condition: "StringEquals aws:RequestTag/CreatedBy"},
	{reason: imagesMarked, actions: "ec2:CreateTags", resources: "arn:aws:ec2:REGION::snapshot/*", condition: "StringEquals aws:RequestTag/CreatedBy"},
	{
		reason: imagesMarked, actions: "ec2:CreateImage ec2:DescribeInstanceAttribute ec2:StartInstances ec2:StopInstances ec2:TerminateInstances", resources: instancesHere,
		condition: "StringEquals aws:ResourceTag/CreatedBy",
	},
	{reason: imagesMarked, actions: "ec2:DeregisterImage ec2:DescribeImageAttribute", resources: "arn:aws:ec2:REGION::image/*", condition: "StringEquals aws:ResourceTag/CreatedBy"},
	{reason: imagesMarked, actions: "ec2:DeleteSnapshot ec2:ModifySnapshotAttribute", resources: "arn:aws:ec2:REGION::snapshot/*", condition: "StringEquals aws:ResourceTag/CreatedBy"},
	{reason: imagesMarked, actions: "ssm:SendCommand", resources: instancesHere, condition: "StringEquals ssm:resourceTag/CreatedBy"},
	{reason: interfaceIn, actions: "ec2:RunInstances", resources: "arn:aws:ec2:REGION:ACCOUNT:network-interface/*", condition: "ArnEquals ec2:Subnet"},
	{reason: imageVersions, actions: "imagebuilder:DeleteImage", resources: "arn:aws:imagebuilder:REGION:ACCOUNT:image/books-api/* arn:aws:imagebuilder:REGION:ACCOUNT:image/books-web/*"},
	{reason: imageVersions, actions: "imagebuilder:GetComponent", resources: `arn:aws:imagebuilder:REGION:ACCOUNT:component/books-api-build/*
		arn:aws:imagebuilder:REGION:ACCOUNT:component/books-api-test/* arn:aws:imagebuilder:REGION:ACCOUNT:component/books-web-build/*
		arn:aws:imagebuilder:REGION:ACCOUNT:component/books-web-test/*`},
	{reason: imageProgram, actions: "s3:GetObject", resources: "arn:aws:s3:::ec2imagebuilder-managed-resources-REGION-prod/* arn:aws:s3:::ec2imagebuilder-toe-REGION-prod/*"},
	{reason: imageRules, resources: "arn:aws:events:REGION:ACCOUNT:rule/ImageBuilder-*", actions: "events:DeleteRule events:DescribeRule events:PutRule events:PutTargets events:RemoveTargets"},
	{
		reason: keyByAlias, actions: "kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo",
		resources: "arn:aws:kms:REGION:ACCOUNT:key/*", condition: "ForAnyValue:StringEquals kms:ResourceAliases, StringEquals kms:ViaService",
	},
	{
		reason: keyByAlias, actions: "kms:CreateGrant", resources: "arn:aws:kms:REGION:ACCOUNT:key/*",
		condition: "Bool kms:GrantIsForAWSResource, ForAnyValue:StringEquals kms:ResourceAliases, StringEquals kms:ViaService",
	},
}

const (
	aclsHere      = "arn:aws:ec2:REGION:ACCOUNT:network-acl/*"
	instancesHere = "arn:aws:ec2:REGION:ACCOUNT:instance/*"
	lbLogs        = "<AccessLogs>/Api/AWSLogs/ACCOUNT/* <AccessLogs>/Web/AWSLogs/ACCOUNT/*"
)

func TestWildcardsInPolicies(t *testing.T) {
	used := map[string]bool{} // all that is allowed, and whether a policy does
	for _, w := range wildcards {
		for _, action := range strings.Fields(w.actions) {
			for _, resource := range strings.Fields(w.resources) {
				used[wildcard(action, resource, w.condition)] = false
			}
		}
	}
	for name, a := range variants(t) {
		anyRegion := strings.NewReplacer(east, "REGION", west, "REGION", account, "ACCOUNT")
		for stack, tmpl := range a.stacks {
			for _, s := range statements(tmpl) {
				for _, found := range s.wildcards() {
					found = anyRegion.Replace(found)
					if _, known := used[found]; !known {
						t.Errorf("%s: %s: %s allows %s: name the action and the resource, or give the reason here", name, stack, s.place, found)
						continue
					}
					used[found] = true
				}
			}
		}
	}
	for allowed, found := range used {
		if !found {
			t.Errorf("no policy allows %s: take it off the list", allowed)
		}
	}
}

// loadBalancerAccounts are AWS's own, which write access logs in east and west.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
var loadBalancerAccounts = []string{"AWS:arn:aws:iam::127311923021:root", "AWS:arn:aws:iam::797873946194:root"}

// TestPoliciesLetNobodyElseIn: the account itself, its own roles and AWS services.
// Everybody stands for a role of the account's, named by a condition, that may not be
// there yet: as principal it would have to be.
func TestPoliciesLetNobodyElseIn(t *testing.T) {
	own := regexp.MustCompile(`^(Service:[a-z0-9.-]+\.amazonaws\.com|AWS:<\w+>|AWS:arn:aws:iam::` + account + `:.*[^*])$`)
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for _, s := range statements(tmpl) {
				for _, principal := range s.principals {
					logs := strings.HasPrefix(s.place, "AWS::S3::") && slices.Contains(loadBalancerAccounts, principal)
					if principal == "AWS:*" {
						principal = s.onlyPrincipal()
					}
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
