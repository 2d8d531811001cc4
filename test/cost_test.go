package test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"warm-standby/cloudassembly"
	"warm-standby/cost"
	"warm-standby/settings"
)

func estimate(t *testing.T, stacks []cloudassembly.Stack) *cost.Estimate {
	t.Helper()
	e, err := cost.Of(stacks, cost.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryDeploymentIsPriced(t *testing.T) {
	for name, a := range everyDeployment(t) {
		e := estimate(t, a.read(t))
		primary, standby := e.Sum(e.Primary, ""), e.Sum(e.Standby, "")
		if e.Primary != a.settings.Name+"-"+a.settings.Primary || standby <= 0 || standby > primary {
			t.Errorf("%s: want the standby, %s at $%.2f, to cost less than the primary, %s at $%.2f", name, e.Standby, standby, e.Primary, primary)
		}
	}
}

// TestCostFollowsTheTemplates changes the example's templates, and reckons what
// each change costs by hand.
func TestCostFollowsTheTemplates(t *testing.T) {
	original := deployment(t, "example", "", nil).read(t)
	base := estimate(t, original).Sum("", "")
	const regions, tiers, balancers, servers = 2, 2, 2, 6
	requests := 15.0 / 30 * 730 * 3600 / 1e6 // Million a month that an endpoint gets at an interval of 30 s.
	for _, tt := range []struct {
		name, old, new string
		once, each     float64 // each is times the occurrences of old.
	}{
		{"no NAT gateways", `"Type":"AWS::EC2::NatGateway"`, `"Type":"AWS::EC2::Route"`, -regions * 10 * 0.045, -730 * 0.045},
		{"no addresses of theirs", `"Type":"AWS::EC2::EIP"`, `"Type":"AWS::EC2::Route"`, 0, -730 * 0.005},
		{"a smaller database", `"DBInstanceClass":"db.t4g.medium"`, `"DBInstanceClass":"db.t4g.small"`, 730 * (0.065 - 0.129 + 0.032 - 0.065), 0},
		{"a database in one zone", `"MultiAZ":true`, `"MultiAZ":false`, 0, 730*(0.065-0.129) + 22*(0.115-0.23)},
		{"a standby in two", `"MultiAZ":false`, `"MultiAZ":true`, 0, 730*(0.129-0.065) + 22*(0.23-0.115)},
		{"more storage, the replica's, too", `"AllocatedStorage":"22"`, `"AllocatedStorage":"122"`, 100 * (0.23 + 0.115), 0},
		{"no replica", `"SourceRegion":"us-east-1"`, `"SourceRegion":"us-west-2"`, 0, -5 * 0.02},
		{"other servers", `"InstanceType":"t4g.small"`, `"InstanceType":"t4g.nano"`, servers * 730 * (0.0042 - 0.0168), 0},
		{"more servers in the standby", `"MinSize":"1"`, `"MinSize":"2"`, 0, 730*0.0168 + 10*0.08 + 7*0.3},
		{"larger volumes", `"VolumeSize":10`, `"VolumeSize":20`, servers * 10 * 0.08, 0},
		{"servers monitored every five minutes", `"Monitoring":{"Enabled":true}`, `"Monitoring":{"Enabled":false}`, -servers * 7 * 0.3, 0},
		{"internal load balancers", `"Scheme":"internet-facing"`, `"Scheme":"internal"`, -10 * 0.09, -2 * 730 * 0.005},
		{"APIs without protection", `"Type":"AWS::WAFv2::WebACLAssociation"`, `"Type":"AWS::EC2::Route"`, -0.6 * (1 + regions*3*requests), 0},
		{"no protection", `"Type":"AWS::WAFv2::WebACL"`, `"Type":"AWS::EC2::Route"`, -0.6 * (1 + 1 + regions*3*requests), -5 - 5},
		// Two thirds of the requests are gone, to the web ACLs and as capacity units.
		{"rare health checks", `"RequestInterval":10`, `"RequestInterval":30`, -regions * 2 * requests * (0.6 + balancers*1e6/25/3600*0.008), -1},
		{"health checks without TLS", `"Type":"HTTPS"`, `"Type":"HTTP"`, 0, -1},
		{"measured latency", `"MeasureLatency":false`, `"MeasureLatency":true`, 0, 1},
		{"no hosted zones", `"Type":"AWS::Route53::HostedZone"`, `"Type":"AWS::EC2::Route"`, 0, -0.5},
		{"no keys", `"Type":"AWS::KMS::Key"`, `"Type":"AWS::KMS::Alias"`, 0, -1},
		{"no replica of the secret", `"ReplicaRegions":[{`, `"Others":[{`, 0, -0.4},
		{"no copies of backups", `"CopyActions":[{`, `"Others":[{`, -30 * (0.095 + 0.02*(730.0/24)/35), 0},
		{"no backups", `"Key":"backup-plan"`, `"Key":"other"`, -30 * (2*0.095 + 0.02*(730.0/24)/35), 0},
		{"no buckets", `"Type":"AWS::S3::Bucket"`, `"Type":"AWS::S3::BucketPolicy"`, 0, -0.023 - 35*0.005},
		{"no topics", `"Type":"AWS::SNS::Topic"`, `"Type":"AWS::SNS::TopicPolicy"`, 0, -0.1 * 0.02},
		{"no canaries", `"Type":"AWS::Synthetics::Canary"`, `"Type":"AWS::Synthetics::Group"`, 0, -8760 * (0.0012 + 10*960.0/1024*0.0000166667)},
		{"no dashboards", `"Type":"AWS::CloudWatch::Dashboard"`, `"Type":"AWS::EC2::Route"`, 0, -3},
		{"more images kept", `"Filter":{"Type":"COUNT","Value":3}`, `"Filter":{"Type":"COUNT","Value":4}`, tiers * regions * 3 * 0.05, 0},
		{"no site", `"Type":"AWS::CloudFront::Distribution"`, `"Type":"AWS::EC2::Route"`, 0, -1 - 20*0.085},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := 0
			for _, stack := range original {
				found += strings.Count(string(stack.Template), tt.old)
			}
			want := tt.once + float64(found)*tt.each
			if got := estimate(t, replaced(t, original, tt.old, tt.new)).Sum("", "") - base; math.Abs(got-want) > 1e-6 {
				t.Errorf("want $%+.4f, got $%+.4f", want, got)
			}
		})
	}
}

// TestCostIsDocumented holds README.md and docs/cost.md to what make cost prints,
// and what the settings cost to the same sum. They are synthesized for -update only.
func TestCostIsDocumented(t *testing.T) {
	names := []string{"example", "walkthrough"}
	estimates := map[string]*cost.Estimate{}
	for _, name := range names {
		estimates[name] = estimate(t, deployment(t, name, "", nil).read(t))
	}
	example := estimates["example"]
	byStack, _, _ := strings.Cut(example.Markdown(false), "\n\n")
	holds(t, "../README.md", "| USD a month |", cost.SideBySide(names, estimates))
	holds(t, "../docs/cost.md", "| USD a month |", byStack+"\n")
	holds(t, "../docs/cost.md", "The example costs ",
		fmt.Sprintf("The example costs $%.2f a month. One setting is changed at a time, in both regions if it is of both:\n", example.Sum("", "")))
	if *update {
		holds(t, "../docs/cost.md", "| setting |", settingsCost(t, example))
	}
}

// holds compares a paragraph of a page, from its first words on, or writes it.
func holds(t *testing.T, file, start, want string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), "\n"+start)
	if !found {
		t.Errorf("%s has no line that starts with %q", file, start)
		return
	}
	got, after, _ := strings.Cut(start+rest, "\n\n")
	switch {
	case got+"\n" == want:
	case *update:
		if err := os.WriteFile(file, []byte(before+"\n"+want+"\n"+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what make cost prints; if that is meant: go test ./test -update\n got:\n%s\nwant:\n%s", file, got, want)
	}
}

// settingsCost is a table of what the example's settings cost, one at a time.
func settingsCost(t *testing.T, example *cost.Estimate) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| setting | of the example | instead | USD a month |\n|---|---|---|--:|\n")
	row := func(setting, has, instead string, sum float64) {
		fmt.Fprintf(&b, "| %s | %s | %s | %+.2f |\n", setting, has, instead, sum-example.Sum("", ""))
	}
	for _, v := range []struct {
		setting, has, instead string
		change                func(*settings.Settings)
	}{
		{"`network.natGateways`", "2", "1", func(s *settings.Settings) { s.Network.NatGateways = 1 }},
		{"`network.interfaceEndpoints`", "none", "all eight", func(s *settings.Settings) {
			s.Network.InterfaceEndpoints = []string{"cloudformation", "ec2messages", "elasticloadbalancing", "logs", "monitoring", "secretsmanager", "ssm", "ssmmessages"}
		}},
		{"`database.multiAz.primary`", "true", "false", func(s *settings.Settings) { s.Database.MultiAz.Primary = false }},
		{"`database.multiAz.standby`", "false", "true", func(s *settings.Settings) { s.Database.MultiAz.Standby = true }},
		{"`web` and `api.capacity.standby.min`", "1", "2, the primary's", func(s *settings.Settings) {
			s.Web.Capacity.Standby.Min, s.Api.Capacity.Standby.Min = s.Web.Capacity.Primary.Min, s.Api.Capacity.Primary.Min
		}},
		{"`failover.interval`", "10s", "30s", func(s *settings.Settings) { s.Failover.Interval = 30 * time.Second }},
		{"`backup.database`, with the copies in the other region", "true", "false", func(s *settings.Settings) { s.Backup.Database = false }},
		{"`backup.servers`, likewise", "false", "true", func(s *settings.Settings) { s.Backup.Servers = true }},
		{"`logs.ship`", "true", "false", func(s *settings.Settings) { s.Logs.Ship = false }},
		{"`canaries.enabled`, two canaries a region", "true", "false", func(s *settings.Settings) { s.Canaries.Enabled = false }},
		{"`canaries.minutes`", "5", "1", func(s *settings.Settings) { s.Canaries.Minutes = 1 }},
		{"`images.enabled`, the pipelines", "true", "false", func(s *settings.Settings) { s.Images.Enabled = false }},
		{"`images.keep`", "3", "10", func(s *settings.Settings) { s.Images.Keep = 10 }},
		{"`images.web` and `images.api`", "stock", "baked", func(s *settings.Settings) {
			s.Images.Web, s.Images.Api = settings.BakedImage, settings.BakedImage
		}},
		{"`database.rotationDays`", "30", "0, never", func(s *settings.Settings) { s.Database.RotationDays = 0 }},
	} {
		row(v.setting, v.has, v.instead, estimate(t, deployment(t, "example", "with another "+v.setting, v.change).read(t)).Sum("", ""))
	}
	drilled := cost.Defaults()
	drilled.DrillMinutes = 10
	e, err := cost.Of(deployment(t, "example", "", nil).read(t), drilled)
	if err != nil {
		t.Fatal(err)
	}
	row("a month with `make drill` of the network", "none", "10 minutes", e.Sum("", ""))
	return b.String()
}
