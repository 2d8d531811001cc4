package constructs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// AlarmsProps configures Alarms.
type AlarmsProps struct {
	Deployment        string          // Name of the deployment, part of the names that RegionAlarms has. Required.
	Topic             awssns.ITopic   // Told when an alarm is raised and when it is over. Required.
	Web               AlarmedTier     // Required.
	Api               AlarmedTier     // Required.
	Database          AlarmedDatabase // Required.
	LatencySeconds    float64         // 95th percentile of a tier's response time. Required.
	ReplicaLagSeconds int             // Required with Database.Replica, unused without.
	Logs              *LogMetrics     // Default: no alarms on what the servers' logs say.
	Canaries          *Canaries       // Default: none.
}

// AlarmedTier is what to watch of the web or the API tier.
type AlarmedTier struct {
	LoadBalancer awselasticloadbalancingv2.IApplicationLoadBalancer // Required.
	TargetGroup  awselasticloadbalancingv2.IApplicationTargetGroup  // Already attached to the load balancer, which is part of its metrics' names. Required.
	Group        awsautoscaling.IAutoScalingGroup                   // Of the tier's servers, with its group metrics on. Required.
}

// AlarmedDatabase is what to watch of the database.
type AlarmedDatabase struct {
	Instance     awsrds.IDatabaseInstance // Required.
	Replica      bool                     // Whether it replicates from another instance, since the region stands by. Default: false, and no alarm on lag.
	InstanceType string                   // Class without its "db." prefix. Required.
	StorageGiB   int                      // Storage it was created with. Required.
}

// Alarms is one region's alarms. Thresholds and periods are those that
// CloudWatch recommends, except where a comment says why not.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_Alarms_AWS_Services.html
//
// Two alarms sum up the others, for whoever is woken: that the region is sick, and
// that the standby is not ready. What they are made of tells nobody itself, so that
// one failure is one mail; the mail names those that were raised, and the
// dashboards show what follows.
//
// Expect a few to be raised for minutes while a region is first built: those to
// which silence means trouble see silence until servers and database report.
type Alarms struct {
	scope        awsconstructs.Construct
	names        RegionAlarms
	topic        awssns.ITopic
	tiersDown    []awscloudwatch.IAlarm // No healthy server, one a tier.
	databaseDown awscloudwatch.IAlarm   // Too busy to serve, or silent.
	symptoms     []awscloudwatch.IAlarm // Of a sick region.
	lag          awscloudwatch.IAlarm   // Nil where the database is no replica.
	others       []awscloudwatch.IAlarm // They tell the topic themselves.
	summaries    []awscloudwatch.IAlarm // The two.
}

// RegionAlarms is the names of the alarms that another region's dashboard shows.
// Those are the same in each region of a deployment.
type RegionAlarms struct {
	Sick, NotReady           string
	WebCapacity, ApiCapacity string
}

// NewRegionAlarms names the alarms of a deployment.
func NewRegionAlarms(deployment string) RegionAlarms {
	return RegionAlarms{
		Sick:        deployment + "-region-sick",
		NotReady:    deployment + "-standby-not-ready",
		WebCapacity: deployment + "-web-capacity",
		ApiCapacity: deployment + "-api-capacity",
	}
}

// alarm is raised once datapoints of the last periods are beyond the threshold.
type alarm struct {
	name       string // Default: CloudFormation's.
	metric     awscloudwatch.IMetric
	beyond     awscloudwatch.ComparisonOperator
	threshold  float64
	datapoints int
	periods    int
	missing    awscloudwatch.TreatMissingData
	percentile bool   // The metric is one; of a handful of requests it would be the slowest, and raises nothing.
	meaning    string // What it means and where to look first.
}

const (
	above = awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD
	below = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD

	silenceIsTrouble = awscloudwatch.TreatMissingData_BREACHING
	silenceIsFine    = awscloudwatch.TreatMissingData_NOT_BREACHING
	silenceIsNoNews  = awscloudwatch.TreatMissingData_IGNORE // What is running full often falls silent: stay as you were.

	bytesPerGiB = 1 << 30
)

// NewAlarms defines the alarms under scope/id.
func NewAlarms(scope awsconstructs.Construct, id string, props AlarmsProps) *Alarms {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	a := &Alarms{scope: scope, names: NewRegionAlarms(props.Deployment), topic: props.Topic}
	a.addTier("Web", "web", a.names.WebCapacity, props.Web, props.LatencySeconds)
	a.addTier("Api", "API", a.names.ApiCapacity, props.Api, props.LatencySeconds)
	a.addDatabase(props.Database, props.ReplicaLagSeconds)
	if props.Logs != nil {
		a.addLogs(props.Logs)
	}
	if props.Canaries != nil {
		a.addCanaries(props.Canaries)
	}
	a.addSummaries(props.Database.Replica)
	return a
}

// add defines an alarm that tells the topic itself.
func (a *Alarms) add(scope awsconstructs.Construct, id string, alarm alarm) {
	a.others = append(a.others, alarm.tell(a.topic, scope, id))
}

// addSymptom defines an alarm of a sick region, which tells in its place.
func (a *Alarms) addSymptom(scope awsconstructs.Construct, id string, alarm alarm) awscloudwatch.IAlarm {
	symptom := alarm.define(scope, id)
	a.symptoms = append(a.symptoms, symptom)
	return symptom
}

// addSummaries defines the two alarms in either role, so that a swap of the roles
// only changes a rule. The standby's is silent while the region is sick, which is
// told already; the wait lets that be raised first. It is not the other way round:
// after a promotion the replica's lag stays raised until the settings follow, and
// meanwhile this is the region that must not fall sick unnoticed.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html
//
// A failed copy of a backup has no part in it: that is an event of the other
// region, told there by BackupPlan.NotifyFailures.
func (a *Alarms) addSummaries(standsBy bool) {
	sick := awscloudwatch.NewCompositeAlarm(a.scope, jsii.String("RegionSick"), &awscloudwatch.CompositeAlarmProps{
		CompositeAlarmName: jsii.String(a.names.Sick),
		AlarmDescription: jsii.String("This region is sick: a tier has no healthy server or too few, answers with errors, or the database is overloaded or silent. " +
			"Look first at this region's dashboard, then, if it serves, at the global one: what to do is section 2 of docs/runbook.md."),
		AlarmRule: anyOf(a.symptoms),
	})
	rule := awscloudwatch.AlarmRule_FromBoolean(jsii.Bool(false)) // A primary stands by for nobody.
	if standsBy {
		rule = anyOf([]awscloudwatch.IAlarm{sick, a.lag})
	}
	notReady := awscloudwatch.NewCompositeAlarm(a.scope, jsii.String("StandbyNotReady"), &awscloudwatch.CompositeAlarmProps{
		CompositeAlarmName: jsii.String(a.names.NotReady),
		AlarmDescription: jsii.String("This region stands by, but is not ready to take over: it is sick, or its replica is behind or has stopped. " +
			"Look first at whether the primary is there: if it is not, this may be the only mail that says so, and what to do is section 2 of docs/runbook.md. " +
			"Else nothing is lost yet; repair it while the primary is well: this region's dashboard. After a promotion this is expected until the settings are deployed."),
		AlarmRule:                        rule,
		ActionsSuppressor:                sick,
		ActionsSuppressorWaitPeriod:      seconds(time.Minute),
		ActionsSuppressorExtensionPeriod: seconds(time.Minute),
	})
	action := awscloudwatchactions.NewSnsAction(a.topic)
	for _, summary := range []awscloudwatch.CompositeAlarm{sick, notReady} {
		summary.AddAlarmAction(action)
		summary.AddOkAction(action)
		a.summaries = append(a.summaries, summary)
	}
}

// all is every alarm of the region, those that sum up first, but for the replica's
// lag: with that, a promotion would change the dashboard, which is the account's and
// not the region's.
func (a *Alarms) all() []awscloudwatch.IAlarm {
	return slices.Concat(a.summaries, a.symptoms, a.others)
}

func anyOf(alarms []awscloudwatch.IAlarm) awscloudwatch.IAlarmRule {
	rules := make([]awscloudwatch.IAlarmRule, len(alarms))
	for i, alarm := range alarms {
		rules[i] = awscloudwatch.AlarmRule_FromAlarm(alarm, awscloudwatch.AlarmState_ALARM)
	}
	return awscloudwatch.AlarmRule_AnyOf(rules...)
}

// regionDown is the alarms that say that the region cannot serve.
func (a *Alarms) regionDown() []awscloudwatch.IAlarm {
	return slices.Concat(a.tiersDown, []awscloudwatch.IAlarm{a.databaseDown})
}

// tell defines the alarm under scope/id; topic hears when it is raised and when
// it is over.
func (alarm alarm) tell(topic awssns.ITopic, scope awsconstructs.Construct, id string) awscloudwatch.IAlarm {
	cloudWatchAlarm := alarm.define(scope, id)
	action := awscloudwatchactions.NewSnsAction(topic)
	cloudWatchAlarm.AddAlarmAction(action)
	cloudWatchAlarm.AddOkAction(action)
	return cloudWatchAlarm
}

// define defines the alarm under scope/id, without actions.
func (alarm alarm) define(scope awsconstructs.Construct, id string) awscloudwatch.Alarm {
	props := &awscloudwatch.AlarmProps{
		AlarmName:          optionalString(alarm.name),
		AlarmDescription:   jsii.String(alarm.meaning),
		Metric:             alarm.metric,
		ComparisonOperator: alarm.beyond,
		Threshold:          jsii.Number(alarm.threshold),
		DatapointsToAlarm:  jsii.Number(alarm.datapoints),
		EvaluationPeriods:  jsii.Number(alarm.periods),
		TreatMissingData:   alarm.missing,
	}
	if alarm.percentile {
		props.EvaluateLowSampleCountPercentile = jsii.String("ignore")
	}
	return awscloudwatch.NewAlarm(scope, jsii.String(id), props)
}

func (a *Alarms) addTier(id, name, capacityName string, tier AlarmedTier, latencySeconds float64) {
	scope := awsconstructs.NewConstruct(a.scope, jsii.String(id))
	balancer, targets := tier.LoadBalancer.Metrics(), tier.TargetGroup.Metrics()

	// The most that any node of the load balancer sees. Not reported at all
	// while no server is registered.
	noHealthyHost := a.addSymptom(scope, "NoHealthyHost", alarm{
		metric: targets.HealthyHostCount(statistic("Maximum", time.Minute)),
		beyond: below, threshold: 1, datapoints: 3, periods: 3, missing: silenceIsTrouble,
		meaning: fmt.Sprintf("The %s tier has no healthy server in this region; if the region serves, traffic fails over. "+
			"Look first at the reasons in the target group's health, then at the Auto Scaling group's activity.", name),
	})
	a.tiersDown = append(a.tiersDown, noHealthyHost)
	a.addCapacity(scope, name, capacityName, tier.Group)
	// The least that any node sees, as the load balancer's documentation asks;
	// long enough for the Auto Scaling group to replace a server by itself.
	a.add(scope, "UnhealthyHost", alarm{
		metric: targets.UnhealthyHostCount(statistic("Minimum", time.Minute)),
		beyond: above, threshold: 0, datapoints: 10, periods: 10, missing: silenceIsFine,
		meaning: fmt.Sprintf("A server of the %s tier has failed its health check for 10 minutes without being replaced. "+
			"Look first at the Auto Scaling group's activity, then at the log of the server's boot.", name),
	})
	a.addSymptom(scope, "LoadBalancerErrors", alarm{
		// Requests for which no target could be chosen are missing from the
		// request count, and such are many of the load balancer's own errors.
		metric: errorRate("errors / (errors + requests)",
			balancer.HttpCodeElb(awselasticloadbalancingv2.HttpCodeElb_ELB_5XX_COUNT, statistic("Sum", time.Minute)),
			balancer.RequestCount(statistic("Sum", time.Minute))),
		beyond: above, threshold: errorPercent, datapoints: 3, periods: 5, missing: silenceIsFine,
		meaning: fmt.Sprintf("The load balancer of the %s tier answers more than %d %% of requests with a 5xx of its own: servers are absent, refuse connections or time out. "+
			"Look first at the target group's health, then at error_reason and target_status_code in the access log.", name, errorPercent),
	})
	a.addSymptom(scope, "ServerErrors", alarm{
		metric: errorRate("errors / requests",
			targets.HttpCodeTarget(awselasticloadbalancingv2.HttpCodeTarget_TARGET_5XX_COUNT, statistic("Sum", time.Minute)),
			targets.RequestCount(statistic("Sum", time.Minute))),
		beyond: above, threshold: errorPercent, datapoints: 3, periods: 5, missing: silenceIsFine,
		meaning: fmt.Sprintf("The servers of the %s tier answer more than %d %% of requests with a 5xx. "+
			"Look first at the servers' application log, then at the database's alarms and, in a failover, at whether the replica has been promoted: until then writes answer 503.", name, errorPercent),
	})
	a.add(scope, "Latency", alarm{
		metric: targets.TargetResponseTime(statistic("p95", 5*time.Minute)),
		beyond: above, threshold: latencySeconds, datapoints: 3, periods: 3, missing: silenceIsFine, percentile: true,
		meaning: fmt.Sprintf("One request in twenty to the %s tier has taken longer than %g s for 15 minutes. "+
			"Look first at the servers' CPU and whether the Auto Scaling group is at its maximum, then at the database's slow query log.", name, latencySeconds),
	})
}

// addCapacity watches for servers that are wanted and do not come. A boot takes
// minutes, and one that fails is given signalTimeout before it is replaced.
func (a *Alarms) addCapacity(scope awsconstructs.Construct, name, alarmName string, group awsautoscaling.IAutoScalingGroup) {
	a.addSymptom(scope, "Capacity", alarm{
		name: alarmName,
		metric: awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Label:      jsii.String("Servers wanted, but not in service"),
			Expression: jsii.String("wanted - inService"),
			UsingMetrics: &map[string]awscloudwatch.IMetric{
				"wanted":    groupMetric(group, "GroupDesiredCapacity", ""),
				"inService": groupMetric(group, "GroupInServiceInstances", ""),
			},
			Period: seconds(time.Minute),
		}),
		beyond: above, threshold: 0, datapoints: capacityMinutes, periods: capacityMinutes, missing: silenceIsNoNews,
		meaning: fmt.Sprintf("The %s tier has had fewer servers in service than it wants for %d minutes. "+
			"Look first at the Auto Scaling group's activity, which names what AWS refused, then at the log of a failed server's boot.", name, capacityMinutes),
	})
}

// capacityMinutes is longer than a server may take to boot, and a second one.
const capacityMinutes = 20

// groupMetric is a metric of an Auto Scaling group, once a minute.
func groupMetric(group awsautoscaling.IAutoScalingGroup, name, label string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String("AWS/AutoScaling"),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{"AutoScalingGroupName": group.AutoScalingGroupName()},
		Statistic:     jsii.String("Average"),
		Period:        seconds(time.Minute),
		Label:         optionalString(label),
	})
}

func (a *Alarms) addLogs(logs *LogMetrics) {
	scope := awsconstructs.NewConstruct(a.scope, jsii.String("Logs"))
	a.add(scope, "WritesRefused", alarm{
		metric: logs.metric(WritesRefused, ""),
		beyond: above, threshold: 0, datapoints: 2, periods: 10, missing: silenceIsFine,
		meaning: "Writes of visitors are refused in this region. " +
			"Look first at who writes, on the global dashboard. If this region stands by, the traffic has come here and its database is not promoted: section 2 of docs/runbook.md. " +
			"If it is the primary, somebody holds the traffic, or its servers cannot resolve the writer's name, or its database is read-only.",
	})
	a.add(scope, "BootsFailed", alarm{
		metric: logs.metric(BootsFailed, ""),
		beyond: above, threshold: 0, datapoints: 1, periods: 1, missing: silenceIsFine,
		meaning: "A server's boot has failed. Look first for BOOT FAILED in this region's system logs: it names the step. A deploy that waits for the server is rolled back.",
	})
}

// addCanaries counts a region's own API to its symptoms. The site may fail for
// what is not this region's, and is told by both.
func (a *Alarms) addCanaries(canaries *Canaries) {
	scope := awsconstructs.NewConstruct(a.scope, jsii.String("Canaries"))
	failing := func(c canary) alarm {
		return alarm{
			metric: c.success(),
			beyond: below, threshold: 100, datapoints: 2, periods: 2, missing: silenceIsTrouble,
		}
	}
	api := failing(canaries.api)
	api.meaning = "The canary gets no good answer from this region's API, twice in a row, or has not run. Look first at its last run, in CloudWatch under Synthetics Canaries, then at the API's other alarms."
	a.addSymptom(scope, "Api", api)
	site := failing(canaries.site)
	site.meaning = "The canary in this region cannot use the site as a visitor does, twice in a row, or has not run. Look first at its last run, in CloudWatch under Synthetics Canaries, then at the global dashboard."
	a.add(scope, "Site", site)
}

const (
	errorPercent = 5 // Of the requests of a minute.
	errorFloor   = 5 // Errors in that minute; fewer never count, so that one failed request at night wakes nobody.
)

// errorRate is rate, a term of errors and requests, in percent. A floor on
// errors, unlike one on requests, still notices that all of few requests fail.
// Metric math reads a missing datapoint as 0; FILL would not do here, as it can
// hold an alarm in its state.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
func errorRate(rate string, errors, requests awscloudwatch.IMetric) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Label:        jsii.String("5xx responses, % of requests"),
		Expression:   jsii.String(fmt.Sprintf("IF(errors >= %d, 100 * %s, 0)", errorFloor, rate)),
		UsingMetrics: &map[string]awscloudwatch.IMetric{"errors": errors, "requests": requests},
		Period:       seconds(time.Minute),
	})
}

func (a *Alarms) addDatabase(database AlarmedDatabase, replicaLagSeconds int) {
	scope := awsconstructs.NewConstruct(a.scope, jsii.String("Database"))
	instance := database.Instance

	// Also the alarm for an instance that reports nothing. A Multi-AZ failover
	// is over before.
	a.databaseDown = a.addSymptom(scope, "Cpu", alarm{
		metric: instance.MetricCPUUtilization(statistic("Average", time.Minute)),
		beyond: above, threshold: 90, datapoints: 5, periods: 5, missing: silenceIsTrouble,
		meaning: "The database has been over 90 % CPU for 5 minutes, or has reported nothing. " +
			"Look first at the instance's status and recent events, then at its slow query log.",
	})
	a.addStorage(scope, database)
	a.addMemory(scope, database)
	if strings.HasPrefix(database.InstanceType, "t") {
		// RDS runs these classes in unlimited mode: an empty CPUCreditBalance
		// slows nothing down and a new instance starts with one, so what
		// matters is the surplus that is charged.
		// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Types.html
		a.add(scope, "CpuCredits", alarm{
			metric: instance.Metric(jsii.String("CPUSurplusCreditsCharged"), statistic("Sum", time.Hour)),
			beyond: above, threshold: 0, datapoints: 1, periods: 1, missing: silenceIsFine,
			meaning: "The database has used more CPU than its burstable class earns in a day, and the surplus is charged. " +
				"Look first at its CPU over the last days: a lasting load wants a larger or a fixed-performance class.",
		})
	}
	if database.Replica {
		a.addReplicaLag(scope, instance, replicaLagSeconds)
	}
}

// addStorage stays below the 10 % at which storage autoscaling sets in: it is
// for when that is off, at its limit, or waiting for its last step to settle.
// The threshold does not follow storage that has grown: no metric has its size.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
func (a *Alarms) addStorage(scope awsconstructs.Construct, database AlarmedDatabase) {
	free := max(1, 0.05*float64(database.StorageGiB))
	a.add(scope, "Storage", alarm{
		metric: database.Instance.MetricFreeStorageSpace(statistic("Minimum", time.Minute)),
		beyond: below, threshold: free * bytesPerGiB, datapoints: 5, periods: 5, missing: silenceIsNoNews,
		meaning: fmt.Sprintf("The database has less than %.1f GiB of storage left, and stops when there is none. "+
			"Look first at whether storage autoscaling is off, at its limit or still busy with its last step, then at BinLogDiskUsage.", free),
	})
}

// addMemory derives what depends on the class's memory; a class of unknown
// memory goes without, and is warned about.
func (a *Alarms) addMemory(scope awsconstructs.Construct, database AlarmedDatabase) {
	memory, ok := classMemory(database.InstanceType)
	if !ok {
		awscdk.Annotations_Of(a.scope).AddWarningV2(jsii.String("warm-standby:alarms.unknownClass"),
			jsii.String(fmt.Sprintf("no alarms on the database's connections and memory: the memory of class %s is not known here", database.InstanceType)))
		return
	}
	// MySQL's default of max_connections is DBInstanceClassMemory/12582880, from
	// the memory that RDS leaves to the engine: 630 instead of 683 at 8 GiB, 60
	// instead of 85 at 1 GiB. Two thirds of the nominal value is below either.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
	connections := memory * bytesPerGiB / 12582880 * 2 / 3
	a.add(scope, "Connections", alarm{
		metric: database.Instance.MetricDatabaseConnections(statistic("Average", time.Minute)),
		beyond: above, threshold: float64(int(connections)), datapoints: 5, periods: 5, missing: silenceIsNoNews,
		meaning: fmt.Sprintf("The database has more than %d connections, near the most that its class takes; then new ones are refused. "+
			"Look first at SHOW PROCESSLIST for sleepers, then at the number of servers times the size of their pools.", int(connections)),
	})
	// Recommended is 25 %, but MySQL's buffer pool alone takes 75 % by default.
	a.add(scope, "Memory", alarm{
		metric: database.Instance.MetricFreeableMemory(statistic("Average", time.Minute)),
		beyond: below, threshold: float64(int(0.05 * memory * bytesPerGiB)), datapoints: 15, periods: 15, missing: silenceIsNoNews,
		meaning: "The database has had less than 5 % of its memory left for 15 minutes, and may be swapping or be restarted. " +
			"Look first at SwapUsage, then at connections and large queries; else the class is too small.",
	})
}

// addReplicaLag tells of lag, which is what an unplanned failover would lose,
// and of replication that has stopped: that reports -1, or nothing. The alarm
// exists where the database is a replica by its settings. So it is raised by a
// promotion and stays until the deploy that follows removes it.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_MySQL.Replication.ReadReplicas.Monitor.html
func (a *Alarms) addReplicaLag(scope awsconstructs.Construct, instance awsrds.IDatabaseInstance, limit int) {
	a.lag = alarm{
		metric: awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Label:        jsii.String("Replica lag in seconds; a day if stopped"),
			Expression:   jsii.String("IF(lag < 0, 86400, lag)"),
			UsingMetrics: &map[string]awscloudwatch.IMetric{"lag": instance.Metric(jsii.String("ReplicaLag"), statistic("Maximum", time.Minute))},
			Period:       seconds(time.Minute),
		}),
		beyond: above, threshold: float64(limit), datapoints: 5, periods: 5, missing: silenceIsTrouble,
		meaning: fmt.Sprintf("The replica has been more than %d s behind for 5 minutes, or replicates no longer: a failover now loses that much. "+
			"Look first at whether the primary is there, then at the replication state and error in the RDS console, then at the primary's write load. After a promotion this is expected until the settings are deployed.", limit),
	}.define(scope, "ReplicaLag")
}

func statistic(name string, period time.Duration) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: jsii.String(name), Period: seconds(period)}
}

// classMemory is the nominal memory, in GiB, of an instance class of the
// families t, m and r: a size has the same in t and m, and twice that in r.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html
func classMemory(class string) (gib float64, known bool) {
	factor := map[string]float64{"t": 1, "m": 1, "r": 2}[class[:min(1, len(class))]]
	_, size, _ := strings.Cut(class, ".")
	memory := map[string]float64{"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16}[size]
	if times, ok := strings.CutSuffix(size, "xlarge"); ok && times != "" {
		n, _ := strconv.Atoi(times)
		memory = 16 * float64(n)
	}
	return factor * memory, factor*memory > 0
}
