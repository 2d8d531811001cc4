package budget

import (
	"fmt"
	"time"
)

// What AWS publishes, as read on readOn. "Typically 60 to 120 seconds" is all that
// it says of a failover: it states no most. A promotion "can take several minutes
// or longer", which is no figure.
const (
	readOn = "22 November 2026"

	failoverTypical, failoverUsuallyAtMost = 90 * time.Second, 120 * time.Second
	failoverPage                           = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html"

	promotionPage = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.Promote.html"

	// What a checker waits for a connection, and then for a status code. The
	// endpoint is unhealthy when 18 % of the checkers or fewer call it healthy.
	checkerConnect, checkerResponse = 4 * time.Second, 2 * time.Second
	checkerPage                     = "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html"

	// An alias has the TTL of what it leads to, and a load balancer's is fixed.
	balancerTTL  = 60 * time.Second
	balancerPage = "https://aws.amazon.com/route53/faqs/"

	originPage = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html"
)

// What the bundled application does; a test compares it with the code named. An
// application of one's own has figures of its own.
const (
	fenceAskEvery   = 5 * time.Second // fence.js, askEvery
	fenceTimeout    = 2 * time.Second // fence.js, timeout
	probeEvery      = 5 * time.Second // database.js, probeEvery
	databaseConnect = 3 * time.Second // driver.js, connect
)

// What make test-boot measured in its slower runs, on the builder's processor, not on
// AWS: the median of the five servers of one, and the slower of two that were made
// from a baked image (docs/images.md).
const (
	bootStock = 144 * time.Second
	bootBaked = 44 * time.Second
)

// Parts that do not depend on the deployment.
var (
	multiAzFailover = Part{
		Name: "RDS fails over to the other zone", Worst: failoverUsuallyAtMost, Typical: failoverTypical,
		How: "“typically 60–120 seconds”", Source: page("RDS", failoverPage),
	}
	slowFailover = Part{
		Name: "large transactions and a lengthy recovery delay it", Unpublished: true, Source: page("RDS", failoverPage),
	}
	singleZoneRecovery = Part{Name: "RDS recovers the instance, which has no copy in another zone", Unpublished: true}
	endpointDNS        = Part{Name: "copies of the instance's old address run out", Unpublished: true}
	appNotices         = Part{
		Name: "the API notices", Worst: probeEvery + databaseConnect, Typical: probeEvery / 2,
		How: sum(probeEvery, databaseConnect), Source: "`database.js` probeEvery, `driver.js` connect",
	}
	promotion = Part{
		Name: "RDS promotes the replica and reboots it", Unpublished: true,
		How: "“several minutes or longer”, by its size", Source: page("RDS", promotionPage),
	}
	backupEnds         = Part{Name: "a backup that is under way ends: RDS promotes no replica before", Unpublished: true, Source: page("RDS", "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_PromoteReadReplica.html")}
	runbookSteps       = Part{Name: "Automation starts, checks the replica and scales; an approval, if asked for, comes on top", Unpublished: true}
	switchNotices      = Part{Name: "CloudWatch and Route 53 take notice", Unpublished: true}
	checkNotices       = Part{Name: "Route 53 adds up its checkers and answers otherwise", Unpublished: true}
	balancerNotices    = Part{Name: "the load balancer takes the zone's addresses out of DNS", Unpublished: true}
	autoScalingNotices = Part{Name: "the Auto Scaling group notices", Unpublished: true}
	launch             = Part{Name: "EC2 launches an instance", Unpublished: true}
	fenceAsks          = Part{
		Name: "the API asks who writes", Worst: fenceAskEvery + 2*fenceTimeout, Typical: fenceAskEvery / 2,
		How: fmt.Sprintf("%s + 2 × %s", seconds(fenceAskEvery), seconds(fenceTimeout)), Source: "`fence.js` askEvery, timeout",
	}
)

// openConnections is of clients whose connection leads into the void: nothing
// tells them.
var openConnections = Path{"open connections", []Part{{Name: "a client gives up a connection that it had open", Unpublished: true}}}

func (t Timings) endpointCheck() Part {
	return Part{
		Name:  "each checker gives the endpoint up",
		Worst: t.CheckInterval*time.Duration(t.CheckFailures) + checkerConnect + checkerResponse,
		// The failure comes between two requests, and packets that are dropped leave no response to wait for.
		Typical: t.CheckInterval*time.Duration(t.CheckFailures) - t.CheckInterval/2 + checkerConnect,
		How:     fmt.Sprintf("%s × %d + %s", seconds(t.CheckInterval), t.CheckFailures, sum(checkerConnect, checkerResponse)),
		Source:  "RequestInterval × FailureThreshold, then " + page("a checker's time-outs", checkerPage),
	}
}

func (t Timings) clientDNS() Part {
	return periodic("copies of the old DNS answer run out", t.ClientTTL, page("TTL of a load balancer's alias", balancerPage))
}

func (t Timings) writerDNS() Part {
	return periodic("copies of the old writer's name run out", t.WriterTTL, "TTL of the record")
}

func (t Timings) operatorSwitch() Part {
	return periodic("the switch's alarm looks at its metric", t.SwitchPeriod, "Period × EvaluationPeriods")
}

// pinned is of a client that connects to the old address at the last moment, and
// of a primary that still answers; one that is lost closes nothing.
func (t Timings) pinned() Part {
	return periodic("a connection to a primary that still answers is closed", t.ClientKeepAlive, "client_keep_alive.seconds")
}

func (t Timings) originFailover() Part {
	return Part{
		Name:    "CloudFront gives the primary up",
		Worst:   time.Duration(t.ConnectionAttempts) * (t.ConnectionTimeout + t.ReadTimeout),
		Typical: time.Duration(t.ConnectionAttempts) * t.ConnectionTimeout, // a lost region accepts no connection
		How:     fmt.Sprintf("%d × (%s)", t.ConnectionAttempts, sum(t.ConnectionTimeout, t.ReadTimeout)),
		Source:  "ConnectionAttempts × (ConnectionTimeout + OriginReadTimeout), " + page("CloudFront", originPage),
	}
}

func (t Timings) serverOut() Part {
	return Part{
		Name:    "the load balancer takes the server out",
		Worst:   t.TargetInterval*time.Duration(t.TargetFailures) + t.TargetTimeout,
		Typical: t.TargetInterval*time.Duration(t.TargetFailures) - t.TargetInterval/2,
		How:     fmt.Sprintf("%s × %d + %s", seconds(t.TargetInterval), t.TargetFailures, seconds(t.TargetTimeout)),
		Source:  "HealthCheckIntervalSeconds × UnhealthyThresholdCount + HealthCheckTimeoutSeconds",
	}
}

func (t Timings) deregistration() Part {
	return Part{
		Name: "its requests may end", Worst: t.Deregistration, Typical: t.Deregistration,
		How: seconds(t.Deregistration), Source: "deregistration_delay.timeout_seconds",
	}
}

func (t Timings) boot() Part {
	found := t.TargetInterval * time.Duration(t.TargetSuccesses)
	return Part{
		Name: "it boots and is found healthy", Worst: t.BootGrace, Typical: t.Boot + found,
		How: fmt.Sprintf("%s, then it is replaced; typically %s + %s × %d",
			seconds(t.BootGrace), seconds(t.Boot), seconds(t.TargetInterval), t.TargetSuccesses),
		Source: "HealthCheckGracePeriod; `make test-boot`, HealthCheckIntervalSeconds × HealthyThresholdCount",
	}
}

func (t Timings) lag() Part {
	return Part{
		Name: "lag that raises no alarm", Worst: t.LagLimit,
		How: seconds(t.LagLimit), Source: "Threshold of the alarm on ReplicaLag",
	}
}

// periodic is something that comes at most a period later, and on average half.
func periodic(name string, period time.Duration, source string) Part {
	return Part{Name: name, Worst: period, Typical: period / 2, How: seconds(period), Source: source}
}

func page(name, url string) string { return fmt.Sprintf("[%s](%s)", name, url) }

func sum(a, b time.Duration) string { return seconds(a) + " + " + seconds(b) }

func seconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }
