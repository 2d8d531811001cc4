package test

import (
	"testing"

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
			templateOf(t, stack).counts(tt.want)
		})
	}
}
