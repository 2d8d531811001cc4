package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A dashboard's graph of a metric that does not exist is empty, and nobody is told.
// What follows holds every widget to what AWS publishes, to what the templates
// make, and to what they emit.

// published is the metrics used here, as AWS documents them: by namespace and the
// names of their dimensions, in order.
var published = map[string]map[string][]string{
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
	"AWS/ApplicationELB": {
		"LoadBalancer":             {"RequestCount", "HTTPCode_ELB_5XX_Count"},
		"LoadBalancer TargetGroup": {"HTTPCode_Target_5XX_Count", "TargetResponseTime", "HealthyHostCount"},
	},
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
	"AWS/RDS": {"DBInstanceIdentifier": {"ReplicaLag", "CPUUtilization", "DatabaseConnections", "ReadIOPS", "WriteIOPS"}},
	// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
	"AWS/AutoScaling": {"AutoScalingGroupName": {"GroupInServiceInstances", "GroupDesiredCapacity", "GroupMaxSize"}},
	// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
	"AWS/Route53": {"HealthCheckId": {"HealthCheckStatus", "HealthCheckPercentageHealthy"}},
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
	"AWS/CloudFront": {"DistributionId Region": {"Requests", "4xxErrorRate", "5xxErrorRate"}},
	// https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
	"AWS/WAFV2": {
		"Region Rule WebACL": {"AllowedRequests", "BlockedRequests"},
		"Rule WebACL":        {"AllowedRequests", "BlockedRequests"}, // of CloudFront
	},
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_metrics.html
	"CloudWatchSynthetics": {"CanaryName": {"SuccessPercent", "Duration"}},
}

// dimensionOf is the resource attribute that is a dimension's value.
var dimensionOf = map[string]string{
	"LoadBalancer":         "AWS::ElasticLoadBalancingV2::LoadBalancer LoadBalancerFullName",
	"TargetGroup":          "AWS::ElasticLoadBalancingV2::TargetGroup TargetGroupFullName",
	"AutoScalingGroupName": "AWS::AutoScaling::AutoScalingGroup Ref",
	"HealthCheckId":        "AWS::Route53::HealthCheck Ref",
	"DistributionId":       "AWS::CloudFront::Distribution Ref",
}

// inUsEast1 is the services whose metrics are there, whatever they are for.
var inUsEast1 = []string{"AWS/Route53", "AWS/CloudFront"}

type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Markdown, Region string
		Metrics                 [][]any
		Alarms                  []string
		YAxis                   struct{ Left struct{ Min, Max float64 } }
		Annotations             struct {
			Horizontal []struct {
				Value float64
				Label string
			}
		}
	}
}

// drawnMetric is one of a widget's.
type drawnMetric struct {
	namespace, name string
	dimensions      map[string]string
	region, label   string
	stat            string
	period          float64
}

// placeholder stands in a body for what CloudFormation puts there: «Id.Attribute».
var placeholder = regexp.MustCompile(`«([^»]*)»`)

// bodyOf is a dashboard's body with references named.
func bodyOf(dashboard object) string {
	return written(propertiesOf(dashboard)["DashboardBody"])
}

func written(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case object:
		if join, ok := value["Fn::Join"].([]any); ok {
			var parts []string
			for _, part := range join[1].([]any) {
				parts = append(parts, written(part))
			}
			return strings.Join(parts, join[0].(string))
		}
		if choice, ok := value["Fn::Select"].([]any); ok {
			of := choice[1].(object)["Fn::Split"].([]any)[1]
			return strings.Replace(written(of), "»", fmt.Sprintf("/%v»", choice[0]), 1)
		}
		if attribute, ok := value["Fn::GetAtt"].([]any); ok {
			return fmt.Sprintf("«%v.%v»", attribute[0], attribute[1])
		}
		return fmt.Sprintf("«%v.Ref»", value["Ref"])
	}
	return fmt.Sprint(value)
}

func widgetsOf(body string) ([]widget, error) {
	var parsed struct{ Widgets []widget }
	err := json.Unmarshal([]byte(body), &parsed)
	return parsed.Widgets, err
}

// ofListener is how the CDK names the load balancer of a target group: by the parts
// of its listener's ARN, listener/app/name/id/id.
var ofListener = regexp.MustCompile(`^«(\w+)\.Ref/1»/«(\w+)\.Ref/2»/«(\w+)\.Ref/3»$`)

// metricsOf are a widget's, with the defaults of the body's syntax; what is no plain metric is an error.
func metricsOf(w widget) (all []drawnMetric, err error) {
	for _, row := range w.Properties.Metrics {
		options, ok := row[len(row)-1].(object)
		if !ok || len(row) < 3 || len(row)%2 != 1 {
			return nil, fmt.Errorf("%q: want namespace, name, dimensions and options (got %v)", w.Properties.Title, row)
		}
		m := drawnMetric{
			namespace: fmt.Sprint(row[0]), name: fmt.Sprint(row[1]), dimensions: map[string]string{},
			region: w.Properties.Region, stat: "Average", period: 300,
		}
		m.label, _ = options["label"].(string)
		if stat, ok := options["stat"].(string); ok {
			m.stat = stat
		}
		if period, ok := options["period"].(float64); ok {
			m.period = period
		}
		if region, ok := options["region"].(string); ok {
			m.region = region
		}
		for i := 2; i+1 < len(row); i += 2 {
			m.dimensions[fmt.Sprint(row[i])] = fmt.Sprint(row[i+1])
		}
		all = append(all, m)
	}
	return all, nil
}

// findings is what is wrong with a dashboard of a stack.
func findings(a *assembly, stack, body string) (wrong []string) {
	widgets, err := widgetsOf(body)
	if err != nil {
		return []string{err.Error()}
	}
	cells := map[[2]int]bool{}
	drawn := map[string]bool{}
	for _, w := range widgets {
		say := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("%s %q: %s", w.Type, w.Properties.Title, fmt.Sprintf(format, args...)))
		}
		if w.Width < 1 || w.X < 0 || w.X+w.Width > 24 || w.Height < 1 {
			say("leaves the grid of 24 columns")
		}
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				if cells[[2]int{x, y}] {
					say("lies on another")
				}
				cells[[2]int{x, y}] = true
			}
		}
		switch w.Type {
		case "text":
			for _, problem := range badText(a, w.Properties.Markdown) {
				say("%s", problem)
			}
		case "alarm":
			if len(w.Properties.Alarms) == 0 {
				say("shows no alarm")
			}
			for _, alarm := range w.Properties.Alarms {
				if problem := badAlarm(a, stack, alarm); problem != "" {
					say("%s", problem)
				}
			}
		case "metric":
			metrics, err := metricsOf(w)
			if err != nil || len(metrics) == 0 {
				say("shows no plain metric (%v)", err)
			}
			for _, m := range metrics {
				for _, problem := range badMetric(a, stack, m) {
					say("%s", problem)
				}
				drawn[fmt.Sprint(m.namespace, m.name, m.dimensions, m.region)] = true
			}
		default:
			say("is of an unknown type")
		}
	}
	if len(drawn) > 50 {
		wrong = append(wrong, fmt.Sprintf("%d metrics: a free dashboard has up to 50", len(drawn)))
	}
	slices.Sort(wrong)
	return wrong
}

// badText looks for links and documents that lead nowhere.
func badText(a *assembly, markdown string) (wrong []string) {
	for _, link := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(markdown, -1) {
		name, ok := strings.CutPrefix(link[1], "#dashboards:name=")
		found := false
		for _, tmpl := range a.stacks {
			for _, dashboard := range resourcesOf(tmpl, "AWS::CloudWatch::Dashboard") {
				found = found || propertiesOf(dashboard)["DashboardName"] == name
			}
		}
		if !ok || !found {
			wrong = append(wrong, "leads to no dashboard: "+link[1])
		}
	}
	for _, command := range regexp.MustCompile("--region (\\S+) --document-name ([^ `]+)").FindAllStringSubmatch(markdown, -1) {
		if !hasName(a.regional(command[1]), "AWS::SSM::Document", "Name", command[2]) {
			wrong = append(wrong, "starts no document of "+command[1]+": "+command[2])
		}
	}
	return wrong
}

// badAlarm wants a reference to the stack's own, or the name of one of the region's.
func badAlarm(a *assembly, stack, alarm string) string {
	kinds := []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}
	if found := placeholder.FindStringSubmatch(alarm); found != nil && found[0] == alarm {
		id, attribute, _ := strings.Cut(found[1], ".")
		resource, _ := resourcesOf(a.stacks[stack], "")[id]["Type"].(string)
		if attribute != "Arn" || !slices.Contains(kinds, resource) {
			return "no alarm: " + alarm
		}
		return ""
	}
	parts := strings.SplitN(alarm, ":", 7) // arn:partition:cloudwatch:region:account:alarm:name
	if len(parts) == 7 && parts[2] == "cloudwatch" && parts[4] == account && parts[5] == "alarm" {
		for _, kind := range kinds {
			if hasName(a.regional(parts[3]), kind, "AlarmName", parts[6]) {
				return ""
			}
		}
	}
	return "no alarm of the deployment: " + alarm
}

func badMetric(a *assembly, stack string, m drawnMetric) (wrong []string) {
	say := func(format string, args ...any) {
		wrong = append(wrong, m.namespace+" "+m.name+": "+fmt.Sprintf(format, args...))
	}
	own := "WarmStandby/" + a.settings.Name
	dimensions := strings.Join(slices.Sorted(maps.Keys(m.dimensions)), " ")
	if m.namespace == own {
		if !emitted(a.regional(m.region), m, dimensions) {
			say("nothing in %s emits it, with the dimensions %q", m.region, dimensions)
		}
	} else if !slices.Contains(published[m.namespace][dimensions], m.name) {
		say("AWS does not publish it with the dimensions %q", dimensions)
	}
	if home := a.manifest.Artifacts[stack].Environment; slices.Contains(inUsEast1, m.namespace) && (m.region != east || !strings.HasSuffix(home, "/"+east)) {
		say("it is in us-east-1 alone (got %s, in %s)", m.region, home)
	}
	if !regexp.MustCompile(`^(Sum|Average|Minimum|Maximum|p[0-9]+)$`).MatchString(m.stat) || m.period < 60 {
		say("statistic %s over %v s", m.stat, m.period)
	}
	if m.label == "" {
		say("no label")
	}
	for name, value := range m.dimensions {
		if found := ofListener.FindStringSubmatch(value); found != nil && name == "LoadBalancer" {
			if listener := resourcesOf(a.stacks[stack], "")[found[1]]; listener["Type"] != "AWS::ElasticLoadBalancingV2::Listener" || found[1] != found[2] || found[1] != found[3] {
				say("LoadBalancer is of no listener: %s", value)
			}
			continue
		}
		if found := placeholder.FindStringSubmatch(value); found != nil {
			id, attribute, _ := strings.Cut(found[1], ".")
			resource := resourcesOf(a.stacks[stack], "")[id]
			if got := fmt.Sprint(resource["Type"], " ", attribute); got != dimensionOf[name] {
				say("%s is %s (got %s)", name, dimensionOf[name], got)
			}
			continue
		}
		if !named(a, m, name, value) {
			say("nothing in %s is called %s %q", m.region, name, value)
		}
	}
	return wrong
}

// named tells whether the templates make what a dimension names by its own name.
func named(a *assembly, m drawnMetric, dimension, value string) bool {
	tmpl := a.regional(m.region)
	switch dimension {
	case "DBInstanceIdentifier":
		return hasName(tmpl, dbInstance, "DBInstanceIdentifier", value)
	case "CanaryName":
		return hasName(tmpl, "AWS::Synthetics::Canary", "Name", value)
	case "WebACL":
		if m.dimensions["Region"] == "" { // CloudFront's
			tmpl = a.stacks[a.settings.Name+"-global"]
		}
		for _, acl := range resourcesOf(tmpl, "AWS::WAFv2::WebACL") {
			if propertiesOf(acl)["VisibilityConfig"].(object)["MetricName"] == value {
				return true
			}
		}
		return false
	case "Rule":
		return value == "ALL"
	case "Region":
		return value == m.region || m.namespace == "AWS/CloudFront" && value == "Global"
	case "Deployment":
		return value == a.settings.Name
	}
	return false
}

// emitted tells whether a region's filters count it, or its runbooks send it.
func emitted(tmpl object, m drawnMetric, dimensions string) bool {
	for _, filter := range resourcesOf(tmpl, "AWS::Logs::MetricFilter") {
		for _, transformation := range propertiesOf(filter)["MetricTransformations"].([]any) {
			t := transformation.(object)
			if t["MetricNamespace"] == m.namespace && t["MetricName"] == m.name && dimensions == "" {
				return true
			}
		}
	}
	for _, document := range resourcesOf(tmpl, "AWS::SSM::Document") {
		if text, _ := json.Marshal(document); strings.Contains(string(text), `"`+m.name+`"`) && strings.Contains(string(text), `"`+m.namespace+`"`) {
			return dimensions == "Deployment"
		}
	}
	return false
}

func hasName(tmpl object, kind, property, name string) bool {
	if tmpl == nil {
		return false
	}
	for _, resource := range resourcesOf(tmpl, kind) {
		if propertiesOf(resource)[property] == name {
			return true
		}
	}
	return false
}

func TestDashboardsShowWhatThereIs(t *testing.T) {
	for name, a := range variants(t) {
		names := []string{}
		for stack, tmpl := range a.stacks {
			for id, dashboard := range resourcesOf(tmpl, "AWS::CloudWatch::Dashboard") {
				names = append(names, fmt.Sprint(propertiesOf(dashboard)["DashboardName"]))
				for _, problem := range findings(a, stack, bodyOf(dashboard)) {
					t.Errorf("%s: %s/%s: %s", name, stack, id, problem)
				}
			}
		}
		slices.Sort(names)
		equal(t, name+": dashboards, of which an account has three for free", names,
			[]string{a.settings.Name + "-global", a.settings.Name + "-" + east, a.settings.Name + "-" + west})
	}
}

// TestDashboardsShowAllAlarms: whatever mails can be looked at. The replica's lag is a
// graph, and in the rule of one that is shown.
func TestDashboardsShowAllAlarms(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			shown := ""
			for _, dashboard := range resourcesOf(tmpl, "AWS::CloudWatch::Dashboard") {
				shown += bodyOf(dashboard)
			}
			for _, kind := range []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"} {
				for id := range resourcesOf(tmpl, kind) {
					if !strings.Contains(shown, "«"+id+".Arn»") && !strings.Contains(id, "ReplicaLag") {
						t.Errorf("%s: no dashboard shows %s of %s", name, id, stack)
					}
				}
			}
		}
	}
}

// TestRegionDashboardNeedsNoOtherRegion: it is read while the other is down.
func TestRegionDashboardNeedsNoOtherRegion(t *testing.T) {
	eachRegional(t, func(name string, a *assembly, region, _ string) {
		for _, dashboard := range resourcesOf(a.regional(region), "AWS::CloudWatch::Dashboard") {
			widgets, _ := widgetsOf(bodyOf(dashboard))
			for _, w := range widgets {
				metrics, _ := metricsOf(w)
				for _, m := range metrics {
					if m.region != region {
						t.Errorf("%s: %q shows a metric of %s", name, w.Properties.Title, m.region)
					}
				}
			}
		}
	})
}

// TestDashboardsAreLaidOutForADecision: the rows, from the top.
func TestDashboardsAreLaidOutForADecision(t *testing.T) {
	rows := func(name string) (rows []string) {
		for _, tmpl := range example(t).stacks {
			for _, dashboard := range resourcesOf(tmpl, "AWS::CloudWatch::Dashboard") {
				if propertiesOf(dashboard)["DashboardName"] != name {
					continue
				}
				widgets, _ := widgetsOf(bodyOf(dashboard))
				for _, w := range widgets {
					if row, ok := strings.CutPrefix(w.Properties.Markdown, "## "); ok {
						rows = append(rows, row)
					}
				}
			}
		}
		return rows
	}
	equal(t, "global", rows("books-global"), []string{
		"Who serves, and who writes", "Fit to serve?", "Traffic", "Errors", "Database",
		"Capacity: are all servers there that are wanted?", "Canaries, and latency", "What exactly is wrong",
	})
	equal(t, "a region's", rows("books-us-west-2"), []string{
		"Who serves, and who writes", "Fit to serve?", "Traffic", "Errors", "Latency", "Database books-2",
		"Capacity", "Canaries, from this region", "What exactly is wrong",
	})
}

// TestDashboardFindings spoils dashboards in one way each.
func TestDashboardFindings(t *testing.T) {
	a := example(t)
	body := func(stack string) string {
		for _, dashboard := range resourcesOf(a.stacks[stack], "AWS::CloudWatch::Dashboard") {
			return bodyOf(dashboard)
		}
		t.Fatal(stack + " has no dashboard")
		return ""
	}
	for _, tt := range []struct{ name, stack, old, new, want string }{
		{"a misspelt metric", "books-us-west-2", `"ReplicaLag"`, `"ReplicaLags"`, "AWS does not publish it"},
		{"a metric of another namespace", "books-us-west-2", `"AWS/RDS","ReplicaLag"`, `"AWS/EC2","ReplicaLag"`, "AWS does not publish it"},
		{"a dimension too few", "books-us-west-2", `"Region","us-west-2",`, ``, "nothing in us-west-2 is called WebACL"},
		{"a dimension of another name", "books-global", `"DistributionId"`, `"Distribution"`, "AWS does not publish it"},
		{"another instance", "books-us-west-2", `"books-2"`, `"books-1"`, `nothing in us-west-2 is called DBInstanceIdentifier "books-1"`},
		{"another region's instance", "books-global", `"books-2",{"label":"books-2","region":"us-west-2"`, `"books-2",{"label":"books-2","region":"us-east-1"`, "nothing in us-east-1 is called"},
		{"a canary that is not there", "books-global", `"books-site"`, `"books-shop"`, `called CanaryName "books-shop"`},
		{"a web ACL that is not there", "books-global", `"WebACL","books-api"`, `"WebACL","WebAcl"`, `called WebACL "WebAcl"`},
		{"a line that nobody counts", "books-us-west-2", `"WritesRefused"`, `"WritesRejected"`, "nothing in us-west-2 emits it"},
		{"another deployment's", "books-us-west-2", `WarmStandby/books`, `WarmStandby/films`, "AWS does not publish it"},
		{"a signal without its dimension", "books-us-west-2", `"Deployment","books",`, ``, "nothing in us-west-2 emits it"},
		{"a resource that is not there", "books-us-west-2", `«WebLoadBalancer`, `«GoneLoadBalancer`, "LoadBalancer is AWS::ElasticLoadBalancingV2::LoadBalancer LoadBalancerFullName"},
		{"a resource of another type", "books-us-west-2", `LoadBalancerFullName»`, `LoadBalancerArn»`, "LoadBalancer is AWS::"},
		{"CloudFront outside us-east-1", "books-global", `"label":"5xx"`, `"label":"5xx","region":"us-west-2"`, "it is in us-east-1 alone"},
		{"no statistic", "books-us-west-2", `"stat":"p95"`, `"stat":"p95th"`, "statistic p95th"},
		{"no label", "books-us-west-2", `"label":"lag",`, ``, "no label"},
		{"an alarm that is not there", "books-us-west-2", `«SwitchAlarm`, `«GoneAlarm`, "no alarm"},
		{"an alarm of no region", "books-global", `books-region-sick`, `books-region-fine`, "no alarm of the deployment"},
		{"a link to no dashboard", "books-global", `name=books-us-west-2`, `name=films-us-west-2`, "leads to no dashboard"},
		{"a document that is not there", "books-us-west-2", `--document-name books-status`, `--document-name films-status`, "starts no document"},
		{"widgets on each other", "books-us-west-2", `"x":12,`, `"x":11,`, "lies on another"},
		{"a widget that is too wide", "books-us-west-2", `"width":24,`, `"width":25,`, "leaves the grid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spoilt := body(tt.stack)
			if !strings.Contains(spoilt, tt.old) {
				t.Fatalf("%s has no %s", tt.stack, tt.old)
			}
			spoilt = strings.ReplaceAll(spoilt, tt.old, tt.new)
			if found := strings.Join(findings(a, tt.stack, spoilt), "\n"); !strings.Contains(found, tt.want) {
				t.Errorf("want a finding with %q (got %q)", tt.want, found)
			}
		})
	}
}
