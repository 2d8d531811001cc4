package constructs

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// FailoverDnsProps configures a FailoverDns.
type FailoverDnsProps struct {
	Zone             awsroute53.IHostedZone // Public hosted zone, with the RegionNames of both regions. Required.
	ApiLabel         string                 // Label of the API's names. Required.
	WebLabel         string                 // Label of the web tier's names. Required.
	WriterName       string                 // Full name of the record that says which region writes, in the zone. Required.
	Primary          string                 // Region that serves. Required.
	Standby          string                 // Region that stands by. Required.
	ApiHealthPath    string                 // Path asked on both regions' API. Required.
	WebHealthPath    string                 // Path asked on both regions' web servers. Required.
	Interval         time.Duration          // Between two requests of a checker: 10s or 30s. Required.
	FailureThreshold int                    // Failed requests in a row that make an endpoint unhealthy, 1 to 10. Required.
	SwitchAlarm      string                 // Name of the standby's TrafficSwitch alarm. It must exist before this. Required.
	Topic            awssns.ITopic          // Told when traffic moves, or could not move. Required.
}

// FailoverDns is the failover names of the API and the web tier. Each leads to
// the primary region while its endpoint there answers and no operator holds the
// traffic on the standby; else to the standby, if its endpoint there answers or
// the traffic is held. Where neither is so, Route 53 answers with the primary:
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
//
// WriterName says which region may write, in a TXT record: the primary, or the
// standby while an operator holds the traffic there. The endpoints' health does
// not move it: a standby that merely answers has no writer.
//
// What is known of a region's endpoint outlives a swap of the roles. All else is
// named by the role's region, so that a swap makes it anew: an old switch would
// keep its last status, the hold, and turn it against the new primary.
//
// The stack must be in us-east-1, which has Route 53's metrics. Where that is the
// primary, its outage may silence them too: the records do not need them.
type FailoverDns struct {
	scope    awsconstructs.Construct
	props    FailoverDnsProps
	domain   string
	released awsroute53.IHealthCheck // Of the operator's switch.
	tiers    []tier
	alarms   []awscloudwatch.IAlarm
}

// NewFailoverDns defines the health checks, their alarms and the failover
// records under scope/id.
func NewFailoverDns(scope awsconstructs.Construct, id string, props FailoverDnsProps) *FailoverDns {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	mustBeInUsEast1(scope, "FailoverDns")
	f := &FailoverDns{scope: scope, props: props, domain: *props.Zone.ZoneName()}
	released, held := f.addSwitch()
	f.released = released
	f.tiers = []tier{
		f.addTier("Api", props.ApiLabel, props.ApiHealthPath, released, held),
		f.addTier("Web", props.WebLabel, props.WebHealthPath, released, held),
	}
	f.addRecords()
	return f
}

// addSwitch reads the operator's switch in the standby region: one check is
// healthy while the traffic is released, the other while it is held.
//
// Without data both keep their last status, the only choice that reads the same
// before and after an inversion. Before the first signal, what is inverted is
// unhealthy and the other healthy: the traffic is not held.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
//
// A calculated check that inverts the first would be plainer, but a calculated
// check takes no other as its child.
func (f *FailoverDns) addSwitch() (released, held awsroute53.IHealthCheck) {
	check := func(id, name string, inverted bool) awsroute53.HealthCheck {
		return f.healthCheck(id+"-"+f.props.Standby, f.props.SwitchAlarm+" in "+f.props.Standby+name, &awsroute53.HealthCheckProps{
			Type:                         awsroute53.HealthCheckType_CLOUDWATCH_METRIC,
			AlarmIdentifier:              &awsroute53.AlarmIdentifier{Name: jsii.String(f.props.SwitchAlarm), Region: jsii.String(f.props.Standby)},
			InsufficientDataHealthStatus: awsroute53.InsufficientDataHealthStatusEnum_LAST_KNOWN_STATUS,
			Inverted:                     jsii.Bool(inverted),
		})
	}
	released = check("Switch", "", false)
	f.addAlarm("TrafficHeld", released, fmt.Sprintf("An operator holds the traffic on %s. "+
		"Look first at who throws the switch: the output HoldTraffic of this stack is how, ReleaseTraffic ends it.", f.props.Standby))
	return released, check("Held", ", held", true)
}

// tier is what decides where the name of the web or the API tier leads.
type tier struct {
	label            string
	primary, standby awsroute53.IHealthCheck
	endpoints        []endpoint
}

// endpoint is a region's, by the region's own name.
type endpoint struct {
	region string
	check  awsroute53.IHealthCheck
}

func (f *FailoverDns) addTier(id, label, path string, released, held awsroute53.IHealthCheck) tier {
	name := label + "." + f.domain
	primary := f.addEndpoint(id, label, path, f.props.Primary, fmt.Sprintf(
		"%s leads to %s, the standby, if that is healthy. Look first at this region's alarms; before promoting the database, hold the traffic.",
		name, f.props.Standby))
	standby := f.addEndpoint(id, label, path, f.props.Standby, fmt.Sprintf(
		"If it stays so, %s cannot leave %s, the primary, by itself. Look first at this region's alarms.",
		name, f.props.Primary))
	calculated := func(id, region string, threshold int, children ...awsroute53.IHealthCheck) awsroute53.IHealthCheck {
		return f.healthCheck(id+"-"+region, name+" on "+region, &awsroute53.HealthCheckProps{
			Type:              awsroute53.HealthCheckType_CALCULATED,
			ChildHealthChecks: &children,
			HealthThreshold:   jsii.Number(threshold),
		})
	}
	return tier{
		label:     label,
		primary:   calculated(id, f.props.Primary, 2, primary.check, released),
		standby:   calculated(id+"Standby", f.props.Standby, 1, standby.check, held),
		endpoints: []endpoint{primary, standby},
	}
}

// addEndpoint asks one region's endpoint by the region's own name. Its id and
// all else are the same in either role.
func (f *FailoverDns) addEndpoint(tier, label, path, region, meaning string) endpoint {
	id, name := tier+"Endpoint-"+region, RegionName(label, region, f.domain)
	check := f.healthCheck(id, name, &awsroute53.HealthCheckProps{
		Type:             awsroute53.HealthCheckType_HTTPS,
		Fqdn:             jsii.String(name),
		Port:             jsii.Number(443),
		ResourcePath:     jsii.String(path),
		EnableSNI:        jsii.Bool(true),
		RequestInterval:  seconds(f.props.Interval),
		FailureThreshold: jsii.Number(f.props.FailureThreshold),
	})
	f.addAlarm(id+"Unhealthy", check, fmt.Sprintf("Route 53 finds https://%s%s unhealthy. %s", name, path, meaning))
	return endpoint{region, check}
}

// healthCheck names a health check by a tag, the only name that it can have.
func (f *FailoverDns) healthCheck(id, name string, props *awsroute53.HealthCheckProps) awsroute53.HealthCheck {
	check := awsroute53.NewHealthCheck(f.scope, jsii.String(id), props)
	awscdk.Tags_Of(check).Add(jsii.String("Name"), jsii.String(name), nil)
	return check
}

// addAlarm tells of a health check's first minute as unhealthy, and of its end.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html
func (f *FailoverDns) addAlarm(id string, check awsroute53.IHealthCheck, meaning string) {
	f.alarms = append(f.alarms, alarm{
		metric: healthMetric("HealthCheckStatus", "Minimum", check, ""), // 1 is healthy, 0 is not
		beyond: below, threshold: 1, datapoints: 1, periods: 1, missing: silenceIsNoNews,
		meaning: meaning,
	}.tell(f.props.Topic, f.scope, id))
}

// addRecords defines all records as one group, so that CloudFormation has one
// resource to change. Apart, a swap of the roles could leave both records of a
// name on the old primary for a while. That a group is one batch, of which
// Route 53 makes all or none, is not documented but implied:
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
// Names, types and above all set identifiers are the same whatever the roles,
// and so no record is deleted and made anew.
func (f *FailoverDns) addRecords() {
	records := []any{
		f.writer(f.props.Primary, awsroute53.Failover_PRIMARY, f.released.HealthCheckId()),
		f.writer(f.props.Standby, awsroute53.Failover_SECONDARY, nil),
	}
	for _, tier := range f.tiers {
		records = append(records,
			f.record(tier.label, f.props.Primary, awsroute53.Failover_PRIMARY, tier.primary),
			f.record(tier.label, f.props.Standby, awsroute53.Failover_SECONDARY, tier.standby),
		)
	}
	awsroute53.NewCfnRecordSetGroup(f.scope, jsii.String("Records"), &awsroute53.CfnRecordSetGroupProps{
		HostedZoneId: f.props.Zone.HostedZoneId(),
		Comment:      jsii.String(fmt.Sprintf("Primary %s, standby %s", f.props.Primary, f.props.Standby)),
		RecordSets:   records,
	})
}

// writerTTL is how long resolvers keep the answer to WriterName. From the signal
// to the last write in the region that is left pass at most
//
//	the alarm's period and what CloudWatch and Route 53 take to notice +
//	writerTTL + what the application takes to ask and to finish,
//
// 60 s + … + 10 s + 14 s for the bundled one, whose fence.js has its part, and
// 35 s in place of the 14 where DNS fails just then.
const writerTTL = 10 * time.Second

// writer names a region. The standby's record has no health check, and so is
// the answer whenever the primary's is unhealthy; with one, Route 53 would answer
// with the primary where both are unhealthy:
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
func (f *FailoverDns) writer(region string, failover awsroute53.Failover, check *string) *awsroute53.CfnRecordSetGroup_RecordSetProperty {
	return &awsroute53.CfnRecordSetGroup_RecordSetProperty{
		Name:            jsii.String(f.props.WriterName + "."),
		Type:            jsii.String("TXT"),
		Ttl:             jsii.String(strconv.Itoa(int(writerTTL.Seconds()))),
		SetIdentifier:   jsii.String(string(failover)),
		Failover:        jsii.String(string(failover)),
		HealthCheckId:   check,
		ResourceRecords: jsii.Strings(strconv.Quote(region)),
	}
}

// record is an alias of a region's name, in the same zone. EvaluateTargetHealth
// has to be on for failover aliases and finds nothing, see RegionNames:
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
func (f *FailoverDns) record(label, region string, failover awsroute53.Failover, check awsroute53.IHealthCheck) *awsroute53.CfnRecordSetGroup_RecordSetProperty {
	return &awsroute53.CfnRecordSetGroup_RecordSetProperty{
		Name:          jsii.String(label + "." + f.domain + "."),
		Type:          jsii.String("A"),
		SetIdentifier: jsii.String(string(failover)),
		Failover:      jsii.String(string(failover)),
		HealthCheckId: check.HealthCheckId(),
		AliasTarget: &awsroute53.CfnRecordSetGroup_AliasTargetProperty{
			DnsName:              jsii.String(RegionName(label, region, f.domain) + "."),
			HostedZoneId:         f.props.Zone.HostedZoneId(),
			EvaluateTargetHealth: jsii.Bool(true),
		},
	}
}
