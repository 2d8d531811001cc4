// Package test holds every test that synthesizes: one jsii kernel and one link
// of the CDK serve them all.
package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
)

const (
	account = "111122223333"
	east    = "us-east-1"
	west    = "us-west-2"
)

func TestMain(m *testing.M) {
	if node, err := filepath.Abs("../node_modules/.bin/node"); err == nil && os.Getenv("JSII_NODE") == "" {
		os.Setenv("JSII_NODE", node)
	}
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
	defer func() {
		if mismatch := recover(); mismatch != nil {
			tm.t.Helper()
			tm.t.Errorf("%s:\n%v", intent, mismatch)
		}
	}()
	assertion()
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

// object keeps literal templates in tests short.
type object = map[string]any

// like matches objects that have at least these keys, at any depth.
func like(pattern object) assertions.Matcher { return assertions.Match_ObjectLike(&pattern) }

// contains matches arrays that contain these items, in this order.
func contains(items ...any) assertions.Matcher { return assertions.Match_ArrayWith(&items) }
