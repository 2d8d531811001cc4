package test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

// The functions below stand in constructs/README.md as they are here.

func tieredVpc(stack awscdk.Stack) *constructs.TieredVpc {
	return constructs.NewTieredVpc(stack, "Network", constructs.TieredVpcProps{
		Cidr:              "10.0.0.0/16",
		AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
		NatGateways:       1,
		FlowLogDays:       30,
	})
}

func databases(primary, standby awscdk.Stack, vpc, standbyVpc awsec2.IVpc) *constructs.WarmStandbyDatabase {
	isolated := &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PRIVATE_ISOLATED}
	writer := constructs.WarmStandbyDatabaseProps{
		Vpc: vpc, Subnets: isolated,
		Name:                 "orders-1",
		SecretName:           "orders/database",
		SecretReplicaRegions: []string{"us-west-2"},
		EngineVersion:        "8.4.10",
		InstanceType:         "t4g.medium",
		StorageGiB:           20,
		BackupDays:           7,
		LogDays:              30,
		Schema:               "orders",
		Username:             "admin",
		ZoneName:             "orders.internal",
		RecordName:           "db",
	}
	replica := writer
	replica.Vpc = standbyVpc
	replica.Name, replica.ReplicaOf, replica.SourceRegion = "orders-2", "orders-1", "us-east-1"
	replica.SecretReplicaRegions = nil // this region is given its copy
	constructs.NewWarmStandbyDatabase(standby, "Database", replica)
	standby.AddStackDependency(primary, jsii.String("the replica copies orders-1"))
	return constructs.NewWarmStandbyDatabase(primary, "Database", writer)
}

func webTier(stack awscdk.Stack, vpc awsec2.IVpc, certificate awscertificatemanager.ICertificate, site string) *constructs.WebTier {
	return constructs.NewWebTier(stack, "Web", constructs.WebTierProps{
		ServerTierProps: constructs.ServerTierProps{
			Vpc:                 vpc,
			LoadBalancerSubnets: &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PUBLIC},
			ServerSubnets:       &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PRIVATE_WITH_EGRESS},
			Certificate:         certificate,
			InstanceType:        "t4g.small",
			VolumeGiB:           10,
			HealthPath:          "/health",
			Artifact:            site, // a .tar.gz with index.html at its root
			MinCapacity:         2,
			MaxCapacity:         4,
			CPUPercent:          60,
			RequestsPerTarget:   1000,
			LogDays:             30,
		},
		ApiURL: "https://api.example.com",
	})
}

func apiTier(stack awscdk.Stack, vpc awsec2.IVpc, certificate awscertificatemanager.ICertificate, server string, database *constructs.WarmStandbyDatabase) *constructs.ApiTier {
	return constructs.NewApiTier(stack, "Api", constructs.ApiTierProps{
		ServerTierProps: constructs.ServerTierProps{
			Vpc:                 vpc,
			LoadBalancerSubnets: &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PUBLIC},
			ServerSubnets:       &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PRIVATE_WITH_EGRESS},
			Certificate:         certificate,
			InstanceType:        "t4g.small",
			VolumeGiB:           10,
			HealthPath:          "/health",
			Artifact:            server, // a .tar.gz with package.json, server.js and node_modules at its root
			MinCapacity:         2,
			MaxCapacity:         4,
			CPUPercent:          60,
			RequestsPerTarget:   1000,
			LogDays:             30,
		},
		Database:   database, // opens its port, grants its secret, says where it is
		SiteOrigin: "https://www.example.com",
	})
}

// TestConstructsWorkInSomebodyElsesStack puts them into stacks with VPCs that
// are not a TieredVpc.
func TestConstructsWorkInSomebodyElsesStack(t *testing.T) {
	app := awscdk.NewApp(&awscdk.AppProps{Context: cdkContext(t), Outdir: jsii.String(t.TempDir())})
	own := func(name, region string) (awscdk.Stack, awsec2.IVpc) {
		stack := awscdk.NewStack(app, jsii.String(name), &awscdk.StackProps{Env: &awscdk.Environment{Account: jsii.String(account), Region: jsii.String(region)}})
		constructs.PinAvailabilityZones(stack, []string{region + "a", region + "b"})
		return stack, awsec2.NewVpc(stack, jsii.String("Own"), &awsec2.VpcProps{SubnetConfiguration: &[]*awsec2.SubnetConfiguration{
			{Name: jsii.String("Outside"), SubnetType: awsec2.SubnetType_PUBLIC},
			{Name: jsii.String("Servers"), SubnetType: awsec2.SubnetType_PRIVATE_WITH_EGRESS},
			{Name: jsii.String("Data"), SubnetType: awsec2.SubnetType_PRIVATE_ISOLATED},
		}})
	}
	primary, vpc := own("Orders", east)
	standby, standbyVpc := own("OrdersStandby", west)
	certificate := awscertificatemanager.Certificate_FromCertificateArn(primary, jsii.String("Certificate"), jsii.String("arn:aws:acm:us-east-1:111122223333:certificate/c"))

	tieredVpc(primary)
	database := databases(primary, standby, vpc, standbyVpc)
	webTier(primary, vpc, certificate, artifact(t))
	apiTier(primary, vpc, certificate, artifact(t), database)

	templateOf(t, primary).counts(map[string]int{
		"AWS::EC2::VPC": 2, dbInstance: 1, "AWS::AutoScaling::AutoScalingGroup": 2, "AWS::ElasticLoadBalancingV2::LoadBalancer": 2,
	})
	templateOf(t, standby).counts(map[string]int{dbInstance: 1, dbSecret: 0})
}

func TestReadmeOfTheConstructsShowsWhatIsTested(t *testing.T) {
	source, err := os.ReadFile("reuse_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../constructs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tieredVpc", "databases", "webTier", "apiTier"} {
		_, code, _ := strings.Cut(string(source), "\nfunc "+name+"(")
		code, _, _ = strings.Cut(code, "\n}\n")
		if code == "" || !strings.Contains(string(readme), "func "+name+"("+code+"\n}\n") {
			t.Errorf("constructs/README.md does not show func %s as it is here", name)
		}
	}
}
