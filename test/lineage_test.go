package test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// step is one stack's deploy in the life of the database.
type step struct {
	name          string
	stack         string
	before, after *assembly
	want          map[string]string // What becomes of stateful resources and log groups, by logical id without its hash.
}

// What a promotion changes of its instance. A ? marks what the schema calls
// create-only on a condition. RDS's handler promotes when the source leaves, and
// modifies the others in place (isSourceDBInstanceIdentifierMutable and
// modifyDbInstanceRequest of its aws-rds-dbinstance,
// https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds).
const (
	promotedBySwap    = "MultiAZ? PreferredMaintenanceWindow? SourceDBInstanceIdentifier? Tags"
	promotedByRunbook = "MultiAZ? PreferredMaintenanceWindow? Tags"
)

// TestLife follows the database from its first failover home again, deploy by
// deploy. No writer may be replaced, nor what it stands on; what leaves stays in
// the account.
func TestLife(t *testing.T) {
	initial := deployment(t, "example", "", nil)
	over := deployment(t, "example", "swapped", swapped)
	back := deployment(t, "example", "failed back", failedBack)
	front := map[string]string{"EdgeDistribution": "DistributionConfig"} // its origins follow the roles
	steps := []step{
		{
			"fail over: the swap promotes the standby's replica", "books-us-west-2", initial, over,
			map[string]string{"Databasebooks2": promotedBySwap},
		},
		{"fail over: the front follows", "books-global", initial, over, front},
		{
			"the old primary is rebuilt", "books-us-east-1", initial, over,
			map[string]string{
				"Databasebooks1": "WILL_ORPHAN", "Databasebooks1error": "WILL_ORPHAN", "Databasebooks1slowquery": "WILL_ORPHAN",
				"Databasebooks3": "WILL_CREATE", "Databasebooks3error": "WILL_CREATE", "Databasebooks3slowquery": "WILL_CREATE",
			},
		},
		{
			"fail back: the runbook has promoted the rebuilt one", "books-us-east-1", over, back,
			map[string]string{"Databasebooks3": promotedByRunbook},
		},
		{"fail back: the front follows", "books-global", over, back, front},
		{
			"the first standby is rebuilt", "books-us-west-2", over, back,
			map[string]string{
				"Databasebooks2": "WILL_ORPHAN", "Databasebooks2error": "WILL_ORPHAN", "Databasebooks2slowquery": "WILL_ORPHAN",
				"Databasebooks4": "WILL_CREATE", "Databasebooks4error": "WILL_CREATE", "Databasebooks4slowquery": "WILL_CREATE",
			},
		},
	}
	changes, createOnly := diff(t, steps)
	for i, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			got := map[string]string{}
			for id, change := range changes[i] {
				keeps := slices.Contains(stateful, change.Type) || change.Type == "AWS::Logs::LogGroup"
				switch {
				case keeps:
					got[id[:len(id)-8]] = change.String()
				case change.Type == "AWS::SSM::Document" && change.String() == "Content?": // a new version of it, by its UpdateMethod
				case strings.HasSuffix(change.Impact, "_REPLACE"):
					t.Errorf("%s (%s): %s by %v", id, change.Type, change.Impact, change.Properties)
				}
			}
			equal(t, "what becomes of what holds data", got, step.want)

			after := resourcesOf(step.after.stacks[step.stack], "")
			for id, resource := range resourcesOf(step.before.stacks[step.stack], "") {
				successor, stays := after[id]
				if !stays {
					continue
				}
				for _, property := range createOnly[resource["Type"].(string)] {
					equal(t, id+": the create-only "+property, propertiesOf(successor)[property], propertiesOf(resource)[property])
				}
			}
		})
	}
}

// change is what becomes of a resource, in the words of CDK's diff.
type change struct {
	Type, Impact string
	Properties   map[string]string // impact by name
}

// String is the properties that change in place, or what else becomes of the
// resource.
func (c change) String() string {
	if c.Impact != "WILL_UPDATE" && c.Impact != "MAY_REPLACE" {
		return c.Impact
	}
	names := slices.Sorted(maps.Keys(c.Properties))
	for i, name := range names {
		if c.Properties[name] == "MAY_REPLACE" {
			names[i] += "?"
		}
	}
	return strings.Join(names, " ")
}

// diff compares the templates of each step in one Node process. It also returns
// the create-only properties of each type, as CloudFormation's resource schemas
// have them.
func diff(t *testing.T, steps []step) (changes []map[string]change, createOnly map[string][]string) {
	t.Helper()
	pairs := make([][2]object, len(steps))
	for i, step := range steps {
		pairs[i] = [2]object{step.before.stacks[step.stack], step.after.stacks[step.stack]}
	}
	input, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "lineage_diff.js")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v (are node_modules installed, by make setup?)\n%s", err, &stderr)
	}
	var answer struct {
		Changes    []map[string]change
		CreateOnly map[string][]string
	}
	if err := json.Unmarshal(output, &answer); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(answer.CreateOnly[dbInstance], "KmsKeyId") {
		t.Fatalf("the schemas know no create-only properties of %s (got %v)", dbInstance, answer.CreateOnly[dbInstance])
	}
	return answer.Changes, answer.CreateOnly
}
