package settings

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"warm-standby/assets/userdata"
)

// defaults is the settings of a file that names none of the optional ones.
// Failover.HealthPath follows Api.HealthPath later, and Application.Api.Start an
// own API's package.json.
func defaults() Settings {
	tier := Tier{
		InstanceType:      "t4g.small",
		VolumeGiB:         10,
		HealthPath:        "/health",
		Capacity:          ByRole[Limits]{Primary: Limits{Min: 2, Max: 6}, Standby: Limits{Min: 1, Max: 6}},
		CPUPercent:        60,
		RequestsPerTarget: 1000,
	}
	return Settings{
		TerminationProtection: true,
		Application:           Application{Api: ApiApplication{Start: "node server.js"}},
		Domain:                Domain{Site: "threetier", Api: "api", Web: "web"},
		Network:               Network{NatGateways: 1, FlowLogDays: 30},
		Database: Database{
			EngineVersion:      "8.4.10",
			InstanceType:       "t4g.medium",
			StorageGiB:         22,
			MaxStorageGiB:      100,
			MultiAz:            ByRole[bool]{Primary: true},
			BackupDays:         7,
			DeletionProtection: true,
			RequireTLS:         true,
			Schema:             "books",
			Username:           "admin",
			Zone:               "rds.internal",
			Record:             "book",
		},
		Web:      tier,
		Api:      tier,
		Images:   Images{Web: StockImage, Api: StockImage, Schedule: "cron(0 6 ? * 1 *)", Keep: 3},
		Logs:     Logs{Ship: true, Days: 30},
		Bastion:  Bastion{InstanceType: "t4g.nano"},
		Backup:   Backup{Schedule: "cron(0 5 * * ? *)", Days: 35, Database: true},
		Alarms:   Alarms{ReplicaLagSeconds: 60, LatencySeconds: 2},
		Canaries: Canaries{Minutes: 5},
		Waf:      Waf{RequestsPer5Minutes: 2000, LogDays: 30},
		Failover: Failover{Interval: 10 * time.Second, FailureThreshold: 2},
		Edge:     Edge{PriceClass: "PriceClass_100", ConnectionAttempts: 1, ConnectionTimeout: 2 * time.Second, ReadTimeout: 2 * time.Second},
		Drill:    Drill{Minutes: 10, ServersPercent: 50, ApiPath: "/ready"},
	}
}

// validate reports every setting that AWS, or the design, would refuse.
func (d *document) validate(s *Settings) {
	d.check("name", s.Name, nameForm.MatchString(s.Name) && between(len(s.Name), 2, 20), "2 to 20 lower-case letters, digits and single hyphens, a letter first")
	d.check("account", s.Account, accountForm.MatchString(s.Account), "an AWS account id, 12 digits in quotes")
	d.check("primary", s.Primary, slices.Contains(Regions, s.Primary), "an AWS region such as us-east-1")
	d.check("standby", s.Standby, slices.Contains(Regions, s.Standby), "an AWS region such as us-west-2")
	d.check("standby", s.Standby, s.Standby != s.Primary, "another region than the primary")
	d.validateTags(s.Tags)
	d.validateRegions(s)
	d.validateApplication(&s.Application)
	d.validateDomain(s)
	d.validateNetwork(s)
	d.validateDatabase(s)
	d.validateLineage(s)
	d.validateTier("web", s.Web)
	d.validateTier("api", s.Api)
	d.validateImages(s.Images)
	d.checkRetention("logs.days", s.Logs.Days)
	d.validateBastion(s.Bastion)

	d.check("backup.schedule", s.Backup.Schedule, isSchedule(s.Backup.Schedule),
		"an AWS cron expression that is due at most hourly, with ? for one of the days, such as cron(0 5 * * ? *)")
	if s.Backup.Database && d.sound("backup.schedule") {
		d.check("backup.schedule", s.Backup.Schedule, isClearOfDatabase(s.Backup.Schedule),
			"hours of 5 to 23, clear of the database's own windows, or backup.database false")
	}
	if d.sound("terminationProtection") && d.sound("database.deletionProtection") {
		// The instance would stay and its stack, which it stands on, could go only in part.
		d.check("terminationProtection", s.TerminationProtection, s.TerminationProtection || !s.Database.DeletionProtection,
			"true, or database.deletionProtection false")
	}
	d.checkRange("backup.days", s.Backup.Days, 1, 36500) // AWS Backup API, Lifecycle.

	for i, email := range s.Alarms.Emails {
		address, err := mail.ParseAddress(email)
		d.check(index("alarms.emails", i), email, err == nil && address.Address == email, "an e-mail address")
	}
	d.checkDistinct("alarms.emails", s.Alarms.Emails)
	d.checkRange("alarms.replicaLagSeconds", s.Alarms.ReplicaLagSeconds, 1, 86400)
	d.check("alarms.latencySeconds", s.Alarms.LatencySeconds, s.Alarms.LatencySeconds > 0 && s.Alarms.LatencySeconds <= 4000,
		"more than 0 and at most 4000") // A load balancer's longest idle timeout.

	d.checkRange("canaries.minutes", s.Canaries.Minutes, 1, 60) // Synthetics API, CanaryScheduleInput: rate(60 minutes) at most.
	d.validateCosts(s)

	// AWS WAF would take 10. A Route 53 health checker makes 30 requests in 5
	// minutes, each check and address: blocked, it moves the traffic.
	d.checkRange("waf.requestsPer5Minutes", s.Waf.RequestsPer5Minutes, 100, 2_000_000_000) // AWS WAF API, RateLimit.
	d.checkRetention("waf.logDays", s.Waf.LogDays)

	if d.has("failover.healthPath") {
		d.checkPath("failover.healthPath", s.Failover.HealthPath)
	}
	checkOneOf(d, "failover.interval", s.Failover.Interval, []time.Duration{10 * time.Second, 30 * time.Second}) // Route 53 API, RequestInterval.
	d.checkRange("failover.failureThreshold", s.Failover.FailureThreshold, 1, 10)

	d.validateRunbooks(s)

	// CloudFront API, Origin and CustomOriginConfig.
	checkOneOf(d, "edge.priceClass", s.Edge.PriceClass, []string{"PriceClass_100", "PriceClass_200", "PriceClass_All"})
	d.checkRange("edge.connectionAttempts", s.Edge.ConnectionAttempts, 1, 3)
	d.checkSeconds("edge.connectionTimeout", s.Edge.ConnectionTimeout, 10)
	d.checkSeconds("edge.readTimeout", s.Edge.ReadTimeout, 120)
	d.validateDrill(s)
}

// validateCosts wants somebody to tell, and no more than Budgets and Cost Anomaly
// Detection take as subscribers of a notification.
func (d *document) validateCosts(s *Settings) {
	d.checkRange("costs.monthlyUSD", s.Costs.MonthlyUSD, 0, maxUSD)
	d.checkRange("costs.anomalyUSD", s.Costs.AnomalyUSD, 0, maxUSD)
	if s.Costs.MonthlyUSD > 0 || s.Costs.AnomalyUSD > 0 {
		d.check("alarms.emails", len(s.Alarms.Emails), between(len(s.Alarms.Emails), 1, 10), "1 to 10 addresses, since costs are told by mail")
	}
}

// maxUSD is far above any deployment's cost, and below what the APIs refuse.
const maxUSD = 10_000_000

func (d *document) validateDrill(s *Settings) {
	d.checkRange("drill.minutes", s.Drill.Minutes, 1, 720) // FIS actions reference, aws:network:disrupt-connectivity.
	d.checkRange("drill.serversPercent", s.Drill.ServersPercent, 1, 100)
	d.checkPath("drill.apiPath", s.Drill.ApiPath)
	if s.Drill.Enabled && d.sound("drill.serversPercent", "web.capacity.primary.min", "api.capacity.primary.min") {
		fewest := min(s.Web.Capacity.Primary.Min, s.Api.Capacity.Primary.Min)
		least := (100 + fewest - 1) / fewest // FIS User Guide, targets: a percentage is rounded down to whole servers.
		d.check("drill.serversPercent", s.Drill.ServersPercent, s.Drill.ServersPercent >= least,
			fmt.Sprintf("%d to 100: at least one of %d, the fewest servers of a tier on the primary", least, fewest))
	}
}

// validateTags leaves 10 of the 50 tags that a resource can have to AWS and the app.
func (d *document) validateTags(tags map[string]string) {
	folded := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		path := join("tags", key)
		d.check(path, key, tagKeyForm.MatchString(key), "a key of 1 to 128 letters, digits, spaces and _.:/=+@-")
		d.check(path, key, !strings.HasPrefix(strings.ToLower(key), "aws:"), `a key without the prefix "aws:", which AWS keeps for itself`)
		d.check(path, key, !slices.Contains(reservedTags, strings.ToLower(key)), "another key than "+strings.Join(reservedTags, ", ")+", which are set already")
		d.check(path, tags[key], tagValueForm.MatchString(tags[key]), "1 to 256 letters, digits, spaces and _.:/=+@-")
		other, doubled := folded[strings.ToLower(key)]
		d.check(path, key, !doubled, fmt.Sprintf("a key that differs from %q by more than case: IAM ignores case", other))
		folded[strings.ToLower(key)] = key
	}
	d.check("tags", len(tags), len(tags) <= 40, "at most 40 tags")
}

func (d *document) validateRegions(s *Settings) {
	checkEntries(d, s, "regions", s.Regions)
	for _, region := range slices.Sorted(maps.Keys(s.Regions)) {
		path, r := join("regions", region), s.Regions[region]
		block, err := netip.ParsePrefix(r.Cidr)
		d.check(path+".cidr", r.Cidr, err == nil && block == block.Masked() && between(block.Bits(), 16, 21) && isPrivate(block.Addr()),
			"a private IPv4 block of /16 to /21 without host bits, such as 172.20.0.0/16")

		zones := path + ".availabilityZones"
		for i, zone := range r.AvailabilityZones {
			letter, found := strings.CutPrefix(zone, region)
			d.check(index(zones, i), zone, found && len(letter) == 1 && between(int(letter[0]), 'a', 'z'), fmt.Sprintf("a zone of the region, such as %sa", region))
		}
		d.checkDistinct(zones, r.AvailabilityZones)
		d.check(zones, r.AvailabilityZones, between(len(r.AvailabilityZones), minZones, maxZones), "two or three zones")
	}

	primary, standby := join("regions", s.Primary)+".cidr", join("regions", s.Standby)+".cidr"
	if d.sound("primary", "standby", primary, standby) {
		a, b := netip.MustParsePrefix(s.Regions[s.Primary].Cidr), netip.MustParsePrefix(s.Regions[s.Standby].Cidr)
		d.check(standby, b.String(), !a.Overlaps(b), fmt.Sprintf("a block that does not overlap %s of %s", a, s.Primary))
	}
}

// A load balancer needs two zones, and the VPC's plan of addresses has room for three.
const minZones, maxZones = 2, 3

// isPrivate tells whether an address is of RFC 1918 or, as many AWS networks
// are, of RFC 6598.
func isPrivate(a netip.Addr) bool {
	return a.Is4() && (a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a))
}

// validateApplication looks at the files that tell an application from another
// folder; whether it can be built, make app finds out.
func (d *document) validateApplication(a *Application) {
	if a.Web != "" {
		d.check("application.web", a.Web, isFile(d.resolve(a.Web), "index.html"), "a folder with an index.html; it is looked for from this file's own folder")
	}
	api := &a.Api
	if api.Folder != "" && d.sound("application.api.folder") {
		folder := d.resolve(api.Folder)
		d.check("application.api.folder", api.Folder, isFile(folder, "package.json"), "a folder with a package.json; it is looked for from this file's own folder")
		d.check("application.api.folder", api.Folder, isFile(folder, "package-lock.json"), "a folder with a package-lock.json: npm install --package-lock-only makes one")
	}
	if api.Folder != "" && d.sound("application.api.folder") && !d.has("application.api.start") {
		api.Start = cmp.Or(d.npmStart(api.Folder), api.Start)
	}
	const start = "application.api.start"
	d.check(start, api.Start, isOneLine(api.Start) && strings.TrimSpace(api.Start) != "", "a shell command on one line, such as node server.js")
	d.check(start, api.Start, !packageManagers.MatchString(api.Start), "a command without npm, npx, pnpm or yarn, which servers do not have, such as node server.js")

	sound := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(api.Environment)) {
		path, text := join("application.api.environment", name), api.Environment[name]
		d.check(path, name, variableForm.MatchString(name), "a variable's name: letters, digits and underscores, no digit first")
		d.check(path, name, !slices.Contains(reservedVariables, name), "another name: the shell keeps this one for itself")
		d.check(path, name, !slices.Contains(userdata.Contract, name), "another name: this variable is there already, of the contract")
		d.check(path, text, isOneLine(text), "text on one line")
		unknown := userdata.Unknown(text)
		d.check(path, unknown, unknown == "", "in each ${ } one of "+strings.Join(userdata.Contract, ", "))
		if d.sound(path) {
			sound[name] = text
		}
	}
	size := len(userdata.Launch(api.Start, sound))
	d.check("application.api.environment", size, size <= MaxLaunchBytes,
		fmt.Sprintf("less text: start and environment are part of the servers' user data, with at most %d bytes when quoted for the shell", MaxLaunchBytes))
}

// npmStart is the command that npm start runs in a folder, if it says one:
// https://docs.npmjs.com/cli/v11/commands/npm-start
func (d *document) npmStart(folder string) string {
	var manifest struct{ Scripts struct{ Start string } }
	data, err := os.ReadFile(filepath.Join(d.resolve(folder), "package.json"))
	if err == nil {
		err = json.Unmarshal(data, &manifest)
	}
	d.check("application.api.folder", folder, err == nil, fmt.Sprintf("a folder whose package.json can be read, without %q", err))
	return manifest.Scripts.Start
}

// resolve is a path of the file as seen from the working directory; none stays none.
func (d *document) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.file), path)
}

func isFile(folder, name string) bool {
	info, err := os.Stat(filepath.Join(folder, name))
	return err == nil && info.Mode().IsRegular()
}

func isOneLine(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

func (d *document) validateDomain(s *Settings) {
	// 64 characters is ACM's limit for a certificate's name, here *.<domain>.
	d.check("domain.name", s.Domain.Name, domainForm.MatchString(s.Domain.Name) && len(s.Domain.Name) <= 62,
		"a domain name in lower case, at most 62 characters, such as example.com")
	d.check("domain.hostedZoneId", s.Domain.HostedZoneID, hostedZoneForm.MatchString(s.Domain.HostedZoneID),
		"the id of the domain's public hosted zone, such as Z0123456789ABCDEFGHIJ")

	regional := []string{"", "-" + s.Primary, "-" + s.Standby}
	if !d.sound("primary", "standby") {
		regional = regional[:1]
	}
	taken := map[string]string{}
	for _, label := range []struct {
		path, name string
		suffixes   []string // Of the names made of it.
	}{
		{"domain.site", s.Domain.Site, regional[:1]},
		{"domain.api", s.Domain.Api, regional},
		{"domain.web", s.Domain.Web, regional},
	} {
		for _, suffix := range label.suffixes {
			name := label.name + suffix
			d.check(label.path, label.name, len(name) <= 63, fmt.Sprintf("a label so short that %q has at most 63 characters", name))
			d.check(label.path, label.name, labelForm.MatchString(label.name), "a DNS label: lower-case letters, digits and inner hyphens")
			other := taken[name]
			d.check(label.path, label.name, other == "" || other == label.path, fmt.Sprintf("another label: %s stands for %q already", other, name))
			taken[name] = cmp.Or(other, label.path)
		}
	}
}

func (d *document) validateNetwork(s *Settings) {
	zones := maxZones
	for _, r := range s.Regions {
		if n := len(r.AvailabilityZones); n >= minZones {
			zones = min(zones, n)
		}
	}
	d.check("network.natGateways", s.Network.NatGateways, between(s.Network.NatGateways, 1, zones),
		fmt.Sprintf("1 to %d, the number of zones: servers install packages at boot and need a way out", zones))
	for i, service := range s.Network.InterfaceEndpoints {
		checkOneOf(d, index("network.interfaceEndpoints", i), service, InterfaceEndpointServices)
	}
	d.checkDistinct("network.interfaceEndpoints", s.Network.InterfaceEndpoints)
	d.checkRetention("network.flowLogDays", s.Network.FlowLogDays)
}

func (d *document) validateDatabase(s *Settings) {
	db := s.Database
	d.check("database.secretRegion", db.SecretRegion, slices.Contains(Regions, db.SecretRegion), "the primary or the standby region")
	if d.sound("primary", "standby") {
		checkOneOf(d, "database.secretRegion", db.SecretRegion, []string{s.Primary, s.Standby})
	}
	d.checkRange("database.rotationDays", db.RotationDays, 0, 1000) // Secrets Manager API, RotationRulesType.
	d.check("database.engineVersion", db.EngineVersion, versionForm.MatchString(db.EngineVersion), "a MySQL version of the 8.4 series, such as 8.4.10")
	d.check("database.instanceType", db.InstanceType, databaseForm.MatchString(db.InstanceType), `a database instance class without "db.", such as t4g.medium`)
	d.checkRange("database.storageGiB", db.StorageGiB, 20, maxStorageGiB)
	if d.sound("database.storageGiB") {
		least := (db.StorageGiB*11 + 9) / 10 // RDS User Guide, storage autoscaling: at least 10% more.
		d.check("database.maxStorageGiB", db.MaxStorageGiB, db.MaxStorageGiB == 0 || between(db.MaxStorageGiB, least, maxStorageGiB),
			fmt.Sprintf("0, for none, or %d (storageGiB and a tenth) to %d", least, maxStorageGiB))
	}
	d.checkRange("database.backupDays", db.BackupDays, 1, 35) // 0 is for instances without replicas.
	d.check("database.schema", db.Schema, schemaForm.MatchString(db.Schema), "1 to 64 letters, digits and underscores, a letter first")
	d.check("database.username", db.Username, usernameForm.MatchString(db.Username), "1 to 16 letters, digits and underscores, a letter first")
	d.check("database.schema", db.Schema, !isReserved(db.Schema), "a name that MySQL and RDS do not reserve")
	d.check("database.username", db.Username, !isReserved(db.Username), "a name that MySQL and RDS do not reserve")
	d.check("database.record", db.Record, labelForm.MatchString(db.Record), "a DNS label: lower-case letters, digits and inner hyphens")

	d.check("database.zone", db.Zone, domainForm.MatchString(db.Zone) && len(db.Zone) <= 189, // Room for a record of 63 in the 253 of a name.
		"a domain name in lower case, such as rds.internal")
	d.check("database.zone", db.Zone, !within(db.Zone, "amazonaws.com"), "a name outside amazonaws.com, where servers find AWS")
	public := []string{s.Domain.Name, s.Domain.Host(s.Domain.Site)}
	for _, label := range []string{s.Domain.Api, s.Domain.Web} {
		public = append(public, s.Domain.Host(label), s.Domain.RegionalHost(label, s.Primary), s.Domain.RegionalHost(label, s.Standby))
	}
	public = append(public, s.Domain.WriterHost())
	for _, name := range public {
		d.check("database.zone", db.Zone, !within(name, db.Zone), fmt.Sprintf("a name that hides no public one: servers could not resolve %s", name))
	}
}

// maxStorageGiB is what gp3 storage of RDS for MySQL grows to.
const maxStorageGiB = 65536

// validateLineage holds the standby to be a replica of the primary, and all
// instances, the retired ones included, to descend from one that was created
// empty: a second one would start without its data.
func (d *document) validateLineage(s *Settings) {
	const instances, retired = "database.instances", "database.retired"
	checkEntries(d, s, instances, s.Database.Instances)
	for _, region := range slices.Sorted(maps.Keys(s.Database.Instances)) {
		path, instance := join(instances, region), s.Database.Instances[region]
		d.checkIdentifiers(path, instance.Name, instance.ReplicaOf)
		if instance.PromotedBy != "" {
			checkOneOf(d, path+".promotedBy", instance.PromotedBy, []string{ByCloudFormation, ByRunbook})
		}
	}
	for i, old := range s.Database.Retired {
		path := index(retired, i)
		d.checkIdentifiers(path, old.Name, old.ReplicaOf)
		d.check(path+".region", old.Region, slices.Contains(Regions, old.Region), "an AWS region such as us-east-1")
	}
	primary, standby := join(instances, s.Primary), join(instances, s.Standby)
	if !d.sound("primary", "standby") || !d.soundWithin(primary, standby, retired) {
		return
	}

	writer, replica := s.Database.Instances[s.Primary], s.Database.Instances[s.Standby]
	d.check(standby+".name", replica.Name, replica.Name != writer.Name, "another name than the primary's instance has")
	d.check(standby+".replicaOf", replica.ReplicaOf, replica.ReplicaOf == writer.Name,
		fmt.Sprintf("%q, the primary's instance; an old primary comes back under a new name, as its replica", writer.Name))
	d.check(standby+".promotedBy", replica.PromotedBy, replica.PromotedBy == "", "none: the standby's instance is a replica")
	if !d.soundWithin(standby) {
		return
	}
	d.validateWriter(primary, writer, d.validateRetired(retired, s), s)
}

// validateRetired wants every name used once and every source known. It returns
// the instance that was created empty, if that is retired.
func (d *document) validateRetired(path string, s *Settings) (origin string) {
	const newName = "a name that no other instance has or had: a second birth of it would replace the first"
	known := map[string]bool{}
	for i, old := range s.Database.Retired {
		path := index(path, i)
		for _, region := range []string{s.Primary, s.Standby} {
			current := s.Database.Instances[region].Name
			d.check(join("database.instances", region)+".name", current, current != old.Name, newName)
		}
		d.check(path+".name", old.Name, !known[old.Name], newName)
		d.check(path+".replicaOf", old.ReplicaOf, old.ReplicaOf != "" || origin == "",
			fmt.Sprintf("the instance it was replicated from: only the first is created empty, and that was %q", origin))
		known[old.Name] = true
		if old.ReplicaOf == "" {
			origin = old.Name
		}
	}
	for i, old := range s.Database.Retired {
		d.check(index(path, i)+".replicaOf", old.ReplicaOf, old.ReplicaOf == "" || s.Database.RegionOf(old.ReplicaOf) != "",
			"an instance of database.instances or database.retired")
	}
	return origin
}

// validateWriter wants to know where a promoted primary copied from, which is
// fixed for its life, and what promoted it: CloudFormation fails on an instance
// that is promoted already, and does not promote one that is said to be.
func (d *document) validateWriter(path string, writer Instance, origin string, s *Settings) {
	if writer.ReplicaOf == "" {
		d.check(path+".replicaOf", writer.ReplicaOf, origin == "",
			fmt.Sprintf("the instance it was replicated from: %q was created empty, and a second one would start without its data", origin))
		d.check(path+".promotedBy", writer.PromotedBy, writer.PromotedBy == "", "none: the instance was created, not promoted")
		return
	}
	source := slices.IndexFunc(s.Database.Retired, func(old Retired) bool { return old.Name == writer.ReplicaOf })
	d.check(path+".replicaOf", writer.ReplicaOf, source >= 0, "none, or an instance of database.retired: what the primary was promoted from has left")
	if source >= 0 {
		region := s.Database.Retired[source].Region
		d.check(index("database.retired", source)+".region", region, region != s.Primary, fmt.Sprintf("another region than that of %q, its replica", writer.Name))
		d.check(path+".promotedBy", writer.PromotedBy, writer.PromotedBy != "",
			ByCloudFormation+", which promotes it as the swap is deployed, or "+ByRunbook+", if it is promoted already")
	}
}

// checkIdentifiers is for the name of an instance and of what it copied from, if any.
func (d *document) checkIdentifiers(path, name, replicaOf string) {
	form := "an RDS identifier: at most 63 lower-case letters, digits and single hyphens, a letter first"
	d.check(path+".name", name, instanceForm.MatchString(name) && len(name) <= 63, form)
	d.check(path+".replicaOf", replicaOf, replicaOf == "" || instanceForm.MatchString(replicaOf) && len(replicaOf) <= 63, form)
}

func (d *document) validateTier(path string, t Tier) {
	d.check(path+".instanceType", t.InstanceType, serverForm.MatchString(t.InstanceType), "an EC2 instance type such as t4g.small")
	d.checkRange(path+".volumeGiB", t.VolumeGiB, 8, 16384)
	d.checkPath(path+".healthPath", t.HealthPath)
	d.checkLimits(path+".capacity.primary", t.Capacity.Primary, "1 or more")
	d.checkLimits(path+".capacity.standby", t.Capacity.Standby, "1 or more: a warm standby answers at once, so a server of it runs")
	d.checkRange(path+".cpuPercent", t.CPUPercent, 1, 100)
	d.check(path+".requestsPerTarget", t.RequestsPerTarget, t.RequestsPerTarget >= 1, "1 or more")
}

func (d *document) validateImages(i Images) {
	for _, tier := range []struct{ path, image string }{{"images.web", i.Web}, {"images.api", i.Api}} {
		checkOneOf(d, tier.path, tier.image, []string{StockImage, BakedImage})
		d.check(tier.path, tier.image, tier.image != BakedImage || i.Enabled, "stock, or images.enabled true: nothing bakes an image without the pipelines")
	}
	d.check("images.schedule", i.Schedule, isSchedule(i.Schedule),
		"an AWS cron expression that is due at most hourly, with ? for one of the days, such as cron(0 6 ? * 1 *)")
	d.checkRange("images.keep", i.Keep, 2, 20) // One to go back to.
}

func (d *document) checkLimits(path string, l Limits, wantMin string) {
	d.check(path+".min", l.Min, l.Min >= 1, wantMin)
	if d.sound(path + ".min") {
		d.check(path+".max", l.Max, l.Max >= l.Min, fmt.Sprintf("at least min, %d", l.Min))
	}
}

func (d *document) validateBastion(b Bastion) {
	d.check("bastion.keyName", b.KeyName, b.KeyName == "" && !b.Enabled || keyPairForm.MatchString(b.KeyName), "the name of an EC2 key pair of both regions")
	for i, cidr := range b.AllowFrom {
		block, err := netip.ParsePrefix(cidr)
		d.check(index("bastion.allowFrom", i), cidr, err == nil && block.Addr().Is4() && block == block.Masked(), "an IPv4 block without host bits, such as 203.0.113.0/24")
		d.check(index("bastion.allowFrom", i), cidr, err == nil && block.Bits() >= 8, "a block of /8 or smaller: SSH is not for the whole internet")
	}
	d.checkDistinct("bastion.allowFrom", b.AllowFrom)
	d.check("bastion.allowFrom", b.AllowFrom, !b.Enabled || len(b.AllowFrom) > 0, "the IPv4 blocks that may connect")
	d.check("bastion.instanceType", b.InstanceType, serverForm.MatchString(b.InstanceType), "an EC2 instance type such as t4g.nano")
}

// validateRunbooks wants approvers as aws:approve takes them.
func (d *document) validateRunbooks(s *Settings) {
	const path = "runbooks.approvers"
	for i, arn := range s.Runbooks.Approvers {
		d.check(index(path, i), arn, approverForm.MatchString(arn), "the ARN of an IAM user, role or assumed role")
		if d.sound("account") && d.sound(index(path, i)) {
			d.check(index(path, i), arn, strings.Split(arn, ":")[4] == s.Account, "one of account "+s.Account)
		}
	}
	d.checkDistinct(path, s.Runbooks.Approvers)
	d.check(path, len(s.Runbooks.Approvers), len(s.Runbooks.Approvers) <= 10, "at most 10 approvers")
}

// checkEntries wants a map to have an entry for each region and no other.
func checkEntries[T any](d *document, s *Settings, path string, entries map[string]T) {
	regions := slices.Sorted(maps.Keys(entries))
	d.check(path, regions, len(regions) > 0, "an entry for the primary and one for the standby")
	if !d.sound("primary", "standby") {
		return
	}
	for _, region := range []string{s.Primary, s.Standby} {
		_, ok := entries[region]
		d.check(join(path, region), "", ok, "an entry for the region")
	}
	for _, region := range regions {
		d.check(join(path, region), region, region == s.Primary || region == s.Standby, fmt.Sprintf("entries for %s and %s only", s.Primary, s.Standby))
	}
}

func (d *document) checkRange(path string, n, least, most int) {
	d.check(path, n, between(n, least, most), fmt.Sprintf("%d to %d", least, most))
}

func (d *document) checkSeconds(path string, t time.Duration, most int) {
	d.check(path, t, t%time.Second == 0 && between(int(t/time.Second), 1, most), fmt.Sprintf("whole seconds, 1s to %ds", most))
}

func (d *document) checkRetention(path string, days int) {
	checkOneOf(d, path, days, LogRetentionDays)
}

func checkOneOf[T comparable](d *document, path string, value T, list []T) {
	d.check(path, value, slices.Contains(list, value), "one of "+strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ", "), "[]"))
}

func (d *document) checkPath(path, value string) {
	d.check(path, value, pathForm.MatchString(value), "a path that begins with / and has no spaces, at most 255 characters")
}

// checkDistinct is for lists whose items have been checked.
func (d *document) checkDistinct(path string, list []string) {
	for i, value := range list {
		d.check(index(path, i), value, slices.Index(list, value) == i, "each entry once")
	}
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func between(n, least, most int) bool { return least <= n && n <= most }

// within tells whether a DNS name is a zone's or lies in it.
func within(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }

func isReserved(name string) bool { return slices.Contains(reservedWords, strings.ToLower(name)) }
