package budget

import (
	"fmt"
	"time"

	"warm-standby/settings"
)

// FromSettings is what the templates of a deployment will say. What no setting
// decides stands in the constructs, too, named beside it.
func FromSettings(s *settings.Settings) Timings {
	boot := bootStock
	if s.Images.Web == settings.BakedImage && s.Images.Api == settings.BakedImage {
		boot = bootBaked
	}
	return Timings{
		CheckInterval: s.Failover.Interval,
		CheckFailures: s.Failover.FailureThreshold,
		ClientTTL:     balancerTTL,
		WriterTTL:     10 * time.Second, // failover_dns.go
		SwitchPeriod:  time.Minute,      // traffic_switch.go

		ConnectionAttempts: s.Edge.ConnectionAttempts,
		ConnectionTimeout:  s.Edge.ConnectionTimeout,
		ReadTimeout:        s.Edge.ReadTimeout,

		TargetInterval:  10 * time.Second, // server_tier.go, as all of these
		TargetTimeout:   5 * time.Second,
		TargetFailures:  2,
		TargetSuccesses: 2,
		Deregistration:  30 * time.Second,
		ClientKeepAlive: 180 * time.Second,
		BootGrace:       10 * time.Minute,

		Boot:    boot,
		Servers: min(s.Web.Capacity.Primary.Min, s.Api.Capacity.Primary.Min),
		MultiAz: s.Database.MultiAz.Primary,

		LagLimit:  time.Duration(s.Alarms.ReplicaLagSeconds) * time.Second,
		LagNotice: 5 * time.Minute, // alarms.go
	}
}

// Warnings names the settings that break a target, and what they would have to
// be. No setting decides on the time until writes: its parts are the constructs',
// the application's and AWS's.
func Warnings(s *settings.Settings) (warnings []string) {
	t := FromSettings(s)
	interval, failures := s.Failover.Interval, s.Failover.FailureThreshold
	decides := map[string]struct {
		setting string
		value   time.Duration // Its share of the worst.
		got     string
	}{
		RegionRequest: {
			"edge.connectionAttempts × (connectionTimeout + readTimeout)", t.originFailover().Worst,
			fmt.Sprintf("%d × (%s + %s)", s.Edge.ConnectionAttempts, s.Edge.ConnectionTimeout, s.Edge.ReadTimeout),
		},
		RegionReads: {
			"failover.interval × failureThreshold", interval * time.Duration(failures),
			fmt.Sprintf("%s × %d", interval, failures),
		},
		RegionData: {"alarms.replicaLagSeconds", t.LagLimit, fmt.Sprint(s.Alarms.ReplicaLagSeconds)},
	}
	for _, failure := range Failures(t) {
		if by, ok := decides[failure.Name]; ok && !failure.Met() {
			most := failure.Target - (failure.Worst() - by.value)
			warnings = append(warnings, fmt.Sprintf("%s: want at most %s, to keep the target of %s for %q (got %s)",
				by.setting, seconds(most), seconds(failure.Target), failure.Name, by.got))
		}
	}
	return warnings
}
