package cost

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// billing is how each type of resource is billed.
var billing = map[string]func(b *bill, id string){
	"AWS::AutoScaling::AutoScalingGroup":        servers,
	"AWS::Backup::BackupPlan":                   backups,
	"AWS::CloudFront::Distribution":             distribution,
	"AWS::CloudWatch::Alarm":                    alarm,
	"AWS::CloudWatch::CompositeAlarm":           each("CloudWatch", "composite alarms", "composite alarm, month"),
	"AWS::CloudWatch::Dashboard":                each("CloudWatch", "dashboards", "dashboard, month"),
	"AWS::EC2::EIP":                             hourly("VPC", "public IPv4 addresses", "public IPv4 address, hour"),
	"AWS::EC2::Instance":                        instance,
	"AWS::EC2::NatGateway":                      natGateway,
	"AWS::EC2::VPCEndpoint":                     endpoint,
	"AWS::ElasticLoadBalancingV2::LoadBalancer": loadBalancer,
	"AWS::FIS::ExperimentTemplate":              experiment,
	"AWS::ImageBuilder::ImagePipeline":          imagePipeline,
	"AWS::KMS::Key":                             each("KMS", "keys", "KMS key, month"),
	"AWS::Lambda::Function":                     function,
	"AWS::Logs::LogGroup":                       logGroup,
	"AWS::Logs::MetricFilter":                   metricFilter,
	"AWS::RDS::DBInstance":                      database,
	"AWS::Route53::HealthCheck":                 check,
	"AWS::Route53::HostedZone":                  each("Route 53", "hosted zones", "hosted zone, month"),
	"AWS::Route53::RecordSetGroup":              records,
	"AWS::S3::Bucket":                           bucket,
	"AWS::SNS::Topic":                           topic,
	"AWS::SecretsManager::Secret":               secret,
	"AWS::Synthetics::Canary":                   canary,
	"AWS::WAFv2::WebACL":                        webACL,
}

// free tells whether a type costs nothing by itself.
func free(kind string) bool {
	return slices.ContainsFunc(freeTypes, func(pattern string) bool {
		prefix, family := strings.CutSuffix(pattern, "*")
		return kind == pattern || family && strings.HasPrefix(kind, prefix)
	})
}

// freeTypes costs nothing by itself: what it uses, if anything, is billed as
// another resource, by an assumption, or only while somebody runs it.
var freeTypes = []string{
	"AWS::AutoScaling::LifecycleHook",
	"AWS::AutoScaling::ScalingPolicy",
	"AWS::Backup::BackupSelection",
	"AWS::Backup::BackupVault", // Its recovery points are on the bill of the plan that makes them.
	"AWS::Budgets::Budget",     // Without actions, which are billed by the day.
	"AWS::CDK::Metadata",
	"AWS::CE::AnomalyMonitor",
	"AWS::CE::AnomalySubscription",
	"AWS::CertificateManager::Certificate", // Public, and not exportable.
	"AWS::CloudFormation::CustomResource",  // Its function is billed.
	"AWS::CloudFormation::WaitConditionHandle",
	"AWS::CloudFront::CachePolicy",
	"AWS::CloudFront::OriginAccessControl",
	"AWS::CloudFront::OriginRequestPolicy",
	"AWS::CloudFront::ResponseHeadersPolicy",
	"AWS::EC2::FlowLog", // Its log group is billed.
	"AWS::EC2::InternetGateway",
	"AWS::EC2::LaunchTemplate",
	"AWS::EC2::NetworkAcl*",
	"AWS::EC2::PrefixList",
	"AWS::EC2::Route",
	"AWS::EC2::RouteTable",
	"AWS::EC2::SecurityGroup*",
	"AWS::EC2::Subnet*",
	"AWS::EC2::VPC",
	"AWS::EC2::VPCGatewayAttachment",
	"AWS::ElasticLoadBalancingV2::Listener*",
	"AWS::ElasticLoadBalancingV2::TargetGroup",
	"AWS::Events::Rule", // On the default bus, for events of AWS.
	"AWS::IAM::*",
	"AWS::ImageBuilder::Component",
	"AWS::ImageBuilder::DistributionConfiguration",
	"AWS::ImageBuilder::ImageRecipe",
	"AWS::ImageBuilder::InfrastructureConfiguration",
	"AWS::ImageBuilder::LifecyclePolicy",
	"AWS::ImageBuilder::Workflow",
	"AWS::KMS::Alias",
	"AWS::Lambda::EventInvokeConfig",
	"AWS::Lambda::LayerVersion",
	"AWS::Lambda::Permission",
	"AWS::Logs::Delivery*", // CloudFront's access logs to S3: what they fill is billed as a bucket.
	"AWS::Logs::LogStream",
	"AWS::Logs::QueryDefinition",
	"AWS::Logs::ResourcePolicy",
	"AWS::RDS::DBParameterGroup",
	"AWS::RDS::DBSubnetGroup",
	"AWS::Route53::RecordSet",
	"AWS::S3::BucketPolicy",
	"AWS::SNS::Subscription",
	"AWS::SNS::TopicPolicy",
	"AWS::SSM::Document",        // Steps of Automation cost while they run.
	"AWS::SSM::Parameter",       // Of the standard tier.
	"AWS::Scheduler::Schedule*", // The first 14 million invocations a month.
	"AWS::SecretsManager::ResourcePolicy",
	"AWS::SecretsManager::RotationSchedule", // Its function is billed.
	"AWS::SecretsManager::SecretTargetAttachment",
	"AWS::Synthetics::Group",
	"AWS::WAFv2::LoggingConfiguration", // Its log group is billed.
	"AWS::WAFv2::WebACLAssociation",
	"Custom::*", // Its function is billed.
}

// each is billed by the month, whatever its properties.
func each(service, item, price string) func(*bill, string) {
	return func(b *bill, _ string) { b.add(service, item, 1, price) }
}

// hourly is billed by the hour, whatever its properties.
func hourly(service, item, price string) func(*bill, string) {
	return func(b *bill, _ string) { b.add(service, item, hours, price) }
}

type launchTemplate struct {
	LaunchTemplateData struct {
		InstanceType        string
		Monitoring          struct{ Enabled bool }
		BlockDeviceMappings []struct {
			Ebs struct {
				VolumeSize number
				VolumeType string
			}
		}
	}
}

func servers(b *bill, id string) {
	group := properties[struct {
		MinSize        number
		LaunchTemplate struct{ LaunchTemplateId reference }
	}](b, id)
	b.machines(float64(group.MinSize), group.LaunchTemplate.LaunchTemplateId)
}

func instance(b *bill, id string) {
	i := properties[struct {
		LaunchTemplate struct{ LaunchTemplateId reference }
		SubnetId       reference
	}](b, id)
	b.machines(1, i.LaunchTemplate.LaunchTemplateId)
	if properties[struct{ MapPublicIPOnLaunch bool }](b, string(i.SubnetId)).MapPublicIPOnLaunch {
		b.add("VPC", "public IPv4 addresses", hours, "public IPv4 address, hour")
	}
}

// machines is n servers that a template launches.
func (b *bill) machines(n float64, template reference) {
	data := properties[launchTemplate](b, string(template)).LaunchTemplateData
	b.add("EC2", "servers", n*hours, "EC2 "+data.InstanceType+", hour")
	for _, device := range data.BlockDeviceMappings {
		b.add("EC2", "volumes", n*float64(device.Ebs.VolumeSize), "EBS "+device.Ebs.VolumeType+", GB-month")
	}
	if data.Monitoring.Enabled {
		b.add("CloudWatch", "detailed monitoring of servers", n*monitoredMetrics, "metric, month")
	}
}

// monitoredMetrics is how many of a server detailed monitoring is billed for
// (https://aws.amazon.com/cloudwatch/pricing/, "7 metrics per instance").
const monitoredMetrics = 7

func natGateway(b *bill, _ string) {
	b.add("VPC", "NAT gateways", hours, "NAT gateway, hour")
	b.add("VPC", "data through NAT gateways", b.NatGB/b.count("AWS::EC2::NatGateway"), "NAT gateway, GB")
}

func endpoint(b *bill, id string) {
	e := properties[struct {
		VpcEndpointType string
		SubnetIDs       []any
	}](b, id)
	if e.VpcEndpointType == "Interface" {
		b.add("VPC", "interface endpoints", hours*float64(len(e.SubnetIDs)), "interface endpoint, zone and hour")
		b.add("VPC", "data through interface endpoints", b.EndpointGB, "interface endpoint, GB")
	}
}

// loadBalancer shares the region's requests evenly with the stack's others. Of a
// unit of capacity (LCU), the dimension that is used most is billed: 25 new
// connections a second, each request being one, or 1 GB an hour.
func loadBalancer(b *bill, id string) {
	lb := properties[struct {
		Scheme  string
		Subnets []any
	}](b, id)
	b.add("Load balancers", "load balancers", hours, "application load balancer, hour")
	gigabytes := 0.0
	if b.isPrimary() {
		gigabytes = (b.SiteGB + b.ApiGB) / b.count("AWS::ElasticLoadBalancingV2::LoadBalancer")
	}
	units := max(b.balancerRequests()*1e6/seconds/25, gigabytes/hours)
	b.add("Load balancers", "capacity units", units*hours, "application load balancer, LCU and hour")
	if lb.Scheme == "internet-facing" {
		b.add("VPC", "public IPv4 addresses", hours*float64(len(lb.Subnets)), "public IPv4 address, hour")
		if b.isPrimary() {
			b.add("Data transfer", "from the API to visitors", b.ApiGB/b.count("AWS::ElasticLoadBalancingV2::LoadBalancer"), "data out to the internet, GB")
		}
	}
}

// balancerRequests is what one load balancer of the stack answers, million a
// month: checkers' requests in either region, visitors' in the primary.
func (b *bill) balancerRequests() float64 {
	requests := b.checks[b.stack.Region]
	if b.isPrimary() {
		requests += b.SiteRequests + b.ApiRequests
	}
	return requests / b.count("AWS::ElasticLoadBalancingV2::LoadBalancer")
}

func database(b *bill, id string) {
	db := properties[struct {
		DBInstanceClass, Engine, StorageType, SourceRegion string

		MultiAZ                            bool
		AllocatedStorage                   number
		EnablePerformanceInsights          bool
		PerformanceInsightsRetentionPeriod number
		MonitoringInterval                 number
	}](b, id)
	zones := "Single-AZ"
	if db.MultiAZ {
		zones = "Multi-AZ"
	}
	storage := cmp.Or(float64(db.AllocatedStorage), b.storage, b.DatabaseGB)
	b.add("RDS", "instances", hours, "RDS "+db.Engine+" "+db.DBInstanceClass+" "+zones+", hour")
	b.add("RDS", "storage", storage, "RDS "+db.StorageType+" "+zones+", GB-month")
	if db.EnablePerformanceInsights && db.PerformanceInsightsRetentionPeriod > 7 {
		b.problem("no price for Performance Insights beyond 7 days (%s of %s): say in cost/billing.go how it is billed", id, b.stack.Name)
	}
	if db.SourceRegion != "" && db.SourceRegion != b.stack.Region && !b.isPrimary() {
		b.add("Data transfer", "replication between the regions", b.WrittenGB, "data to another region, GB")
	}
}

type healthCheck struct {
	HealthCheckConfig struct {
		Type, FullyQualifiedDomainName, SearchString string

		RequestInterval number
		MeasureLatency  bool
	}
}

// checkers is how many ask an endpoint: "about every two seconds" at an interval of
// 30 s (https://docs.aws.amazon.com/Route53/latest/APIReference/API_autonaming_HealthCheckConfig.html).
const checkers = 15

func check(b *bill, id string) {
	c := properties[healthCheck](b, id).HealthCheckConfig
	b.add("Route 53", "health checks", 1, "health check, month")
	options := 0.0
	for _, option := range []bool{
		strings.HasPrefix(c.Type, "HTTPS"),
		c.RequestInterval == 10,
		c.MeasureLatency,
		c.SearchString != "",
	} {
		if option {
			options++
		}
	}
	if options > 0 {
		b.add("Route 53", "options of health checks: HTTPS, every 10 s", options, "option of a health check, month")
	}
}

func records(b *bill, _ string) {
	b.add("Route 53", "DNS queries", b.DNSQueries, "DNS queries, million")
}

func distribution(b *bill, _ string) {
	b.add("CloudFront", "requests", b.SiteRequests, "CloudFront HTTPS requests, million")
	b.add("CloudFront", "to visitors", b.SiteGB, "CloudFront data out, GB")
}

func webACL(b *bill, id string) {
	acl := properties[struct {
		Scope string
		Rules []any
	}](b, id)
	requests := b.SiteRequests
	if acl.Scope != "CLOUDFRONT" {
		requests = b.balancerRequests() * b.count("AWS::WAFv2::WebACLAssociation")
	}
	b.add("WAF", "web ACLs", 1, "web ACL, month")
	b.add("WAF", "rules", float64(len(acl.Rules)), "rule of a web ACL, month")
	b.add("WAF", "requests", requests, "requests to a web ACL, million")
}

// alarm counts each metric that it looks at.
func alarm(b *bill, id string) {
	a := properties[struct {
		Period  number
		Metrics []struct {
			MetricStat *struct{ Period number }
		}
	}](b, id)
	periods := []number{a.Period}
	if len(a.Metrics) > 0 {
		periods = nil
	}
	for _, m := range a.Metrics {
		if m.MetricStat != nil {
			periods = append(periods, m.MetricStat.Period)
		}
	}
	price := "alarm, metric and month"
	if slices.Min(append(periods, 60)) < 60 {
		price = "high-resolution alarm, metric and month"
	}
	b.add("CloudWatch", "alarms", float64(len(periods)), price)
}

func metricFilter(b *bill, id string) {
	f := properties[struct{ MetricTransformations []any }](b, id)
	b.add("CloudWatch", "metrics of logs", float64(len(f.MetricTransformations)), "metric, month")
}

// logGroup is of a month's logs, kept for the retention: for ever, if there is
// none. What writes only while somebody drills, deploys or bakes an image, or once a
// rotation, fills no gigabytes.
func logGroup(b *bill, id string) {
	for _, r := range b.resources {
		if slices.Contains([]string{"AWS::FIS::ExperimentTemplate", "AWS::ImageBuilder::ImagePipeline", "AWS::Lambda::Function"}, r.Type) && strings.Contains(string(r.Properties), `"`+id+`"`) {
			return
		}
	}
	g := properties[struct{ RetentionInDays number }](b, id)
	b.add("CloudWatch", "logs taken in", b.LogGB, "logs taken in, GB")
	if g.RetentionInDays == 0 {
		b.problem("the logs of %s of %s have no retention: their price has no end", id, b.stack.Name)
	}
	b.add("CloudWatch", "logs kept", b.LogGB*float64(g.RetentionInDays)/days, "logs kept, GB-month")
}

func secret(b *bill, id string) {
	s := properties[struct{ ReplicaRegions []any }](b, id)
	b.add("Secrets Manager", "secrets and their replicas", float64(1+len(s.ReplicaRegions)), "secret, month")
}

func bucket(b *bill, _ string) {
	b.add("S3", "storage", b.BucketGB, "S3 storage, GB-month")
	b.add("S3", "objects put", b.BucketPuts, "S3 PUT requests, thousand")
}

func topic(b *bill, _ string) { b.add("SNS", "mails", b.Mails/1000, "mails, thousand") }

func function(b *bill, id string) {
	f := properties[struct{ MemorySize number }](b, id)
	b.add("Lambda", "requests", b.Invocations/1e6, "Lambda requests, million")
	b.lambda(b.Invocations, float64(f.MemorySize))
}

// lambda is n invocations of as many MB, of 128 by default.
func (b *bill) lambda(n, megabytes float64) {
	if megabytes == 0 {
		megabytes = 128
	}
	b.add("Lambda", "time", n*b.CallSeconds*megabytes/1024, "Lambda, GB-second")
}

var minutely = regexp.MustCompile(`^rate\(([1-9]\d*) (minute|hour)s?\)$`)

// canary is billed for its runs, and for those of its Lambda function.
func canary(b *bill, id string) {
	c := properties[struct {
		Schedule  struct{ Expression string }
		RunConfig struct{ MemoryInMB number }
	}](b, id)
	rate := minutely.FindStringSubmatch(c.Schedule.Expression)
	if rate == nil {
		b.problem("no price for the schedule of %s of %s: want rate(… minutes) (got %q)", id, b.stack.Name, c.Schedule.Expression)
		return
	}
	every, _ := strconv.ParseFloat(rate[1], 64)
	if rate[2] == "hour" {
		every *= 60
	}
	runs := hours * 60 / every
	b.add("CloudWatch", "canary runs", runs, "canary run")
	b.lambda(runs, max(float64(c.RunConfig.MemoryInMB), 960))
}

// backups is what a plan makes of the resources that carry its tag, in its own
// vault and in those it copies to. What a vault holds passes once a retention.
func backups(b *bill, id string) {
	plan := properties[struct {
		BackupPlan struct {
			BackupPlanName string
			BackupPlanRule []struct {
				CopyActions []struct {
					Lifecycle struct{ DeleteAfterDays number }
				}
			}
		}
	}](b, id).BackupPlan
	type tagged struct {
		MinSize number
		Tags    []struct{ Key, Value any }
	}
	for _, other := range slices.Sorted(maps.Keys(b.resources)) {
		r := b.resources[other]
		if r.Type != "AWS::RDS::DBInstance" && r.Type != "AWS::AutoScaling::AutoScalingGroup" {
			continue
		}
		p := properties[tagged](b, other)
		if !slices.ContainsFunc(p.Tags, func(t struct{ Key, Value any }) bool {
			return t.Key == "backup-plan" && t.Value == plan.BackupPlanName
		}) {
			continue
		}
		gigabytes, price := b.BackupGB, "backup of RDS, GB-month"
		if r.Type == "AWS::AutoScaling::AutoScalingGroup" {
			gigabytes, price = float64(p.MinSize)*b.ServerGB, "snapshot of EBS, GB-month"
		}
		for _, rule := range plan.BackupPlanRule {
			b.add("Backups", "recovery points", gigabytes, price)
			for _, copied := range rule.CopyActions {
				if copied.Lifecycle.DeleteAfterDays == 0 {
					b.problem("the copies of %s of %s have no retention: their price has no end", id, b.stack.Name)
					continue
				}
				b.add("Backups", "copies in the other region", gigabytes, price)
				b.add("Data transfer", "copies of backups to the other region", gigabytes*days/float64(copied.Lifecycle.DeleteAfterDays), "data to another region, GB")
			}
		}
	}
}

// imagePipeline builds as often as is assumed, on the first instance type of its
// configuration, and leaves a snapshot in each region, of which its lifecycle policy
// keeps some. Without a schedule it builds nothing by itself.
func imagePipeline(b *bill, id string) {
	p := properties[struct {
		Name, Status                                                 string
		InfrastructureConfigurationArn, DistributionConfigurationArn reference
	}](b, id)
	if p.Status == "DISABLED" {
		return
	}
	types := properties[struct{ InstanceTypes []string }](b, string(p.InfrastructureConfigurationArn)).InstanceTypes
	if len(types) == 0 {
		b.problem("%s of %s names no instance type to build on", id, b.stack.Name)
		return
	}
	regions := float64(len(properties[struct{ Distributions []any }](b, string(p.DistributionConfigurationArn)).Distributions))
	b.add("Images", "builds", b.Builds*b.BuildHours, "EC2 "+types[0]+", hour")
	b.add("Images", "images kept", regions*b.imagesKept(p.Name)*b.ImageGB, "snapshot of EBS, GB-month")
	b.add("Data transfer", "images to the other region", (regions-1)*b.Builds*b.ImageGB, "data to another region, GB")
}

// imagesKept is what the lifecycle policy of the same name leaves of a pipeline's images.
func (b *bill) imagesKept(pipeline string) float64 {
	for _, id := range slices.Sorted(maps.Keys(b.resources)) {
		if b.resources[id].Type != "AWS::ImageBuilder::LifecyclePolicy" {
			continue
		}
		policy := properties[struct {
			Name          string
			PolicyDetails []struct {
				Filter struct {
					Type  string
					Value number
				}
			}
		}](b, id)
		for _, detail := range policy.PolicyDetails {
			if policy.Name == pipeline && detail.Filter.Type == "COUNT" {
				return float64(detail.Filter.Value)
			}
		}
	}
	b.problem("no lifecycle policy says how many images of %s %s keeps: their price has no end", pipeline, b.stack.Name)
	return 0
}

func experiment(b *bill, _ string) {
	if b.DrillMinutes > 0 && b.isPrimary() {
		b.add("Drills", "minutes of actions", b.DrillMinutes/b.count("AWS::FIS::ExperimentTemplate"), "action of FIS, minute")
	}
}
