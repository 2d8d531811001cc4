package constructs

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// LogMetricsProps configures LogMetrics.
type LogMetricsProps struct {
	Deployment string      // Name of the deployment, part of the metrics' namespace. Required.
	Web, Api   *ServerTier // With ShipLogs. Required.
}

// LogMetrics counts lines of the servers' logs. The metrics have no dimension, and
// so the same full name in each region, by which another region's dashboard finds
// them; nothing is counted of an application that does not write these lines.
type LogMetrics struct {
	scope     awsconstructs.Construct
	namespace string
}

// LogLine is a text that lines of a log have, and the metric that counts them.
type LogLine struct{ Metric, Text string }

// What is counted. A text is matched as it stands: in the API's log rsyslog puts
// time and program before the application's JSON, which rules out a pattern of
// its fields. A client that writes such a text into a header that is logged
// counts, too.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
var (
	SiteRequests  = LogLine{"SiteRequests", "HTTP/1.1"}                 // Apache's access log, without health checks.
	WritesRefused = LogLine{"WritesRefused", "write refused"}           // By the fence, or by a database that is read-only; assets/app/api/src/app.js.
	FenceOpened   = LogLine{"FenceOpened", "this region may write"}     // A server begins to let writes pass; assets/app/api/src/fence.js.
	FenceClosed   = LogLine{"FenceClosed", "this region may not write"} // A server lets none pass from here on; each does so when it starts in a standby.
	BootsFailed   = LogLine{"BootsFailed", "BOOT FAILED"}               // Several lines a failed boot; assets/userdata/common.sh.
)

// NewLogMetrics defines the filters under scope/id.
func NewLogMetrics(scope awsconstructs.Construct, id string, props LogMetricsProps) *LogMetrics {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	m := &LogMetrics{scope: scope, namespace: metricNamespace(props.Deployment)}
	m.count(SiteRequests, "Web", props.Web.logs)
	m.count(WritesRefused, "Api", props.Api.logs)
	m.count(FenceOpened, "Api", props.Api.logs)
	m.count(FenceClosed, "Api", props.Api.logs)
	m.count(BootsFailed, "Web", props.Web.system)
	m.count(BootsFailed, "Api", props.Api.system)
	return m
}

// count reports 0 for a minute that had other lines only.
func (m *LogMetrics) count(line LogLine, tier string, group awslogs.ILogGroup) {
	awslogs.NewMetricFilter(m.scope, jsii.String(tier+line.Metric), &awslogs.MetricFilterProps{
		LogGroup:        group,
		FilterPattern:   awslogs.FilterPattern_AllTerms(jsii.String(line.Text)),
		MetricNamespace: jsii.String(m.namespace),
		MetricName:      jsii.String(line.Metric),
		MetricValue:     jsii.String("1"),
		DefaultValue:    jsii.Number(0),
	})
}

// metric is how often a line was written in a minute.
func (m *LogMetrics) metric(line LogLine, label string) awscloudwatch.IMetric {
	return logMetric(m.namespace, line, label, *awscdk.Stack_Of(m.scope).Region())
}

func logMetric(namespace string, line LogLine, label, region string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:  jsii.String(namespace),
		MetricName: jsii.String(line.Metric),
		Statistic:  jsii.String("Sum"),
		Period:     seconds(time.Minute),
		Label:      optionalString(label),
		Region:     jsii.String(region),
	})
}
