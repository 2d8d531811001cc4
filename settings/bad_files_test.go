package settings

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"warm-standby/assets/userdata"
)

// minimal names nothing but what is required.
const minimal = `name: books
account: "111122223333"
primary: us-east-1
standby: us-west-2
regions:
  us-east-1: { cidr: 172.20.0.0/16, availabilityZones: [us-east-1a, us-east-1b] }
  us-west-2: { cidr: 172.21.0.0/16, availabilityZones: [us-west-2a, us-west-2b] }
domain:
  name: example.com
  hostedZoneId: Z0123456789EXAMPLE
database:
  secretRegion: us-east-1
  instances:
    us-east-1: { name: books-1 }
    us-west-2: { name: books-2, replicaOf: books-1 }
`

// What many problems want.
const (
	keysAtTop      = "name, account, primary, standby, terminationProtection, tags, regions, application, domain, network, database, web, api, images, logs, bastion, backup, alarms, canaries, costs, waf, failover, runbooks, edge, drill"
	wantName       = "2 to 20 lower-case letters, digits and single hyphens, a letter first"
	wantBlock      = "a private IPv4 block of /16 to /21 without host bits, such as 172.20.0.0/16"
	wantDomain     = "a domain name in lower case, at most 62 characters, such as example.com"
	wantLabel      = "a DNS label: lower-case letters, digits and inner hyphens"
	wantIdentifier = "an RDS identifier: at most 63 lower-case letters, digits and single hyphens, a letter first"
	wantNewName    = "a name that no other instance has or had: a second birth of it would replace the first"
	wantSource     = "none, or an instance of database.retired: what the primary was promoted from has left"
	wantPath       = "a path that begins with / and has no spaces, at most 255 characters"
	wantNoNpm      = "a command without npm, npx, pnpm or yarn, which servers do not have, such as node server.js"
	wantRetention  = "one of 1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731"
	wantSchedule   = "an AWS cron expression that is due at most hourly, with ? for one of the days, such as cron(0 5 * * ? *)"
)

const elevenEmails = "a@x.io, b@x.io, c@x.io, d@x.io, e@x.io, f@x.io, g@x.io, h@x.io, i@x.io, j@x.io, k@x.io"

// TestBadFiles spoils the minimal file in one way each, and gives it to preflight,
// which reports as the app does.
func TestBadFiles(t *testing.T) {
	type patch func(t *testing.T, file string) string
	swap := func(old, new string) patch {
		return func(t *testing.T, file string) string {
			if strings.Count(file, old) != 1 {
				t.Fatalf("%q must be in the file once", old)
			}
			return strings.Replace(file, old, new, 1)
		}
	}
	swapAll := func(oldnew ...string) patch {
		return func(t *testing.T, file string) string {
			for i := 0; i < len(oldnew); i += 2 {
				file = swap(oldnew[i], oldnew[i+1])(t, file)
			}
			return file
		}
	}
	// The file after a failover, with a mistake.
	failedOver := func(old, new string) patch {
		return swapAll(
			"primary: us-east-1\nstandby: us-west-2", "primary: us-west-2\nstandby: us-east-1",
			"us-east-1: { name: books-1 }", "us-east-1: { name: books-3, replicaOf: books-2 }",
			"replicaOf: books-1 }", "replicaOf: books-1, promotedBy: runbook }\n  retired: [{ name: books-1, region: us-east-1 }]",
			old, new,
		)
	}
	add := func(lines string) patch { return func(_ *testing.T, file string) string { return file + lines + "\n" } }
	// folder is a folder for an application, with a package.json.
	folder := func(manifest, lock string) string {
		dir := t.TempDir()
		for name, content := range map[string]string{"package.json": manifest, "package-lock.json": lock} {
			if content == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	unlocked, broken, wantsNpm := folder(`{}`, ""), folder("{", "{}"), folder(`{ "scripts": { "start": "npm run serve" } }`, "{}")
	whole := func(file string) patch { return func(*testing.T, string) string { return file } }
	var tags []string
	for i := range 41 {
		tags = append(tags, fmt.Sprintf("tag%d: value", i))
	}

	preflight := filepath.Join(t.TempDir(), "preflight")
	if out, err := exec.Command("go", "build", "-o", preflight, "../cmd/preflight").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct {
		name  string
		patch patch
		want  string
	}{
		// What YAML and the shape of the settings refuse.
		{
			"unknown key", add("colour: blue"),
			"bad.yaml:16: colour: want one of the keys " + keysAtTop + " (got an unknown key)",
		},
		{
			"unknown key below", swap("  name: example.com", "  name: example.com\n  sub: x"),
			"bad.yaml:10: domain.sub: want one of the keys name, hostedZoneId, site, api, web (got an unknown key)",
		},
		{
			"key in the wrong case", swap("account:", "Account:"),
			"bad.yaml:1: account: want an AWS account id, 12 digits in quotes (got nothing)\n" +
				"bad.yaml:2: Account: want one of the keys " + keysAtTop + " (got an unknown key)",
		},
		{
			"doubled key", add("name: other"),
			"bad.yaml:16: name: want the key once (got it on line 1, too)",
		},
		{
			"doubled section", add("domain: { site: www }"),
			"bad.yaml:16: domain: want the key once (got it on line 8, too)",
		},
		{
			"merge key", add("web: { <<: { cpuPercent: 1 } }"),
			"bad.yaml:16: web.<<: want one of the keys instanceType, volumeGiB, healthPath, capacity, cpuPercent, requestsPerTarget (got an unknown key)",
		},
		{
			"anchor", add("web: &tier { cpuPercent: 50 }"),
			"bad.yaml:16: web: want keys with values (got a YAML anchor)",
		},
		{
			"alias", swap("name: books\n", "name: *books\n"),
			"bad.yaml:1: name: want text (got a YAML alias)",
		},
		{
			"tag", swap("name: books\n", "name: !!str books\n"),
			"bad.yaml:1: name: want text (got a YAML tag)",
		},
		{
			"mapping for text", swap("name: books\n", "name: { first: books }\n"),
			"bad.yaml:1: name: want text (got keys with values)",
		},
		{
			"nothing for text", swap("name: books\n", "name:\n"),
			"bad.yaml:1: name: want text (got nothing)",
		},
		{
			"text for a mapping", add("web: t4g.small"),
			`bad.yaml:16: web: want keys with values (got "t4g.small")`,
		},
		{
			"list for a mapping", add("web: [t4g.small]"),
			"bad.yaml:16: web: want keys with values (got a list)",
		},
		{
			"text for a list", add("alarms: { emails: ops@example.com }"),
			`bad.yaml:16: alarms.emails: want a list (got "ops@example.com")`,
		},
		{
			"number for text", add("tags: { CostCenter: 4711 }"),
			"bad.yaml:16: tags.CostCenter: want text in quotes: without them YAML reads a number (got 4711)",
		},
		{
			"truth value for text", add("tags: { Billed: true }"),
			"bad.yaml:16: tags.Billed: want text in quotes: without them YAML reads true or false (got true)",
		},
		{
			"yes for a truth value", add("terminationProtection: yes please"),
			`bad.yaml:16: terminationProtection: want true or false (got "yes please")`,
		},
		{
			"quoted truth value", add(`terminationProtection: "true"`),
			`bad.yaml:16: terminationProtection: want true or false (got "true")`,
		},
		{
			"number for a truth value", swap("  secretRegion", "  multiAz: { primary: 1 }\n  secretRegion"),
			"bad.yaml:12: database.multiAz.primary: want true or false (got 1)",
		},
		{
			"a mode for a truth value", swap("  secretRegion", "  requireTls: preferred\n  secretRegion"),
			`bad.yaml:12: database.requireTls: want true or false (got "preferred")`,
		},
		{
			"text for a number", add("waf: { requestsPer5Minutes: many }"),
			`bad.yaml:16: waf.requestsPer5Minutes: want a whole number (got "many")`,
		},
		{
			"quoted number", add(`waf: { requestsPer5Minutes: "2000" }`),
			`bad.yaml:16: waf.requestsPer5Minutes: want a whole number (got "2000")`,
		},
		{
			"fraction for a whole number", add("backup: { days: 3.5 }"),
			"bad.yaml:16: backup.days: want a whole number (got 3.5)",
		},
		{
			"octal number", add("backup: { days: 035 }"),
			"bad.yaml:16: backup.days: want a whole number (got 035)",
		},
		{
			"hexadecimal number", add("backup: { days: 0x23 }"),
			"bad.yaml:16: backup.days: want a whole number (got 0x23)",
		},
		{
			"number beyond all bounds", add("backup: { days: 99999999999999999999 }"),
			"bad.yaml:16: backup.days: want a whole number (got 99999999999999999999)",
		},
		{
			"text for a fraction", add(`alarms: { latencySeconds: "2" }`),
			`bad.yaml:16: alarms.latencySeconds: want a number (got "2")`,
		},
		{
			"not a number", add("alarms: { latencySeconds: .nan }"),
			"bad.yaml:16: alarms.latencySeconds: want a number (got .nan)",
		},
		{
			"duration without unit", add("failover: { interval: 10 }"),
			"bad.yaml:16: failover.interval: want a duration such as 10s (got 10)",
		},
		{
			"duration of unknown unit", add("edge: { readTimeout: 5 sec }"),
			`bad.yaml:16: edge.readTimeout: want a duration such as 10s (got "5 sec")`,
		},
		{
			"second document", add("---\nname: other"),
			"bad.yaml:17: want one YAML document (got a second one)",
		},
		{
			"list instead of settings", whole("- books\n"),
			"bad.yaml:1: want keys with values (got a list)",
		},
		{
			"unclosed list", add("tags: ["),
			`bad.yaml:16: want well-formed YAML (got "sequence end token ']' not found" at column 7)`,
		},
		{
			"tab", add("web:\n\tcpuPercent: 50"),
			`bad.yaml:17: want well-formed YAML (got "found character '\t' that cannot start any token" at column 1)`,
		},

		// The top level.
		{
			"name too long", swap("name: books\n", "name: a23456789012345678901\n"),
			`bad.yaml:1: name: want ` + wantName + ` (got "a23456789012345678901")`,
		},
		{
			"name in capitals", swap("name: books\n", "name: Books\n"),
			`bad.yaml:1: name: want ` + wantName + ` (got "Books")`,
		},
		{
			"name with a trailing hyphen", swap("name: books\n", "name: books-\n"),
			`bad.yaml:1: name: want ` + wantName + ` (got "books-")`,
		},
		{
			"name missing", swap("name: books\n", ""),
			"bad.yaml:1: name: want " + wantName + " (got nothing)",
		},
		{
			"account too short", swap(`"111122223333"`, `"1111"`),
			`bad.yaml:2: account: want an AWS account id, 12 digits in quotes (got "1111")`,
		},
		{
			"account unquoted", swap(`"111122223333"`, "111122223333"),
			"bad.yaml:2: account: want text in quotes: without them YAML reads a number (got 111122223333)",
		},
		{
			"account that would lose its leading zero", swap(`"111122223333"`, "012345678901"),
			"bad.yaml:2: account: want text in quotes: without them YAML reads a number (got 012345678901)",
		},
		{
			"account that would be octal", swap(`"111122223333"`, "001234567012"),
			"bad.yaml:2: account: want text in quotes: without them YAML reads a number (got 001234567012)",
		},
		{
			"unknown region", swap("standby: us-west-2", "standby: us-west-9"),
			`bad.yaml:4: standby: want an AWS region such as us-west-2 (got "us-west-9")`,
		},
		{
			"region of another partition", swap("standby: us-west-2", "standby: us-gov-west-1"),
			`bad.yaml:4: standby: want an AWS region such as us-west-2 (got "us-gov-west-1")`,
		},
		{
			"zone for a region", swap("primary: us-east-1\n", "primary: us-east-1a\n"),
			`bad.yaml:3: primary: want an AWS region such as us-east-1 (got "us-east-1a")`,
		},
		{
			"same region twice", swap("standby: us-west-2", "standby: us-east-1"),
			`bad.yaml:4: standby: want another region than the primary (got "us-east-1")`,
		},
		{
			"standby missing", swap("standby: us-west-2\n", ""),
			"bad.yaml:1: standby: want an AWS region such as us-west-2 (got nothing)",
		},
		{
			"reserved tag key", add(`tags: { "aws:owner": me }`),
			`bad.yaml:16: tags.aws:owner: want a key without the prefix "aws:", which AWS keeps for itself (got "aws:owner")`,
		},
		{
			"illegal tag key", add(`tags: { "a*b": me }`),
			`bad.yaml:16: tags.a*b: want a key of 1 to 128 letters, digits, spaces and _.:/=+@- (got "a*b")`,
		},
		{
			"illegal tag value", add(`tags: { owner: "me & you" }`),
			`bad.yaml:16: tags.owner: want 1 to 256 letters, digits, spaces and _.:/=+@- (got "me & you")`,
		},
		{
			"tag of the app's own", add("tags: { Stack-Role: web }"),
			`bad.yaml:16: tags.Stack-Role: want another key than deployment, stack-role, backup-plan, which are set already (got "Stack-Role")`,
		},
		{
			"empty tag value", add(`tags: { owner: "" }`),
			`bad.yaml:16: tags.owner: want 1 to 256 letters, digits, spaces and _.:/=+@- (got "")`,
		},
		{
			"tag value too long", add("tags: { owner: " + strings.Repeat("x", 257) + " }"),
			`bad.yaml:16: tags.owner: want 1 to 256 letters, digits, spaces and _.:/=+@- (got "` + strings.Repeat("x", 100) + `")`,
		},
		{
			"tag keys that differ by case", add("tags: { Owner: me, owner: you }"),
			`bad.yaml:16: tags.owner: want a key that differs from "Owner" by more than case: IAM ignores case (got "owner")`,
		},
		{
			"too many tags", add("tags: {" + strings.Join(tags, ", ") + "}"),
			"bad.yaml:16: tags: want at most 40 tags (got 41)",
		},

		// Regions.
		{
			"region without entry", swap("  us-west-2: { cidr: 172.21.0.0/16, availabilityZones: [us-west-2a, us-west-2b] }\n", ""),
			"bad.yaml:5: regions.us-west-2: want an entry for the region (got nothing)",
		},
		{
			"entry for a third region", swap("domain:\n", "  eu-west-1: { cidr: 172.22.0.0/16, availabilityZones: [eu-west-1a, eu-west-1b] }\ndomain:\n"),
			`bad.yaml:8: regions.eu-west-1: want entries for us-east-1 and us-west-2 only (got "eu-west-1")`,
		},
		{
			"regions without entries", swap("  us-east-1: { cidr: 172.20.0.0/16, availabilityZones: [us-east-1a, us-east-1b] }\n  us-west-2: { cidr: 172.21.0.0/16, availabilityZones: [us-west-2a, us-west-2b] }\n", ""),
			"bad.yaml:5: regions: want an entry for the primary and one for the standby (got nothing)",
		},
		{
			"block with host bits", swap("172.21.0.0/16", "172.21.0.1/16"),
			`bad.yaml:7: regions.us-west-2.cidr: want ` + wantBlock + ` (got "172.21.0.1/16")`,
		},
		{
			"block too large", swap("172.21.0.0/16", "10.0.0.0/15"),
			`bad.yaml:7: regions.us-west-2.cidr: want ` + wantBlock + ` (got "10.0.0.0/15")`,
		},
		{
			"block too small", swap("172.21.0.0/16", "172.21.0.0/22"),
			`bad.yaml:7: regions.us-west-2.cidr: want ` + wantBlock + ` (got "172.21.0.0/22")`,
		},
		{
			"block of the internet", swap("172.21.0.0/16", "52.0.0.0/16"),
			`bad.yaml:7: regions.us-west-2.cidr: want ` + wantBlock + ` (got "52.0.0.0/16")`,
		},
		{
			"block of IPv6", swap("172.21.0.0/16", `"fd00::/16"`),
			`bad.yaml:7: regions.us-west-2.cidr: want ` + wantBlock + ` (got "fd00::/16")`,
		},
		{
			"block without length", swap("172.21.0.0/16", "172.21.0.0"),
			`bad.yaml:7: regions.us-west-2.cidr: want ` + wantBlock + ` (got "172.21.0.0")`,
		},
		{
			"block missing", swap("cidr: 172.21.0.0/16, ", ""),
			"bad.yaml:7: regions.us-west-2.cidr: want " + wantBlock + " (got nothing)",
		},
		{
			"overlapping blocks", swap("172.21.0.0/16", "172.20.64.0/18"),
			`bad.yaml:7: regions.us-west-2.cidr: want a block that does not overlap 172.20.0.0/16 of us-east-1 (got "172.20.64.0/18")`,
		},
		{
			"zone of the other region", swap("us-west-2b]", "us-east-1b]"),
			`bad.yaml:7: regions.us-west-2.availabilityZones[1]: want a zone of the region, such as us-west-2a (got "us-east-1b")`,
		},
		{
			"Local Zone", swap("us-west-2b]", "us-west-2-lax-1a]"),
			`bad.yaml:7: regions.us-west-2.availabilityZones[1]: want a zone of the region, such as us-west-2a (got "us-west-2-lax-1a")`,
		},
		{
			"zone twice", swap("us-west-2b]", "us-west-2a]"),
			`bad.yaml:7: regions.us-west-2.availabilityZones[1]: want each entry once (got "us-west-2a")`,
		},
		{
			"one zone", swap("us-west-2a, us-west-2b]", "us-west-2a]"),
			`bad.yaml:7: regions.us-west-2.availabilityZones: want two or three zones (got ["us-west-2a"])`,
		},
		{
			"four zones", swap("us-west-2b]", "us-west-2b, us-west-2c, us-west-2d]"),
			`bad.yaml:7: regions.us-west-2.availabilityZones: want two or three zones (got ["us-west-2a" "us-west-2b" "us-west-2c" "us-west-2d"])`,
		},
		{
			"zones missing", swap(", availabilityZones: [us-west-2a, us-west-2b]", ""),
			"bad.yaml:7: regions.us-west-2.availabilityZones: want two or three zones (got nothing)",
		},

		// The domain.
		{
			"domain of one label", swap("name: example.com", "name: localhost"),
			`bad.yaml:9: domain.name: want ` + wantDomain + ` (got "localhost")`,
		},
		{
			"domain in capitals", swap("name: example.com", "name: Example.com"),
			`bad.yaml:9: domain.name: want ` + wantDomain + ` (got "Example.com")`,
		},
		{
			"domain too long", swap("name: example.com", "name: "+strings.Repeat("a", 59)+".com"),
			`bad.yaml:9: domain.name: want ` + wantDomain + ` (got "` + strings.Repeat("a", 59) + `.com")`,
		},
		{
			"domain with a trailing dot", swap("name: example.com", "name: example.com."),
			`bad.yaml:9: domain.name: want ` + wantDomain + ` (got "example.com.")`,
		},
		{
			"domain missing", swap("  name: example.com\n", ""),
			"bad.yaml:8: domain.name: want " + wantDomain + " (got nothing)",
		},
		{
			"hosted zone's ARN", swap("hostedZoneId: Z0123456789EXAMPLE", "hostedZoneId: /hostedzone/Z0123456789EXAMPLE"),
			`bad.yaml:10: domain.hostedZoneId: want the id of the domain's public hosted zone, such as Z0123456789ABCDEFGHIJ (got "/hostedzone/Z0123456789EXAMPLE")`,
		},
		{
			"label with a dot", swap("  name: example.com", "  name: example.com\n  api: api.v1"),
			`bad.yaml:10: domain.api: want ` + wantLabel + ` (got "api.v1")`,
		},
		{
			"label with an underscore", swap("  name: example.com", "  name: example.com\n  site: my_site"),
			`bad.yaml:10: domain.site: want ` + wantLabel + ` (got "my_site")`,
		},
		{
			"empty label", swap("  name: example.com", "  name: example.com\n  site: \"\""),
			`bad.yaml:10: domain.site: want ` + wantLabel + ` (got "")`,
		},
		{
			"label too long for its regional name", swap("  name: example.com", "  name: example.com\n  api: "+strings.Repeat("a", 54)),
			`bad.yaml:10: domain.api: want a label so short that "` + strings.Repeat("a", 54) + `-us-east-1" has at most 63 characters (got "` + strings.Repeat("a", 54) + `")`,
		},
		{
			"labels alike", swap("  name: example.com", "  name: example.com\n  web: api"),
			`bad.yaml:10: domain.web: want another label: domain.api stands for "api" already (got "api")`,
		},
		{
			"label like a regional name", swap("  name: example.com", "  name: example.com\n  site: api-us-east-1"),
			`bad.yaml:8: domain.api: want another label: domain.site stands for "api-us-east-1" already (got "api", the default)`,
		},
		{
			"label like another's default", swap("  name: example.com", "  name: example.com\n  site: web"),
			`bad.yaml:8: domain.web: want another label: domain.site stands for "web" already (got "web", the default)`,
		},

		// The network.
		{
			"no NAT gateway", add("network: { natGateways: 0 }"),
			"bad.yaml:16: network.natGateways: want 1 to 2, the number of zones: servers install packages at boot and need a way out (got 0)",
		},
		{
			"more NAT gateways than zones", add("network: { natGateways: 3 }"),
			"bad.yaml:16: network.natGateways: want 1 to 2, the number of zones: servers install packages at boot and need a way out (got 3)",
		},
		{
			"unknown endpoint", add("network: { interfaceEndpoints: [ssm, s3] }"),
			`bad.yaml:16: network.interfaceEndpoints[1]: want one of cloudformation, ec2messages, elasticloadbalancing, logs, monitoring, secretsmanager, ssm, ssmmessages (got "s3")`,
		},
		{
			"endpoint twice", add("network: { interfaceEndpoints: [ssm, ssm] }"),
			`bad.yaml:16: network.interfaceEndpoints[1]: want each entry once (got "ssm")`,
		},
		{
			"retention that CloudWatch Logs does not know", add("network: { flowLogDays: 31 }"),
			"bad.yaml:16: network.flowLogDays: want " + wantRetention + " (got 31)",
		},

		// The database.
		{
			"secret in a third region", swap("secretRegion: us-east-1", "secretRegion: eu-west-1"),
			`bad.yaml:12: database.secretRegion: want one of us-east-1, us-west-2 (got "eu-west-1")`,
		},
		{
			"secret's region missing", swap("  secretRegion: us-east-1\n", ""),
			"bad.yaml:11: database.secretRegion: want the primary or the standby region (got nothing)",
		},
		{
			"MySQL of another series", swap("  secretRegion", "  engineVersion: 8.0.40\n  secretRegion"),
			`bad.yaml:12: database.engineVersion: want a MySQL version of the 8.4 series, such as 8.4.10 (got "8.0.40")`,
		},
		{
			"MySQL version that YAML reads as a number", swap("  secretRegion", "  engineVersion: 8.4\n  secretRegion"),
			"bad.yaml:12: database.engineVersion: want text in quotes: without them YAML reads a number (got 8.4)",
		},
		{
			"class with its prefix", swap("  secretRegion", "  instanceType: db.t4g.medium\n  secretRegion"),
			`bad.yaml:12: database.instanceType: want a database instance class without "db.", such as t4g.medium (got "db.t4g.medium")`,
		},
		{
			"rotation less often than Secrets Manager knows", swap("  secretRegion", "  rotationDays: 1001\n  secretRegion"),
			"bad.yaml:12: database.rotationDays: want 0 to 1000 (got 1001)",
		},
		{
			"class of no size", swap("  secretRegion", "  instanceType: t4g.tiny\n  secretRegion"),
			`bad.yaml:12: database.instanceType: want a database instance class without "db.", such as t4g.medium (got "t4g.tiny")`,
		},
		{
			"storage too small", swap("  secretRegion", "  storageGiB: 19\n  secretRegion"),
			"bad.yaml:12: database.storageGiB: want 20 to 65536 (got 19)",
		},
		{
			"storage limit below a tenth more", swap("  secretRegion", "  storageGiB: 101\n  maxStorageGiB: 111\n  secretRegion"),
			"bad.yaml:13: database.maxStorageGiB: want 0, for none, or 112 (storageGiB and a tenth) to 65536 (got 111)",
		},
		{
			"default storage limit outgrown", swap("  secretRegion", "  storageGiB: 400\n  secretRegion"),
			"bad.yaml:11: database.maxStorageGiB: want 0, for none, or 440 (storageGiB and a tenth) to 65536 (got 100, the default)",
		},
		{
			"storage limit too large", swap("  secretRegion", "  maxStorageGiB: 65537\n  secretRegion"),
			"bad.yaml:12: database.maxStorageGiB: want 0, for none, or 25 (storageGiB and a tenth) to 65536 (got 65537)",
		},
		{
			"no backups", swap("  secretRegion", "  backupDays: 0\n  secretRegion"),
			"bad.yaml:12: database.backupDays: want 1 to 35 (got 0)",
		},
		{
			"schema with a hyphen", swap("  secretRegion", "  schema: my-books\n  secretRegion"),
			`bad.yaml:12: database.schema: want 1 to 64 letters, digits and underscores, a letter first (got "my-books")`,
		},
		{
			"schema that is a reserved word", swap("  secretRegion", "  schema: Order\n  secretRegion"),
			`bad.yaml:12: database.schema: want a name that MySQL and RDS do not reserve (got "Order")`,
		},
		{
			"user that RDS keeps", swap("  secretRegion", "  username: rdsadmin\n  secretRegion"),
			`bad.yaml:12: database.username: want a name that MySQL and RDS do not reserve (got "rdsadmin")`,
		},
		{
			"user too long", swap("  secretRegion", "  username: a2345678901234567\n  secretRegion"),
			`bad.yaml:12: database.username: want 1 to 16 letters, digits and underscores, a letter first (got "a2345678901234567")`,
		},
		{
			"record of two labels", swap("  secretRegion", "  record: book.eu\n  secretRegion"),
			`bad.yaml:12: database.record: want ` + wantLabel + ` (got "book.eu")`,
		},
		{
			"zone of one label", swap("  secretRegion", "  zone: internal\n  secretRegion"),
			`bad.yaml:12: database.zone: want a domain name in lower case, such as rds.internal (got "internal")`,
		},
		{
			"zone that hides the domain", swap("  secretRegion", "  zone: example.com\n  secretRegion"),
			`bad.yaml:12: database.zone: want a name that hides no public one: servers could not resolve example.com (got "example.com")`,
		},
		{
			"zone that hides the API", swap("  secretRegion", "  zone: api.example.com\n  secretRegion"),
			`bad.yaml:12: database.zone: want a name that hides no public one: servers could not resolve api.example.com (got "api.example.com")`,
		},
		{
			"zone that hides who writes", swap("  secretRegion", "  zone: writer.api.example.com\n  secretRegion"),
			`bad.yaml:12: database.zone: want a name that hides no public one: servers could not resolve writer.api.example.com (got "writer.api.example.com")`,
		},
		{
			"zone that hides AWS", swap("  secretRegion", "  zone: rds.amazonaws.com\n  secretRegion"),
			`bad.yaml:12: database.zone: want a name outside amazonaws.com, where servers find AWS (got "rds.amazonaws.com")`,
		},

		// The lineage of its instances.
		{
			"instance without entry", swap("    us-west-2: { name: books-2, replicaOf: books-1 }\n", ""),
			"bad.yaml:13: database.instances.us-west-2: want an entry for the region (got nothing)",
		},
		{
			"instance of a third region", swap("    us-west-2: { name: b", "    eu-west-1: { name: books-3, replicaOf: books-1 }\n    us-west-2: { name: b"),
			`bad.yaml:15: database.instances.eu-west-1: want entries for us-east-1 and us-west-2 only (got "eu-west-1")`,
		},
		{
			"instance with a double hyphen", swap("name: books-2", "name: books--2"),
			`bad.yaml:15: database.instances.us-west-2.name: want ` + wantIdentifier + ` (got "books--2")`,
		},
		{
			"instance in capitals", swap("name: books-2", "name: Books-2"),
			`bad.yaml:15: database.instances.us-west-2.name: want ` + wantIdentifier + ` (got "Books-2")`,
		},
		{
			"instance too long", swap("name: books-2", "name: "+strings.Repeat("b", 64)),
			`bad.yaml:15: database.instances.us-west-2.name: want ` + wantIdentifier + ` (got "` + strings.Repeat("b", 64) + `")`,
		},
		{
			"instance without name", swap("name: books-2, ", ""),
			"bad.yaml:15: database.instances.us-west-2.name: want " + wantIdentifier + " (got nothing)",
		},
		{
			"instances of one name", swap("name: books-2", "name: books-1"),
			`bad.yaml:15: database.instances.us-west-2.name: want another name than the primary's instance has (got "books-1")`,
		},
		{
			"standby created empty", swap(", replicaOf: books-1", ""),
			`bad.yaml:15: database.instances.us-west-2.replicaOf: want "books-1", the primary's instance; an old primary comes back under a new name, as its replica (got nothing)`,
		},
		{
			"standby replicates another", swap("replicaOf: books-1", "replicaOf: books-0"),
			`bad.yaml:15: database.instances.us-west-2.replicaOf: want "books-1", the primary's instance; an old primary comes back under a new name, as its replica (got "books-0")`,
		},
		{
			"replica of itself", swap("replicaOf: books-1", "replicaOf: books-2"),
			`bad.yaml:15: database.instances.us-west-2.replicaOf: want "books-1", the primary's instance; an old primary comes back under a new name, as its replica (got "books-2")`,
		},
		{
			"primary replicates the standby", swap("{ name: books-1 }", "{ name: books-1, replicaOf: books-2 }"),
			`bad.yaml:14: database.instances.us-east-1.replicaOf: want ` + wantSource + ` (got "books-2")`,
		},
		{
			"primary replicates itself", swap("{ name: books-1 }", "{ name: books-1, replicaOf: books-1 }"),
			`bad.yaml:14: database.instances.us-east-1.replicaOf: want ` + wantSource + ` (got "books-1")`,
		},
		{
			"source of illegal name", swap("{ name: books-1 }", `{ name: books-1, replicaOf: "arn:aws:rds" }`),
			`bad.yaml:14: database.instances.us-east-1.replicaOf: want ` + wantIdentifier + ` (got "arn:aws:rds")`,
		},
		{
			"roles swapped and no more", swap("primary: us-east-1\nstandby: us-west-2", "primary: us-west-2\nstandby: us-east-1"),
			`bad.yaml:14: database.instances.us-east-1.replicaOf: want "books-2", the primary's instance; an old primary comes back under a new name, as its replica (got nothing)`,
		},

		{
			"created and yet promoted", swap("{ name: books-1 }", "{ name: books-1, promotedBy: runbook }"),
			`bad.yaml:14: database.instances.us-east-1.promotedBy: want none: the instance was created, not promoted (got "runbook")`,
		},
		{
			"standby promoted", swap("replicaOf: books-1", "replicaOf: books-1, promotedBy: runbook"),
			`bad.yaml:15: database.instances.us-west-2.promotedBy: want none: the standby's instance is a replica (got "runbook")`,
		},
		{
			"writer replaced by an empty one", swapAll("name: books-1 }", "name: books-9 }", "replicaOf: books-1 }", "replicaOf: books-9 }\n  retired: [{ name: books-1, region: us-east-1 }]"),
			`bad.yaml:14: database.instances.us-east-1.replicaOf: want the instance it was replicated from: "books-1" was created empty, and a second one would start without its data (got nothing)`,
		},

		// And of what it was before.
		{
			"retired without region", failedOver(", region: us-east-1", ""),
			"bad.yaml:16: database.retired[0].region: want an AWS region such as us-east-1 (got nothing)",
		},
		{
			"retired under a bad name", failedOver("name: books-1,", "name: books_1,"),
			`bad.yaml:16: database.retired[0].name: want ` + wantIdentifier + ` (got "books_1")`,
		},
		{
			"source of the primary forgotten", failedOver("[{ name: books-1, region: us-east-1 }]", "[]"),
			`bad.yaml:15: database.instances.us-west-2.replicaOf: want ` + wantSource + ` (got "books-1")`,
		},
		{
			"nobody promoted the primary", failedOver(", promotedBy: runbook", ""),
			"bad.yaml:15: database.instances.us-west-2.promotedBy: want cloudformation, which promotes it as the swap is deployed, or runbook, if it is promoted already (got nothing)",
		},
		{
			"promoted by somebody", failedOver("promotedBy: runbook", "promotedBy: hand"),
			`bad.yaml:15: database.instances.us-west-2.promotedBy: want one of cloudformation, runbook (got "hand")`,
		},
		{
			"name of a retired instance", failedOver("name: books-3", "name: books-1"),
			`bad.yaml:14: database.instances.us-east-1.name: want ` + wantNewName + ` (got "books-1")`,
		},
		{
			"retired twice", failedOver("us-east-1 }]", "us-east-1 }, { name: books-1, region: us-east-1, replicaOf: books-2 }]"),
			`bad.yaml:16: database.retired[1].name: want ` + wantNewName + ` (got "books-1")`,
		},
		{
			"retired and there", failedOver("us-east-1 }]", "us-east-1 }, { name: books-2, region: us-west-2, replicaOf: books-1 }]"),
			`bad.yaml:15: database.instances.us-west-2.name: want ` + wantNewName + ` (got "books-2")`,
		},
		{
			"two created empty", failedOver("us-east-1 }]", "us-east-1 }, { name: books-0, region: us-east-1 }]"),
			`bad.yaml:16: database.retired[1].replicaOf: want the instance it was replicated from: only the first is created empty, and that was "books-1" (got nothing)`,
		},
		{
			"retired replica of nobody known", failedOver("us-east-1 }]", "us-east-1, replicaOf: books-0 }]"),
			`bad.yaml:16: database.retired[0].replicaOf: want an instance of database.instances or database.retired (got "books-0")`,
		},
		{
			"replicated within a region", failedOver("region: us-east-1", "region: us-west-2"),
			`bad.yaml:16: database.retired[0].region: want another region than that of "books-2", its replica (got "us-west-2")`,
		},

		// The tiers.
		{
			"instance type with a prefix", add("web: { instanceType: ec2.t4g.small }"),
			`bad.yaml:16: web.instanceType: want an EC2 instance type such as t4g.small (got "ec2.t4g.small")`,
		},
		{
			"instance type without size", add("api: { instanceType: t4g }"),
			`bad.yaml:16: api.instanceType: want an EC2 instance type such as t4g.small (got "t4g")`,
		},
		{
			"volume too small", add("web: { volumeGiB: 7 }"),
			"bad.yaml:16: web.volumeGiB: want 8 to 16384 (got 7)",
		},
		{
			"health path without slash", add("web: { healthPath: health }"),
			`bad.yaml:16: web.healthPath: want ` + wantPath + ` (got "health")`,
		},
		{
			"health path with a space", add("api: { healthPath: /is it well }"),
			`bad.yaml:16: api.healthPath: want ` + wantPath + ` (got "/is it well")`,
		},
		{
			"health path too long", add("api: { healthPath: /" + strings.Repeat("x", 255) + " }"),
			`bad.yaml:16: api.healthPath: want ` + wantPath + ` (got "/` + strings.Repeat("x", 99) + `")`,
		},
		{
			"no server on the primary", add("web: { capacity: { primary: { min: 0 } } }"),
			"bad.yaml:16: web.capacity.primary.min: want 1 or more (got 0)",
		},
		{
			"no server on the standby", add("api: { capacity: { standby: { min: 0, max: 0 } } }"),
			"bad.yaml:16: api.capacity.standby.min: want 1 or more: a warm standby answers at once, so a server of it runs (got 0)",
		},
		{
			"fewer than the least", add("web: { capacity: { primary: { min: 3, max: 2 } } }"),
			"bad.yaml:16: web.capacity.primary.max: want at least min, 3 (got 2)",
		},
		{
			"more than the default most", add("web: { capacity: { standby: { min: 7 } } }"),
			"bad.yaml:16: web.capacity.standby.max: want at least min, 7 (got 6, the default)",
		},
		{
			"CPU above all", add("web: { cpuPercent: 101 }"),
			"bad.yaml:16: web.cpuPercent: want 1 to 100 (got 101)",
		},
		{
			"no requests", add("api: { requestsPerTarget: 0 }"),
			"bad.yaml:16: api.requestsPerTarget: want 1 or more (got 0)",
		},

		// The rest.
		{
			"unknown log retention", add("logs: { days: 0 }"),
			"bad.yaml:16: logs.days: want " + wantRetention + " (got 0)",
		},
		{
			"bastion without key or addresses", add("bastion: { enabled: true }"),
			"bad.yaml:16: bastion.keyName: want the name of an EC2 key pair of both regions (got nothing)\n" +
				"bad.yaml:16: bastion.allowFrom: want the IPv4 blocks that may connect (got nothing)",
		},
		{
			"bastion open to all", add("bastion: { enabled: true, keyName: ops, allowFrom: [0.0.0.0/0] }"),
			`bad.yaml:16: bastion.allowFrom[0]: want a block of /8 or smaller: SSH is not for the whole internet (got "0.0.0.0/0")`,
		},
		{
			"bastion open to half of all", add("bastion: { enabled: true, keyName: ops, allowFrom: [0.0.0.0/1, 128.0.0.0/1] }"),
			"bad.yaml:16: bastion.allowFrom[0]: want a block of /8 or smaller: SSH is not for the whole internet (got \"0.0.0.0/1\")\n" +
				"bad.yaml:16: bastion.allowFrom[1]: want a block of /8 or smaller: SSH is not for the whole internet (got \"128.0.0.0/1\")",
		},
		{
			"bastion's address without length", add("bastion: { enabled: true, keyName: ops, allowFrom: [203.0.113.7] }"),
			`bad.yaml:16: bastion.allowFrom[0]: want an IPv4 block without host bits, such as 203.0.113.0/24 (got "203.0.113.7")`,
		},
		{
			"bastion's block with host bits", add("bastion: { allowFrom: [203.0.113.7/24] }"),
			`bad.yaml:16: bastion.allowFrom[0]: want an IPv4 block without host bits, such as 203.0.113.0/24 (got "203.0.113.7/24")`,
		},
		{
			"bastion's block of IPv6", add(`bastion: { allowFrom: ["2001:db8::/32"] }`),
			`bad.yaml:16: bastion.allowFrom[0]: want an IPv4 block without host bits, such as 203.0.113.0/24 (got "2001:db8::/32")`,
		},
		{
			"bastion's block twice", add("bastion: { allowFrom: [203.0.113.0/24, 203.0.113.0/24] }"),
			`bad.yaml:16: bastion.allowFrom[1]: want each entry once (got "203.0.113.0/24")`,
		},
		{
			"bastion's type", add("bastion: { instanceType: nano }"),
			`bad.yaml:16: bastion.instanceType: want an EC2 instance type such as t4g.nano (got "nano")`,
		},
		{
			"schedule of Unix", add("backup: { schedule: 0 5 * * * }"),
			`bad.yaml:16: backup.schedule: want ` + wantSchedule + ` (got "0 5 * * *")`,
		},
		{
			"schedule without open day", add("backup: { schedule: cron(0 5 * * * *) }"),
			`bad.yaml:16: backup.schedule: want ` + wantSchedule + ` (got "cron(0 5 * * * *)")`,
		},
		{
			"schedule with both days open", add("backup: { schedule: cron(0 5 ? * ? *) }"),
			`bad.yaml:16: backup.schedule: want ` + wantSchedule + ` (got "cron(0 5 ? * ? *)")`,
		},
		{
			"schedule of five fields", add("backup: { schedule: cron(0 5 * * ?) }"),
			`bad.yaml:16: backup.schedule: want ` + wantSchedule + ` (got "cron(0 5 * * ?)")`,
		},
		{
			"schedule more often than hourly", add("backup: { schedule: cron(0/30 * * * ? *) }"),
			`bad.yaml:16: backup.schedule: want ` + wantSchedule + ` (got "cron(0/30 * * * ? *)")`,
		},
		{
			"schedule at an hour there is not", add("backup: { schedule: cron(0 24 * * ? *) }"),
			`bad.yaml:16: backup.schedule: want ` + wantSchedule + ` (got "cron(0 24 * * ? *)")`,
		},
		{
			"schedule as rate", add("backup: { schedule: rate(1 hour) }"),
			`bad.yaml:16: backup.schedule: want ` + wantSchedule + ` (got "rate(1 hour)")`,
		},
		{
			"hourly schedule of the database", add("backup: { schedule: cron(0 * * * ? *) }"),
			`bad.yaml:16: backup.schedule: want hours of 5 to 23, clear of the database's own windows, or backup.database false (got "cron(0 * * * ? *)")`,
		},
		{
			"schedule in the database's backup window", add("backup: { schedule: cron(30 2 * * ? *) }"),
			`bad.yaml:16: backup.schedule: want hours of 5 to 23, clear of the database's own windows, or backup.database false (got "cron(30 2 * * ? *)")`,
		},
		{
			"recovery points kept no day", add("backup: { days: 0 }"),
			"bad.yaml:16: backup.days: want 1 to 36500 (got 0)",
		},
		{
			"e-mail without domain", add("alarms: { emails: [ops] }"),
			`bad.yaml:16: alarms.emails[0]: want an e-mail address (got "ops")`,
		},
		{
			"e-mail with a name", add("alarms: { emails: [Ops <ops@example.com>] }"),
			`bad.yaml:16: alarms.emails[0]: want an e-mail address (got "Ops <ops@example.com>")`,
		},
		{
			"e-mail twice", add("alarms: { emails: [ops@example.com, dev@example.com, ops@example.com] }"),
			`bad.yaml:16: alarms.emails[2]: want each entry once (got "ops@example.com")`,
		},
		{
			"no lag allowed", add("alarms: { replicaLagSeconds: 0 }"),
			"bad.yaml:16: alarms.replicaLagSeconds: want 1 to 86400 (got 0)",
		},
		{
			"no latency allowed", add("alarms: { latencySeconds: 0 }"),
			"bad.yaml:16: alarms.latencySeconds: want more than 0 and at most 4000 (got 0)",
		},
		{
			"canary that never rests", add("canaries: { minutes: 0 }"),
			"bad.yaml:16: canaries.minutes: want 1 to 60 (got 0)",
		},
		{
			"canary that sleeps", add("canaries: { minutes: 61 }"),
			"bad.yaml:16: canaries.minutes: want 1 to 60 (got 61)",
		},
		{
			"budget below nothing", add("costs: { monthlyUSD: -1 }\nalarms: { emails: [ops@example.com] }"),
			"bad.yaml:16: costs.monthlyUSD: want 0 to 10000000 (got -1)",
		},
		{
			"anomaly below nothing", add("costs: { anomalyUSD: -1 }\nalarms: { emails: [ops@example.com] }"),
			"bad.yaml:16: costs.anomalyUSD: want 0 to 10000000 (got -1)",
		},
		{
			"budget that nobody hears of", add("costs: { monthlyUSD: 100 }"),
			"bad.yaml:1: alarms.emails: want 1 to 10 addresses, since costs are told by mail (got nothing)",
		},
		{
			"anomalies for too many", add("costs: { anomalyUSD: 10 }\nalarms: { emails: [" + elevenEmails + "] }"),
			"bad.yaml:17: alarms.emails: want 1 to 10 addresses, since costs are told by mail (got 11)",
		},
		{
			"rate that blocks health checkers", add("waf: { requestsPer5Minutes: 99 }"),
			"bad.yaml:16: waf.requestsPer5Minutes: want 100 to 2000000000 (got 99)",
		},
		{
			"rate above AWS WAF's most", add("waf: { requestsPer5Minutes: 2000000001 }"),
			"bad.yaml:16: waf.requestsPer5Minutes: want 100 to 2000000000 (got 2000000001)",
		},
		{
			"unknown web ACL log retention", add("waf: { logDays: 2 }"),
			"bad.yaml:16: waf.logDays: want " + wantRetention + " (got 2)",
		},
		{
			"no such site", add("application: { web: ../site }"),
			`bad.yaml:16: application.web: want a folder with an index.html; it is looked for from this file's own folder (got "../site")`,
		},
		{
			"no such API", add("application: { api: { folder: ../api } }"),
			`bad.yaml:16: application.api.folder: want a folder with a package.json; it is looked for from this file's own folder (got "../api")`,
		},
		{
			"API without lock", add("application: { api: { folder: " + unlocked + " } }"),
			fmt.Sprintf("bad.yaml:16: application.api.folder: want a folder with a package-lock.json: npm install --package-lock-only makes one (got %q)", unlocked),
		},
		{
			"API whose package.json is none", add("application: { api: { folder: " + broken + " } }"),
			fmt.Sprintf(`bad.yaml:16: application.api.folder: want a folder whose package.json can be read, without "unexpected end of JSON input" (got %q)`, broken),
		},
		{
			"API that npm starts", add("application: { api: { folder: " + wantsNpm + " } }"),
			"bad.yaml:16: application.api.start: want " + wantNoNpm + ` (got "npm run serve", the default)`,
		},
		{
			"start command over two lines", add(`application: { api: { start: "node a.js\nnode b.js" } }`),
			`bad.yaml:16: application.api.start: want a shell command on one line, such as node server.js (got "node a.js\nnode b.js")`,
		},
		{
			"no start command", add(`application: { api: { start: "" } }`),
			`bad.yaml:16: application.api.start: want a shell command on one line, such as node server.js (got "")`,
		},
		{
			"start command of npm", add("application: { api: { start: FAST=1 npm run serve } }"),
			`bad.yaml:16: application.api.start: want ` + wantNoNpm + ` (got "FAST=1 npm run serve")`,
		},
		{
			"variable with a hyphen", add("application: { api: { environment: { LOG-LEVEL: info } } }"),
			`bad.yaml:16: application.api.environment.LOG-LEVEL: want a variable's name: letters, digits and underscores, no digit first (got "LOG-LEVEL")`,
		},
		{
			"variable of the contract", add("application: { api: { environment: { DB_HOST: elsewhere } } }"),
			`bad.yaml:16: application.api.environment.DB_HOST: want another name: this variable is there already, of the contract (got "DB_HOST")`,
		},
		{
			"variable of the shell", add("application: { api: { environment: { UID: app } } }"),
			`bad.yaml:16: application.api.environment.UID: want another name: the shell keeps this one for itself (got "UID")`,
		},
		{
			"unknown variable of the contract", add("application: { api: { environment: { USER: 'a ${DB_USER} b' } } }"),
			`bad.yaml:16: application.api.environment.USER: want in each ${ } one of ` + strings.Join(userdata.Contract, ", ") + ` (got "${DB_USER}")`,
		},
		{
			"reference without end", add("application: { api: { environment: { USER: '${DB_USERNAME' } } }"),
			`bad.yaml:16: application.api.environment.USER: want in each ${ } one of ` + strings.Join(userdata.Contract, ", ") + ` (got "${DB_USERNAME")`,
		},
		{
			"two lines of text", add(`application: { api: { environment: { MOTD: "a\nb" } } }`),
			`bad.yaml:16: application.api.environment.MOTD: want text on one line (got "a\nb")`,
		},
		{
			"number for a variable's text", add("application: { api: { environment: { WORKERS: 4 } } }"),
			"bad.yaml:16: application.api.environment.WORKERS: want text in quotes: without them YAML reads a number (got 4)",
		},
		{
			"more environment than user data holds", add("application: { api: { environment: { KEY: " + strings.Repeat("k", MaxLaunchBytes) + " } } }"),
			"bad.yaml:16: application.api.environment: want less text: start and environment are part of the servers' user data, with at most 3072 bytes when quoted for the shell (got 3150)",
		},
		{
			"failover path without slash", add("failover: { healthPath: health }"),
			`bad.yaml:16: failover.healthPath: want ` + wantPath + ` (got "health")`,
		},
		{
			"empty failover path", add(`failover: { healthPath: "" }`),
			`bad.yaml:16: failover.healthPath: want ` + wantPath + ` (got "")`,
		},
		{
			"approver who is no principal", add("runbooks: { approvers: [lead] }"),
			`bad.yaml:16: runbooks.approvers[0]: want the ARN of an IAM user, role or assumed role (got "lead")`,
		},
		{
			"approver of another account", add(`runbooks: { approvers: ["arn:aws:iam::444455556666:role/lead"] }`),
			`bad.yaml:16: runbooks.approvers[0]: want one of account 111122223333 (got "arn:aws:iam::444455556666:role/lead")`,
		},
		{
			"approver twice", add(`runbooks: { approvers: ["arn:aws:iam::111122223333:user/lead", "arn:aws:iam::111122223333:user/lead"] }`),
			`bad.yaml:16: runbooks.approvers[1]: want each entry once (got "arn:aws:iam::111122223333:user/lead")`,
		},
		{
			"more approvers than Automation takes", add("runbooks: { approvers: [" + approvers(11) + "] }"),
			"bad.yaml:16: runbooks.approvers: want at most 10 approvers (got 11)",
		},
		{
			"interval that Route 53 does not have", add("failover: { interval: 20s }"),
			"bad.yaml:16: failover.interval: want one of 10s, 30s (got 20s)",
		},
		{
			"threshold too high", add("failover: { failureThreshold: 11 }"),
			"bad.yaml:16: failover.failureThreshold: want 1 to 10 (got 11)",
		},
		{
			"unknown price class", add("edge: { priceClass: PriceClass_300 }"),
			`bad.yaml:16: edge.priceClass: want one of PriceClass_100, PriceClass_200, PriceClass_All (got "PriceClass_300")`,
		},
		{
			"too many attempts", add("edge: { connectionAttempts: 4 }"),
			"bad.yaml:16: edge.connectionAttempts: want 1 to 3 (got 4)",
		},
		{
			"split seconds", add("edge: { connectionTimeout: 1500ms }"),
			"bad.yaml:16: edge.connectionTimeout: want whole seconds, 1s to 10s (got 1.5s)",
		},
		{
			"connection timeout too long", add("edge: { connectionTimeout: 11s }"),
			"bad.yaml:16: edge.connectionTimeout: want whole seconds, 1s to 10s (got 11s)",
		},
		{
			"read timeout of nothing", add("edge: { readTimeout: 0s }"),
			"bad.yaml:16: edge.readTimeout: want whole seconds, 1s to 120s (got 0s)",
		},
		{
			"read timeout too long", add("edge: { readTimeout: 3m }"),
			"bad.yaml:16: edge.readTimeout: want whole seconds, 1s to 120s (got 3m0s)",
		},
		{
			"image of another kind", add("images: { enabled: true, web: golden }"),
			`bad.yaml:16: images.web: want one of stock, baked (got "golden")`,
		},
		{
			"baked without a pipeline", add("images: { api: baked }"),
			`bad.yaml:16: images.api: want stock, or images.enabled true: nothing bakes an image without the pipelines (got "baked")`,
		},
		{
			"images on every day of a month and a week", add("images: { schedule: cron(0 6 * * 1 *) }"),
			`bad.yaml:16: images.schedule: want an AWS cron expression that is due at most hourly, with ? for one of the days, such as cron(0 6 ? * 1 *) (got "cron(0 6 * * 1 *)")`,
		},
		{
			"no image to go back to", add("images: { keep: 1 }"),
			"bad.yaml:16: images.keep: want 2 to 20 (got 1)",
		},
		{
			"drill of no length", add("drill: { minutes: 0 }"),
			"bad.yaml:16: drill.minutes: want 1 to 720 (got 0)",
		},
		{
			"drill of more than 12 hours", add("drill: { minutes: 721 }"),
			"bad.yaml:16: drill.minutes: want 1 to 720 (got 721)",
		},
		{
			"more servers than there are", add("drill: { serversPercent: 101 }"),
			"bad.yaml:16: drill.serversPercent: want 1 to 100 (got 101)",
		},
		{
			"less than one server", add("drill: { enabled: true }\nweb: { capacity: { primary: { min: 1, max: 2 } } }"),
			"bad.yaml:16: drill.serversPercent: want 100 to 100: at least one of 1, the fewest servers of a tier on the primary (got 50, the default)",
		},
		{
			"less than one server of three", add("drill: { enabled: true, serversPercent: 33 }\nweb: { capacity: { primary: { min: 3, max: 3 } } }\napi: { capacity: { primary: { min: 3, max: 3 } } }"),
			"bad.yaml:16: drill.serversPercent: want 34 to 100: at least one of 3, the fewest servers of a tier on the primary (got 33)",
		},
		{
			"path of the drill without slash", add("drill: { apiPath: ready }"),
			`bad.yaml:16: drill.apiPath: want ` + wantPath + ` (got "ready")`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(tt.patch(t, minimal)), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(preflight, "bad.yaml")
			var stderr strings.Builder
			cmd.Dir, cmd.Stderr = dir, &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("want exit code 1, got %v", err)
			}
			if got := strings.TrimSuffix(stderr.String(), "\n"); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func approvers(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"arn:aws:sts::111122223333:assumed-role/ops/%d"`, i))
	}
	return strings.Join(list, ", ")
}
