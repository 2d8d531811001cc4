package userdata

import (
	"flag"
	"os"
	"path/filepath"
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
	for name, script := range map[string]string{
		"web":        Web{shipping(exampleServer), "https://api.example.com"}.Script(),
		"web-silent": Web{atRoot, "https://api.example.com"}.Script(),
		"api": API{
			shipping(exampleServer),
			map[string]string{"DB_HOST": "book.rds.internal", "DB_SECRET_ID": "books/database", "NODE_ENV": `a "b" \c $d`},
			map[string]string{"DATABASE_URL": "mysql://${DB_USERNAME}:${DB_PASSWORD_ENCODED}@${DB_HOST}/books", "QUOTED": `it's $HOME "\`},
			"node --enable-source-maps server.js",
		}.Script(),
		"api-silent": API{Server: exampleServer, Start: "node server.js"}.Script(),
	} {
		t.Run(name, func(t *testing.T) {
			got := Shebang + "\n" + script
			if len(got) > MaxBytes {
				t.Errorf("%d bytes, EC2 takes %d", len(got), MaxBytes)
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
