package test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"warm-standby/changes"
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
	differences, createOnly := diff(t, steps)
	for i, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			got := map[string]string{}
			for id, change := range differences[i].Resources {
				keeps := slices.Contains(stateful, change.Type) || change.Type == "AWS::Logs::LogGroup"
				switch {
				case keeps:
					got[id[:len(id)-8]] = becomes(change)
				case change.Type == "AWS::SSM::Document" && becomes(change) == "Content?": // a new version of it, by its UpdateMethod
				case strings.HasSuffix(change.Impact, "_REPLACE"):
					t.Errorf("%s (%s): %s by %v", id, change.Type, change.Impact, change.Properties)
				}
			}
			equal(t, "what becomes of what holds data", got, step.want)
			told := changes.Markdown("prod", []changes.Stack{{Name: step.stack, Difference: differences[i]}}, 1<<20)
			for says, want := range map[string]bool{
				"[!CAUTION]":           false, // nothing is lost in any step
				"Promoted in place":    slices.Contains(slices.Collect(maps.Values(step.want)), promotedBySwap),
				"stays in the account": slices.Contains(slices.Collect(maps.Values(step.want)), "WILL_ORPHAN"),
			} {
				if strings.Contains(told, says) != want {
					t.Errorf("whoever approves it is told of %q: %v\n%.2000s", says, !want, told)
				}
			}

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

// becomes is the properties of a resource that change in place, or what else
// becomes of it.
func becomes(c changes.Change) string {
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
func diff(t *testing.T, steps []step) (differences []changes.Difference, createOnly map[string][]string) {
	t.Helper()
	pairs := make([]changes.Pair, len(steps))
	for i, step := range steps {
		for template, stacks := range map[*json.RawMessage]*assembly{&pairs[i].Before: step.before, &pairs[i].After: step.after} {
			document, err := json.Marshal(stacks.stacks[step.stack])
			if err != nil {
				t.Fatal(err)
			}
			*template = document
		}
	}
	differences, createOnly, err := changes.Compare(t.Context(), pairs)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(createOnly[dbInstance], "KmsKeyId") {
		t.Fatalf("the schemas know no create-only properties of %s (got %v)", dbInstance, createOnly[dbInstance])
	}
	return differences, createOnly
}
