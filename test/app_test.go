package test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"warm-standby/application"
	"warm-standby/constructs"
	"warm-standby/settings"
)

// TestApp runs the app itself, as the CDK CLI does, on what must not get far.
func TestApp(t *testing.T) {
	app := filepath.Join(t.TempDir(), "app")
	if out, err := exec.Command("go", "build", "-C", "..", "-o", app, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	example, err := os.ReadFile("../deployments/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const context = `{"deployment":"mine"}`
	for _, tt := range []struct {
		name     string
		context  string   // CDK_CONTEXT_JSON; empty: cdk.json
		choice   string   // DEPLOYMENT
		file     string   // deployments/mine.yaml
		built    bool     // The application's archives are there.
		want     []string // parts of stderr's lines, one a line
		usesNode bool
	}{
		{
			"a bad file: every problem, a line each", context, "",
			"name: Mine\naccount: 1\nprimary: us-east-1\nstandby: us-east-1\n", true,
			[]string{"mine.yaml:1: name: ", "mine.yaml:1: domain.", "mine.yaml:2: account: ", "mine.yaml:4: standby: "},
			false,
		},
		{"no such file: those that exist", `{"deployment":"prod"}`, "", string(example), true, []string{"prod.yaml: want one of the deployments that exist: mine"}, false},
		{"no deployment named", `{}`, "", string(example), true, []string{"-c deployment=NAME"}, false},
		{"cdk.json names the deployment when there is no CLI", "", "", "name: Mine\n", true, []string{"mine.yaml:1: name: "}, false},
		{"DEPLOYMENT another", "", "prod", "name: Mine\n", true, []string{"prod.yaml: want one of"}, false},
		{"but not with the CLI", context, "prod", "name: Mine\n", true, []string{"mine.yaml:1: name: "}, false},
		{"the application is not built", context, "", string(example), false, []string{"assets/app/dist/web.tar.gz is missing or older than assets/app/web: run make app DEPLOYMENT=mine\n"}, false},
		{
			"an own one is not built", context, "", strings.Replace(string(example), `web: ""`, "web: ../shop", 1), true,
			[]string{".build/application/mine/web.tar.gz is missing or older than shop: run make app DEPLOYMENT=mine\n"},
			false,
		},
		{
			"a setting that misses a target is named", context, "", strings.Replace(string(example), "interval: 10s", "interval: 30s", 1), true,
			[]string{"[Warning] deployments/mine.yaml: failover.interval × failureThreshold: want at most 54 s, to keep the target of 120 s for \"Region lost: reads\" (got 30s × 2)\n"},
			true,
		},
		{"an error of the CDK is one line", context, "", string(example), true, []string{"[Warning] deployments/mine.yaml: placeholders", "\nsynth of deployments/mine.yaml failed: "}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, content string) {
				t.Helper()
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(content), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			write("deployments/mine.yaml", tt.file)
			write("cdk.json", `{"context":{"deployment":"mine"}}`)
			write("assets/app/web/index.html", "site")
			write("assets/app/api/server.js", "server")
			write("shop/index.html", "shop")
			t.Chdir(dir)
			if tt.built {
				for _, part := range application.Parts("mine", &settings.Settings{Database: settings.Database{RotationDays: 30}}) {
					fingerprint, err := part.Fingerprint()
					if err != nil {
						t.Fatal(err)
					}
					write(part.Archive, "archive")
					write(strings.TrimSuffix(strings.TrimSuffix(part.Archive, ".tar.gz"), ".zip")+".source", fingerprint)
				}
			}
			// The CDK fails for want of a Node.js that answers.
			write("node", "#!/bin/sh\ntouch '"+dir+"/node-ran'\nexit 1\n")

			cmd := exec.Command(app)
			var stderr bytes.Buffer
			cmd.Dir, cmd.Stderr = dir, &stderr
			cmd.Env = append(os.Environ(), "CDK_CONTEXT_JSON="+tt.context, "DEPLOYMENT="+tt.choice, "JSII_NODE="+filepath.Join(dir, "node"))
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("want exit code 1, got %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("want a line with %q, got:\n%s", want, &stderr)
				}
			}
			if last := stderr.String()[strings.LastIndex(strings.TrimSpace(stderr.String()), "\n")+1:]; tt.usesNode && !strings.HasPrefix(last, "synth of ") {
				t.Errorf("want one line of the CDK's error, the last, got:\n%s", &stderr)
			}
			if strings.Contains(stderr.String(), "goroutine ") || strings.Contains(stderr.String(), ".go:") {
				t.Errorf("want no stack trace, got:\n%s", &stderr)
			}
			if _, err := os.Stat(filepath.Join(dir, "node-ran")); (err == nil) != tt.usesNode {
				t.Errorf("a Node process was started: %v", err == nil)
			}
		})
	}
}

// TestPreflight is what make deploy asks first.
func TestPreflight(t *testing.T) {
	cmd := exec.Command("go", "run", "./cmd/preflight", "deployments/example.yaml")
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("placeholders are let through")
	}
	for _, want := range []string{"account: 111122223333", "domain.name: example.com", "domain.hostedZoneId: ", "alarms.emails[0]: "} {
		if !strings.Contains(string(out), "deployments/example.yaml: "+want) {
			t.Errorf("want %s refused by name, got:\n%s", want, out)
		}
	}
}

// TestReadmeShowsRealErrors makes the README's mistakes in example.yaml.
func TestReadmeShowsRealErrors(t *testing.T) {
	example, err := os.ReadFile("../deployments/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "prod.yaml")
	bad := strings.NewReplacer("standby: us-west-2", "standby: us-east-1", "natGateways: 2", "natGateways: 3", "instanceType: t4g.medium", "instanceType: db.t4g.medium").Replace(string(example))
	if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = settings.Load(file)
	var problems settings.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("want problems, got %v", err)
	}
	for _, problem := range problems {
		problem.File = "deployments/prod.yaml"
		if !strings.Contains(string(readme), problem.String()+"\n") {
			t.Errorf("README.md does not show %s", problem)
		}
	}
}

// TestSettingsOfferWhatTheConstructsTake: settings may not import constructs,
// so the lists stand twice.
func TestSettingsOfferWhatTheConstructsTake(t *testing.T) {
	equal(t, "log retention", settings.LogRetentionDays, constructs.LogRetentionDays)
	domain := settings.Domain{Name: "example.com"}
	equal(t, "a region's name", domain.RegionalHost("api", west), constructs.RegionName("api", west, domain.Name))
	equal(t, "experiments", settings.Experiments, []string{constructs.DrillNetwork, constructs.DrillServers, constructs.DrillDatabase})
	equal(t, "an experiment's name", (&settings.Settings{Name: "books"}).ExperimentName("network"), constructs.DrillName("books", "network"))
	equal(t, "interface endpoints", settings.InterfaceEndpointServices, constructs.InterfaceEndpointServices)
}
