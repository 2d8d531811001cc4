package constructs

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// FailoverDnsProps configures a FailoverDns.
type FailoverDnsProps struct {
	Zone             awsroute53.IHostedZone // Public hosted zone, with the RegionNames of both regions. Required.
	ApiLabel         string                 // Label of the API's names. Required.
	WebLabel         string                 // Label of the web tier's names. Required.
	Primary          string                 // Region that serves. Required.
	Standby          string                 // Region that stands by. Required.
	ApiHealthPath    string                 // Path asked on the primary's API. Required.
	WebHealthPath    string                 // Path asked on the primary's web servers. Required.
	Interval         time.Duration          // Between two requests of a checker: 10s or 30s. Required.
	FailureThreshold int                    // Failed requests in a row that make an endpoint unhealthy, 1 to 10. Required.
	SwitchAlarm      string                 // Name of the standby's TrafficSwitch alarm. It must exist before this. Required.
}

// FailoverDns is the failover names of the API and the web tier. Each leads to
// the primary region while its endpoint there answers and no operator holds the
// traffic on the standby; else to the standby, whatever its health.
//
// The health checks are named by region, not role. A swap of the roles so makes
// new ones, which are healthy at first; an old switch would keep its last status,
// the hold, and turn it against the new primary.
type FailoverDns struct {
	scope      awsconstructs.Construct
	props      FailoverDnsProps
	domain     string
	holdSwitch awsroute53.HealthCheck
	api, web   awsroute53.HealthCheck
}

// NewFailoverDns defines the health checks and the failover records under scope/id.
func NewFailoverDns(scope awsconstructs.Construct, id string, props FailoverDnsProps) *FailoverDns {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	f := &FailoverDns{scope: scope, props: props, domain: *props.Zone.ZoneName()}
	f.holdSwitch = f.addSwitch()
	f.api = f.addHealthCheck("Api", props.ApiLabel, props.ApiHealthPath)
	f.web = f.addHealthCheck("Web", props.WebLabel, props.WebHealthPath)
	f.addRecords()
	return f
}

// addSwitch reads the operator's switch in the standby region.
func (f *FailoverDns) addSwitch() awsroute53.HealthCheck {
	return f.healthCheck("Switch-"+f.props.Standby, f.props.SwitchAlarm+" in "+f.props.Standby, &awsroute53.HealthCheckProps{
		Type:                         awsroute53.HealthCheckType_CLOUDWATCH_METRIC,
		AlarmIdentifier:              &awsroute53.AlarmIdentifier{Name: jsii.String(f.props.SwitchAlarm), Region: jsii.String(f.props.Standby)},
		InsufficientDataHealthStatus: awsroute53.InsufficientDataHealthStatusEnum_LAST_KNOWN_STATUS, // healthy until the first signal
	})
}

// addHealthCheck is healthy while the primary's endpoint and the switch both are.
func (f *FailoverDns) addHealthCheck(tier, label, path string) awsroute53.HealthCheck {
	endpointName := RegionName(label, f.props.Primary, f.domain)
	endpoint := f.healthCheck(tier+"Endpoint-"+f.props.Primary, endpointName, &awsroute53.HealthCheckProps{
		Type:             awsroute53.HealthCheckType_HTTPS,
		Fqdn:             jsii.String(endpointName),
		Port:             jsii.Number(443),
		ResourcePath:     jsii.String(path),
		EnableSNI:        jsii.Bool(true),
		RequestInterval:  seconds(f.props.Interval),
		FailureThreshold: jsii.Number(f.props.FailureThreshold),
	})
	return f.healthCheck(tier+"-"+f.props.Primary, fmt.Sprintf("%s.%s on %s", label, f.domain, f.props.Primary), &awsroute53.HealthCheckProps{
		Type:              awsroute53.HealthCheckType_CALCULATED,
		ChildHealthChecks: &[]awsroute53.IHealthCheck{endpoint, f.holdSwitch},
		HealthThreshold:   jsii.Number(2),
	})
}

// healthCheck names a health check by a tag, the only name that it can have.
func (f *FailoverDns) healthCheck(id, name string, props *awsroute53.HealthCheckProps) awsroute53.HealthCheck {
	check := awsroute53.NewHealthCheck(f.scope, jsii.String(id), props)
	awscdk.Tags_Of(check).Add(jsii.String("Name"), jsii.String(name), nil)
	return check
}

// addRecords defines all records as one group, which CloudFormation changes in
// one batch, and Route 53 makes all or none of a batch. Apart, a swap of the
// roles could leave both records of a name on the old primary for a while. Names,
// types and identifiers are the same whatever the roles: nothing is replaced.
func (f *FailoverDns) addRecords() {
	awsroute53.NewCfnRecordSetGroup(f.scope, jsii.String("Records"), &awsroute53.CfnRecordSetGroupProps{
		HostedZoneId: f.props.Zone.HostedZoneId(),
		Comment:      jsii.String(fmt.Sprintf("Primary %s, standby %s", f.props.Primary, f.props.Standby)),
		RecordSets: []any{
			f.record(f.props.ApiLabel, f.props.Primary, awsroute53.Failover_PRIMARY, f.api),
			f.record(f.props.ApiLabel, f.props.Standby, awsroute53.Failover_SECONDARY, nil),
			f.record(f.props.WebLabel, f.props.Primary, awsroute53.Failover_PRIMARY, f.web),
			f.record(f.props.WebLabel, f.props.Standby, awsroute53.Failover_SECONDARY, nil),
		},
	})
}

// record is an alias of a region's name, in the same zone. Without a health
// check it counts as healthy: Route 53 answers with the primary, however sick or
// held, when the secondary is unhealthy. EvaluateTargetHealth has to be on for
// failover aliases and finds nothing, see RegionNames:
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
func (f *FailoverDns) record(label, region string, failover awsroute53.Failover, check awsroute53.IHealthCheck) *awsroute53.CfnRecordSetGroup_RecordSetProperty {
	record := &awsroute53.CfnRecordSetGroup_RecordSetProperty{
		Name:          jsii.String(label + "." + f.domain + "."),
		Type:          jsii.String("A"),
		SetIdentifier: jsii.String(string(failover)),
		Failover:      jsii.String(string(failover)),
		AliasTarget: &awsroute53.CfnRecordSetGroup_AliasTargetProperty{
			DnsName:              jsii.String(RegionName(label, region, f.domain) + "."),
			HostedZoneId:         f.props.Zone.HostedZoneId(),
			EvaluateTargetHealth: jsii.Bool(true),
		},
	}
	if check != nil {
		record.HealthCheckId = check.HealthCheckId()
	}
	return record
}

// ApiHealthCheck decides where the API's name leads.
func (f *FailoverDns) ApiHealthCheck() awsroute53.IHealthCheck { return f.api }

// WebHealthCheck decides where the web tier's name leads.
func (f *FailoverDns) WebHealthCheck() awsroute53.IHealthCheck { return f.web }

// SwitchHealthCheck is unhealthy while an operator holds the traffic on the standby.
func (f *FailoverDns) SwitchHealthCheck() awsroute53.IHealthCheck { return f.holdSwitch }
