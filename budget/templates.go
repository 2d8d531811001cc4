package budget

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"warm-standby/cloudassembly"
)

// FromStacks is what the templates of a deployment's three stacks say. Where
// they differ, the slowest counts.
func FromStacks(stacks []cloudassembly.Stack) (t Timings, err error) {
	r := &reader{stacks: stacks}
	primary, err := cloudassembly.PrimaryRegion(stacks)
	if err != nil {
		return t, err
	}
	standby, switchAlarm := r.global(&t)
	r.tiers(&t, primary)
	r.database(&t, primary)
	r.alarms(&t, standby, switchAlarm)
	return t, r.err
}

// bakedImage begins the reference to an image of the deployment's own
// (image_pipeline.go, ImageParameter).
const bakedImage = "resolve:ssm:/imagebuilder/"

type reader struct {
	stacks []cloudassembly.Stack
	err    error // The first; what is read after it counts for nothing.
}

// global reads the front, which knows where the switch is.
func (r *reader) global(t *Timings) (standby, switchAlarm string) {
	for _, check := range resources[struct {
		HealthCheckConfig struct {
			Type                              string
			RequestInterval, FailureThreshold number
			AlarmIdentifier                   struct{ Name, Region string }
		}
	}](r, "AWS::Route53::HealthCheck", "") {
		config := check.HealthCheckConfig
		switch interval, failures := config.RequestInterval.seconds(), int(config.FailureThreshold); config.Type {
		case "HTTPS":
			if interval*time.Duration(failures) > t.CheckInterval*time.Duration(t.CheckFailures) {
				t.CheckInterval, t.CheckFailures = interval, failures
			}
		case "CLOUDWATCH_METRIC":
			standby, switchAlarm = config.AlarmIdentifier.Region, config.AlarmIdentifier.Name
		}
	}
	for _, group := range resources[struct {
		RecordSets []struct {
			Type        string
			TTL         number
			AliasTarget *struct{}
		}
	}](r, "AWS::Route53::RecordSetGroup", "") {
		for _, record := range group.RecordSets {
			switch {
			case record.Type == "TXT":
				t.WriterTTL = max(t.WriterTTL, record.TTL.seconds())
			case record.AliasTarget != nil: // of a load balancer, by the region's name
				t.ClientTTL = max(t.ClientTTL, balancerTTL)
			default:
				t.ClientTTL = max(t.ClientTTL, record.TTL.seconds())
			}
		}
	}
	for _, distribution := range resources[struct {
		DistributionConfig struct {
			Origins []struct {
				ConnectionAttempts, ConnectionTimeout number
				CustomOriginConfig                    struct{ OriginReadTimeout number }
			}
		}
	}](r, "AWS::CloudFront::Distribution", "") {
		for _, origin := range distribution.DistributionConfig.Origins {
			t.ConnectionAttempts = max(t.ConnectionAttempts, int(origin.ConnectionAttempts))
			t.ConnectionTimeout = max(t.ConnectionTimeout, origin.ConnectionTimeout.seconds())
			t.ReadTimeout = max(t.ReadTimeout, origin.CustomOriginConfig.OriginReadTimeout.seconds())
		}
	}
	if standby == "" {
		r.fail(errors.New("no health check names the standby"))
	}
	return standby, switchAlarm
}

func (r *reader) tiers(t *Timings, primary string) {
	for _, targets := range resources[struct {
		HealthCheckIntervalSeconds, HealthCheckTimeoutSeconds number
		UnhealthyThresholdCount, HealthyThresholdCount        number
		TargetGroupAttributes                                 attributes
	}](r, "AWS::ElasticLoadBalancingV2::TargetGroup", "") {
		t.TargetInterval = max(t.TargetInterval, targets.HealthCheckIntervalSeconds.seconds())
		t.TargetTimeout = max(t.TargetTimeout, targets.HealthCheckTimeoutSeconds.seconds())
		t.TargetFailures = max(t.TargetFailures, int(targets.UnhealthyThresholdCount))
		t.TargetSuccesses = max(t.TargetSuccesses, int(targets.HealthyThresholdCount))
		t.Deregistration = max(t.Deregistration, r.attribute(targets.TargetGroupAttributes, "deregistration_delay.timeout_seconds"))
	}
	for _, balancer := range resources[struct{ LoadBalancerAttributes attributes }](r, "AWS::ElasticLoadBalancingV2::LoadBalancer", "") {
		t.ClientKeepAlive = max(t.ClientKeepAlive, r.attribute(balancer.LoadBalancerAttributes, "client_keep_alive.seconds"))
	}
	baked := 0
	for _, template := range resources[struct{ LaunchTemplateData struct{ ImageId string } }](r, "AWS::EC2::LaunchTemplate", primary) {
		if strings.HasPrefix(template.LaunchTemplateData.ImageId, bakedImage) {
			baked++
		}
	}
	t.Boot = bootBaked
	groups := resources[struct{ MinSize, HealthCheckGracePeriod number }](r, "AWS::AutoScaling::AutoScalingGroup", primary)
	if baked < len(groups) { // a bastion has a template, too, and no baked image
		t.Boot = bootStock
	}
	for i, group := range groups {
		t.BootGrace = max(t.BootGrace, group.HealthCheckGracePeriod.seconds())
		if servers := int(group.MinSize); i == 0 || servers < t.Servers {
			t.Servers = servers
		}
	}
}

func (r *reader) database(t *Timings, primary string) {
	for _, instance := range resources[struct{ MultiAZ bool }](r, "AWS::RDS::DBInstance", primary) {
		t.MultiAz = instance.MultiAZ
	}
}

func (r *reader) alarms(t *Timings, standby, switchAlarm string) {
	for _, alarm := range resources[struct {
		AlarmName                 any // A reference where the stack does not name it.
		Period, EvaluationPeriods number
		Threshold                 float64
		Metrics                   []struct {
			MetricStat struct {
				Period number
				Metric struct{ MetricName string }
			}
		}
	}](r, "AWS::CloudWatch::Alarm", standby) {
		if alarm.AlarmName == switchAlarm {
			t.SwitchPeriod = alarm.Period.seconds() * time.Duration(alarm.EvaluationPeriods)
		}
		for _, metric := range alarm.Metrics {
			if metric.MetricStat.Metric.MetricName == "ReplicaLag" {
				t.LagLimit = time.Duration(alarm.Threshold * float64(time.Second))
				t.LagNotice = metric.MetricStat.Period.seconds() * time.Duration(alarm.EvaluationPeriods)
			}
		}
	}
	if t.SwitchPeriod == 0 || t.LagNotice == 0 {
		r.fail(fmt.Errorf("no alarm %q, or none on ReplicaLag, in %s", switchAlarm, standby))
	}
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// resources is the properties of all resources of a type, of one region if that
// is given.
func resources[T any](r *reader, resourceType, region string) (all []T) {
	for _, stack := range r.stacks {
		if region != "" && stack.Region != region {
			continue
		}
		found, err := stack.Resources()
		if err != nil {
			r.fail(err)
		}
		for id, resource := range found {
			if resource.Type != resourceType {
				continue
			}
			var properties T
			if err := json.Unmarshal(resource.Properties, &properties); err != nil {
				r.fail(fmt.Errorf("%s: %w", id, err))
			}
			all = append(all, properties)
		}
	}
	if len(all) == 0 {
		r.fail(fmt.Errorf("the templates have no %s", resourceType))
	}
	return all
}

// number is one that CloudFormation takes as a string, too.
type number int

// UnmarshalJSON reads either.
func (n *number) UnmarshalJSON(data []byte) error {
	value, err := strconv.Atoi(strings.Trim(string(data), `"`))
	*n = number(value)
	return err
}

func (n number) seconds() time.Duration { return time.Duration(n) * time.Second }

// attributes is those of a load balancer or of a target group. Some are not
// known before the deployment.
type attributes []struct {
	Key   string
	Value any
}

func (r *reader) attribute(all attributes, key string) time.Duration {
	for _, attribute := range all {
		if text, ok := attribute.Value.(string); ok && attribute.Key == key {
			value, err := strconv.Atoi(text)
			if err != nil {
				r.fail(fmt.Errorf("%s: %w", key, err))
			}
			return time.Duration(value) * time.Second
		}
	}
	r.fail(fmt.Errorf("a load balancer or target group has no %s", key))
	return 0
}
