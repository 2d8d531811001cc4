// Package test holds every test that synthesizes: one jsii kernel and one link
// of the CDK serve them all.
package test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/jsii-runtime-go"
)

const (
	account = "111122223333"
	east    = "us-east-1"
	west    = "us-west-2"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close() // once: restarting the kernel costs seconds, and closing per test races
	os.Exit(code)
}

// newStack is an empty stack of its own app, with the feature flags of cdk.json,
// so that a construct under test behaves as it does in the deployed app.
func newStack(t *testing.T, region string) awscdk.Stack {
	t.Helper()
	app := awscdk.NewApp(&awscdk.AppProps{Context: cdkContext(t), Outdir: jsii.String(t.TempDir())})
	return awscdk.NewStack(app, jsii.String("Test"), &awscdk.StackProps{
		Env: &awscdk.Environment{Account: jsii.String(account), Region: jsii.String(region)},
	})
}

func cdkContext(t *testing.T) *map[string]any {
	t.Helper()
	data, err := os.ReadFile("../cdk.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Context map[string]any }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return &file.Context
}

// template is a synthesized template with the CDK's own matchers. They panic on
// a mismatch; here that fails the test that asked.
type template struct {
	t *testing.T
	assertions.Template
}

func templateOf(t *testing.T, stack awscdk.Stack) template {
	t.Helper()
	return template{t, assertions.Template_FromStack(stack, nil)}
}

// check runs one assertion under a name that says what it is for.
func (tm template) check(intent string, assertion func()) {
	tm.t.Helper()
	if mismatch := panicOf(assertion); mismatch != "" {
		tm.t.Errorf("%s:\n%s", intent, mismatch)
	}
}

// panicOf is the message that f panics with, empty if it does not.
func panicOf(f func()) (message string) {
	defer func() {
		if broken := recover(); broken != nil {
			message = fmt.Sprint(broken)
		}
	}()
	f()
	return ""
}

// has asserts that a resource of the type has at least these properties.
func (tm template) has(intent, resourceType string, properties any) {
	tm.t.Helper()
	tm.check(intent, func() { tm.HasResourceProperties(jsii.String(resourceType), properties) })
}

// hasNo asserts that no resource of the type has these properties.
func (tm template) hasNo(intent, resourceType string, properties any) {
	tm.t.Helper()
	tm.check(intent, func() { tm.ResourcePropertiesCountIs(jsii.String(resourceType), properties, jsii.Number(0)) })
}

// counts asserts how many resources of each type there are.
func (tm template) counts(want map[string]int) {
	tm.t.Helper()
	for resourceType, n := range want {
		tm.check(fmt.Sprintf("%d × %s", n, resourceType), func() { tm.ResourceCountIs(jsii.String(resourceType), jsii.Number(n)) })
	}
}

// only asserts that exactly one resource of the type has at least these
// properties, and returns its logical id.
func (tm template) only(intent, resourceType string, properties any) string {
	tm.t.Helper()
	found := *tm.FindResources(jsii.String(resourceType), object{"Properties": properties})
	for id := range found {
		if len(found) == 1 {
			return id
		}
	}
	tm.t.Fatalf("%s: want one %s with %v (got %d)", intent, resourceType, properties, len(found))
	return ""
}

type resource struct {
	Properties object
	DependsOn  []string
}

// resources is all resources of a type by logical id.
func (tm template) resources(resourceType string) map[string]resource {
	tm.t.Helper()
	data, err := json.Marshal(tm.FindResources(jsii.String(resourceType), nil))
	if err != nil {
		tm.t.Fatal(err)
	}
	var found map[string]resource
	if err := json.Unmarshal(data, &found); err != nil {
		tm.t.Fatal(err)
	}
	return found
}

// object keeps literal templates in tests short.
type object = map[string]any

// like matches objects that have at least these keys, at any depth.
func like(pattern object) assertions.Matcher { return assertions.Match_ObjectLike(&pattern) }

// contains matches arrays that contain these items, in this order.
func contains(items ...any) assertions.Matcher { return assertions.Match_ArrayWith(&items) }

// artifact is a file that passes for an application's archive.
func artifact(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.tar.gz")
	if err := os.WriteFile(file, []byte("an application"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// str is a pointer for the CDK's matchers.
func str(s string) *string { return jsii.String(s) }

// equal compares two pieces of template as their JSON, which is what is deployed.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("%s differs\n got: %s\nwant: %s", what, g, w)
	}
}

var update = flag.Bool("update", false, "rewrite the snapshots")

// golden compares a value with snapshots/NAME.json.
func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("snapshots", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	line := 0
	for line < min(len(gotLines), len(wantLines)) && gotLines[line] == wantLines[line] {
		line++
	}
	excerpt := func(lines []string) string { return strings.Join(lines[max(0, line-5):min(len(lines), line+5)], "\n") }
	t.Errorf("%s differs from line %d on; if that is meant: go test ./test -update\n got:\n%s\nwant:\n%s", file, line+1, excerpt(gotLines), excerpt(wantLines))
}

var assetHash = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// normalized is a template without what says nothing of the deployed system:
// asset hashes, the CDK's own metadata, and scripts, which are files themselves.
func normalized(value any) any {
	switch value := value.(type) {
	case string:
		return assetHash.ReplaceAllString(value, "HASH")
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = normalized(item)
		}
		return items
	case object:
		fields := object{}
		for key, field := range value {
			switch key {
			case "Metadata":
			case "Script":
				fields[key] = "SCRIPT"
			default:
				fields[key] = normalized(field)
			}
		}
		return fields
	}
	return value
}

// exampleZone is the public zone example.com, imported.
func exampleZone(stack awscdk.Stack) awsroute53.IHostedZone {
	return awsroute53.HostedZone_FromHostedZoneAttributes(stack, jsii.String("Zone"), &awsroute53.HostedZoneAttributes{
		HostedZoneId: jsii.String("Z0EXAMPLE"),
		ZoneName:     jsii.String("example.com"),
	})
}
