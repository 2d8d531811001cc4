package cost

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"warm-standby/cloudassembly"
)

// system is a deployment of two regions with these resources in the primary's
// stack; they are what it is billed for.
func system(resources string) []cloudassembly.Stack {
	return []cloudassembly.Stack{
		{Name: "books-us-east-1", Region: "us-east-1", Role: "regional", Template: []byte(`{"Resources": {` + resources + `}}`)},
		{Name: "books-us-west-2", Region: "us-west-2", Role: "regional", Template: []byte(`{"Resources": {}}`)},
		{Name: "books-global", Region: "us-east-1", Role: "global", Template: []byte(`{"Resources": {"Records": {
			"Type": "AWS::Route53::RecordSetGroup",
			"Properties": {"RecordSets": [{"Type": "TXT", "Failover": "PRIMARY", "ResourceRecords": ["\"us-east-1\""]}]}}}}`)},
	}
}

// TestEachTypeIsBilled reckons by hand.
func TestEachTypeIsBilled(t *testing.T) {
	const template = `"T": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": "t3.micro",
		"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 10, "VolumeType": "gp3"}}]}}}, `
	for _, tt := range []struct {
		name, resources string
		want            float64
	}{
		{"a server in a public subnet", template + `"I": {"Type": "AWS::EC2::Instance", "Properties": {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "T"}}, "SubnetId": {"Ref": "S"}}},
			"S": {"Type": "AWS::EC2::Subnet", "Properties": {"MapPublicIpOnLaunch": true}}`, 730*0.0104 + 10*0.08 + 730*0.005},
		{"one in a private subnet", template + `"I": {"Type": "AWS::EC2::Instance", "Properties": {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "T"}}, "SubnetId": {"Ref": "S"}}},
			"S": {"Type": "AWS::EC2::Subnet"}`, 730*0.0104 + 10*0.08},
		{"a group's minimum", template + `"G": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": "3", "MaxSize": "6", "LaunchTemplate": {"LaunchTemplateId": {"Ref": "T"}}}}`, 3 * (730*0.0104 + 10*0.08)},
		{"an interface endpoint in two zones", `"E": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]}}`, 2*730*0.01 + 1*0.01},
		{"a gateway endpoint", `"E": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Gateway"}}`, 0},
		{"a canary of every five minutes", `"C": {"Type": "AWS::Synthetics::Canary", "Properties": {"Schedule": {"Expression": "rate(5 minutes)"}, "RunConfig": {"MemoryInMB": 1024}}}`, 8760 * (0.0012 + 10*0.0000166667)},
		{"a canary of every hour", `"C": {"Type": "AWS::Synthetics::Canary", "Properties": {"Schedule": {"Expression": "rate(1 hour)"}, "RunConfig": {"MemoryInMB": 2048}}}`, 730 * (0.0012 + 20*0.0000166667)},
		{"a function", `"F": {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 512}}`, 100*0.2/1e6 + 100*10*0.5*0.0000166667},
		{"a dashboard", `"D": {"Type": "AWS::CloudWatch::Dashboard"}`, 3},
		{"a composite alarm", `"A": {"Type": "AWS::CloudWatch::CompositeAlarm"}`, 0.5},
		{"an alarm on one metric", `"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Period": 60}}`, 0.1},
		{"one on two by mathematics", `"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"MetricStat": {"Period": 60}}, {"MetricStat": {"Period": 60}}, {"Expression": "a/b"}]}}`, 0.2},
		{"one of high resolution", `"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Period": 10}}`, 0.3},
		{"metrics of logs", `"F": {"Type": "AWS::Logs::MetricFilter", "Properties": {"MetricTransformations": [{}, {}]}}`, 0.6},
		{"logs that are kept for two months", `"L": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 60}}`, 0.5*0.5 + 0.5*60/(730.0/24)*0.03},
		{"logs of a function", `"L": {"Type": "AWS::Logs::LogGroup"}, "F": {"Type": "AWS::Lambda::Function", "Properties": {"LoggingConfig": {"LogGroup": {"Ref": "L"}}}}`, 100*0.2/1e6 + 100*10*128.0/1024*0.0000166667},
		{"a health check of HTTPS, often", `"H": {"Type": "AWS::Route53::HealthCheck", "Properties": {"HealthCheckConfig": {"Type": "HTTPS", "RequestInterval": 10}}}`, 2.5},
		{"of all options", `"H": {"Type": "AWS::Route53::HealthCheck", "Properties": {"HealthCheckConfig": {"Type": "HTTPS_STR_MATCH", "SearchString": "ok", "RequestInterval": 10, "MeasureLatency": true}}}`, 4.5},
		{"of an alarm", `"H": {"Type": "AWS::Route53::HealthCheck", "Properties": {"HealthCheckConfig": {"Type": "CLOUDWATCH_METRIC"}}}`, 0.5},
		{"a secret in two more regions", `"S": {"Type": "AWS::SecretsManager::Secret", "Properties": {"ReplicaRegions": [{}, {}]}}`, 1.2},
		{"images for two regions", `"P": {"Type": "AWS::ImageBuilder::ImagePipeline", "Properties": {"Name": "web", "Status": "ENABLED", "InfrastructureConfigurationArn": {"Fn::GetAtt": ["I", "Arn"]}, "DistributionConfigurationArn": {"Ref": "D"}}},
			"I": {"Type": "AWS::ImageBuilder::InfrastructureConfiguration", "Properties": {"InstanceTypes": ["t4g.small"]}},
			"D": {"Type": "AWS::ImageBuilder::DistributionConfiguration", "Properties": {"Distributions": [{}, {}]}},
			"A": {"Type": "AWS::ImageBuilder::LifecyclePolicy", "Properties": {"Name": "api", "PolicyDetails": [{"Filter": {"Type": "COUNT", "Value": 9}}]}},
			"W": {"Type": "AWS::ImageBuilder::LifecyclePolicy", "Properties": {"Name": "web", "PolicyDetails": [{"Filter": {"Type": "COUNT", "Value": 5}}]}}`, 4*0.5*0.0168 + 2*5*3*0.05 + 4*3*0.02},
		{"a pipeline without a schedule", `"P": {"Type": "AWS::ImageBuilder::ImagePipeline", "Properties": {"Status": "DISABLED"}}`, 0},
		{"logs of one", `"P": {"Type": "AWS::ImageBuilder::ImagePipeline", "Properties": {"Status": "DISABLED", "LoggingConfiguration": {"ImageLogGroupName": {"Ref": "L"}}}},
			"L": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 60}}`, 0},
		{"what is free", `"V": {"Type": "AWS::EC2::VPC"}, "R": {"Type": "AWS::IAM::Role"}, "C": {"Type": "Custom::Anything"}, "B": {"Type": "AWS::Budgets::Budget"}, "N": {"Type": "AWS::CE::AnomalyMonitor"}`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			estimate, err := Of(system(tt.resources), Defaults())
			if err != nil {
				t.Fatal(err)
			}
			if got := estimate.Sum("books-us-east-1", ""); math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("want $%.4f, got $%.4f: %+v", tt.want, got, estimate.Lines)
			}
		})
	}
}

func TestOfNamesAllItCannotPrice(t *testing.T) {
	resources := `
		"A": {"Type": "AWS::Rocket::Engine"},
		"B": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.x9.large", "Engine": "mysql", "StorageType": "gp3"}},
		"C": {"Type": "AWS::Synthetics::Canary", "Properties": {"Schedule": {"Expression": "cron(0 5 * * ? *)"}}},
		"D": {"Type": "AWS::Logs::LogGroup"},
		"E": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": {"Ref": "P"}}},
		"F": {"Type": "AWS::ImageBuilder::ImagePipeline"},
		"I": {"Type": "AWS::ImageBuilder::ImagePipeline", "Properties": {"Name": "web", "InfrastructureConfigurationArn": {"Ref": "J"}}},
		"J": {"Type": "AWS::ImageBuilder::InfrastructureConfiguration", "Properties": {"InstanceTypes": ["t4g.small"]}},
		"G": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.t3.micro", "Engine": "mysql", "StorageType": "gp3", "EnablePerformanceInsights": true, "PerformanceInsightsRetentionPeriod": 31, "Tags": [{"Key": "backup-plan", "Value": "books"}]}},
		"H": {"Type": "AWS::Backup::BackupPlan", "Properties": {"BackupPlan": {"BackupPlanName": "books", "BackupPlanRule": [{"CopyActions": [{}]}]}}}`
	assumptions := Defaults()
	assumptions.LogGB = -1
	_, err := Of(system(resources), assumptions)
	if err == nil {
		t.Fatal("want an error")
	}
	got := strings.Split(err.Error(), "\n")
	for _, want := range []string{
		"no price for AWS::Rocket::Engine (A of books-us-east-1): say in cost/billing.go how it is billed, or that it is free",
		"no price for RDS mysql db.x9.large Single-AZ, hour in us-east-1; add it to cost/prices.yaml",
		`no price for the schedule of C of books-us-east-1: want rate(… minutes) (got "cron(0 5 * * ? *)")`,
		"the logs of D of books-us-east-1 have no retention: their price has no end",
		`E of books-us-east-1: want a number (got {"Ref": "P"})`,
		"-log-gb: want 0 or more (got -1)",
		"the copies of H of books-us-east-1 have no retention: their price has no end",
		"F of books-us-east-1 names no instance type to build on",
		"no lifecycle policy says how many images of web books-us-east-1 keeps: their price has no end",
		"no price for Performance Insights beyond 7 days (G of books-us-east-1): say in cost/billing.go how it is billed",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("want a line %q, got:\n%s", want, err)
		}
	}

	elsewhere := system(`"N": {"Type": "AWS::KMS::Key"}`)
	elsewhere[0].Region = "eu-central-1"
	if _, err := Of(elsewhere, Defaults()); err == nil || err.Error() != "no price for KMS key, month in eu-central-1; add it to cost/prices.yaml" {
		t.Errorf("want the region without prices named, got %v", err)
	}
}

// TestAssumptionsCount changes each, in a system that has something of all.
func TestAssumptionsCount(t *testing.T) {
	stacks := system(`
		"Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Scheme": "internet-facing", "Subnets": []}},
		"Nat": {"Type": "AWS::EC2::NatGateway"},
		"Endpoint": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Interface"}},
		"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
		"Bucket": {"Type": "AWS::S3::Bucket"},
		"Topic": {"Type": "AWS::SNS::Topic"},
		"Function": {"Type": "AWS::Lambda::Function"},
		"Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": "t4g.small"}}},
		"Servers": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": 1, "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}}, "Tags": [{"Key": "backup-plan", "Value": "books"}]}},
		"Database": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.t3.micro", "Engine": "mysql", "StorageType": "gp3", "Tags": [{"Key": "backup-plan", "Value": "books"}]}},
		"Plan": {"Type": "AWS::Backup::BackupPlan", "Properties": {"BackupPlan": {"BackupPlanName": "books", "BackupPlanRule": [{}]}}},
		"Policy": {"Type": "AWS::ImageBuilder::LifecyclePolicy", "Properties": {"Name": "web", "PolicyDetails": [{"Filter": {"Type": "COUNT", "Value": 3}}]}},
		"Pipeline": {"Type": "AWS::ImageBuilder::ImagePipeline", "Properties": {"Name": "web", "InfrastructureConfigurationArn": {"Ref": "Infrastructure"}, "DistributionConfigurationArn": {"Ref": "Distribution"}}},
		"Infrastructure": {"Type": "AWS::ImageBuilder::InfrastructureConfiguration", "Properties": {"InstanceTypes": ["t4g.small"]}},
		"Distribution": {"Type": "AWS::ImageBuilder::DistributionConfiguration", "Properties": {"Distributions": [{}, {}]}},
		"Drill": {"Type": "AWS::FIS::ExperimentTemplate"},
		"Site": {"Type": "AWS::CloudFront::Distribution"}`)
	stacks[1].Template = []byte(`{"Resources": {"Replica": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.t3.micro", "Engine": "mysql", "StorageType": "gp3", "SourceRegion": "us-east-1"}}}}`)
	sum := func(a Assumptions) float64 {
		t.Helper()
		estimate, err := Of(stacks, a)
		if err != nil {
			t.Fatal(err)
		}
		return estimate.Sum("", "")
	}
	defaults := Defaults()
	base := sum(defaults)
	for i, a := range defaults.List() {
		changed := Defaults()
		*changed.List()[i].Value += 1000
		if got := sum(changed); got <= base {
			t.Errorf("-%s: 1000 more change nothing: $%.4f", a.Name, got)
		}
	}
	if fields := len(defaults.List()); fields != 21 {
		t.Errorf("want all 21 assumptions listed, got %d", fields)
	}
}

func TestPricesAreDocumented(t *testing.T) {
	table, err := readTable(table)
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("billing.go")
	if err != nil {
		t.Fatal(err)
	}
	dates := []string{table.Read}
	for name, d := range table.Documents {
		if d.URL == "" || d.Is == "" {
			t.Errorf("%s: want a URL and what it is, got %+v", name, d)
		}
		dates = append(dates, d.Date)
	}
	for _, date := range dates {
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			t.Error(err)
		}
	}
	for name, p := range table.Prices {
		regions := []string{"us-east-1", "us-west-2"}
		if _, same := p.USD[everywhere]; same {
			regions = []string{everywhere}
		}
		for _, region := range regions {
			if p.USD[region] <= 0 {
				t.Errorf("%s: want a price in %s", name, region)
			}
			if len(p.Read) == 0 && !slices.Contains(p.Unconfirmed, region) {
				t.Errorf("%s: has been read nowhere, and is not unconfirmed in %s", name, region)
			}
		}
		if !strings.HasPrefix(p.Page, "https://aws.amazon.com/") {
			t.Errorf("%s: want AWS's page, got %q", name, p.Page)
		}
		for _, document := range p.Read {
			if _, known := table.Documents[document]; !known {
				t.Errorf("%s: no document is named %q", name, document)
			}
		}
		for _, region := range p.Unconfirmed {
			if _, priced := p.USD[region]; !priced {
				t.Errorf("%s: is unconfirmed in %s, and has no price there", name, region)
			}
		}
		composed := strings.HasPrefix(name, "EC2 ") || strings.HasPrefix(name, "RDS ") || strings.HasPrefix(name, "EBS ")
		if !composed && !strings.Contains(string(code), fmt.Sprintf("%q", name)) {
			t.Errorf("%s: nothing is billed at this price", name)
		}
	}
	if _, err := readTable([]byte("prices: {a: {usd: {us-east-1: much}}}")); err == nil {
		t.Error("want a price that is no number refused")
	}
}
