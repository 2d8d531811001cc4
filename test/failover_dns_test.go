package test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"

	"warm-standby/constructs"
)

func TestFailoverDns(t *testing.T) {
	for _, tt := range []struct{ primary, standby string }{{east, west}, {west, east}} {
		t.Run("primary "+tt.primary, func(t *testing.T) {
			template := failoverDns(t, tt.primary, tt.standby)
			template.counts(map[string]int{healthCheckType: 10, "AWS::Route53::RecordSetGroup": 1, "AWS::Route53::RecordSet": 0})

			// Without data it stays as it was; before the first signal, what is
			// inverted counts as unhealthy, and the traffic so as released.
			holdSwitch := func(inverted bool) string {
				return template.only("the switch is the standby's, and stays when its metric falls silent", healthCheckType, object{
					"HealthCheckConfig": like(object{
						"Type":                         "CLOUDWATCH_METRIC",
						"AlarmIdentifier":              object{"Name": "books-hold-traffic", "Region": tt.standby},
						"InsufficientDataHealthStatus": "LastKnownStatus",
						"Inverted":                     inverted,
					}),
				})
			}
			released, held := holdSwitch(false), holdSwitch(true)
			template.has("the primary writes while the traffic is released, else the standby, whatever answers where", "AWS::Route53::RecordSetGroup", object{
				"RecordSets": contains(
					writer(tt.primary, "PRIMARY", object{"HealthCheckId": object{"Ref": released}}),
					writer(tt.standby, "SECONDARY", object{"HealthCheckId": assertions.Match_Absent()}),
				),
			})
			for label, path := range map[string]string{"api": "/ready", "web": "/health"} {
				endpoint := func(region string) string {
					return template.only("a region is asked by its own name, never by the failover name", healthCheckType, object{
						"HealthCheckConfig": like(object{
							"Type": "HTTPS", "FullyQualifiedDomainName": label + "-" + region + ".example.com", "Port": 443, "EnableSNI": true,
							"ResourcePath": path, "RequestInterval": 10, "FailureThreshold": 2,
						}),
						"HealthCheckTags": contains(object{"Key": "Name", "Value": label + "-" + region + ".example.com"}),
					})
				}
				calculated := func(intent string, threshold int, children ...string) object {
					refs := []object{}
					for _, child := range children {
						refs = append(refs, object{"Ref": child})
					}
					return object{"Ref": template.only(intent, healthCheckType, object{
						"HealthCheckConfig": like(object{
							"Type": "CALCULATED", "HealthThreshold": threshold, "ChildHealthChecks": refs, "Inverted": false,
						}),
					})}
				}
				primary := calculated("the primary has to answer and the traffic to be released", 2, endpoint(tt.primary), released)
				standby := calculated("the standby has to answer, or the traffic to be held there whatever its health", 1, endpoint(tt.standby), held)
				template.has("the name leads to the primary while it is healthy, then to the standby while that is", "AWS::Route53::RecordSetGroup", object{
					"HostedZoneId": "Z0EXAMPLE",
					"RecordSets": contains(
						record(label, tt.primary, "PRIMARY", primary),
						record(label, tt.standby, "SECONDARY", standby),
					),
				})
			}
			for id, config := range healthChecks(t, template) {
				if name := config["FullyQualifiedDomainName"]; name == "api.example.com" || name == "web.example.com" {
					t.Errorf("%s asks the failover name %s: it would judge the standby by the primary", id, name)
				}
			}
		})
	}
}

func TestFailoverDnsTellsThatTrafficMoves(t *testing.T) {
	template := failoverDns(t, east, west)
	alarms, actions := 0, []object{}
	for topic := range template.resources("AWS::SNS::Topic") {
		actions = append(actions, object{"Ref": topic})
	}
	for id, config := range healthChecks(t, template) {
		if config["Type"] == "CALCULATED" || config["Inverted"] == true {
			continue // They follow from the others.
		}
		alarms++
		meaning := map[any]string{
			"api-us-east-1.example.com": `^Route 53 finds https://api-us-east-1.example.com/ready unhealthy. api.example.com leads to us-west-2.*Look first`,
			"web-us-east-1.example.com": `^Route 53 finds https://web-us-east-1.example.com/health unhealthy. web.example.com leads to us-west-2.*Look first`,
			"api-us-west-2.example.com": `^Route 53 finds https://api-us-west-2.example.com/ready unhealthy. .*api.example.com cannot leave us-east-1.*Look first`,
			"web-us-west-2.example.com": `^Route 53 finds https://web-us-west-2.example.com/health unhealthy. .*web.example.com cannot leave us-east-1.*Look first`,
			nil:                         `^An operator holds the traffic on us-west-2.*Look first`,
		}[config["FullyQualifiedDomainName"]]
		template.only("the start and the end of "+id+" being unhealthy are told", "AWS::CloudWatch::Alarm", object{
			"AlarmDescription": assertions.Match_StringLikeRegexp(str(meaning)),
			"Namespace":        "AWS/Route53", "MetricName": "HealthCheckStatus",
			"Dimensions": []object{{"Name": "HealthCheckId", "Value": object{"Ref": id}}},
			"Statistic":  "Minimum", "Period": 60, "EvaluationPeriods": 1, "DatapointsToAlarm": 1,
			"ComparisonOperator": "LessThanThreshold", "Threshold": 1, "TreatMissingData": "ignore",
			"AlarmActions": actions, "OKActions": actions,
		})
	}
	template.counts(map[string]int{"AWS::CloudWatch::Alarm": alarms})
}

// Route 53's metrics are in us-east-1 alone: elsewhere its alarms would see none.
func TestFailoverDnsElsewhere(t *testing.T) {
	got := panicOf(func() { newFailoverDns(newStack(t, west), east, west) })
	if !strings.Contains(got, "us-east-1 (got us-west-2)") {
		t.Errorf("outside us-east-1: want a panic that names the region (got %q)", got)
	}
}

// A switch that outlives a swap keeps its last status: the hold, which would
// send the traffic of the new primary back to the old one. What is known of an
// endpoint stays true, and the records must not be gone for a moment.
func TestFailoverDnsSwapMakesNewSwitchesAndKeepsEndpointsAndRecords(t *testing.T) {
	before, after := failoverDns(t, east, west), failoverDns(t, west, east)
	swapped := healthChecks(t, after)
	for id, check := range healthChecks(t, before) {
		successor, kept := swapped[id]
		if endpoint := check["Type"] == "HTTPS"; kept != endpoint {
			t.Errorf("%s health check %s: does it outlive a swap of the roles? %v", check["Type"], id, kept)
		}
		if kept {
			equal(t, "health check "+id+" in the other role", successor, check)
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
	newFailoverDns(stack, primary, standby)
	return templateOf(t, stack)
}

func newFailoverDns(stack awscdk.Stack, primary, standby string) {
	constructs.NewFailoverDns(stack, "FailoverDns", constructs.FailoverDnsProps{
		Zone: exampleZone(stack), ApiLabel: "api", WebLabel: "web", WriterName: "writer.api.example.com", Primary: primary, Standby: standby,
		ApiHealthPath: "/ready", WebHealthPath: "/health", Interval: 10 * time.Second, FailureThreshold: 2,
		SwitchAlarm: constructs.NewTrafficSwitchSignal("books").AlarmName,
		Topic:       awssns.NewTopic(stack, str("Topic"), nil),
	})
}

func record(label, region, failover string, healthCheck any) assertions.Matcher {
	return like(object{
		"Name": label + ".example.com.", "Type": "A", "Failover": failover, "SetIdentifier": failover, "HealthCheckId": healthCheck,
		"AliasTarget": object{"DNSName": label + "-" + region + ".example.com.", "HostedZoneId": "Z0EXAMPLE", "EvaluateTargetHealth": true},
	})
}

// writer is the record that says which region writes.
func writer(region, failover string, more object) assertions.Matcher {
	record := object{
		"Name": "writer.api.example.com.", "Type": "TXT", "TTL": "10", "Failover": failover, "SetIdentifier": failover,
		"ResourceRecords": []any{`"` + region + `"`},
	}
	maps.Copy(record, more)
	return like(record)
}

func healthChecks(t *testing.T, template template) map[string]object {
	t.Helper()
	configs := map[string]object{}
	for id, check := range template.resources(healthCheckType) {
		configs[id] = check.Properties["HealthCheckConfig"].(object)
	}
	return configs
}
