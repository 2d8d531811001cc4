package userdata

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var exampleServer = Server{
	Region:     "us-west-2",
	Stack:      "books-us-west-2",
	LogicalID:  "WebGroup1A2B3C4D",
	Artifact:   Artifact{Bucket: "assets-111122223333-us-west-2", Key: "0123456789abcdef.gz", Hash: "0123456789abcdef"},
	HealthPath: "/health",
	Targets:    "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/books/0123456789abcdef",
}

func shipping(s Server) Server {
	s.Logs = Logs{System: "books-system", Application: "books-application"}
	return s
}

func TestScripts(t *testing.T) {
	atRoot := exampleServer
	atRoot.HealthPath = "/"
	web := Web{shipping(exampleServer), "https://api.example.com"}
	api := API{
		shipping(exampleServer),
		map[string]string{"DB_HOST": "book.rds.internal", "DB_SECRET_ID": "books/database", "NODE_ENV": `a "b" \c $d`},
		map[string]string{"DATABASE_URL": "mysql://${DB_USERNAME}:${DB_PASSWORD_ENCODED}@${DB_HOST}/books", "QUOTED": `it's $HOME "\`},
		"node --enable-source-maps server.js",
	}
	for name, script := range map[string]string{
		"web":            web.Script(),
		"web-silent":     Web{atRoot, "https://api.example.com"}.Script(),
		"web-image":      web.Image().Build,
		"web-image-test": web.Image().Test,
		"api":            api.Script(),
		"api-silent":     API{Server: exampleServer, Start: "node server.js"}.Script(),
		"api-image":      api.Image().Build,
		"api-image-test": api.Image().Test,
	} {
		t.Run(name, func(t *testing.T) {
			got := Shebang + "\n" + script
			if len(got) > MaxBytes {
				t.Errorf("%d bytes, EC2 takes %d", len(got), MaxBytes)
			}
			parse := exec.Command("bash", "-n")
			parse.Stdin = strings.NewReader(got)
			if out, err := parse.CombinedOutput(); err != nil {
				t.Errorf("bash cannot read it: %v: %s", err, out)
			}
			golden := filepath.Join("testdata", name+".sh")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s; run go test ./assets/userdata -update and read the diff", golden)
			}
		})
	}
}

// marks are the image that a script makes, or that it needs to bake nothing.
func marks(script string) string {
	return regexp.MustCompile(`(?m)^IMAGE='([0-9a-f]{64})'$`).FindStringSubmatch(script)[1]
}

// TestImageAndBootKnowEachOther: a boot bakes nothing on an image of the same
// scripts, built in whatever region, and bakes again after any change of them.
func TestImageAndBootKnowEachOther(t *testing.T) {
	elsewhere := shipping(exampleServer)
	elsewhere.Region, elsewhere.Stack, elsewhere.LogicalID, elsewhere.Targets = "us-east-1", "books-us-east-1", "Other", "arn"
	elsewhere.Artifact, elsewhere.Logs = Artifact{"b", "k", "h"}, Logs{"s", "a"}
	anotherPath := elsewhere
	anotherPath.HealthPath = "/alive"
	web, api := Web{shipping(exampleServer), "https://api.example.com"}, API{Server: shipping(exampleServer), Start: "node server.js"}
	for name, image := range map[string]Image{"web": web.Image(), "api": api.Image()} {
		if marks(image.Build) != marks(image.Test) {
			t.Errorf("%s: its test looks for another image", name)
		}
	}
	same := map[string][2]string{
		"the web server, another region":           {web.Image().Build, Web{elsewhere, "https://other.example.com"}.Script()},
		"the API, another region, its own command": {api.Image().Build, API{Server: elsewhere, Start: "npm run x", Environment: map[string]string{"DB_HOST": "x"}}.Script()},
	}
	for name, scripts := range same {
		if marks(scripts[0]) != marks(scripts[1]) {
			t.Errorf("%s: the boot does not know the image", name)
		}
	}
	for name, scripts := range map[string][2]string{
		"another tier":             {web.Image().Build, api.Script()},
		"another health path":      {web.Image().Build, Web{anotherPath, ""}.Script()},
		"logs stay on the servers": {api.Image().Build, API{Server: exampleServer, Start: "node server.js"}.Script()},
	} {
		if marks(scripts[0]) == marks(scripts[1]) {
			t.Errorf("%s: the boot takes the image for its own", name)
		}
	}
}

// TestImagesKnowNoDeployment: an image is copied to both regions, and outlives
// releases.
func TestImagesKnowNoDeployment(t *testing.T) {
	web := Web{shipping(exampleServer), "https://api.example.com"}
	api := API{shipping(exampleServer), map[string]string{"DB_HOST": "book.rds.internal"}, map[string]string{"OWN": "theirs"}, "node own.js"}
	for name, script := range map[string]string{
		"web": web.Image().Build, "api": api.Image().Build, "api test": api.Image().Test,
	} {
		for _, absent := range []string{
			exampleServer.Stack, exampleServer.LogicalID, exampleServer.Targets, exampleServer.Artifact.Bucket,
			exampleServer.Artifact.Hash, "books-system", "api.example.com", "book.rds.internal", "theirs", "own.js",
		} {
			if strings.Contains(script, absent) {
				t.Errorf("%s: it has %q", name, absent)
			}
		}
	}
}

func TestLogsStayWhereTheyAre(t *testing.T) {
	for _, script := range []string{Web{exampleServer, ""}.Script(), API{Server: exampleServer, Start: "node server.js"}.Script()} {
		for _, absent := range []string{"amazon-cloudwatch-agent", "rsyslog gpg"} {
			if strings.Contains(script, absent) {
				t.Errorf("not asked to ship logs, the script has %q", absent)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"plain":              `'plain'`,
		"$(a) `b` \"c\" \\d": "'$(a) `b` \"c\" \\d'",
		"it's":               `'it'\''s'`,
		"${Token[TOKEN.7]}":  `'${Token[TOKEN.7]}'`,
		"":                   `''`,
	} {
		if got := quote(value); got != want {
			t.Errorf("quote(%s) = %s, want %s", value, got, want)
		}
	}
}

func TestEnvironmentFile(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"spaces, quotes and backslashes", `a "b" \c`, `X="a \"b\" \\c"` + "\n"},
		{"tokens of the CDK stay whole", "${Token[TOKEN.7]}", `X="${Token[TOKEN.7]}"` + "\n"},
		{"empty", "", "X=\"\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := environmentFile(map[string]string{"X": tt.value}); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
