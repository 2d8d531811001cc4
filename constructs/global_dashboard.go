package constructs

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// GlobalDashboardProps configures a GlobalDashboard.
type GlobalDashboardProps struct {
	Deployment string        // Name of the deployment, part of the dashboard's. Required.
	Primary    RegionOnBoard // Required.
	Standby    RegionOnBoard // Required.
	Failover   *FailoverDns  // Required.
	Edge       *Edge         // Required.
	SiteAcl    *WebAcl       // Required.
	ApiAcl     string        // Name of each region's WebAcl. Required.
	LagSeconds int           // That Alarms allow. Required.
	Logs       bool          // Whether the regions have LogMetrics. Default: no.
	Canaries   time.Duration // Between two runs of the regions' Canaries. Default: they have none.
}

// RegionOnBoard is what is known of a region by name.
type RegionOnBoard struct {
	Region   string // Required.
	Database string // DB instance identifier. Required.
}

// NewGlobalDashboard defines the dashboard over both regions under scope/id, in a
// stack in us-east-1, where Route 53, CloudFront and its WAF have their metrics.
//
// Of the regions it shows what has the same name in any deploy: it refers to no
// resource of theirs. The metrics of load balancers, target groups and Auto Scaling
// groups have ids in their names, so the firewall before the API and the web
// servers' logs tell the traffic here, and alarms the capacity; each region's own
// dashboard has the rest.
func NewGlobalDashboard(scope awsconstructs.Construct, id string, props GlobalDashboardProps) {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	mustBeInUsEast1(scope, "GlobalDashboard")
	d := newDashboard(scope, DashboardName(props.Deployment, "global"))
	g := globalDashboard{d, scope, props}

	d.text(4,
		fmt.Sprintf("# %s: primary %s, standby %s", props.Deployment, props.Primary.Region, props.Standby.Region),
		fmt.Sprintf("Each region, with its load balancers and servers: %s, %s. What to do: section 2 of docs/runbook.md. By the project's folder: `make status`, `make failover`, `make evacuate`, `make return`. Without it:",
			dashboardLink(DashboardName(props.Deployment, props.Primary.Region)), dashboardLink(DashboardName(props.Deployment, props.Standby.Region))),
		"",
		runbookCommands(props.Deployment, props.Standby.Region),
		"",
		"Route 53, CloudFront and its firewall report to us-east-1 alone: if that is what fails, their graphs may stop.",
	)
	g.who()
	g.traffic()
	g.errors()
	g.database()
	g.capacity()
	if props.Canaries > 0 {
		site, api := canaryNames(props.Deployment)
		var canaries []canaryLine
		for _, region := range g.regions() {
			canaries = append(canaries, canaryLine{api, "API of " + region.Region, region.Region}, canaryLine{site, "site, from " + region.Region, region.Region})
		}
		d.row("Canaries, and latency", canaryGraphs(canaries, props.Canaries)...)
	}
	d.alarms("What exactly is wrong", alarmList{"Traffic", props.Failover.alarms})
}

type globalDashboard struct {
	*dashboard
	scope awsconstructs.Construct
	props GlobalDashboardProps
}

func (g globalDashboard) regions() []RegionOnBoard {
	return []RegionOnBoard{g.props.Primary, g.props.Standby}
}

// each is a line a region.
func (g globalDashboard) each(line func(region RegionOnBoard) awscloudwatch.IMetric) []awscloudwatch.IMetric {
	var all []awscloudwatch.IMetric
	for _, region := range g.regions() {
		all = append(all, line(region))
	}
	return all
}

// alarm is one of a region's that RegionAlarms names.
func (g globalDashboard) alarm(id, region, name string) awscloudwatch.IAlarm {
	arn := awscdk.Stack_Of(g.scope).FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("cloudwatch"), Region: jsii.String(region),
		Resource: jsii.String("alarm"), ResourceName: jsii.String(name), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
	return awscloudwatch.Alarm_FromAlarmArn(g.scope, jsii.String(id+"-"+region), arn)
}

func (g globalDashboard) who() {
	failover := g.props.Failover
	var leads, endpoints []awscloudwatch.IMetric
	for _, tier := range failover.tiers {
		leads = append(leads, healthMetric("HealthCheckStatus", "Minimum", tier.primary, fmt.Sprintf("%s on %s", tier.label, g.props.Primary.Region)))
		for _, endpoint := range tier.endpoints {
			endpoints = append(endpoints, healthMetric("HealthCheckPercentageHealthy", "Average", endpoint.check, tier.label+"-"+endpoint.region))
		}
	}
	g.row("Who serves, and who writes",
		graph{title: "Names lead to: 1 the primary, 0 the standby", lines: leads, max: 1.2},
		graph{title: "Who writes: 1 the primary, 0 the standby", lines: lines(
			healthMetric("HealthCheckStatus", "Minimum", failover.released, g.props.Primary.Region)), max: 1.2},
		graph{title: "Health checkers that are answered, %", lines: endpoints, max: 105, limit: 18, label: "fails"},
	)
	names := NewRegionAlarms(g.props.Deployment)
	g.alarms("Fit to serve?",
		alarmList{g.props.Primary.Region + ", primary", []awscloudwatch.IAlarm{g.alarm("Sick", g.props.Primary.Region, names.Sick)}},
		alarmList{g.props.Standby.Region + ", standby", []awscloudwatch.IAlarm{
			g.alarm("Sick", g.props.Standby.Region, names.Sick), g.alarm("NotReady", g.props.Standby.Region, names.NotReady),
		}},
	)
}

// traffic tells the web servers' apart from CloudFront's, which answers some
// requests itself.
func (g globalDashboard) traffic() {
	site := graph{title: "Site: requests by region"}
	if g.props.Logs {
		site.lines = g.each(func(r RegionOnBoard) awscloudwatch.IMetric {
			return logMetric(metricNamespace(g.props.Deployment), SiteRequests, r.Region, r.Region)
		})
	}
	g.row("Traffic",
		graph{title: "API: requests by region, health checks included", lines: g.each(func(r RegionOnBoard) awscloudwatch.IMetric {
			return wafMetric("AllowedRequests", g.props.ApiAcl, r.Region, r.Region, false)
		})},
		site,
		graph{title: "CloudFront: requests", lines: lines(g.edgeMetric("Requests", "Sum", "requests"))},
	)
}

func (g globalDashboard) errors() {
	refused := graph{title: "Writes refused, by region"}
	if g.props.Logs {
		refused.lines = g.each(func(r RegionOnBoard) awscloudwatch.IMetric {
			return logMetric(metricNamespace(g.props.Deployment), WritesRefused, r.Region, r.Region)
		})
	}
	blocked := append(lines(wafMetric("BlockedRequests", g.props.SiteAcl.name, "site", "us-east-1", true)),
		g.each(func(r RegionOnBoard) awscloudwatch.IMetric {
			return wafMetric("BlockedRequests", g.props.ApiAcl, "API in "+r.Region, r.Region, false)
		})...)
	g.row("Errors",
		graph{title: "CloudFront: errors, % of requests", lines: lines(
			g.edgeMetric("5xxErrorRate", "Average", "5xx"), g.edgeMetric("4xxErrorRate", "Average", "4xx"))},
		refused,
		graph{title: "Blocked by the firewalls", lines: blocked},
	)
}

func (g globalDashboard) database() {
	each := func(name string) []awscloudwatch.IMetric {
		return g.each(func(r RegionOnBoard) awscloudwatch.IMetric {
			return databaseMetric(name, r.Database, r.Database+" in "+r.Region, r.Region)
		})
	}
	g.row("Database",
		lagGraph(g.props.LagSeconds, databaseMetric("ReplicaLag", g.props.Standby.Database, g.props.Standby.Database, g.props.Standby.Region)),
		graph{title: "Writes a second", lines: each("WriteIOPS")},
		graph{title: "CPU, %", lines: each("CPUUtilization"), max: 100, limit: 90, label: "alarm"},
	)
}

func (g globalDashboard) capacity() {
	names := NewRegionAlarms(g.props.Deployment)
	list := func(region string) alarmList {
		return alarmList{region, []awscloudwatch.IAlarm{
			g.alarm("WebCapacity", region, names.WebCapacity), g.alarm("ApiCapacity", region, names.ApiCapacity),
		}}
	}
	g.alarms("Capacity: are all servers there that are wanted?", list(g.props.Primary.Region), list(g.props.Standby.Region))
}

// edgeMetric is one of CloudFront's, which the CDK names without their region:
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
func (g globalDashboard) edgeMetric(name, statistic, label string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String("AWS/CloudFront"), MetricName: jsii.String(name),
		DimensionsMap: &map[string]*string{"DistributionId": g.props.Edge.distribution.DistributionId(), "Region": jsii.String("Global")},
		Statistic:     jsii.String(statistic), Period: seconds(time.Minute), Label: optionalString(label),
	})
}

// healthMetric is one of a health check's:
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
func healthMetric(name, statistic string, check awsroute53.IHealthCheck, label string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String("AWS/Route53"),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{"HealthCheckId": check.HealthCheckId()},
		Statistic:     jsii.String(statistic), Period: seconds(time.Minute), Label: optionalString(label),
	})
}
