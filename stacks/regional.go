package stacks

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
	"warm-standby/settings"
)

// Windows of the database, UTC, clear of each other and of the two hours from
// the default backup schedule on. The standby's maintenance is a day earlier:
// an upgrade should meet the replica before the writer it copies.
const (
	backupWindow             = "02:00-03:00"
	primaryMaintenanceWindow = "sun:03:30-sun:04:30"
	standbyMaintenanceWindow = "sat:03:30-sat:04:30"
)

// regional is one region's half of the system. Both halves are the same code
// with the same logical ids, but for the replica-lag alarm, the secret with its
// rotation, and what an instance's name is part of: the role only changes properties.
type regional struct {
	stack     awscdk.Stack
	settings  *settings.Settings
	region    string
	primary   bool
	artifacts Artifacts
	zone      awsroute53.IHostedZone // the public one
	network   *constructs.TieredVpc
}

func newRegional(app awscdk.App, s *settings.Settings, region string, artifacts Artifacts) awscdk.Stack {
	r := &regional{settings: s, region: region, primary: s.IsPrimary(region), artifacts: artifacts}
	role := "standby"
	if r.primary {
		role = "primary"
	}
	r.stack = newStack(app, s, region, region, "regional",
		fmt.Sprintf("Three-tier web application %s in %s, its %s region", s.Name, region, role))

	constructs.PinAvailabilityZones(r.stack, s.Regions[region].AvailabilityZones)
	r.zone = publicZone(r.stack, s.Domain)
	r.network = r.newNetwork()
	database := r.newDatabase()
	web, api := r.newTiers(database)
	r.newNames(web, api)
	acl := r.newProtection(api)
	logs, canaries := r.newLogMetrics(web, api), r.newCanaries()
	topic, alarms := r.newAlarms(database, web, api, logs, canaries)
	r.newImages(topic, web.ServerTier, api.ServerTier)
	r.newRotation(alarms, database)
	r.newBackup(topic, database, web.ServerTier, api.ServerTier)
	trafficSwitch := r.newSwitch()
	r.newDashboard(web, api, acl, alarms, trafficSwitch, logs, canaries)
	r.newRunbooks(web.ServerTier, api.ServerTier)
	r.newDrill(alarms, database, web, api)
	constructs.BoundProviderLogs(r.stack, s.Logs.Days)
	return r.stack
}

func (r *regional) newNetwork() *constructs.TieredVpc {
	own, common := r.settings.Regions[r.region], r.settings.Network
	return constructs.NewTieredVpc(r.stack, "Network", constructs.TieredVpcProps{
		Cidr:               own.Cidr,
		AvailabilityZones:  own.AvailabilityZones,
		NatGateways:        common.NatGateways,
		InterfaceEndpoints: common.InterfaceEndpoints,
		FlowLogDays:        common.FlowLogDays,
	})
}

// newDatabase maps the lineage to a birth and a role: an instance with replicaOf
// was born as a replica, and in the primary region it has been promoted since.
// Where something else promoted it, the template must not: CloudFormation
// promotes on the source's leaving the template, and fails on an instance that
// is no replica any more.
func (r *regional) newDatabase() *constructs.WarmStandbyDatabase {
	db := r.settings.Database
	instance, other := db.Instances[r.region], r.settings.OtherRegion(r.region)
	props := constructs.WarmStandbyDatabaseProps{
		Vpc:                r.network.Vpc(),
		Subnets:            r.network.DatabaseSubnets(),
		Name:               instance.Name,
		SecretName:         r.settings.Name + "/database",
		EngineVersion:      db.EngineVersion,
		InstanceType:       db.InstanceType,
		StorageGiB:         db.StorageGiB,
		MaxStorageGiB:      db.MaxStorageGiB,
		MultiAz:            db.MultiAz.Of(r.primary),
		BackupDays:         db.BackupDays,
		BackupWindow:       backupWindow,
		MaintenanceWindow:  standbyMaintenanceWindow,
		DeletionProtection: db.DeletionProtection,
		AllowPlaintext:     !db.RequireTLS,
		LogDays:            r.settings.Logs.Days,
		Schema:             db.Schema,
		Username:           db.Username,
		ZoneName:           db.Zone,
		RecordName:         db.Record,
	}
	if r.primary {
		props.MaintenanceWindow = primaryMaintenanceWindow
	}
	if instance.ReplicaOf != "" {
		props.ReplicaOf, props.SourceRegion = instance.ReplicaOf, db.RegionOf(instance.ReplicaOf)
		props.Promoted = r.primary && instance.PromotedBy != settings.ByRunbook
	}
	if db.SecretRegion == r.region {
		props.SecretReplicaRegions = []string{other}
	}
	return constructs.NewWarmStandbyDatabase(r.stack, "Database", props)
}

func (r *regional) newTiers(database *constructs.WarmStandbyDatabase) (*constructs.WebTier, *constructs.ApiTier) {
	domain := r.settings.Domain
	shared := constructs.ServerTierProps{
		Vpc:                 r.network.Vpc(),
		LoadBalancerSubnets: r.network.PublicSubnets(),
		Certificate: awscertificatemanager.NewCertificate(r.stack, jsii.String("Certificate"), &awscertificatemanager.CertificateProps{
			DomainName: jsii.String(domain.Host("*")),
			Validation: awscertificatemanager.CertificateValidation_FromDns(r.zone),
		}),
		AccessLogs: constructs.NewAccessLogBucket(r.stack, "AccessLogs", r.settings.Logs.Days),
		ShipLogs:   r.settings.Logs.Ship,
		LogDays:    r.settings.Logs.Days,
		Bastion:    r.newBastion(),
	}
	web := constructs.NewWebTier(r.stack, "Web", constructs.WebTierProps{
		ServerTierProps: r.tier(shared, r.settings.Web, r.image("web", "WebImage", r.settings.Images.Web), r.artifacts.Web, r.network.WebSubnets()),
		ApiURL:          "https://" + domain.Host(domain.Api),
		CloudFrontOnly:  true,
	})
	api := constructs.NewApiTier(r.stack, "Api", constructs.ApiTierProps{
		ServerTierProps: r.tier(shared, r.settings.Api, r.image("api", "ApiImage", r.settings.Images.Api), r.artifacts.Api, r.network.ApiSubnets()),
		Database:        database,
		SiteOrigin:      "https://" + domain.Host(domain.Site),
		WriterName:      domain.WriterHost(),
		Start:           r.settings.Application.Api.Start,
		Environment:     r.settings.Application.Api.Environment,
	})
	return web, api
}

// tier completes the props both tiers share with those of one.
func (r *regional) tier(props constructs.ServerTierProps, tier settings.Tier, image, artifact string, subnets *awsec2.SubnetSelection) constructs.ServerTierProps {
	capacity := tier.Capacity.Of(r.primary)
	props.ServerSubnets = subnets
	props.Image = image
	props.Artifact = artifact
	props.InstanceType = tier.InstanceType
	props.VolumeGiB = tier.VolumeGiB
	props.HealthPath = tier.HealthPath
	props.MinCapacity, props.MaxCapacity = capacity.Min, capacity.Max
	props.CPUPercent = tier.CPUPercent
	props.RequestsPerTarget = tier.RequestsPerTarget
	return props
}

// image is the parameter of a tier's baked image, if its servers are launched from
// that. They read it when they are launched. CloudFormation reads it too, before
// it changes anything: a region that has no image yet refuses the deploy at once.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
func (r *regional) image(tier, id, kind string) string {
	if kind != settings.BakedImage {
		return ""
	}
	name := constructs.ImageParameter(r.settings.Name, tier)
	parameter := awscdk.NewCfnParameter(r.stack, jsii.String(id+"Parameter"), &awscdk.CfnParameterProps{
		Type:        jsii.String("AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"),
		Default:     jsii.String(name),
		Description: jsii.String("Names the newest " + tier + " image of this region; docs/images.md says how to make one"),
	})
	output(r.stack, id, "What "+name+" named when this was deployed", *parameter.ValueAsString())
	return name
}

func (r *regional) newBastion() *constructs.Bastion {
	bastion := r.settings.Bastion
	if !bastion.Enabled {
		return nil
	}
	b := constructs.NewBastion(r.stack, "Bastion", constructs.BastionProps{
		Vpc:          r.network.Vpc(),
		Subnets:      r.network.PublicSubnets(),
		InstanceType: bastion.InstanceType,
		KeyName:      bastion.KeyName,
		AllowFrom:    bastion.AllowFrom,
	})
	output(r.stack, "BastionInstance", "Instance id of the SSH jump host", b.InstanceID())
	return b
}

// newNames gives the region's load balancers the names that health checks,
// CloudFront and the failover records use.
func (r *regional) newNames(web *constructs.WebTier, api *constructs.ApiTier) {
	domain := r.settings.Domain
	names := constructs.NewRegionNames(r.stack, "Names", constructs.RegionNamesProps{
		Zone:     r.zone,
		Region:   r.region,
		ApiLabel: domain.Api,
		WebLabel: domain.Web,
		Api:      api.LoadBalancer(),
		Web:      web.LoadBalancer(),
	})
	output(r.stack, "WebName", "This region's web tier, whatever its role", names.WebName())
	output(r.stack, "ApiName", "This region's API, whatever its role", names.ApiName())
}

// newProtection puts a web ACL of its own before the API, which anyone may
// reach; the web tier stands behind CloudFront's.
func (r *regional) newProtection(api *constructs.ApiTier) *constructs.WebAcl {
	acl := constructs.NewWebAcl(r.stack, "ApiAcl", constructs.WebAclProps{
		Name:                apiAclName(r.settings),
		RequestsPer5Minutes: r.settings.Waf.RequestsPer5Minutes,
		LogDays:             r.settings.Waf.LogDays,
	})
	acl.Associate("Api", *api.LoadBalancer().LoadBalancerArn())
	return acl
}

// newLogMetrics is nil where no logs are shipped.
func (r *regional) newLogMetrics(web *constructs.WebTier, api *constructs.ApiTier) *constructs.LogMetrics {
	if !r.settings.Logs.Ship {
		return nil
	}
	return constructs.NewLogMetrics(r.stack, "LogMetrics", constructs.LogMetricsProps{
		Deployment: r.settings.Name,
		Web:        web.ServerTier,
		Api:        api.ServerTier,
	})
}

// newCanaries is nil where none are wanted.
func (r *regional) newCanaries() *constructs.Canaries {
	s, domain := r.settings, r.settings.Domain
	if !s.Canaries.Enabled {
		return nil
	}
	return constructs.NewCanaries(r.stack, "Canaries", constructs.CanariesProps{
		Deployment:   s.Name,
		SiteURL:      "https://" + domain.Host(domain.Site) + "/",
		ClientApiURL: "https://" + domain.Host(domain.Api) + s.Failover.HealthPath,
		ApiURL:       "https://" + domain.RegionalHost(domain.Api, r.region) + s.Failover.HealthPath,
		Every:        canaryInterval(s),
		LogDays:      s.Logs.Days,
	})
}

func (r *regional) newAlarms(database *constructs.WarmStandbyDatabase, web *constructs.WebTier, api *constructs.ApiTier, logs *constructs.LogMetrics, canaries *constructs.Canaries) (awssns.ITopic, *constructs.Alarms) {
	topic := constructs.NewNotifications(r.stack, "Notifications", constructs.NotificationsProps{
		Emails: r.settings.Alarms.Emails,
	}).Topic()
	alarms := constructs.NewAlarms(r.stack, "Alarms", constructs.AlarmsProps{
		Deployment: r.settings.Name,
		Topic:      topic,
		Web:        alarmed(web.ServerTier),
		Api:        alarmed(api.ServerTier),
		Database: constructs.AlarmedDatabase{
			Instance:     database.Instance(),
			Replica:      !r.primary,
			InstanceType: r.settings.Database.InstanceType,
			StorageGiB:   r.settings.Database.StorageGiB,
		},
		LatencySeconds:    r.settings.Alarms.LatencySeconds,
		ReplicaLagSeconds: r.settings.Alarms.ReplicaLagSeconds,
		Logs:              logs,
		Canaries:          canaries,
	})
	output(r.stack, "AlarmTopic", "SNS topic of this region's alarms", *topic.TopicArn())
	return topic, alarms
}

func alarmed(tier *constructs.ServerTier) constructs.AlarmedTier {
	return constructs.AlarmedTier{LoadBalancer: tier.LoadBalancer(), TargetGroup: tier.TargetGroup(), Group: tier.AutoScalingGroup()}
}

func (r *regional) newDashboard(web *constructs.WebTier, api *constructs.ApiTier, acl *constructs.WebAcl, alarms *constructs.Alarms,
	trafficSwitch *constructs.TrafficSwitch, logs *constructs.LogMetrics, canaries *constructs.Canaries,
) {
	s := r.settings
	constructs.NewRegionDashboard(r.stack, "Dashboard", constructs.RegionDashboardProps{
		Deployment:     s.Name,
		Web:            alarmed(web.ServerTier),
		Api:            alarmed(api.ServerTier),
		ApiAcl:         acl,
		Database:       s.Database.Instances[r.region].Name,
		LatencySeconds: s.Alarms.LatencySeconds,
		LagSeconds:     s.Alarms.ReplicaLagSeconds,
		Alarms:         alarms,
		Switch:         trafficSwitch,
		Logs:           logs,
		Canaries:       canaries,
	})
}

// newImages stands in both regions; the primary's pipeline keeps the schedule.
func (r *regional) newImages(topic awssns.ITopic, web, api *constructs.ServerTier) {
	images := r.settings.Images
	if !images.Enabled {
		return
	}
	pipeline := constructs.NewImagePipeline(r.stack, "Images", constructs.ImagePipelineProps{
		Deployment:  r.settings.Name,
		OtherRegion: r.settings.OtherRegion(r.region),
		Vpc:         r.network.Vpc(),
		Schedule:    images.Schedule,
		Scheduled:   r.primary,
		Keep:        images.Keep,
		LogDays:     r.settings.Logs.Days,
		Topic:       topic,
	})
	pipeline.Bake("web", web)
	pipeline.Bake("api", api)
}

// newRotation stands where the secret was born, on schedule while that is the
// primary: elsewhere is the writer that has to learn of a new password.
func (r *regional) newRotation(alarms *constructs.Alarms, database *constructs.WarmStandbyDatabase) {
	db := r.settings.Database
	if db.SecretRegion != r.region {
		return
	}
	if db.RotationDays == 0 {
		database.KeepPassword("database.rotationDays is 0 by choice")
		return
	}
	props := constructs.SecretRotationProps{
		Database:   database,
		Vpc:        r.network.Vpc(),
		Subnets:    r.network.ApiSubnets(),
		Artifact:   r.artifacts.Rotation,
		WriterName: r.settings.Domain.WriterHost(),
		Alarms:     alarms,
		LogDays:    r.settings.Logs.Days,
	}
	if r.primary {
		props.Days = db.RotationDays
	}
	constructs.NewSecretRotation(r.stack, "Rotation", props)
}

// newBackup keeps a plan and a vault, which takes the other region's copies, in
// either role; only the primary's writer and servers are assigned to theirs.
func (r *regional) newBackup(topic awssns.ITopic, database *constructs.WarmStandbyDatabase, tiers ...*constructs.ServerTier) {
	backup := r.settings.Backup
	plan := constructs.NewBackupPlan(r.stack, "Backup", constructs.BackupPlanProps{
		Deployment: r.settings.Name,
		CopyRegion: r.settings.OtherRegion(r.region),
		Schedule:   backup.Schedule,
		Days:       backup.Days,
	})
	plan.NotifyFailures(topic)
	if !r.primary {
		return
	}
	if backup.Database {
		plan.Assign(database.Instance())
	}
	if backup.Servers {
		for _, tier := range tiers {
			plan.Assign(tier.AutoScalingGroup())
		}
	}
}

// newSwitch stands in both regions; which one Route 53 reads, the global stack
// says.
func (r *regional) newSwitch() *constructs.TrafficSwitch {
	return constructs.NewTrafficSwitch(r.stack, "Switch", constructs.TrafficSwitchProps{Deployment: r.settings.Name})
}

// newDrill stands in both regions, since the roles swap; which one fails is said
// by who starts an experiment.
func (r *regional) newDrill(alarms *constructs.Alarms, database *constructs.WarmStandbyDatabase, web *constructs.WebTier, api *constructs.ApiTier) {
	drill := r.settings.Drill
	if !drill.Enabled {
		return
	}
	constructs.NewDrill(r.stack, "Drill", constructs.DrillProps{
		Deployment:          r.settings.Name,
		Vpc:                 r.network.Vpc(),
		LoadBalancerSubnets: r.network.PublicSubnets(),
		CutFor:              time.Duration(drill.Minutes) * time.Minute,
		Web:                 web.AutoScalingGroup(),
		Api:                 api.AutoScalingGroup(),
		ServersPercent:      drill.ServersPercent,
		Database:            database.Instance(),
		MultiAz:             r.settings.Database.MultiAz.Of(r.primary),
		Alarms:              alarms,
		LogDays:             r.settings.Logs.Days,
	})
}

// newRunbooks stands in both regions and knows no role: what it gives the region
// is always the primary's.
func (r *regional) newRunbooks(web, api *constructs.ServerTier) {
	s, domain := r.settings, r.settings.Domain
	tier := func(servers *constructs.ServerTier, tier settings.Tier) constructs.RunbookTier {
		return constructs.RunbookTier{
			Group:       servers.AutoScalingGroup(),
			TargetGroup: servers.TargetGroup(),
			Min:         tier.Capacity.Primary.Min,
			Max:         tier.Capacity.Primary.Max,
		}
	}
	constructs.NewRunbooks(r.stack, "Runbooks", constructs.RunbooksProps{
		Deployment: s.Name,
		Database: constructs.RunbookDatabase{
			Name:         s.Database.Instances[r.region].Name,
			BackupDays:   s.Database.BackupDays,
			BackupWindow: backupWindow,
			MultiAz:      s.Database.MultiAz.Primary,
		},
		Web:           tier(web, s.Web),
		Api:           tier(api, s.Api),
		ApiURL:        "https://" + domain.RegionalHost(domain.Api, r.region) + s.Failover.HealthPath,
		OtherApiURL:   "https://" + domain.RegionalHost(domain.Api, s.OtherRegion(r.region)) + s.Failover.HealthPath,
		ClientURL:     "https://" + domain.Host(domain.Api) + s.Failover.HealthPath,
		MaxLagSeconds: s.Alarms.ReplicaLagSeconds,
		Approvers:     s.Runbooks.Approvers,
		Emails:        s.Alarms.Emails,
	})
}
