package settings

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMinimalFileHasDefaults(t *testing.T) {
	want := defaults()
	want.Name, want.Account, want.Primary, want.Standby = "books", "111122223333", "us-east-1", "us-west-2"
	want.Regions = map[string]Region{
		"us-east-1": {Cidr: "172.20.0.0/16", AvailabilityZones: []string{"us-east-1a", "us-east-1b"}},
		"us-west-2": {Cidr: "172.21.0.0/16", AvailabilityZones: []string{"us-west-2a", "us-west-2b"}},
	}
	want.Domain.Name, want.Domain.HostedZoneID = "example.com", "Z0123456789EXAMPLE"
	want.Database.SecretRegion = "us-east-1"
	want.Database.Instances = map[string]Instance{"us-east-1": {Name: "books-1"}, "us-west-2": {Name: "books-2", ReplicaOf: "books-1"}}
	want.Failover.HealthPath = "/health"

	if got := mustParse(t, minimal); !reflect.DeepEqual(*got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", *got, want)
	}
}

// A value that is there is kept, even if it is Go's zero; an absent neighbour
// has its default.
func TestZeroIsNotAbsent(t *testing.T) {
	s := mustParse(t, strings.Replace(minimal, "  secretRegion", "  maxStorageGiB: 0\n  deletionProtection: false\n  requireTls: false\n  multiAz: { primary: false }\n  secretRegion", 1)+`
terminationProtection: false
tags:
web: { capacity: { primary: { min: 1 } } }
api: { healthPath: /status }
logs: { ship: false }
backup: { database: false }
alarms: { emails: [], latencySeconds: 0.5 }
edge: { readTimeout: 1m }
`)
	for _, tt := range []struct {
		field     string
		got, want any
	}{
		{"terminationProtection", s.TerminationProtection, false},
		{"tags", len(s.Tags), 0},
		{"database.maxStorageGiB", s.Database.MaxStorageGiB, 0},
		{"database.deletionProtection", s.Database.DeletionProtection, false},
		{"database.requireTls", s.Database.RequireTLS, false},
		{"database.multiAz", s.Database.MultiAz, ByRole[bool]{}},
		{"database.backupDays", s.Database.BackupDays, 7},
		{"web.capacity", s.Web.Capacity, ByRole[Limits]{Primary: Limits{1, 6}, Standby: Limits{1, 6}}},
		{"api.healthPath", s.Api.HealthPath, "/status"},
		{"failover.healthPath follows", s.Failover.HealthPath, "/status"},
		{"logs.ship", s.Logs.Ship, false},
		{"logs.days", s.Logs.Days, 30},
		{"backup.database", s.Backup.Database, false},
		{"backup.days", s.Backup.Days, 35},
		{"alarms.emails", len(s.Alarms.Emails), 0},
		{"alarms.latencySeconds", s.Alarms.LatencySeconds, 0.5},
		{"edge.readTimeout", s.Edge.ReadTimeout, time.Minute},
		{"edge.connectionTimeout", s.Edge.ConnectionTimeout, 2 * time.Second},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.field, tt.got, tt.want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := parse("bad.yaml", []byte(`name: Books
account: 012345678901
primary: us-east-1
standby: us-west-2
regions:
  us-east-1: { cidr: 172.20.0.0/16, availabilityZones: [us-east-1a, us-east-1b] }
  us-west-2:
    cidr: 172.20.0.0/16
    availabilityZones: us-west-2a
  colour: blue
domain:
  Name: example.com
  hostedZoneId: Z0123456789EXAMPLE
database:
  multiAz: { primary: yes please }
  schema: books
  instances:
    us-east-1: { name: books-1 }
    us-west-2: { name: books-2 }
  schema: my-books
network: { natGateways: 0, flowLogDays: a month }
`))
	want := `bad.yaml:1: name: want ` + wantName + ` (got "Books")
bad.yaml:2: account: want text in quotes: without them YAML reads a number (got 012345678901)
bad.yaml:8: regions.us-west-2.cidr: want a block that does not overlap 172.20.0.0/16 of us-east-1 (got "172.20.0.0/16")
bad.yaml:9: regions.us-west-2.availabilityZones: want a list (got "us-west-2a")
bad.yaml:10: regions.colour: want keys with values (got "blue")
bad.yaml:11: domain.name: want ` + wantDomain + ` (got nothing)
bad.yaml:12: domain.Name: want one of the keys name, hostedZoneId, site, api, web (got an unknown key)
bad.yaml:14: database.secretRegion: want the primary or the standby region (got nothing)
bad.yaml:15: database.multiAz.primary: want true or false (got "yes please")
bad.yaml:19: database.instances.us-west-2.replicaOf: want "books-1", the primary's instance; an old primary comes back under a new name, as its replica (got nothing)
bad.yaml:20: database.schema: want the key once (got it on line 16, too)
bad.yaml:20: database.schema: want 1 to 64 letters, digits and underscores, a letter first (got "my-books")
bad.yaml:21: network.flowLogDays: want a whole number (got "a month")
bad.yaml:21: network.natGateways: want 1 to 2, the number of zones: servers install packages at boot and need a way out (got 0)`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestNothingRequiredIsThere(t *testing.T) {
	_, err := parse("bad.yaml", []byte("# Only a comment.\nlogs: { days: 30 }\n"))
	var got []string
	for _, problem := range problemsOf(t, err) {
		if problem.Line != 2 || problem.Got != "nothing" {
			t.Errorf("%s: want it missing from line 2", problem)
		}
		got = append(got, problem.Path)
	}
	want := []string{"name", "account", "primary", "standby", "regions", "domain.name", "domain.hostedZoneId", "database.secretRegion", "database.instances"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNoSettingsToRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	alone := filepath.Join(t.TempDir(), "missing.yaml")
	for _, tt := range []struct{ name, path, want string }{
		{"missing, and no other", alone, "want a settings file (got no such file)"},
		{"empty", file("empty.yaml", ""), "want a deployment's settings (got an empty file)"},
		{"comments only", file("comments.yaml", "# name: books\n"), "want a deployment's settings (got an empty file)"},
		{"too large", file("large.yaml", "#"+strings.Repeat("x", maxBytes)), "want a settings file of at most 65536 bytes (got 65537)"},
		{"missing, and three others", filepath.Join(dir, "missing.yaml"), "want one of the deployments that exist: comments, empty, large (got no such file)"},
		{"a directory", dir, "want a settings file (got a directory)"},
	} {
		_, err := Load(tt.path)
		if err == nil || err.Error() != tt.path+": "+tt.want {
			t.Errorf("%s: got %v, want %s: %s", tt.name, err, tt.path, tt.want)
		}
	}
}

// What editors do to a file changes neither what is read nor its lines.
func TestEditorsMayDiffer(t *testing.T) {
	want := mustParse(t, minimal)
	for name, file := range map[string]string{
		"Windows line ends":   strings.ReplaceAll(minimal, "\n", "\r\n"),
		"byte order mark":     "\ufeff" + minimal,
		"document separators": "%YAML 1.2\n---\n" + minimal + "...\n",
		"no last line end":    strings.TrimSuffix(minimal, "\n"),
		"quotes":              strings.Replace(minimal, "name: books\n", "'name': \"books\"\n", 1),
	} {
		if got := mustParse(t, file); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	_, err := parse("bad.yaml", []byte(strings.ReplaceAll(minimal, "\n", "\r\n")+"# Comment.\r\n\r\ncolour: blue\r\n"))
	if problems := problemsOf(t, err); problems[0].Line != 18 {
		t.Errorf("Windows line ends: got line %d, want 18", problems[0].Line)
	}
}

// A deployment's life: each row is legal.
func TestLineage(t *testing.T) {
	for _, tt := range []struct{ name, primary, standby, east, west, retired string }{
		{"new", "us-east-1", "us-west-2", "{ name: books-1 }", "{ name: books-2, replicaOf: books-1 }", "[]"},
		{
			"failed over by the runbook, the old primary rebuilt", "us-west-2", "us-east-1",
			"{ name: books-3, replicaOf: books-2 }", "{ name: books-2, replicaOf: books-1, promotedBy: runbook }",
			"[{ name: books-1, region: us-east-1 }]",
		},
		{
			"failed back by settings alone, the promoted one rebuilt", "us-east-1", "us-west-2",
			"{ name: books-3, replicaOf: books-2, promotedBy: cloudformation }", "{ name: books-4, replicaOf: books-3 }",
			"[{ name: books-1, region: us-east-1 }, { name: books-2, region: us-west-2, replicaOf: books-1 }]",
		},
		{
			"standby rebuilt", "us-east-1", "us-west-2", "{ name: books-1 }", "{ name: books-9, replicaOf: books-1 }",
			"[{ name: books-2, region: us-west-2, replicaOf: books-1 }]",
		},
		{
			"standby moved from eu-west-1", "us-east-1", "us-west-2", "{ name: books-3, replicaOf: books-2, promotedBy: runbook }", "{ name: books-4, replicaOf: books-3 }",
			"[{ name: books-2, region: eu-west-1, replicaOf: books-1 }, { name: books-1, region: us-east-1 }]",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mustParse(t, strings.NewReplacer(
				"primary: us-east-1", "primary: "+tt.primary, "standby: us-west-2", "standby: "+tt.standby,
				"{ name: books-1 }", tt.east, "{ name: books-2, replicaOf: books-1 }", tt.west+"\n  retired: "+tt.retired).Replace(minimal))
		})
	}
}

// TestDocumentedLineage loads the settings of each step in docs/lineage.md.
func TestDocumentedLineage(t *testing.T) {
	page, err := os.ReadFile("../docs/lineage.md")
	if err != nil {
		t.Fatal(err)
	}
	rest, _, _ := strings.Cut(minimal, "database:")
	rest = strings.NewReplacer("primary: us-east-1\n", "", "standby: us-west-2\n", "").Replace(rest)
	steps := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(steps) != 4 {
		t.Errorf("want 4 steps with settings, got %d", len(steps))
	}
	for _, step := range steps {
		mustParse(t, rest+step[1])
	}
}

func TestRegionOfAnInstance(t *testing.T) {
	db := mustParse(t, minimal).Database
	db.Retired = []Retired{{Name: "books-0", Region: "eu-west-1"}}
	for name, want := range map[string]string{"books-1": "us-east-1", "books-2": "us-west-2", "books-0": "eu-west-1", "books-9": ""} {
		if got := db.RegionOf(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestUnprotectedRetirementWarns: what is retired is kept by the protection alone.
func TestUnprotectedRetirementWarns(t *testing.T) {
	for _, tt := range []struct {
		protected bool
		retired   []Retired
		want      string // In the one warning; empty: there is none.
	}{
		{false, []Retired{{Name: "books-0", Region: "eu-west-1"}, {Name: "books-9", Region: "us-east-1"}}, "(books-0, books-9) out of its stack deletes it"},
		{false, nil, ""},
		{true, []Retired{{Name: "books-0", Region: "eu-west-1"}}, ""},
	} {
		s := mustParse(t, minimal)
		s.Database.DeletionProtection, s.Database.Retired = tt.protected, tt.retired
		if got := s.Warnings(); (len(got) == 1) != (tt.want != "") || !strings.Contains(strings.Join(got, "\n"), tt.want) {
			t.Errorf("%v, %v: want %q warned of, got %q", tt.protected, tt.retired, tt.want, got)
		}
	}
}

func TestForms(t *testing.T) {
	match := func(form interface{ MatchString(string) bool }) func(string) bool { return form.MatchString }
	for _, tt := range []struct {
		name      string
		legal     func(string) bool
		good, bad string // Separated by |.
	}{
		{
			"schedule", isSchedule,
			"cron(0 5 * * ? *)|cron(0 * * * ? *)|cron(15 0/6 ? * MON-FRI *)|cron(0 5 L * ? *)|cron(0 5 15W * ? 2030-2040)|cron(0 8,20 ? JAN,JUL 2#1 *)|cron(30 3 ? * 6L *)",
			"cron(0 5 * * ? *|0 5 * * ? *|cron(60 5 * * ? *)|cron(0 5 32 * ? *)|cron(0 5 * 13 ? *)|cron(0 5 ? * 8 *)|cron(* * * * ? *)|cron(0,30 * * * ? *)|cron(0 5 * * ? 1969)|cron(0  5 * * ? *)",
		},
		{
			"schedule of the database", isClearOfDatabase,
			"cron(0 5 * * ? *)|cron(59 23 ? * MON *)|cron(0 8,20 * * ? *)|cron(0 05-22 * * ? *)",
			"cron(0 0 * * ? *)|cron(59 4 * * ? *)|cron(0 * * * ? *)|cron(0 5/6 * * ? *)|cron(0 3-8 * * ? *)|cron(0 8,4 * * ? *)",
		},
		{"server", match(serverForm), "t4g.small|t3.micro|m7i-flex.2xlarge|u-6tb1.112xlarge|c7g.metal|m8g.metal-24xl|mac-m4.metal", "db.t4g.small|t4g|t4g.tiny|T4g.small|t.small|t4g.0xlarge| t4g.small"},
		{"database", match(databaseForm), "t4g.medium|t3.micro|m8g.48xlarge|x2iedn.xlarge|r6id.large", "db.t3.micro|t3.nano|m5.metal|serverless"},
		{"domain", match(domainForm), "example.com|a.b.c.example.co.uk|rds.internal|xn--bcher-kva.example|0.example", "example|.example.com|example..com|-a.example.com|a_b.com|example.com.|example.1"},
		{"hosted zone", match(hostedZoneForm), "Z0123456789EXAMPLE|Z2FDTNDATAQYW2", "z0123|Z|Z012-3|/hostedzone/Z2FDTNDATAQYW2"},
		{"key pair", match(keyPairForm), "ops|my key (2026)|a", " ops|ops |"},
		{"path", match(pathForm), "/|/health|/health?deep=1", "|health|/a b|/ü"},
		{"tag key", match(tagKeyForm), "Owner|cost:center|Straße|a b+c=d@e/f", "|a*b|a,b"},
	} {
		for _, text := range strings.Split(tt.good, "|") {
			if !tt.legal(text) {
				t.Errorf("%s: %q is refused", tt.name, text)
			}
		}
		for _, text := range strings.Split(tt.bad, "|") {
			if tt.legal(text) {
				t.Errorf("%s: %q is accepted", tt.name, text)
			}
		}
	}
}

func TestPlaceholders(t *testing.T) {
	own := strings.NewReplacer("111122223333", "210987654321", "example.com", "books.io", "Z0123456789EXAMPLE", "Z2FDTNDATAQYW2").Replace(minimal)
	for _, tt := range []struct{ name, file, want string }{
		{"own values", own + "alarms: { emails: [ops@books.io] }\n", ""},
		{"no e-mail", own, ""},
		{"placeholders", minimal, "account: 111122223333, domain.name: example.com, domain.hostedZoneId: Z0123456789EXAMPLE"},
		{
			"subdomain of a placeholder", strings.Replace(own, "books.io", "books.example.org", 1) + "alarms: { emails: [ops@ops.test] }\n",
			"domain.name: books.example.org, alarms.emails[0]: ops@ops.test",
		},
		{"not quite a placeholder", strings.Replace(own, "books.io", "myexample.com", 1), ""},
		{
			"documentation's addresses", own + "bastion: { enabled: true, keyName: ops, allowFrom: [10.0.0.0/8, 203.0.113.7/32] }\n",
			"bastion.allowFrom[1]: 203.0.113.7/32",
		},
		{"documentation's addresses, bastion off", own + "bastion: { allowFrom: [203.0.113.7/32] }\n", ""},
	} {
		if got := strings.Join(mustParse(t, tt.file).Placeholders(), ", "); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestRoles(t *testing.T) {
	s := mustParse(t, minimal)
	for region, want := range map[string]struct {
		primary bool
		other   string
		multiAz bool
		host    string
	}{
		"us-east-1": {true, "us-west-2", true, "api-us-east-1.example.com"},
		"us-west-2": {false, "us-east-1", false, "api-us-west-2.example.com"},
	} {
		primary := s.IsPrimary(region)
		if primary != want.primary || s.OtherRegion(region) != want.other || s.Database.MultiAz.Of(primary) != want.multiAz || s.Domain.RegionalHost("api", region) != want.host {
			t.Errorf("%s: want %+v", region, want)
		}
	}
	if got := s.Domain.Host(s.Domain.Site); got != "threetier.example.com" {
		t.Errorf("site: got %s", got)
	}
}

func TestApplication(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"deployments/shop.yaml": minimal + "application: { web: ../shop/site, api: { folder: ../shop/api } }\n",
		"shop/site/index.html":  "<!doctype html>",
		"shop/api/package.json": `{ "scripts": { "start": "node --enable-source-maps dist/main.js" } }`, "shop/api/package-lock.json": "{}",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(filepath.Join(dir, "deployments/shop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := Application{
		Web: filepath.Join(dir, "shop/site"), // from the settings file's folder, not from here
		Api: ApiApplication{Folder: filepath.Join(dir, "shop/api"), Start: "node --enable-source-maps dist/main.js"},
	}
	if !reflect.DeepEqual(s.Application, want) {
		t.Errorf("got %+v, want %+v", s.Application, want)
	}
	if bundled := mustParse(t, minimal).Application; bundled.Api.Start != "node server.js" || bundled.Web != "" || bundled.Api.Folder != "" {
		t.Errorf("without the section: %+v", bundled)
	}
}

func TestDeployments(t *testing.T) {
	for name, want := range map[string]func(*Settings) bool{
		"example": func(s *Settings) bool {
			return s.Network.NatGateways == 2 && !s.Bastion.Enabled && s.Database.InstanceType == "t4g.medium" && s.Web.InstanceType == "t4g.small" &&
				s.Failover.HealthPath == "/ready" && s.Edge.ReadTimeout == 2*time.Second
		},
		"walkthrough": func(s *Settings) bool {
			one := ByRole[Limits]{Primary: Limits{1, 1}, Standby: Limits{1, 1}}
			return s.Network.NatGateways == 1 && s.Bastion.Enabled && s.Database.InstanceType == "t3.micro" && s.Database.MultiAz.Primary && s.Database.StorageGiB == 22 &&
				s.Database.Zone == "rds.com" && s.Web.Capacity == one && s.Api.Capacity == one && s.Backup.Servers && !s.Backup.Database && s.Domain.Site == "threetier" && s.Domain.Api == "api"
		},
	} {
		s, err := Load("../deployments/" + name + ".yaml")
		switch {
		case err != nil:
			t.Errorf("%v", err)
		case len(s.Placeholders()) == 0:
			t.Errorf("%s: want placeholders", name)
		case !want(s):
			t.Errorf("%s: not the system it is meant to be: %+v", name, s)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(minimal))
	for _, name := range []string{"example", "walkthrough"} {
		data, err := os.ReadFile("../deployments/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{
		"", "{}", "[]", "a", "a: [", "? a", "- a\n- b", "&a a: *a", "<<: *a", "!!map {}", "a: |\n  b", "\"a\\nb\": 1", "'\u2028': 1", "a: 1\n---\nb: 2", "\ufeff#",
		"network: { natGateways: -1 }", "tags: { ? [a] : b, ~: c }", "regions: { '': { cidr: ::/0, availabilityZones: [''] } }", "primary: ''\nregions: { us-east-1.x: {}, '[': {} }",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse("fuzz.yaml", data)
		if err == nil {
			s.Placeholders()
			return
		}
		problems := problemsOf(t, err)
		if s != nil || len(problems) == 0 || strings.Count(err.Error(), "\n") != len(problems)-1 {
			t.Errorf("want nil and a line for each problem, got %v and\n%v", s, err)
		}
		for i, problem := range problems {
			if i > 0 && problem.Line < problems[i-1].Line || strings.ContainsAny(problem.String(), "\n\r\u2028") {
				t.Errorf("want lines in order, each on one line (got %q)", problem)
			}
		}
	})
}

func mustParse(t *testing.T, file string) *Settings {
	t.Helper()
	s, err := parse("good.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func problemsOf(t *testing.T, err error) Problems {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("want Problems (got %T)", err)
	}
	return problems
}
