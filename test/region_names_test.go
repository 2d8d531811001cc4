package test

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	elb "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

func TestRegionNames(t *testing.T) {
	stack := newStack(t, west)
	names := constructs.NewRegionNames(stack, "RegionNames", constructs.RegionNamesProps{
		Zone: exampleZone(stack), Region: west, ApiLabel: "api", WebLabel: "www",
		Api: loadBalancer(stack, "api"), Web: loadBalancer(stack, "web"),
	})
	if got, want := names.ApiName(), "api-us-west-2.example.com"; got != want {
		t.Errorf("the API's name is %s, want %s", got, want)
	}
	if got, want := names.WebName(), "www-us-west-2.example.com"; got != want {
		t.Errorf("the web tier's name is %s, want %s", got, want)
	}

	template := templateOf(t, stack)
	template.counts(map[string]int{"AWS::Route53::RecordSet": 2})
	for name, target := range map[string]string{names.ApiName(): "api", names.WebName(): "web"} {
		template.has("the region's name leads to its load balancer", "AWS::Route53::RecordSet", object{
			"Name": name + ".", "Type": "A", "HostedZoneId": "Z0EXAMPLE", "Failover": assertions.Match_Absent(),
			"AliasTarget": object{"DNSName": "dualstack." + target + ".elb.example", "HostedZoneId": "Z0LOADBALANCER"},
		})
	}
	template.hasNo("a standby that counts as unhealthy would lose its traffic to a held primary", "AWS::Route53::RecordSet",
		object{"AliasTarget": like(object{"EvaluateTargetHealth": true})})
}

func loadBalancer(stack awscdk.Stack, name string) elb.IApplicationLoadBalancer {
	return elb.ApplicationLoadBalancer_FromApplicationLoadBalancerAttributes(stack, jsii.String(name), &elb.ApplicationLoadBalancerAttributes{
		LoadBalancerArn:                   jsii.String("arn:aws:elasticloadbalancing:us-west-2:" + account + ":loadbalancer/app/" + name + "/1"),
		LoadBalancerDnsName:               jsii.String(name + ".elb.example"),
		LoadBalancerCanonicalHostedZoneId: jsii.String("Z0LOADBALANCER"),
		SecurityGroupId:                   jsii.String("sg-1"),
	})
}
