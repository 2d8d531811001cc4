// Package runbooks makes the operators' runbooks, documents of SSM Automation
// (schema 0.3), of files that are read and linted as they are. A document lists
// its parameters and groups of steps; a group, in steps/, comes with the
// permissions that it takes, and may run scripts, in scripts/. A name such as
// ${Database} in the YAML stands for that field of Values.
package runbooks

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml"
)

// The runbooks.
const (
	FailOver   = "fail-over"
	SwitchOver = "switch-over"
	Evacuate   = "evacuate"
	Return     = "return"
	Status     = "status"
)

// All is the runbooks in the order in which one learns of them.
var All = []string{Status, FailOver, SwitchOver, Evacuate, Return}

// DocumentName is what a deployment's runbook is called in SSM, in each region.
func DocumentName(deployment, runbook string) string { return deployment + "-" + runbook }

// Values is what differs between deployments and regions. All fields but the
// last ones are required. The strings may hold tokens of the CDK: none is looked
// into.
type Values struct {
	Deployment string

	Database       string // Identifier of the region's instance.
	DatabaseArn    string
	AnyDatabaseArn string // Pattern of all instances of the region.
	BackupDays     int    // The instance's own, which a promotion would reset.
	BackupWindow   string // Likewise.
	MaxLagSeconds  int    // Default of the parameter.

	WebGroup, WebGroupArn, WebTargets string // Auto Scaling group, target group's ARN.
	ApiGroup, ApiGroupArn, ApiTargets string
	WebMin, WebMax, ApiMin, ApiMax    int    // Capacity of a primary.
	ApiURL                            string // Health check's address by the region's name.
	OtherApiURL                       string // The same of the other region.
	ClientURL                         string // The same by the failover name.

	AlarmName, AlarmArn   string // The region's switch.
	Namespace, MetricName string // The metric that moves it.
	ScheduleGroup         string
	Schedule, ScheduleArn string // While it exists, it sends the metric.
	ScheduleRole          string // ARN of the role it sends it with.

	MultiAz       bool     // Whether a promoted instance gets a second zone. Default: no.
	Approvers     []string // Who may approve, one of them for each run. Default: no approval.
	ApprovalTopic string   // ARN of the topic that tells them. Required with Approvers.
}

// Document is a runbook for one deployment and region.
type Document struct {
	Name        string         // See DocumentName.
	Content     map[string]any // Without the role it assumes.
	Permissions []Permission   // What that role must be allowed, and nothing else.
}

// Permission is what a group of steps must be allowed.
type Permission struct {
	Actions    []string                     `yaml:"actions"`
	Resource   string                       `yaml:"resource"`
	Conditions map[string]map[string]string `yaml:"conditions"`
}

//go:embed *.yaml steps scripts
var files embed.FS

// group is steps that belong together.
type group struct {
	Permissions []Permission
	Steps       []map[string]any
}

// New makes one of the runbooks.
func New(runbook string, values Values) Document {
	var file struct {
		Description string
		Parameters  map[string]any
		Values      map[string]string // Of the document alone.
		Steps       []string
		Outputs     []string
	}
	expand := func(name string) string {
		if value, ok := file.Values[name]; ok {
			return value
		}
		return values.text(name)
	}
	read(runbook+".yaml", expand, &file)
	file.Values["Document"] = DocumentName(values.Deployment, runbook)

	document := Document{Name: file.Values["Document"]}
	var steps []map[string]any
	for _, name := range slices.Backward(values.applicable(file.Steps)) {
		if len(steps) > 0 {
			file.Values["Next"] = steps[0]["name"].(string)
		}
		var g group
		read("steps/"+name+".yaml", expand, &g)
		steps = append(g.Steps, steps...)
		document.Permissions = append(g.Permissions, document.Permissions...)
	}
	for _, step := range steps {
		inputs := step["inputs"].(map[string]any)
		if script, ok := inputs["Script"].(string); ok {
			inputs["Script"] = text("scripts/common.py") + "\n\n" + text("scripts/"+script)
		}
	}
	document.Content = map[string]any{
		"schemaVersion": "0.3",
		"description":   file.Description,
		"parameters":    file.Parameters,
		"mainSteps":     steps,
		"outputs":       file.Outputs,
	}
	return document
}

// applicable leaves out the groups that the settings make no use of.
func (v Values) applicable(groups []string) []string {
	return slices.DeleteFunc(slices.Clone(groups), func(name string) bool {
		return name == "approve" && len(v.Approvers) == 0 || name == "multi-az" && !v.MultiAz
	})
}

// text is a field as it stands in YAML.
func (v Values) text(name string) string {
	field := reflect.ValueOf(v).FieldByName(name)
	if !field.IsValid() {
		panic("runbooks: no value is named " + name)
	}
	if field.Kind() == reflect.Slice {
		list, _ := json.Marshal(field.Interface()) // of strings: it can't fail
		return string(list)
	}
	return fmt.Sprint(field.Interface())
}

// read fills in a file's values and decodes it.
func read(file string, expand func(string) string, into any) {
	if err := yaml.UnmarshalWithOptions([]byte(os.Expand(text(file), expand)), into, yaml.Strict()); err != nil {
		panic(fmt.Sprintf("runbooks: %s: %v", file, err))
	}
}

func text(file string) string {
	data, err := files.ReadFile(file)
	if err != nil {
		panic(err) // not embedded: the build is wrong
	}
	return string(data)
}
