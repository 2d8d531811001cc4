package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"warm-standby/constructs"
)

// TestLogMetrics: each line is counted in the log that it is written to. What the
// API writes is held to the patterns by assets/app/api/test/logs.test.js.
func TestLogMetrics(t *testing.T) {
	eachRegional(t, func(name string, a *assembly, region, _ string) {
		got := map[string]string{}
		for _, filter := range resourcesOf(a.regional(region), "AWS::Logs::MetricFilter") {
			properties := propertiesOf(filter)
			transformation := properties["MetricTransformations"].([]any)[0].(object)
			group := properties["LogGroupName"].(object)["Ref"].(string)
			got[transformation["MetricName"].(string)+" of "+group[:len(group)-8]] = properties["FilterPattern"].(string)
			equal(t, name, []any{transformation["MetricNamespace"], transformation["MetricValue"], transformation["DefaultValue"], transformation["Dimensions"]},
				[]any{"WarmStandby/" + a.settings.Name, "1", 0, nil})
		}
		equal(t, name, got, map[string]string{
			"SiteRequests of WebApplicationLogs":  `"HTTP/1.1"`,
			"WritesRefused of ApiApplicationLogs": `"write refused"`,
			"FenceOpened of ApiApplicationLogs":   `"this region may write"`,
			"FenceClosed of ApiApplicationLogs":   `"this region may not write"`,
			"BootsFailed of WebSystemLogs":        `"BOOT FAILED"`,
			"BootsFailed of ApiSystemLogs":        `"BOOT FAILED"`,
		})
	})
}

// TestServersWriteTheLinesThatAreCounted: the boot's verdict, and Apache's request
// line, which ends in the protocol that load balancers speak to servers.
func TestServersWriteTheLinesThatAreCounted(t *testing.T) {
	for file, line := range map[string]string{
		"boot.sh":         `"$(verdict "$code" BOOT)`,
		"files/site.conf": `LogFormat "%{X-Forwarded-For}i %t \"%r\" `,
	} {
		text, err := os.ReadFile("../assets/userdata/" + file)
		if err != nil || !strings.Contains(string(text), line) {
			t.Errorf("%s: want %s (%v)", file, line, err)
		}
	}
	verdict := exec.Command("bash", "-c", `eval "$(grep '^verdict()' ../assets/userdata/common.sh)"; STEP=serve FAILED=; verdict 7 BOOT`)
	if said, err := verdict.CombinedOutput(); err != nil || !strings.HasPrefix(string(said), constructs.BootsFailed.Text) {
		t.Errorf("a failed boot says %q (%v)", said, err)
	}
	eachRegional(t, func(name string, a *assembly, region, _ string) {
		for id, targets := range resourcesOf(a.regional(region), "AWS::ElasticLoadBalancingV2::TargetGroup") {
			if version := propertiesOf(targets)["ProtocolVersion"]; version != nil && version != "HTTP1" {
				t.Errorf("%s: %s speaks %v to its servers, whose requests are counted by %q", name, id, version, constructs.SiteRequests.Text)
			}
		}
	})
}

// TestSilentServers: without logs and canaries there is nothing to count, and
// nothing that shows it or waits for it.
func TestSilentServers(t *testing.T) {
	stack := newStack(t, west)
	web, api, alarms := newAlarms(stack, constructs.AlarmedDatabase{InstanceType: "t4g.medium", StorageGiB: 22})
	constructs.NewRegionDashboard(stack, "Dashboard", constructs.RegionDashboardProps{
		Deployment: "books", Web: web, Api: api, Database: "books-2", LatencySeconds: 2, LagSeconds: 60, Alarms: alarms,
		ApiAcl: constructs.NewWebAcl(stack, "Acl", constructs.WebAclProps{Name: "books-api", RequestsPer5Minutes: 2000, LogDays: 14}),
		Switch: constructs.NewTrafficSwitch(stack, "Switch", constructs.TrafficSwitchProps{Deployment: "books"}),
	})
	tm := templateOf(t, stack)
	tm.counts(map[string]int{"AWS::Logs::MetricFilter": 0, "AWS::Synthetics::Canary": 0, "AWS::CloudWatch::Dashboard": 1})
	for id := range tm.resources("AWS::CloudWatch::Alarm") {
		if strings.HasPrefix(id, "AlarmsLogs") || strings.HasPrefix(id, "AlarmsCanaries") {
			t.Errorf("%s waits for what is never written", id)
		}
	}
	for _, dashboard := range tm.resources("AWS::CloudWatch::Dashboard") {
		widgets, err := widgetsOf(written(dashboard.Properties["DashboardBody"]))
		if err != nil || len(widgets) == 0 {
			t.Fatalf("%d widgets (%v)", len(widgets), err)
		}
		for _, w := range widgets {
			metrics, err := metricsOf(w)
			if err != nil || w.Type == "metric" && len(metrics) == 0 {
				t.Errorf("%q shows nothing (%v)", w.Properties.Title, err)
			}
			for _, m := range metrics {
				if m.namespace == "CloudWatchSynthetics" || m.namespace == "WarmStandby/books" && m.name != "HoldTraffic" {
					t.Errorf("%q shows %s, which nothing emits", w.Properties.Title, m.name)
				}
			}
		}
	}
}
