package constructs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
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
	Topic             awssns.ITopic   // Told when an alarm is raised and when it is over. Required.
	Web               AlarmedTier     // Required.
	Api               AlarmedTier     // Required.
	Database          AlarmedDatabase // Required.
	LatencySeconds    float64         // 95th percentile of a tier's response time. Required.
	ReplicaLagSeconds int             // Required with Database.Replica, unused without.
}

// AlarmedTier is what to watch of the web or the API tier.
type AlarmedTier struct {
	LoadBalancer awselasticloadbalancingv2.IApplicationLoadBalancer // Required.
	TargetGroup  awselasticloadbalancingv2.IApplicationTargetGroup  // Already attached to the load balancer, which is part of its metrics' names. Required.
}

// AlarmedDatabase is what to watch of the database.
type AlarmedDatabase struct {
	Instance     awsrds.IDatabaseInstance // Required.
	Replica      bool                     // Whether it replicates from another instance. Default: false, and no alarm on lag.
	InstanceType string                   // Class without its "db." prefix. Required.
	StorageGiB   int                      // Storage it was created with. Required.
}

// Alarms is one region's alarms. Thresholds and periods are those that
// CloudWatch recommends, except where a comment says why not.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_Alarms_AWS_Services.html
//
// Expect a few to be raised for minutes while a region is first built: those to
// which silence means trouble see silence until servers and database report.
type Alarms struct {
	scope        awsconstructs.Construct
	topic        awssns.ITopic
	tiersDown    []awscloudwatch.IAlarm // No healthy server, one a tier.
	databaseDown awscloudwatch.IAlarm   // Too busy to serve, or silent.
}

// alarm is raised once datapoints of the last periods are beyond the threshold.
type alarm struct {
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
	a := &Alarms{scope: scope, topic: props.Topic}
	a.addTier("Web", "web", props.Web, props.LatencySeconds)
	a.addTier("Api", "API", props.Api, props.LatencySeconds)
	a.addDatabase(props.Database, props.ReplicaLagSeconds)
	return a
}

func (a *Alarms) add(scope awsconstructs.Construct, id string, alarm alarm) awscloudwatch.IAlarm {
	return alarm.tell(a.topic, scope, id)
}

// regionDown is the alarms that say that the region cannot serve.
func (a *Alarms) regionDown() []awscloudwatch.IAlarm {
	return slices.Concat(a.tiersDown, []awscloudwatch.IAlarm{a.databaseDown})
}

// tell defines the alarm under scope/id; topic hears when it is raised and when
// it is over.
func (alarm alarm) tell(topic awssns.ITopic, scope awsconstructs.Construct, id string) awscloudwatch.IAlarm {
	props := &awscloudwatch.AlarmProps{
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
	action := awscloudwatchactions.NewSnsAction(topic)
	cloudWatchAlarm := awscloudwatch.NewAlarm(scope, jsii.String(id), props)
	cloudWatchAlarm.AddAlarmAction(action)
	cloudWatchAlarm.AddOkAction(action)
	return cloudWatchAlarm
}

func (a *Alarms) addTier(id, name string, tier AlarmedTier, latencySeconds float64) {
	scope := awsconstructs.NewConstruct(a.scope, jsii.String(id))
	balancer, targets := tier.LoadBalancer.Metrics(), tier.TargetGroup.Metrics()

	// The most that any node of the load balancer sees. Not reported at all
	// while no server is registered.
	noHealthyHost := a.add(scope, "NoHealthyHost", alarm{
		metric: targets.HealthyHostCount(statistic("Maximum", time.Minute)),
		beyond: below, threshold: 1, datapoints: 3, periods: 3, missing: silenceIsTrouble,
		meaning: fmt.Sprintf("The %s tier has no healthy server in this region; if the region serves, traffic fails over. "+
			"Look first at the reasons in the target group's health, then at the Auto Scaling group's activity.", name),
	})
	a.tiersDown = append(a.tiersDown, noHealthyHost)
	// The least that any node sees, as the load balancer's documentation asks;
	// long enough for the Auto Scaling group to replace a server by itself.
	a.add(scope, "UnhealthyHost", alarm{
		metric: targets.UnhealthyHostCount(statistic("Minimum", time.Minute)),
		beyond: above, threshold: 0, datapoints: 10, periods: 10, missing: silenceIsFine,
		meaning: fmt.Sprintf("A server of the %s tier has failed its health check for 10 minutes without being replaced. "+
			"Look first at the Auto Scaling group's activity, then at the log of the server's boot.", name),
	})
	a.add(scope, "LoadBalancerErrors", alarm{
		// Requests for which no target could be chosen are missing from the
		// request count, and such are many of the load balancer's own errors.
		metric: errorRate("errors / (errors + requests)",
			balancer.HttpCodeElb(awselasticloadbalancingv2.HttpCodeElb_ELB_5XX_COUNT, statistic("Sum", time.Minute)),
			balancer.RequestCount(statistic("Sum", time.Minute))),
		beyond: above, threshold: errorPercent, datapoints: 3, periods: 5, missing: silenceIsFine,
		meaning: fmt.Sprintf("The load balancer of the %s tier answers more than %d %% of requests with a 5xx of its own: servers are absent, refuse connections or time out. "+
			"Look first at the target group's health, then at error_reason and target_status_code in the access log.", name, errorPercent),
	})
	a.add(scope, "ServerErrors", alarm{
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
	a.databaseDown = a.add(scope, "Cpu", alarm{
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
	a.add(scope, "ReplicaLag", alarm{
		metric: awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Label:        jsii.String("Replica lag in seconds; a day if stopped"),
			Expression:   jsii.String("IF(lag < 0, 86400, lag)"),
			UsingMetrics: &map[string]awscloudwatch.IMetric{"lag": instance.Metric(jsii.String("ReplicaLag"), statistic("Maximum", time.Minute))},
			Period:       seconds(time.Minute),
		}),
		beyond: above, threshold: float64(limit), datapoints: 5, periods: 5, missing: silenceIsTrouble,
		meaning: fmt.Sprintf("The replica has been more than %d s behind for 5 minutes, or replicates no longer: a failover now loses that much. "+
			"Look first at the replication state and error in the RDS console, then at the primary's write load. After a promotion this is expected until the settings are deployed.", limit),
	})
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
