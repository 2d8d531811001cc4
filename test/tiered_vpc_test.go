package test

import (
	"regexp"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"

	"warm-standby/constructs"
)

func TestTieredVpc(t *testing.T) {
	twoZones := []string{"us-east-1a", "us-east-1b"}
	threeZones := []string{"us-east-1a", "us-east-1b", "us-east-1c"}
	for _, tt := range []struct {
		name  string
		props constructs.TieredVpcProps
		want  map[string]int
	}{
		{
			"the reference: one NAT gateway for both zones",
			constructs.TieredVpcProps{Cidr: "172.20.0.0/16", AvailabilityZones: twoZones, NatGateways: 1, FlowLogDays: 30},
			map[string]int{"AWS::EC2::Subnet": 8, "AWS::EC2::NatGateway": 1, "AWS::EC2::InternetGateway": 1, "AWS::EC2::VPCEndpoint": 1, "AWS::EC2::FlowLog": 1},
		},
		{
			"a NAT gateway a zone",
			constructs.TieredVpcProps{Cidr: "10.0.0.0/21", AvailabilityZones: threeZones, NatGateways: 3, FlowLogDays: 7},
			map[string]int{"AWS::EC2::Subnet": 12, "AWS::EC2::NatGateway": 3, "AWS::EC2::RouteTable": 12},
		},
		{
			"no NAT isolates the tiers; AWS is reached by endpoints",
			constructs.TieredVpcProps{Cidr: "172.20.0.0/16", AvailabilityZones: twoZones, InterfaceEndpoints: constructs.InterfaceEndpointServices, FlowLogDays: 30},
			map[string]int{"AWS::EC2::Subnet": 8, "AWS::EC2::NatGateway": 0, "AWS::EC2::VPCEndpoint": 9},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := newStack(t, east)
			constructs.NewTieredVpc(stack, "Network", tt.props)
			tm := templateOf(t, stack)
			tm.counts(tt.want)
			tm.has("hosts have names", "AWS::EC2::VPC", object{"EnableDnsHostnames": true, "EnableDnsSupport": true})
			tm.has("S3 is reached without NAT", "AWS::EC2::VPCEndpoint", object{"VpcEndpointType": "Gateway"})
			tm.has("the flow log ends some day", "AWS::Logs::LogGroup", object{"RetentionInDays": tt.props.FlowLogDays})
			isolated := "Database"
			if tt.props.NatGateways == 0 {
				isolated = "Web|Api|Database"
			}
			for id, route := range tm.resources("AWS::EC2::Route") {
				table, _ := route.Properties["RouteTableId"].(object)["Ref"].(string)
				if regexp.MustCompile("^NetworkVpc(" + isolated + ")").MatchString(table) {
					t.Errorf("%s is a way out of an isolated tier", id)
				}
			}
			tm.has("public subnets have one", "AWS::EC2::Route", object{
				"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": assertions.Match_AnyValue(),
				"RouteTableId": object{"Ref": assertions.Match_StringLikeRegexp(str("^NetworkVpcPublic"))},
			})
		})
	}
}
