package constructs

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/assets/runbooks"
)

// RegionDashboardProps configures a RegionDashboard.
type RegionDashboardProps struct {
	Deployment     string         // Name of the deployment, part of the dashboard's. Required.
	Web            AlarmedTier    // Required.
	Api            AlarmedTier    // Required.
	ApiAcl         *WebAcl        // Required.
	Database       string         // DB instance identifier. Required.
	LatencySeconds float64        // That Alarms allow. Required.
	LagSeconds     int            // That Alarms allow. Required.
	Alarms         *Alarms        // Required.
	Switch         *TrafficSwitch // Required.
	Logs           *LogMetrics    // Default: nothing that the servers' logs say.
	Canaries       *Canaries      // Default: none.
}

// NewRegionDashboard defines the dashboard of one region under scope/id. It shows
// that region's metrics alone, and so what there is while the other is down; it
// knows no role, since a replica's lag is simply not there on a writer.
func NewRegionDashboard(scope awsconstructs.Construct, id string, props RegionDashboardProps) {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	region := *awscdk.Stack_Of(scope).Region()
	d := newDashboard(scope, DashboardName(props.Deployment, region))
	sum, p95 := statistic("Sum", time.Minute), statistic("p95", time.Minute)
	web, api := props.Web.LoadBalancer.Metrics(), props.Api.LoadBalancer.Metrics()
	webTargets, apiTargets := props.Web.TargetGroup.Metrics(), props.Api.TargetGroup.Metrics()

	d.text(3,
		fmt.Sprintf("# %s in %s", props.Deployment, region),
		fmt.Sprintf("All regions: %s. What to do: docs/runbook.md. By the project's folder: `make status REGION=%s`, `make failover`, `make evacuate`, `make return`. Without it:",
			dashboardLink(DashboardName(props.Deployment, "global")), region),
		"",
		runbookCommands(props.Deployment, region),
	)

	fence := graph{title: "Servers that began, or ceased, to let writes pass"}
	refused := graph{title: "Writes refused"}
	if props.Logs != nil {
		fence.lines = lines(props.Logs.metric(FenceOpened, "began"), props.Logs.metric(FenceClosed, "ceased"))
		refused.lines = lines(props.Logs.metric(WritesRefused, "refused"))
	}
	d.row("Who serves, and who writes",
		graph{title: "Operator's switch: 1 holds the traffic here", lines: lines(switchMetric(props.Deployment, "held", region)), max: 1.2},
		fence,
	)
	d.alarms("Fit to serve?", alarmList{"In short", append(slices.Clone(props.Alarms.summaries), props.Switch.Alarm())})
	d.row("Traffic",
		graph{title: "Requests, health checks included", lines: lines(
			labelled(web.RequestCount(sum), "web"), labelled(api.RequestCount(sum), "API"))},
		graph{title: "API: firewall", lines: lines(
			wafMetric("AllowedRequests", props.ApiAcl.name, "let through", region, false),
			wafMetric("BlockedRequests", props.ApiAcl.name, "blocked", region, false))},
	)
	d.row("Errors",
		graph{title: "5xx of load balancers: no server answered", lines: lines(
			labelled(web.HttpCodeElb(awselasticloadbalancingv2.HttpCodeElb_ELB_5XX_COUNT, sum), "web"),
			labelled(api.HttpCodeElb(awselasticloadbalancingv2.HttpCodeElb_ELB_5XX_COUNT, sum), "API"))},
		graph{title: "5xx of servers", lines: lines(
			labelled(webTargets.HttpCodeTarget(awselasticloadbalancingv2.HttpCodeTarget_TARGET_5XX_COUNT, sum), "web"),
			labelled(apiTargets.HttpCodeTarget(awselasticloadbalancingv2.HttpCodeTarget_TARGET_5XX_COUNT, sum), "API"))},
		refused,
	)
	d.row("Latency", graph{
		title: "Slowest 5 % of responses, seconds",
		lines: lines(labelled(webTargets.TargetResponseTime(p95), "web"), labelled(apiTargets.TargetResponseTime(p95), "API")),
		limit: props.LatencySeconds, label: "alarm",
	})
	database := func(name, label string) awscloudwatch.IMetric {
		return databaseMetric(name, props.Database, label, region)
	}
	d.row("Database "+props.Database,
		lagGraph(props.LagSeconds, database("ReplicaLag", "lag")),
		graph{title: "CPU, %", lines: lines(database("CPUUtilization", "CPU")), max: 100, limit: 90, label: "alarm"},
		graph{title: "Connections", lines: lines(database("DatabaseConnections", "connections"))},
		graph{title: "Operations a second", lines: lines(database("ReadIOPS", "read"), database("WriteIOPS", "written"))},
	)
	capacity := func(title string, tier AlarmedTier) graph {
		return graph{title: title, lines: lines(
			labelled(tier.TargetGroup.Metrics().HealthyHostCount(statistic("Maximum", time.Minute)), "healthy"),
			groupMetric(tier.Group, "GroupInServiceInstances", "in service"),
			groupMetric(tier.Group, "GroupDesiredCapacity", "wanted"),
			groupMetric(tier.Group, "GroupMaxSize", "at most"),
		)}
	}
	d.row("Capacity", capacity("Web servers", props.Web), capacity("API servers", props.Api))
	if c := props.Canaries; c != nil {
		d.row("Canaries, from this region", canaryGraphs([]canaryLine{
			{c.site.name, "site and API, as visitors", region}, {c.api.name, "this region's API", region},
		}, c.api.every)...)
	}
	d.alarms("What exactly is wrong", alarmList{"All alarms of the region", props.Alarms.all()})
}

// runbookCommands starts the runbooks that a failover may need, with nothing but
// the AWS CLI.
func runbookCommands(deployment, region string) string {
	command := func(runbook string) string {
		return fmt.Sprintf("`aws ssm start-automation-execution --region %s --document-name %s`", region, runbooks.DocumentName(deployment, runbook))
	}
	return command(runbooks.Status) + ", or " + runbooks.DocumentName(deployment, runbooks.FailOver) + " with `--parameters DryRun=true`, " +
		runbooks.DocumentName(deployment, runbooks.Evacuate) + ", " + runbooks.DocumentName(deployment, runbooks.Return)
}

// canaryLine is a canary in a region.
type canaryLine struct{ name, label, region string }

// canaryGraphs are whether canaries succeed, and how long they take.
func canaryGraphs(canaries []canaryLine, every time.Duration) []graph {
	success := graph{title: "Runs that succeeded, %", max: 105}
	duration := graph{title: "Duration of a run, ms"}
	for _, c := range canaries {
		success.lines = append(success.lines, canaryMetric("SuccessPercent", c.name, c.label, c.region, every))
		duration.lines = append(duration.lines, canaryMetric("Duration", c.name, c.label, c.region, every))
	}
	return []graph{success, duration}
}

// lagGraph names the alarm's limit instead of drawing it, which would flatten the
// seconds that are usual, and the -1.
func lagGraph(limit int, lag awscloudwatch.IMetric) graph {
	return graph{title: fmt.Sprintf("Lag, s; -1: stopped, over %d: alarm", limit), lines: lines(lag), min: -1}
}

func lines(metrics ...awscloudwatch.IMetric) []awscloudwatch.IMetric { return metrics }

// labelled names a metric in a legend.
func labelled(metric awscloudwatch.Metric, label string) awscloudwatch.IMetric {
	return metric.With(&awscloudwatch.MetricOptions{Label: jsii.String(label)})
}
