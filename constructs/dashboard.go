package constructs

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// dashboard is laid out for the decision whether to fail over, and read from the
// top: who serves and who writes, traffic, errors, latency, the database and its
// lag, capacity, canaries, alarms. Each metric is named in full: a search would
// find another deployment's, too.
//
// CloudWatch keeps dashboards for the whole account, not a region, so their names
// have the region. Three of up to 50 metrics each are free; these have fewer.
// https://aws.amazon.com/cloudwatch/pricing/
type dashboard struct {
	board  awscloudwatch.Dashboard
	region string
}

// DashboardName is what the dashboard of a deployment's region, or of all that is
// global in it, is called.
func DashboardName(deployment, place string) string { return deployment + "-" + place }

// dashboardLink is Markdown that leads to another dashboard of the account.
func dashboardLink(name string) string { return fmt.Sprintf("[%s](#dashboards:name=%s)", name, name) }

// width of a dashboard, in the units of its grid.
const width = 24

func newDashboard(scope awsconstructs.Construct, name string) *dashboard {
	return &dashboard{
		board: awscloudwatch.NewDashboard(scope, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
			DashboardName:   jsii.String(name),
			DefaultInterval: seconds(3 * time.Hour),
			// Each graph keeps its metrics' own minutes, in which failovers happen.
			PeriodOverride: awscloudwatch.PeriodOverride_INHERIT,
		}),
		region: *awscdk.Stack_Of(scope).Region(),
	}
}

// graph is lines over time.
type graph struct {
	title string
	lines []awscloudwatch.IMetric
	min   float64 // Of the axis. Default: 0.
	max   float64 // Likewise. Default: what there is to see.
	limit float64 // A line to be below, or above. Default: none.
	label string  // Of the limit.
}

// row puts graphs side by side under a title. One without lines takes no place.
func (d *dashboard) row(title string, graphs ...graph) {
	var shown []graph
	for _, g := range graphs {
		if len(g.lines) > 0 {
			shown = append(shown, g)
		}
	}
	if len(shown) == 0 {
		return
	}
	d.heading(title)
	widgets := make([]awscloudwatch.IWidget, len(shown))
	for i, g := range shown {
		props := &awscloudwatch.GraphWidgetProps{
			Title: jsii.String(g.title), Left: &g.lines, Region: jsii.String(d.region),
			Width: jsii.Number(width / len(shown)), Height: jsii.Number(6),
			LeftYAxis: &awscloudwatch.YAxisProps{Min: jsii.Number(g.min), ShowUnits: jsii.Bool(false)},
		}
		if g.max > 0 {
			props.LeftYAxis.Max = jsii.Number(g.max)
		}
		if g.label != "" {
			props.LeftAnnotations = &[]*awscloudwatch.HorizontalAnnotation{{
				Value: jsii.Number(g.limit), Label: jsii.String(g.label), Color: jsii.String("#d13212"),
			}}
		}
		widgets[i] = awscloudwatch.NewGraphWidget(props)
	}
	d.board.AddWidgets(widgets...)
}

func (d *dashboard) heading(title string) {
	d.board.AddWidgets(awscloudwatch.NewTextWidget(&awscloudwatch.TextWidgetProps{
		Markdown: jsii.String("## " + title), Width: jsii.Number(width), Height: jsii.Number(1),
		Background: awscloudwatch.TextWidgetBackground_TRANSPARENT,
	}))
}

func (d *dashboard) text(height int, lines ...string) {
	d.board.AddWidgets(awscloudwatch.NewTextWidget(&awscloudwatch.TextWidgetProps{
		Markdown: jsii.String(strings.Join(lines, "\n")), Width: jsii.Number(width), Height: jsii.Number(height),
	}))
}

// alarmList is the state of some alarms.
type alarmList struct {
	title  string
	alarms []awscloudwatch.IAlarm
}

func (d *dashboard) alarms(title string, lists ...alarmList) {
	d.heading(title)
	widgets := make([]awscloudwatch.IWidget, len(lists))
	for i, list := range lists {
		widgets[i] = alarmStatus(list, width/len(lists))
	}
	d.board.AddWidgets(widgets...)
}

// alarmStatus has room for four alarms side by side on the whole width.
func alarmStatus(list alarmList, columns int) awscloudwatch.IWidget {
	refs := make([]interfacesawscloudwatch.IAlarmRef, len(list.alarms))
	for i, alarm := range list.alarms {
		refs[i] = alarm
	}
	perLine := max(1, columns/6)
	return awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
		Title: jsii.String(list.title), Alarms: &refs,
		Width: jsii.Number(columns), Height: jsii.Number(1 + (len(list.alarms)+perLine-1)/perLine),
	})
}

// wafMetric counts requests to what a web ACL protects, by the name of its metrics.
// That of CloudFront is in us-east-1, and has no region among its dimensions.
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
func wafMetric(name, acl, label, region string, cloudFront bool) awscloudwatch.IMetric {
	dimensions := map[string]*string{"WebACL": jsii.String(acl), "Rule": jsii.String("ALL")}
	if !cloudFront {
		dimensions["Region"] = jsii.String(region)
	}
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String("AWS/WAFV2"), MetricName: jsii.String(name), DimensionsMap: &dimensions,
		Statistic: jsii.String("Sum"), Period: seconds(time.Minute), Label: jsii.String(label), Region: jsii.String(region),
	})
}

// databaseMetric is a metric of a database instance, once a minute.
func databaseMetric(name, instance, label, region string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String("AWS/RDS"), MetricName: jsii.String(name),
		DimensionsMap: &map[string]*string{"DBInstanceIdentifier": jsii.String(instance)},
		Statistic:     jsii.String("Average"), Period: seconds(time.Minute), Label: jsii.String(label), Region: jsii.String(region),
	})
}

// switchMetric is 1 in each minute in which an operator holds the traffic on region.
func switchMetric(deployment, label, region string) awscloudwatch.IMetric {
	signal := NewTrafficSwitchSignal(deployment)
	dimensions := map[string]*string{}
	for name, value := range signal.Dimensions {
		dimensions[name] = jsii.String(value)
	}
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String(signal.Namespace), MetricName: jsii.String(signal.MetricName), DimensionsMap: &dimensions,
		Statistic: jsii.String("Maximum"), Period: seconds(time.Minute), Label: jsii.String(label), Region: jsii.String(region),
	})
}
