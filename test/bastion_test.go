package test

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

func TestBastion(t *testing.T) {
	stack := newStack(t, east)
	network := constructs.NewTieredVpc(stack, "Network", constructs.TieredVpcProps{Cidr: "172.20.0.0/16", AvailabilityZones: []string{"us-east-1a", "us-east-1b"}, NatGateways: 1, FlowLogDays: 30})
	constructs.NewBastion(stack, "Bastion", constructs.BastionProps{
		Vpc: network.Vpc(), Subnets: network.PublicSubnets(), InstanceType: "t4g.nano", KeyName: "operators", AllowFrom: []string{"192.0.2.0/24", "198.51.100.7/32"},
	})
	tm := templateOf(t, stack)
	tm.has("SSH from the operators alone", "AWS::EC2::SecurityGroup", object{
		"SecurityGroupIngress": []any{
			like(object{"CidrIp": "192.0.2.0/24", "FromPort": 22, "ToPort": 22}),
			like(object{"CidrIp": "198.51.100.7/32", "FromPort": 22, "ToPort": 22}),
		},
		"SecurityGroupEgress": []any{like(object{"FromPort": 443}), like(object{"FromPort": 80})},
	})
	tm.has("a newer image changes nothing in the template, so no deploy replaces it", "AWS::EC2::LaunchTemplate", object{"LaunchTemplateData": like(object{
		"ImageId":             "resolve:ssm:/aws/service/canonical/ubuntu/server/26.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
		"KeyName":             "operators",
		"MetadataOptions":     object{"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
		"BlockDeviceMappings": []any{like(object{"Ebs": like(object{"Encrypted": true, "VolumeType": "gp3"})})},
	})})
	tm.has("in a public subnet", "AWS::EC2::Instance", object{
		"ImageId":  assertions.Match_Absent(),
		"SubnetId": object{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^NetworkVpcPublicSubnet1"))},
	})
	tm.counts(map[string]int{"AWS::EC2::SecurityGroupEgress": 0}) // it reaches what it is given to
}
