package test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/assets/userdata"
	"warm-standby/settings"
	"warm-standby/stacks"
)

// TestOwnApplication follows somebody's own application from the settings into
// the servers' user data.
func TestOwnApplication(t *testing.T) {
	t.Parallel() // it waits for programs
	s, err := settings.Load("testdata/own-application/deployment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.Database.RequireTLS = false // for an application that speaks none
	dir := t.TempDir()
	artifacts := stacks.Artifacts{Web: filepath.Join(dir, "web.tar.gz"), Api: filepath.Join(dir, "api.tar.gz")}
	for _, file := range []string{artifacts.Web, artifacts.Api} {
		if err := os.WriteFile(file, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := awscdk.NewApp(&awscdk.AppProps{Context: cdkContext(t), Outdir: jsii.String(dir)})
	stacks.New(app, s, artifacts)
	app.Synth(nil)

	for _, region := range []string{east, west} {
		stack := app.Node().FindChild(jsii.String("shop-" + region)).(awscdk.Stack)
		tm := template{t, assertions.Template_FromStack(stack, nil)}
		tm.checkUserData(t, "Web", "HEALTH_PATH='/health'")
		tm.has(region+": connections without TLS are accepted", "AWS::RDS::DBParameterGroup", object{
			"Parameters": like(object{"require_secure_transport": "0"}),
		})
		tm.checkUserData(
			t, "Api", "HEALTH_PATH='/status'",
			`export MYSQL_HOST="$DB_HOST"`,
			`export DATABASE_URL='mysql://'"$DB_USERNAME"':'"$DB_PASSWORD_ENCODED"'@'"$DB_HOST"':'"$DB_PORT"'/'"$DB_NAME"`,
			`export GREETING='it'\''s "Bob'\''s" & Sons, 100 % \o/'`,
			"exec bash -c 'node --enable-source-maps main.js'", // of its package.json
		)
		script := tm.userData(t, "Api")
		for _, name := range userdata.Contract {
			if !regexp.MustCompile(`(?m)(^|\s)` + name + `=`).MatchString(script) {
				t.Errorf("%s: the API gets no %s", region, name)
			}
		}
		own := len(userdata.Launch(s.Application.Api.Start, s.Application.Api.Environment))
		if room := userdata.MaxBytes - (len(script) - own + settings.MaxLaunchBytes); room < 512 {
			t.Errorf("%s: with all the environment that settings allow, user data has %d bytes left", region, room)
		}
		for prefix, file := range map[string]string{"Web": artifacts.Web, "Api": artifacts.Api} {
			hash := regexp.MustCompile(`(?m)^ARTIFACT_HASH='([0-9a-f]+)'$`).FindStringSubmatch(tm.userData(t, prefix))
			if hash == nil {
				t.Fatalf("%s: user data names no artifact", prefix)
			}
			assets, err := filepath.Glob(filepath.Join(dir, "asset."+hash[1]+"*"))
			if err != nil || len(assets) != 1 {
				t.Fatalf("%s: want its artifact in the assembly, got %q (%v)", prefix, assets, err)
			}
			if content, err := os.ReadFile(assets[0]); err != nil || string(content) != file {
				t.Errorf("%s servers get %q, want %q (%v)", prefix, content, file, err)
			}
		}
	}
}

// TestCPU holds settings' own reading of instance types against the CDK's.
func TestCPU(t *testing.T) {
	for _, name := range []string{
		"t4g.small", "t3.micro", "t3a.small", "m7g.large", "m7i-flex.large", "m8gd.xlarge", "c7gn.medium", "r8g.large", "x2gd.medium", "a1.large",
		"g4dn.xlarge", "g5g.xlarge", "g5.xlarge", "im4gn.large", "i4g.large", "i7ie.large", "hpc7g.4xlarge", "c8gb.large", "z1d.large",
	} {
		want := map[awsec2.InstanceArchitecture]string{awsec2.InstanceArchitecture_ARM_64: "arm64", awsec2.InstanceArchitecture_X86_64: "x64"}[awsec2.NewInstanceType(jsii.String(name)).Architecture()]
		if got := (settings.Tier{InstanceType: name}).CPU(); got != want {
			t.Errorf("%s: got %s, the CDK %s", name, got, want)
		}
	}
}
