// The warm-standby app: one settings file in, three CloudFormation templates out.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/application"
	"warm-standby/budget"
	"warm-standby/settings"
	"warm-standby/stacks"
)

func main() {
	err := run()
	closeKernel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reads the settings before it makes the first CDK object, so that a bad
// file costs no Node process.
func run() (err error) {
	name, props, err := invocation()
	if err != nil {
		return err
	}
	file := "deployments/" + name + ".yaml"
	deployment, err := settings.Load(file)
	if err != nil {
		return err
	}
	if found := deployment.Placeholders(); len(found) > 0 {
		fmt.Fprintf(os.Stderr, "[Warning] %s: placeholders, to be replaced before deploying: %s\n", file, strings.Join(found, ", "))
	}
	for _, warning := range slices.Concat(budget.Warnings(deployment), deployment.Warnings()) {
		fmt.Fprintf(os.Stderr, "[Warning] %s: %s\n", file, warning)
	}
	for _, part := range application.Parts(name, deployment) {
		current, err := part.Current()
		if err != nil {
			return err
		}
		if !current {
			return fmt.Errorf("%s is missing or older than %s: run make app DEPLOYMENT=%s", part.Archive, part.Folder, name)
		}
	}
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("synth of %s failed: %s", file, firstLine(broken))
		}
	}()
	app := awscdk.NewApp(props)
	web, api := application.Of(name, deployment)
	stacks.New(app, deployment, stacks.Artifacts{Web: web.Archive, Api: api.Archive, Rotation: application.Rotation().Archive})
	app.Synth(nil)
	return nil
}

// contextOfCLI is what the CLI adds to the context of cdk.json as far as it
// shows in a template.
var contextOfCLI = map[string]any{
	"aws:cdk:disable-version-reporting": true,
	"aws:cdk:enable-asset-metadata":     true,
	"aws:cdk:enable-path-metadata":      true,
}

// invocation is which deployment to synthesize, and how. The CDK CLI hands its
// context over in CDK_CONTEXT_JSON, `-c deployment=NAME` included, and the CDK
// finds the rest there. Without the CLI, which adds nothing to the templates but
// its own start, cdk.json has the context and DEPLOYMENT may name another
// deployment.
func invocation() (deployment string, props *awscdk.AppProps, err error) {
	source, document := "CDK_CONTEXT_JSON", []byte(os.Getenv("CDK_CONTEXT_JSON"))
	file := struct {
		Output  string
		Context map[string]any
	}{}
	var into any = &file.Context
	if len(document) == 0 {
		if document, err = os.ReadFile("cdk.json"); err != nil {
			return "", nil, fmt.Errorf("run this app in its own folder: %w", err)
		}
		source, into = "cdk.json", &file
	}
	if err := json.Unmarshal(document, into); err != nil {
		return "", nil, fmt.Errorf("%s: %w", source, err)
	}
	deployment, _ = file.Context["deployment"].(string)
	if source == "cdk.json" {
		maps.Copy(file.Context, contextOfCLI)
		props = &awscdk.AppProps{Outdir: jsii.String(file.Output), Context: &file.Context}
		deployment = cmp.Or(os.Getenv("DEPLOYMENT"), deployment)
	}
	if deployment == "" {
		return "", nil, errors.New("no deployment is named: use -c deployment=NAME")
	}
	return deployment, props, nil
}

// firstLine spares the reader the two stack traces of a JavaScript error.
func firstLine(broken any) string {
	line, _, _ := strings.Cut(fmt.Sprint(broken), "\n")
	return line
}

// closeKernel ends the Node process of the CDK and removes its files. jsii waits
// for that process twice at once; the loser's complaint on stderr means nothing.
func closeKernel() {
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
	jsii.Close()
}
