package constructs

import (
	"fmt"

	elb "github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53targets"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// RegionNamesProps configures a RegionNames.
type RegionNamesProps struct {
	Zone     awsroute53.IHostedZone       // Public hosted zone. Required.
	Region   string                       // Region the names say. Required.
	ApiLabel string                       // Label of the API's names. Required.
	WebLabel string                       // Label of the web tier's names. Required.
	Api      elb.IApplicationLoadBalancer // Required.
	Web      elb.IApplicationLoadBalancer // Required.
}

// RegionNames is the public names of one region's load balancers, such as
// api-us-east-1.example.com. Health checks, failover records and CloudFront know
// a load balancer by this name alone, so a replaced one leaves none of them stale.
type RegionNames struct {
	api, web string
}

// RegionName is a tier's name in one region.
func RegionName(label, region, domain string) string {
	return fmt.Sprintf("%s-%s.%s", label, region, domain)
}

// NewRegionNames defines the two alias records under scope/id.
func NewRegionNames(scope awsconstructs.Construct, id string, props RegionNamesProps) *RegionNames {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	return &RegionNames{
		api: addAlias(scope, "Api", props.Zone, props.ApiLabel, props.Region, props.Api),
		web: addAlias(scope, "Web", props.Zone, props.WebLabel, props.Region, props.Web),
	}
}

// addAlias leaves EvaluateTargetHealth off. The failover records inherit it, and
// a standby that Route 53 thinks unhealthy sends its traffic to the primary,
// even while an operator holds it on the standby.
func addAlias(scope awsconstructs.Construct, id string, zone awsroute53.IHostedZone, label, region string, target elb.IApplicationLoadBalancer) string {
	name := RegionName(label, region, *zone.ZoneName())
	awsroute53.NewARecord(scope, jsii.String(id), &awsroute53.ARecordProps{
		Zone:       zone,
		RecordName: jsii.String(name),
		Target:     awsroute53.RecordTarget_FromAlias(awsroute53targets.NewLoadBalancerTarget(target, nil)),
	})
	return name
}

// ApiName is the public name of the region's API.
func (r *RegionNames) ApiName() string { return r.api }

// WebName is the public name of the region's web tier.
func (r *RegionNames) WebName() string { return r.web }
