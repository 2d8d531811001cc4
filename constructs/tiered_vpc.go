package constructs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// TieredVpcProps configures a TieredVpc.
type TieredVpcProps struct {
	Cidr               string   // IPv4 block, /16 to /21. Required.
	AvailabilityZones  []string // Two or three zone names of the stack's region; see PinAvailabilityZones. Required.
	NatGateways        int      // 0 to the number of zones; with 0 the web and API tiers have no way out. Default: 0.
	InterfaceEndpoints []string // Keys of InterfaceEndpointServices: AWS services the servers reach without NAT. Default: none.
	FlowLogDays        int      // Retention of the flow log, a value CloudWatch Logs knows. Required.
}

// TieredVpc is a VPC of four tiers: public (load balancers), web, API and
// database, the last without a way out.
type TieredVpc struct {
	scope awsconstructs.Construct
	vpc   awsec2.Vpc
}

// maxZones is the number of zones for which addresses are set aside, so that a
// third zone added later renumbers (and so replaces) no subnet.
const maxZones = 3

// InterfaceEndpointServices names the endpoints a TieredVpc can have: all that
// the servers of this package call, S3 aside, which has its gateway endpoint.
var InterfaceEndpointServices = []string{"cloudformation", "ec2messages", "elasticloadbalancing", "logs", "monitoring", "secretsmanager", "ssm", "ssmmessages"}

// PinAvailabilityZones tells a new, still empty stack which zones its region
// has for it. Without it the CDK asks the account at synth, even for a VPC that
// names its zones.
func PinAvailabilityZones(stack awscdk.Stack, zones []string) {
	stack.Node().SetContext(
		jsii.String(fmt.Sprintf("availability-zones:account=%s:region=%s", *stack.Account(), *stack.Region())),
		jsii.Strings(zones...))
}

// NewTieredVpc defines the VPC, its subnets, endpoints and flow log under scope/id.
func NewTieredVpc(scope awsconstructs.Construct, id string, props TieredVpcProps) *TieredVpc {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	t := &TieredVpc{scope: scope}
	t.vpc = awsec2.NewVpc(scope, jsii.String("Vpc"), &awsec2.VpcProps{
		IpAddresses:         awsec2.IpAddresses_Cidr(jsii.String(props.Cidr)),
		AvailabilityZones:   jsii.Strings(props.AvailabilityZones...),
		ReservedAzs:         jsii.Number(maxZones - len(props.AvailabilityZones)),
		NatGateways:         jsii.Number(props.NatGateways),
		EnableDnsHostnames:  jsii.Bool(true),
		EnableDnsSupport:    jsii.Bool(true),
		SubnetConfiguration: subnetConfiguration(props),
		GatewayEndpoints: &map[string]*awsec2.GatewayVpcEndpointOptions{
			"S3": {Service: awsec2.GatewayVpcEndpointAwsService_S3()},
		},
	})
	t.addFlowLog(props.FlowLogDays)
	t.addInterfaceEndpoints(props.InterfaceEndpoints)
	return t
}

func subnetConfiguration(props TieredVpcProps) *[]*awsec2.SubnetConfiguration {
	private := awsec2.SubnetType_PRIVATE_WITH_EGRESS
	if props.NatGateways == 0 {
		private = awsec2.SubnetType_PRIVATE_ISOLATED
	}
	mask := jsii.Number(subnetMask(props.Cidr))
	return &[]*awsec2.SubnetConfiguration{
		{Name: jsii.String("Public"), SubnetType: awsec2.SubnetType_PUBLIC, CidrMask: mask, MapPublicIpOnLaunch: jsii.Bool(true)},
		{Name: jsii.String("Web"), SubnetType: private, CidrMask: mask},
		{Name: jsii.String("Api"), SubnetType: private, CidrMask: mask},
		{Name: jsii.String("Database"), SubnetType: awsec2.SubnetType_PRIVATE_ISOLATED, CidrMask: mask},
	}
}

// subnetMask makes room for four tiers in three zones: 12 of 16 equal parts,
// but no subnet larger than /24.
func subnetMask(cidr string) int {
	block, err := netip.ParsePrefix(cidr)
	if err != nil {
		panic(fmt.Sprintf("TieredVpcProps.Cidr: want an IPv4 block such as 172.20.0.0/16 (got %q)", cidr))
	}
	return max(24, block.Bits()+4)
}

func (t *TieredVpc) addFlowLog(days int) {
	group := newLogGroup(t.scope, "FlowLogGroup", days)
	t.vpc.AddFlowLog(jsii.String("FlowLog"), &awsec2.FlowLogOptions{
		Destination: awsec2.FlowLogDestination_ToCloudWatchLogs(group, nil),
	})
}

// addInterfaceEndpoints puts the endpoints into the API tier's subnets, one a
// zone; the VPC's local route makes them serve every tier.
func (t *TieredVpc) addInterfaceEndpoints(services []string) {
	for _, service := range services {
		if !slices.Contains(InterfaceEndpointServices, service) {
			panic(fmt.Sprintf("TieredVpcProps.InterfaceEndpoints: want names of %s (got %q)", strings.Join(InterfaceEndpointServices, ", "), service))
		}
		t.vpc.AddInterfaceEndpoint(jsii.String("Endpoint-"+service), &awsec2.InterfaceVpcEndpointOptions{
			Service: awsec2.NewInterfaceVpcEndpointAwsService(jsii.String(service), nil, nil, nil),
			Subnets: t.ApiSubnets(),
		})
	}
}

// Vpc is the VPC itself.
func (t *TieredVpc) Vpc() awsec2.IVpc { return t.vpc }

// PublicSubnets selects the subnets of load balancers and the bastion.
func (t *TieredVpc) PublicSubnets() *awsec2.SubnetSelection { return subnets("Public") }

// WebSubnets selects the web tier.
func (t *TieredVpc) WebSubnets() *awsec2.SubnetSelection { return subnets("Web") }

// ApiSubnets selects the API tier.
func (t *TieredVpc) ApiSubnets() *awsec2.SubnetSelection { return subnets("Api") }

// DatabaseSubnets selects the database tier.
func (t *TieredVpc) DatabaseSubnets() *awsec2.SubnetSelection { return subnets("Database") }

func subnets(tier string) *awsec2.SubnetSelection {
	return &awsec2.SubnetSelection{SubnetGroupName: jsii.String(tier)}
}
