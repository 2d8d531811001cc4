package test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"

	"warm-standby/constructs"
)

func TestFailoverDns(t *testing.T) {
	for _, tt := range []struct{ primary, standby string }{{east, west}, {west, east}} {
		t.Run("primary "+tt.primary, func(t *testing.T) {
			template := failoverDns(t, tt.primary, tt.standby)
			checks := healthChecks(t, template)
			template.counts(map[string]int{"AWS::Route53::HealthCheck": 5, "AWS::Route53::RecordSetGroup": 1, "AWS::Route53::RecordSet": 0})

			holdSwitch := template.only("the switch is the standby's, and holds when its metric falls silent", healthCheckType, object{
				"HealthCheckConfig": like(object{
					"Type":                         "CLOUDWATCH_METRIC",
					"AlarmIdentifier":              object{"Name": "books-hold-traffic", "Region": tt.standby},
					"InsufficientDataHealthStatus": "LastKnownStatus",
				}),
			})
			for label, path := range map[string]string{"api": "/ready", "web": "/health"} {
				endpoint := template.only("the primary is asked by its own name, never by the failover name", healthCheckType, object{
					"HealthCheckConfig": like(object{
						"Type": "HTTPS", "FullyQualifiedDomainName": label + "-" + tt.primary + ".example.com", "Port": 443, "EnableSNI": true,
						"ResourcePath": path, "RequestInterval": 10, "FailureThreshold": 2,
					}),
					"HealthCheckTags": contains(object{"Key": "Name", "Value": label + "-" + tt.primary + ".example.com"}),
				})
				both := template.only("endpoint and switch have to be healthy both", healthCheckType, object{
					"HealthCheckConfig": like(object{
						"Type": "CALCULATED", "HealthThreshold": 2, "ChildHealthChecks": []object{{"Ref": endpoint}, {"Ref": holdSwitch}},
					}),
				})
				template.has("the name leads to the primary while both are, and then to the standby", "AWS::Route53::RecordSetGroup", object{
					"HostedZoneId": "Z0EXAMPLE",
					"RecordSets": contains(
						record(label, tt.primary, "PRIMARY", object{"Ref": both}),
						record(label, tt.standby, "SECONDARY", assertions.Match_Absent()),
					),
				})
			}
			for id, config := range checks {
				if name := config["FullyQualifiedDomainName"]; name == "api.example.com" || name == "web.example.com" {
					t.Errorf("%s asks the failover name %s: it would judge the standby by the primary", id, name)
				}
			}
		})
	}
}

// A health check that outlives a swap keeps its last status: the hold, which
// would send the traffic of the new primary back to the old one.
func TestFailoverDnsSwapMakesNewHealthChecksAndKeepsTheRecords(t *testing.T) {
	before, after := failoverDns(t, east, west), failoverDns(t, west, east)
	for id := range healthChecks(t, before) {
		if _, kept := healthChecks(t, after)[id]; kept {
			t.Errorf("health check %s outlives a swap of the roles", id)
		}
	}
	identities := func(template template) map[string]string {
		records := map[string]string{}
		for id, group := range template.resources("AWS::Route53::RecordSetGroup") {
			for _, record := range group.Properties["RecordSets"].([]any) {
				record := record.(object)
				key := fmt.Sprint(id, record["Name"], record["Type"], record["SetIdentifier"])
				records[key] = fmt.Sprint(record["Failover"])
			}
		}
		return records
	}
	if old, swapped := identities(before), identities(after); !maps.Equal(old, swapped) {
		t.Errorf("a swap replaces records:\n%v\n%v", old, swapped)
	}
}

const healthCheckType = "AWS::Route53::HealthCheck"

func failoverDns(t *testing.T, primary, standby string) template {
	t.Helper()
	stack := newStack(t, east)
	constructs.NewFailoverDns(stack, "FailoverDns", constructs.FailoverDnsProps{
		Zone: exampleZone(stack), ApiLabel: "api", WebLabel: "web", Primary: primary, Standby: standby,
		ApiHealthPath: "/ready", WebHealthPath: "/health", Interval: 10 * time.Second, FailureThreshold: 2,
		SwitchAlarm: constructs.NewTrafficSwitchSignal("books").AlarmName,
	})
	return templateOf(t, stack)
}

func record(label, region, failover string, healthCheck any) assertions.Matcher {
	return like(object{
		"Name": label + ".example.com.", "Type": "A", "Failover": failover, "SetIdentifier": failover, "HealthCheckId": healthCheck,
		"AliasTarget": object{"DNSName": label + "-" + region + ".example.com.", "HostedZoneId": "Z0EXAMPLE", "EvaluateTargetHealth": true},
	})
}

func healthChecks(t *testing.T, template template) map[string]object {
	t.Helper()
	configs := map[string]object{}
	for id, check := range template.resources(healthCheckType) {
		configs[id] = check.Properties["HealthCheckConfig"].(object)
	}
	return configs
}
