package test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

func TestAlarmsOfTiers(t *testing.T) {
	stack := newStack(t, east)
	newAlarms(stack, constructs.AlarmedDatabase{InstanceType: "t4g.medium", StorageGiB: 22})
	tm := templateOf(t, stack)

	for _, tier := range []struct{ name, inText string }{{"Web", "web"}, {"Api", "API"}} {
		targets := contains(
			object{"Name": "LoadBalancer", "Value": assertions.Match_AnyValue()},
			object{"Name": "TargetGroup", "Value": object{"Fn::GetAtt": contains("TargetGroupFullName")}},
		)
		balancer := []any{object{"Name": "LoadBalancer", "Value": object{"Fn::GetAtt": contains("LoadBalancerFullName")}}}
		for _, tt := range []struct {
			intent     string
			properties object
		}{
			{"no server left: silence is an outage, too", object{
				"MetricName": "HealthyHostCount", "Statistic": "Maximum", "Period": 60, "Dimensions": targets,
				"ComparisonOperator": "LessThanThreshold", "Threshold": 1, "DatapointsToAlarm": 3, "EvaluationPeriods": 3,
				"TreatMissingData": "breaching",
			}},
			{"servers that are wanted and do not come", object{
				"AlarmName": "books-" + strings.ToLower(tier.name) + "-capacity",
				"Metrics": []any{
					like(object{"Expression": "wanted - inService"}),
					mathInput("inService", "GroupInServiceInstances", "Average", []any{object{"Name": "AutoScalingGroupName", "Value": tier.name}}),
					mathInput("wanted", "GroupDesiredCapacity", "Average", []any{object{"Name": "AutoScalingGroupName", "Value": tier.name}}),
				},
				"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "DatapointsToAlarm": 20, "EvaluationPeriods": 20,
				"TreatMissingData": "ignore",
			}},
			{"a server that is not replaced; one that is starts in less", object{
				"MetricName": "UnHealthyHostCount", "Statistic": "Minimum", "Period": 60, "Dimensions": targets,
				"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "DatapointsToAlarm": 10, "EvaluationPeriods": 10,
				"TreatMissingData": "notBreaching",
			}},
			{"slow, unless too few were served to tell", object{
				"MetricName": "TargetResponseTime", "ExtendedStatistic": "p95", "Period": 300, "Dimensions": targets,
				"ComparisonOperator": "GreaterThanThreshold", "Threshold": 2.5, "DatapointsToAlarm": 3, "EvaluationPeriods": 3,
				"TreatMissingData": "notBreaching", "EvaluateLowSampleCountPercentile": "ignore",
			}},
			{"the load balancer's own errors, of all that was asked", object{
				"Metrics": []any{
					like(object{"Expression": "IF(errors >= 5, 100 * errors / (errors + requests), 0)"}),
					mathInput("errors", "HTTPCode_ELB_5XX_Count", "Sum", balancer),
					mathInput("requests", "RequestCount", "Sum", balancer),
				},
				"ComparisonOperator": "GreaterThanThreshold", "Threshold": 5, "DatapointsToAlarm": 3, "EvaluationPeriods": 5,
				"TreatMissingData": "notBreaching",
			}},
			{"the servers' errors, of all that they were given", object{
				"Metrics": []any{
					like(object{"Expression": "IF(errors >= 5, 100 * errors / requests, 0)"}),
					mathInput("errors", "HTTPCode_Target_5XX_Count", "Sum", targets),
					mathInput("requests", "RequestCount", "Sum", targets),
				},
				"ComparisonOperator": "GreaterThanThreshold", "Threshold": 5, "DatapointsToAlarm": 3, "EvaluationPeriods": 5,
				"TreatMissingData": "notBreaching",
			}},
		} {
			tt.properties["AlarmDescription"] = assertions.Match_StringLikeRegexp(jsii.String(`\b` + tier.inText + ` tier\b.*Look first at `))
			tm.has(tier.name+": "+tt.intent, "AWS::CloudWatch::Alarm", tt.properties)
		}
	}
}

func TestAlarmsOfDatabase(t *testing.T) {
	const gib = 1 << 30
	replicaLag := object{
		"Metrics": []any{
			like(object{"Expression": "IF(lag < 0, 86400, lag)"}), // -1 is a replica that has stopped
			mathInput("lag", "ReplicaLag", "Maximum", databaseDimension),
		},
		"ComparisonOperator": "GreaterThanThreshold", "Threshold": 60, "DatapointsToAlarm": 5, "EvaluationPeriods": 5,
		"TreatMissingData": "breaching",
	}
	cpu := databaseAlarm("CPUUtilization", "Average", 60, "GreaterThanThreshold", 90, 5, "breaching")
	credits := databaseAlarm("CPUSurplusCreditsCharged", "Sum", 3600, "GreaterThanThreshold", 0, 1, "notBreaching")
	connections := func(n int) object {
		return databaseAlarm("DatabaseConnections", "Average", 60, "GreaterThanThreshold", n, 5, "ignore")
	}
	memory := func(bytes int) object {
		return databaseAlarm("FreeableMemory", "Average", 60, "LessThanThreshold", bytes, 15, "ignore")
	}
	storage := func(bytes float64) object {
		return databaseAlarm("FreeStorageSpace", "Minimum", 60, "LessThanThreshold", bytes, 5, "ignore")
	}
	for _, tt := range []struct {
		name     string
		database constructs.AlarmedDatabase
		want     []object // and no others
	}{
		{
			"the primary has no lag",
			constructs.AlarmedDatabase{InstanceType: "t4g.medium", StorageGiB: 22},
			[]object{cpu, credits, connections(227), memory(214748364), storage(1.1 * gib)},
		},
		{
			"the standby has",
			constructs.AlarmedDatabase{InstanceType: "t4g.medium", StorageGiB: 22, Replica: true},
			[]object{cpu, credits, connections(227), memory(214748364), storage(1.1 * gib), replicaLag},
		},
		{
			"little memory: below the 60 connections that AWS documents for 1 GiB; little storage: not less than 1 GiB",
			constructs.AlarmedDatabase{InstanceType: "t3.micro", StorageGiB: 20},
			[]object{cpu, credits, connections(56), memory(53687091), storage(gib)},
		},
		{
			"no credits where none are earned",
			constructs.AlarmedDatabase{InstanceType: "m7g.large", StorageGiB: 1000},
			[]object{cpu, connections(455), memory(429496729), storage(50 * gib)},
		},
		{
			"twice the memory",
			constructs.AlarmedDatabase{InstanceType: "r8g.2xlarge", StorageGiB: 100},
			[]object{cpu, connections(3640), memory(3435973836), storage(5 * gib)},
		},
		{
			"memory unknown",
			constructs.AlarmedDatabase{InstanceType: "x2iedn.xlarge", StorageGiB: 100},
			[]object{cpu, storage(5 * gib)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := newStack(t, west)
			newAlarms(stack, tt.database)
			tm := templateOf(t, stack)
			const tiers = 2 * 6
			tm.counts(map[string]int{"AWS::CloudWatch::Alarm": tiers + len(tt.want)})
			for _, properties := range tt.want {
				properties["AlarmDescription"] = assertions.Match_StringLikeRegexp(jsii.String(`^The (database|replica) .*Look first at `))
				tm.has(tt.name, "AWS::CloudWatch::Alarm", properties)
			}

			warnings := assertions.Annotations_FromStack(stack).FindWarning(jsii.String("/Test/Alarms"), assertions.Match_StringLikeRegexp(jsii.String("memory of class x2iedn.xlarge is not known")))
			if got, want := len(*warnings) == 1, tt.database.InstanceType == "x2iedn.xlarge"; got != want {
				t.Errorf("warned of a class of unknown memory: %t, want %t", got, want)
			}
		})
	}
}

func TestAlarmsNotify(t *testing.T) {
	stack := newStack(t, east)
	newAlarms(stack, constructs.AlarmedDatabase{InstanceType: "t4g.medium", StorageGiB: 22, Replica: true})
	tm := templateOf(t, stack)
	topic := []any{object{"Ref": soleTopic(tm)}}
	for _, kind := range []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"} {
		tm.check("no alarm tells of missing data", func() {
			tm.AllResourcesProperties(jsii.String(kind), object{"InsufficientDataActions": assertions.Match_Absent()})
		})
	}
	tm.check("what sums up tells when it starts and when it is over", func() {
		tm.AllResourcesProperties(jsii.String("AWS::CloudWatch::CompositeAlarm"), object{"AlarmActions": topic, "OKActions": topic})
	})
	for id, resource := range *tm.FindResources(jsii.String("AWS::CloudWatch::Alarm"), nil) {
		text := (*resource)["Properties"].(object)["AlarmDescription"].(string)
		if len(text) > 1024 || regexp.MustCompile(`%!|%%|[^ -~]`).MatchString(text) {
			t.Errorf("%s: want at most 1024 plain characters, got %q", id, text)
		}
	}
}

// TestEveryAlarmIsHeardOnce: an alarm tells the topic, or a summary that has it in
// its rule does; never both, and never neither.
func TestEveryAlarmIsHeardOnce(t *testing.T) {
	child := regexp.MustCompile(`ALARM\("«(\w+)\.Arn»"\)`)
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			summed := map[string][]string{} // summaries by what is in their rules
			for id, summary := range resourcesOf(tmpl, "AWS::CloudWatch::CompositeAlarm") {
				for _, match := range child.FindAllStringSubmatch(written(propertiesOf(summary)["AlarmRule"]), -1) {
					summed[match[1]] = append(summed[match[1]], id)
				}
			}
			for id, alarm := range resourcesOf(tmpl, "AWS::CloudWatch::Alarm") {
				properties := propertiesOf(alarm)
				tells := properties["AlarmActions"] != nil
				equal(t, name+": "+stack+"/"+id+" tells its end as its start", properties["OKActions"], properties["AlarmActions"])
				isSwitch := properties["MetricName"] == "HoldTraffic" // Route 53 reads it; the global stack tells
				if heard := len(summed[id]); !isSwitch && (tells && heard != 0 || !tells && heard != 1) {
					t.Errorf("%s: %s/%s tells: %v; is in the rules of %v: want one of the two", name, stack, id, tells, summed[id])
				}
			}
		}
	}
}

// TestSummaries: the region's symptoms, and in either role what is asked of a standby.
func TestSummaries(t *testing.T) {
	for name, a := range variants(t) {
		for _, region := range []string{a.settings.Primary, a.settings.Standby} {
			got := map[string]object{}
			for _, summary := range resourcesOf(a.regional(region), "AWS::CloudWatch::CompositeAlarm") {
				properties := propertiesOf(summary)
				rule := regexp.MustCompile(`«Alarms(\w+)\w{8}\.Arn»`).ReplaceAllString(written(properties["AlarmRule"]), "$1")
				suppressor := regexp.MustCompile(`«Alarms(\w+)\w{8}\.Arn»`).ReplaceAllString(written(properties["ActionsSuppressor"]), "$1")
				got[properties["AlarmName"].(string)] = object{"rule": strings.NewReplacer(`"`, "", "ALARM", "").Replace(rule), "silent while": suppressor}
			}
			symptoms := "(WebNoHealthyHost) OR (WebCapacity) OR (WebLoadBalancerErrors) OR (WebServerErrors)" +
				" OR (ApiNoHealthyHost) OR (ApiCapacity) OR (ApiLoadBalancerErrors) OR (ApiServerErrors) OR (DatabaseCpu)"
			if a.settings.Canaries.Enabled {
				symptoms += " OR (CanariesApi)"
			}
			notReady := "FALSE"
			if region == a.settings.Standby {
				notReady = "((RegionSick) OR (DatabaseReplicaLag))"
			}
			equal(t, name+": "+region, got, map[string]object{
				a.settings.Name + "-region-sick":       {"rule": "(" + symptoms + ")", "silent while": "<nil>"},
				a.settings.Name + "-standby-not-ready": {"rule": notReady, "silent while": "RegionSick"},
			})
		}
	}
}

func TestNotifications(t *testing.T) {
	for _, tt := range []struct {
		name   string
		emails []string
	}{
		{"two subscribers", []string{"ops@example.com", "dev@example.com"}},
		{"nobody", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := newStack(t, west)
			constructs.NewNotifications(stack, "Notifications", constructs.NotificationsProps{Emails: tt.emails})
			tm := templateOf(t, stack)
			tm.counts(map[string]int{"AWS::SNS::Topic": 1, "AWS::SNS::Subscription": len(tt.emails)})
			for _, email := range tt.emails {
				tm.has("a subscriber", "AWS::SNS::Subscription", object{
					"Protocol": "email", "Endpoint": email, "TopicArn": object{"Ref": soleTopic(tm)},
				})
			}
			tm.has("encrypted with the key below", "AWS::SNS::Topic", object{"KmsMasterKeyId": object{"Fn::GetAtt": contains("Arn")}})
			cloudWatch := object{"Service": "cloudwatch.amazonaws.com"}
			tm.has("which this account's alarms may use, without which they are dropped silently", "AWS::KMS::Key", object{
				"EnableKeyRotation": true,
				"KeyPolicy": like(object{"Statement": contains(like(object{
					"Effect": "Allow", "Principal": cloudWatch,
					"Action":    []any{"kms:Decrypt", "kms:GenerateDataKey*"},
					"Condition": object{"StringEquals": object{"aws:SourceAccount": account}},
				}))}),
			})
			tm.has("TLS only; alarms of this account and region may publish, other services not", "AWS::SNS::TopicPolicy", object{
				"PolicyDocument": like(object{"Statement": []any{
					like(object{"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Condition": object{"Bool": object{"aws:SecureTransport": "false"}}}),
					like(object{
						"Effect": "Allow", "Principal": cloudWatch, "Action": "sns:Publish",
						"Condition": object{
							"StringEquals": object{"aws:SourceAccount": account},
							"ArnLike":      object{"aws:SourceArn": "arn:aws:cloudwatch:" + west + ":" + account + ":alarm:*"},
						},
					}),
				}}),
			})
			tm.check("nothing stays behind", func() {
				tm.AllResources(jsii.String("AWS::KMS::Key"), object{"DeletionPolicy": "Delete"})
			})
			warnings := assertions.Annotations_FromStack(stack).FindWarning(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String("nobody is told")))
			if got, want := len(*warnings) == 1, len(tt.emails) == 0; got != want {
				t.Errorf("warned that nobody subscribes: %t, want %t", got, want)
			}
		})
	}
}

// newAlarms defines alarms on two tiers and on a database that is otherwise as
// given, with the latency set apart from every other number.
func newAlarms(stack awscdk.Stack, alarmed constructs.AlarmedDatabase) (web, api constructs.AlarmedTier, alarms *constructs.Alarms) {
	network := constructs.NewTieredVpc(stack, "Network", constructs.TieredVpcProps{
		Cidr: "172.20.0.0/16", AvailabilityZones: []string{*stack.Region() + "a", *stack.Region() + "b"}, NatGateways: 1, FlowLogDays: 30,
	})
	tier := func(id string) constructs.AlarmedTier {
		targets := awselasticloadbalancingv2.NewApplicationTargetGroup(stack, jsii.String(id+"Targets"), &awselasticloadbalancingv2.ApplicationTargetGroupProps{
			Vpc: network.Vpc(), TargetType: awselasticloadbalancingv2.TargetType_INSTANCE, Port: jsii.Number(80),
		})
		balancer := awselasticloadbalancingv2.NewApplicationLoadBalancer(stack, jsii.String(id+"Balancer"), &awselasticloadbalancingv2.ApplicationLoadBalancerProps{
			Vpc: network.Vpc(), VpcSubnets: network.PublicSubnets(),
		})
		balancer.AddListener(jsii.String("Listener"), &awselasticloadbalancingv2.BaseApplicationListenerProps{
			Port: jsii.Number(80), DefaultTargetGroups: &[]awselasticloadbalancingv2.IApplicationTargetGroup{targets},
		})
		group := awsautoscaling.AutoScalingGroup_FromAutoScalingGroupName(stack, jsii.String(id+"Group"), jsii.String(id))
		return constructs.AlarmedTier{LoadBalancer: balancer, TargetGroup: targets, Group: group}
	}
	alarmed.Instance = awsrds.NewDatabaseInstance(stack, jsii.String("Database"), &awsrds.DatabaseInstanceProps{
		Engine:           awsrds.DatabaseInstanceEngine_MYSQL(),
		Vpc:              network.Vpc(),
		VpcSubnets:       network.DatabaseSubnets(),
		StorageEncrypted: jsii.Bool(true),
	})
	web, api = tier("Web"), tier("Api")
	return web, api, constructs.NewAlarms(stack, "Alarms", constructs.AlarmsProps{
		Deployment:        "books",
		Topic:             constructs.NewNotifications(stack, "Notifications", constructs.NotificationsProps{Emails: []string{"ops@example.com"}}).Topic(),
		Web:               web,
		Api:               api,
		Database:          alarmed,
		LatencySeconds:    2.5,
		ReplicaLagSeconds: 60,
	})
}

// databaseDimension is the one dimension of a database's metrics.
var databaseDimension = []any{object{"Name": "DBInstanceIdentifier", "Value": object{"Ref": assertions.Match_AnyValue()}}}

// databaseAlarm is an alarm on a plain metric of the database.
func databaseAlarm(metric, statistic string, period int, comparison string, threshold any, periods int, missing string) object {
	return object{
		"Namespace": "AWS/RDS", "MetricName": metric, "Statistic": statistic, "Period": period, "Dimensions": databaseDimension,
		"ComparisonOperator": comparison, "Threshold": threshold, "DatapointsToAlarm": periods, "EvaluationPeriods": periods,
		"TreatMissingData": missing,
	}
}

// mathInput is a metric of a metric math expression, by the minute.
func mathInput(id, metric, statistic string, dimensions any) any {
	return like(object{"Id": id, "ReturnData": false, "MetricStat": like(object{
		"Stat": statistic, "Period": 60,
		"Metric": like(object{"MetricName": metric, "Dimensions": dimensions}),
	})})
}
