// Package settings reads, defaults and validates a deployment's settings: one
// YAML file under deployments/ describes one deployment. It imports no CDK, so
// that a bad file is refused before a Node process is started.
package settings

import "time"

// Settings is one deployment. The YAML keys are the field names in camel case.
type Settings struct {
	Name                  string            `yaml:"name"`                  // Prefix of stack and physical names: lower-case letters, digits, single hyphens; 2 to 20 characters. Required.
	Account               string            `yaml:"account"`               // AWS account id, 12 digits in quotes: a number would lose its leading zero. Required.
	Primary               string            `yaml:"primary"`               // Region that serves. Required.
	Standby               string            `yaml:"standby"`               // Region that stands by. Required, not the primary.
	TerminationProtection bool              `yaml:"terminationProtection"` // CloudFormation refuses to delete the stacks. Default: true.
	Tags                  map[string]string `yaml:"tags"`                  // Extra tags on every resource, at most 40; not deployment, stack-role or backup-plan. Default: none.
	Regions               map[string]Region `yaml:"regions"`               // One entry each for the primary and the standby. Required.

	Application Application `yaml:"application"`
	Domain      Domain      `yaml:"domain"`
	Network     Network     `yaml:"network"`
	Database    Database    `yaml:"database"`
	Web         Tier        `yaml:"web"`
	Api         Tier        `yaml:"api"`
	Images      Images      `yaml:"images"`
	Logs        Logs        `yaml:"logs"`
	Bastion     Bastion     `yaml:"bastion"`
	Backup      Backup      `yaml:"backup"`
	Alarms      Alarms      `yaml:"alarms"`
	Canaries    Canaries    `yaml:"canaries"`
	Costs       Costs       `yaml:"costs"`
	Waf         Waf         `yaml:"waf"`
	Failover    Failover    `yaml:"failover"`
	Runbooks    Runbooks    `yaml:"runbooks"`
	Edge        Edge        `yaml:"edge"`
	Drill       Drill       `yaml:"drill"`
}

// IsPrimary tells whether region has the primary's role.
func (s *Settings) IsPrimary(region string) bool { return region == s.Primary }

// OtherRegion is the region that region fails over to, or stands by for.
func (s *Settings) OtherRegion(region string) string {
	if s.IsPrimary(region) {
		return s.Standby
	}
	return s.Primary
}

// Region is what belongs to a region whatever its role.
type Region struct {
	Cidr              string   `yaml:"cidr"`              // IPv4 block of the VPC, /16 to /21. Required; the two regions' blocks must not overlap.
	AvailabilityZones []string `yaml:"availabilityZones"` // Two or three zone names of the region. Required: naming them avoids an account lookup at synth.
}

// Application is what the servers run (docs/application.md). Its folders stand
// in the file relative to that; Load makes them relative to the working directory.
type Application struct {
	Web string         `yaml:"web"` // Folder of static files with index.html. Default: none, the bundled site.
	Api ApiApplication `yaml:"api"`
}

// ApiApplication is the Node.js server behind the API's load balancer.
type ApiApplication struct {
	Folder      string            `yaml:"folder"`      // Folder with package.json and package-lock.json. Default: none, the bundled API.
	Start       string            `yaml:"start"`       // Shell command, run in the unpacked folder with node_modules/.bin on the PATH. Default: package.json's scripts.start, else node server.js.
	Environment map[string]string `yaml:"environment"` // Variables of the application's own naming; ${NAME} in their text stands for a variable of the contract. No secrets. Default: none.
}

// Domain names the public hosted zone and the labels in it.
type Domain struct {
	Name         string `yaml:"name"`         // Name of the public hosted zone, such as example.com. Required.
	HostedZoneID string `yaml:"hostedZoneId"` // Id of that zone. Required.
	Site         string `yaml:"site"`         // Label of the site, in front of CloudFront. Default: threetier.
	Api          string `yaml:"api"`          // Label of the API's failover name; <api>-<region> are the per-region names. Fixed for the deployment's life. Default: api.
	Web          string `yaml:"web"`          // Label of the web tier's failover name; likewise, and as fixed. Default: web.
}

// Host is the full name of a label in the zone.
func (d Domain) Host(label string) string { return label + "." + d.Name }

// RegionalHost is the full name of a label's tier in one region, whatever the
// region's role: what health checks ask.
func (d Domain) RegionalHost(label, region string) string { return d.Host(label + "-" + region) }

// WriterHost is the full name of the record that says which region writes.
// Below the API's name it is as much the deployment's own.
func (d Domain) WriterHost() string { return "writer." + d.Host(d.Api) }

// Network is what the two VPCs have in common.
type Network struct {
	NatGateways        int      `yaml:"natGateways"`        // NAT gateways a region, 1 to the number of zones. Not 0: servers install packages at boot. Default: 1.
	InterfaceEndpoints []string `yaml:"interfaceEndpoints"` // AWS services reached without NAT: of cloudformation, ec2messages, elasticloadbalancing, logs, monitoring, secretsmanager, ssm, ssmmessages. Default: none.
	FlowLogDays        int      `yaml:"flowLogDays"`        // Retention of the VPC flow logs. Default: 30.
}

// Database is the MySQL database and its replica.
type Database struct {
	Instances          map[string]Instance `yaml:"instances"`          // The instance of each region. Required.
	Retired            []Retired           `yaml:"retired"`            // Instances that have left it, for good: a name is used once. Default: none.
	SecretRegion       string              `yaml:"secretRegion"`       // Region that owns the master secret; the other holds its replica. Fixed for the deployment's life. Required.
	RotationDays       int                 `yaml:"rotationDays"`       // Days after which the master password is changed, 1 to 1000; 0 never changes it. Only while the primary is secretRegion. Default: 0.
	EngineVersion      string              `yaml:"engineVersion"`      // MySQL version at creation, 8.4.x. Default: 8.4.10.
	InstanceType       string              `yaml:"instanceType"`       // Class without its "db." prefix. Default: t4g.medium.
	StorageGiB         int                 `yaml:"storageGiB"`         // gp3 storage, 20 to 65536. Default: 22.
	MaxStorageGiB      int                 `yaml:"maxStorageGiB"`      // Storage autoscaling limit, at least 1.1 times storageGiB; 0 switches it off. Default: 100.
	MultiAz            ByRole[bool]        `yaml:"multiAz"`            // A second copy in another zone. Default: true on the primary, false on the standby.
	BackupDays         int                 `yaml:"backupDays"`         // Retention of automated backups, 1 to 35. Default: 7.
	DeletionProtection bool                `yaml:"deletionProtection"` // On: neither the instance nor its stack can be deleted. Off: it leaves with a final snapshot, a replica without one. Default: true.
	RequireTLS         bool                `yaml:"requireTls"`         // Refuse connections without TLS. Default: true.
	Schema             string              `yaml:"schema"`             // Initial database. Default: books.
	Username           string              `yaml:"username"`           // Master user. Default: admin.
	Zone               string              `yaml:"zone"`               // Private hosted zone, one a region; it must not hide a public name. Default: rds.internal.
	Record             string              `yaml:"record"`             // CNAME of the region's instance in that zone. Default: book.
}

// RegionOf is the region of an instance, retired ones included, or empty.
func (d Database) RegionOf(name string) string {
	for region, instance := range d.Instances {
		if instance.Name == name {
			return region
		}
	}
	for _, retired := range d.Retired {
		if retired.Name == name {
			return retired.Region
		}
	}
	return ""
}

// Instance is one database instance. Its birth (created, or replicated from
// another) is fixed for its life, and so is who promoted it.
type Instance struct {
	Name       string `yaml:"name"`       // DB instance identifier, never used before. Required.
	ReplicaOf  string `yaml:"replicaOf"`  // Name of the instance it was replicated from; on the primary, a retired one. Default: none, created empty.
	PromotedBy string `yaml:"promotedBy"` // What made a replica the primary's writer: ByCloudFormation or ByRunbook. Required there. Default: none, not promoted.
}

// What promotes a replica.
const (
	ByCloudFormation = "cloudformation" // The swap of the roles itself, as it is deployed.
	ByRunbook        = "runbook"        // Anything before that deploy: the runbook, the console, the CLI.
)

// Retired is a database instance that has left its region's stack. It stays in
// the account until an operator deletes it, and in the settings for ever.
type Retired struct {
	Name      string `yaml:"name"`      // DB instance identifier. Required.
	Region    string `yaml:"region"`    // Region it was in. Required.
	ReplicaOf string `yaml:"replicaOf"` // Name of the instance it was replicated from. Default: none, created empty.
}

// ByRole is a setting that follows the region's role.
type ByRole[T any] struct {
	Primary T `yaml:"primary"`
	Standby T `yaml:"standby"`
}

// Of is the setting of the primary or of the standby.
func (b ByRole[T]) Of(primary bool) T {
	if primary {
		return b.Primary
	}
	return b.Standby
}

// Tier is the servers of the web or the API tier.
type Tier struct {
	InstanceType      string         `yaml:"instanceType"`      // EC2 instance type; its family decides between arm64 and x86. Default: t4g.small.
	VolumeGiB         int            `yaml:"volumeGiB"`         // gp3 root volume, 8 to 16384. Default: 10.
	HealthPath        string         `yaml:"healthPath"`        // Path the load balancer asks, and Route 53 of the web tier. Default: /health.
	Capacity          ByRole[Limits] `yaml:"capacity"`          // Servers, at least 1 in either role. Default: 2 to 6 on the primary, 1 to 6 on the standby.
	CPUPercent        int            `yaml:"cpuPercent"`        // Average CPU that scaling holds, 1 to 100. Default: 60.
	RequestsPerTarget int            `yaml:"requestsPerTarget"` // Requests a minute and server that scaling holds. Default: 1000.
}

// CPU is what the servers' instance type computes on, in Node.js's terms: arm64
// for AWS's own processors, whose families have a g after their generation, else
// x64. https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
func (t Tier) CPU() string {
	if armForm.MatchString(t.InstanceType) {
		return "arm64"
	}
	return "x64"
}

// Limits bounds an Auto Scaling group. Its desired capacity is left to the
// group: CloudFormation would reset it on every deploy.
type Limits struct {
	Min int `yaml:"min"`
	Max int `yaml:"max"`
}

// Images is the machine images of the servers, and the pipelines that bake them.
type Images struct {
	Enabled  bool   `yaml:"enabled"`  // Have the pipelines, in both regions; the primary's keeps the schedule. Default: false.
	Web      string `yaml:"web"`      // What the web servers are launched from: StockImage or BakedImage. Default: stock.
	Api      string `yaml:"api"`      // The API servers, likewise. Default: stock.
	Schedule string `yaml:"schedule"` // AWS cron expression in UTC. Default: cron(0 6 ? * 1 *), Sundays.
	Keep     int    `yaml:"keep"`     // Newest images of a tier that stay, 2 to 20. Default: 3.
}

// What servers are launched from.
const (
	StockImage = "stock" // Canonical's current image; packages are installed at boot.
	BakedImage = "baked" // The newest image that a pipeline has distributed to the region.
)

// Logs is what becomes of the servers' logs.
type Logs struct {
	Ship bool `yaml:"ship"` // Ship system and application logs to CloudWatch Logs. Default: true.
	Days int  `yaml:"days"` // Retention there, and of the load balancers' and CloudFront's access logs. Default: 30.
}

// Bastion is the SSH jump host. Session Manager works without it.
type Bastion struct {
	Enabled      bool     `yaml:"enabled"`      // Default: false. Off, nothing listens for SSH.
	KeyName      string   `yaml:"keyName"`      // EC2 key pair that exists in both regions. Required when enabled.
	AllowFrom    []string `yaml:"allowFrom"`    // IPv4 blocks that may connect. Required when enabled; 0.0.0.0/0 is refused.
	InstanceType string   `yaml:"instanceType"` // EC2 instance type. Default: t4g.nano.
}

// Backup is the AWS Backup plan.
type Backup struct {
	Schedule string `yaml:"schedule"` // AWS cron expression in UTC, at most hourly; with the database, in hours 5 to 23. Default: cron(0 5 * * ? *).
	Days     int    `yaml:"days"`     // Days a recovery point is kept, in both vaults, 1 to 36500. Default: 35.
	Database bool   `yaml:"database"` // Back up the writer. Default: true.
	Servers  bool   `yaml:"servers"`  // Back up the servers' images too. Default: false. They are rebuilt, not restored.
}

// Alarms is who hears of trouble, and from when.
type Alarms struct {
	Emails            []string `yaml:"emails"`            // Subscribers of the topics, one a stack. Default: none, with a warning.
	ReplicaLagSeconds int      `yaml:"replicaLagSeconds"` // How far the standby's database may be behind. Default: 60.
	LatencySeconds    float64  `yaml:"latencySeconds"`    // 95th percentile of a load balancer's response time. Default: 2.
}

// Canaries is programs in each region that ask for the site and the region's API
// as a visitor does: CloudWatch Synthetics.
type Canaries struct {
	Enabled bool `yaml:"enabled"` // Default: false.
	Minutes int  `yaml:"minutes"` // Between two runs of each, 1 to 60. Default: 5.
}

// Costs is from when the deployment's cost is worth a mail to alarms.emails. Both
// need its tag "deployment" to be activated as a cost allocation tag.
type Costs struct {
	MonthlyUSD int `yaml:"monthlyUSD"` // Budget of a calendar month, in whole US dollars; 0 for none. Default: 0.
	AnomalyUSD int `yaml:"anomalyUSD"` // Impact of an unusual cost, in whole US dollars; 0 for none. Default: 0.
}

// Waf is the web ACLs of CloudFront and of the API's load balancers.
type Waf struct {
	RequestsPer5Minutes int `yaml:"requestsPer5Minutes"` // From one address, 100 or more: Route 53's health checkers make 30. Default: 2000.
	LogDays             int `yaml:"logDays"`             // Retention of the web ACLs' logs. Default: 30.
}

// Failover is what Route 53 watches and how fast it reacts.
type Failover struct {
	HealthPath       string        `yaml:"healthPath"`       // Path asked on both regions' API; the web tier's own path is asked on its web servers. Default: api.healthPath.
	Interval         time.Duration `yaml:"interval"`         // Between two requests of a checker: 10s or 30s. Default: 10s.
	FailureThreshold int           `yaml:"failureThreshold"` // Failed requests that make an endpoint unhealthy, 1 to 10. Default: 2.
}

// Runbooks is the documents that operators fail over with.
type Runbooks struct {
	Approvers []string `yaml:"approvers"` // ARNs of up to 10 users or roles of the account, one of whom approves each run that changes something. Default: none, nobody is asked.
}

// Edge is the CloudFront distribution.
type Edge struct {
	PriceClass         string        `yaml:"priceClass"`         // PriceClass_100, PriceClass_200 or PriceClass_All. Default: PriceClass_100.
	ConnectionAttempts int           `yaml:"connectionAttempts"` // To an origin before the next is tried, 1 to 3. Default: 1.
	ConnectionTimeout  time.Duration `yaml:"connectionTimeout"`  // Of one attempt, 1s to 10s. Default: 2s.
	ReadTimeout        time.Duration `yaml:"readTimeout"`        // For an origin's response, 1s to 120s. Default: 2s.
}

// Drill is the rehearsal of failures: experiments of AWS FIS in both regions,
// each started by hand.
type Drill struct {
	Enabled        bool   `yaml:"enabled"`        // Have the experiments, and the roles that let FIS do harm. Default: false.
	Minutes        int    `yaml:"minutes"`        // That a region's load balancers are cut off, 1 to 720. Default: 10.
	ServersPercent int    `yaml:"serversPercent"` // Of each tier's servers that are stopped, at least one of the primary's. Default: 50.
	ApiPath        string `yaml:"apiPath"`        // Asked of the API meanwhile; its answer may name region and database in JSON. Default: /ready.
}

// Experiments is the failures that can be rehearsed. The package constructs has
// the same.
var Experiments = []string{"network", "servers", "database"}

// ExperimentName is the tag Name of an experiment's template, in both regions.
func (s *Settings) ExperimentName(experiment string) string { return s.Name + "-" + experiment }
