package test

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

func TestWebTierBehindCloudFront(t *testing.T) {
	tm := webTemplate(t, nil)
	openToAnyone := object{"SecurityGroupIngress": contains(like(object{"CidrIp": "0.0.0.0/0"}))}
	tm.hasNo("nobody reaches the load balancer past CloudFront", "AWS::EC2::SecurityGroup", openToAnyone)
	tm.hasNo("nor on port 80", "AWS::EC2::SecurityGroup", object{"SecurityGroupIngress": contains(like(object{"FromPort": 80}))})
	group := func(id string) object {
		return object{"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^Web" + id)), "GroupId"}}
	}
	for list, id := range map[string]string{"CloudFront": "LoadBalancerGroup", "HealthCheckers": "HealthCheckersGroup"} {
		// 55 and 25 rules of a quota of 60 a group
		tm.has("a group of its own for "+list, "AWS::EC2::SecurityGroupIngress", object{
			"GroupId": group(id), "FromPort": 443, "ToPort": 443, "SourcePrefixListId": object{
				"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^WebPrefixLists" + list)), "PrefixLists.0.PrefixListId"},
			},
		})
	}
	tm.has("the load balancer carries both", "AWS::ElasticLoadBalancingV2::LoadBalancer", object{
		"SecurityGroups": []any{group("LoadBalancerGroup"), group("HealthCheckersGroup")},
	})
	for _, name := range []string{"com.amazonaws.global.cloudfront.origin-facing", "com.amazonaws.us-east-1.route53-healthchecks"} {
		tm.has("looked up while deploying", "Custom::AWS", object{"Create": assertions.Match_StringLikeRegexp(jsii.String(name))})
	}
	tm.has("the look-up may look up and write its log", "AWS::IAM::Policy", object{"PolicyDocument": object{
		"Version": "2012-10-17", "Statement": []any{
			object{"Action": "ec2:DescribeManagedPrefixLists", "Effect": "Allow", "Resource": "*"},
			object{"Action": []any{"logs:CreateLogStream", "logs:PutLogEvents"}, "Effect": "Allow", "Resource": object{
				"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^WebPrefixListsLookupLogGroup")), "Arn"},
			}},
		},
	}})
	tm.has("the look-up's log is not kept for ever", "AWS::Lambda::Function", object{
		"LoggingConfig": object{"LogGroup": object{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^WebPrefixListsLookupLogGroup"))}},
	})
	tm.checkUserData(t, "Web", `{"apiUrl":"https://api.example.com","region":"us-east-1"}`, "STACK='Test'", "HEALTH_PATH='/health'")
}

func TestWebTierOpen(t *testing.T) {
	tm := webTemplate(t, func(_ awscdk.Stack, props *constructs.WebTierProps) { props.CloudFrontOnly = false })
	tm.has("anyone reaches it, on 80 for the redirect", "AWS::EC2::SecurityGroup", object{"SecurityGroupIngress": []any{
		like(object{"CidrIp": "0.0.0.0/0", "FromPort": 443}), like(object{"CidrIp": "0.0.0.0/0", "FromPort": 80}),
	}})
	tm.counts(map[string]int{"Custom::AWS": 0})
}
