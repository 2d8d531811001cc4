package changes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

type object = map[string]any

func resource(kind, path string, properties object, policies ...string) object {
	r := object{"Type": kind, "Properties": properties, "Metadata": object{"aws:cdk:path": "books-us-east-1/" + path + "/Resource"}}
	for _, policy := range policies {
		r["DeletionPolicy"], r["UpdateReplacePolicy"] = policy, policy
	}
	return r
}

// TestMarkdown tells of one resource each, before and after.
func TestMarkdown(t *testing.T) {
	instance := func(properties object) object {
		return resource("AWS::RDS::DBInstance", "Database/books-2", properties, "RetainExceptOnCreate")
	}
	cases := []struct {
		name          string
		before, after object   // nil: not there
		want          []string // lines, or parts of them
		not           []string
	}{
		{
			"a database under a new key", instance(object{"KmsKeyId": "a", "MultiAZ": true}), instance(object{"KmsKeyId": "b", "MultiAZ": false}),
			[]string{
				"> [!CAUTION]\n",
				"> - **`books-us-east-1`: `Database/books-2` (AWS::RDS::DBInstance) is replaced by a new one, for KmsKeyId; the old one stays in the account**\n",
				"| `books-us-east-1` | 0 | 0 | 0 | 1 | 0 | 0 |\n",
			},
			nil,
		},
		{
			"a promotion is no replacement", instance(object{"SourceDBInstanceIdentifier": "books-1", "MultiAZ": false, "PreferredMaintenanceWindow": "mon"}), instance(object{"MultiAZ": true, "PreferredMaintenanceWindow": "tue"}),
			[]string{"Promoted in place, which cannot be undone (docs/lineage.md):\n\n- `books-us-east-1`: `Database/books-2` (AWS::RDS::DBInstance)\n", "| `books-us-east-1` | 0 | 1 | 0 | 0 | 0 | 0 |"},
			[]string{"CAUTION", "may be replaced by"},
		},
		{
			"another source may be", instance(object{"SourceDBInstanceIdentifier": "books-1"}), instance(object{"SourceDBInstanceIdentifier": "books-3"}),
			[]string{"> - **`books-us-east-1`: `Database/books-2` (AWS::RDS::DBInstance) may be replaced by a new one, for SourceDBInstanceIdentifier; ", "| 0 | 0 | 1 | 0 | 0 | 0 |"},
			[]string{"Promoted"},
		},
		{
			"what leaves the settings stays", instance(object{}), nil,
			[]string{"Leaves its stack, stays in the account:\n\n- `books-us-east-1`: `Database/books-2` (AWS::RDS::DBInstance)\n", "| 0 | 0 | 0 | 0 | 0 | 1 |"},
			[]string{"CAUTION"},
		},
		{
			"a bucket without a policy goes", resource("AWS::S3::Bucket", "Logs", object{}), nil,
			[]string{"> - **`books-us-east-1`: `Logs` (AWS::S3::Bucket) is deleted**\n", "| 0 | 0 | 0 | 0 | 1 | 0 |"},
			nil,
		},
		{
			"a final snapshot is told", resource("AWS::RDS::DBInstance", "Own", object{}, "Snapshot"), nil,
			[]string{"`Own` (AWS::RDS::DBInstance) is deleted, with a final snapshot unless it is a replica**"},
			nil,
		},
		{
			"another type under the same id", resource("AWS::KMS::Key", "Key", object{}), resource("AWS::S3::Bucket", "Key", object{}),
			[]string{"> - **`books-us-east-1`: `Key` (AWS::KMS::Key) is replaced by a new one**"},
			nil,
		},
		{
			"what holds nothing is counted only", resource("AWS::EC2::EIP", "Network/Eip", object{"Domain": "vpc"}), nil,
			[]string{"| 0 | 0 | 0 | 0 | 1 | 0 |", "<summary><code>books-us-east-1</code></summary>", "[-] AWS::EC2::EIP Network/Eip R destroy"},
			[]string{"CAUTION"},
		},
		{
			"nothing changes", instance(object{}), instance(object{}),
			[]string{"| `books-us-east-1` | 0 | 0 | 0 | 0 | 0 | 0 |"},
			[]string{"CAUTION", "<details>"},
		},
		{
			"letters beyond ASCII, which CloudFormation does not give back", resource("AWS::SNS::Topic", "T", object{"DisplayName": "caf?"}), resource("AWS::SNS::Topic", "T", object{"DisplayName": "café"}),
			[]string{"| 0 | 0 | 0 | 0 | 0 | 0 |"},
			nil,
		},
		{
			"a name that would break out", nil, resource("AWS::S3::Bucket", "x`</code>|\n@all", object{"BucketName": "```\n@all"}),
			[]string{"| 1 | 0 | 0 | 0 | 0 | 0 |"},
			[]string{"\n```\n@"},
		},
		{
			"a deleted one's name, too", resource("AWS::S3::Bucket", "x`</code>|\n@all", object{}), nil,
			[]string{"`x'(/code)/ @all`"},
			nil,
		},
	}
	pairs := make([]Pair, len(cases))
	for i, tt := range cases {
		for template, r := range map[*json.RawMessage]object{&pairs[i].Before: tt.before, &pairs[i].After: tt.after} {
			resources := object{"Other": resource("AWS::SNS::Topic", "Other", object{})}
			if r != nil {
				resources["R"] = r
			}
			*template, _ = json.Marshal(object{"Resources": resources})
		}
	}
	differences, createOnly, err := Compare(t.Context(), pairs)
	if err != nil {
		t.Fatal(err)
	}
	if len(createOnly["AWS::RDS::DBInstance"]) == 0 {
		t.Error("no create-only properties of a database instance")
	}
	for i, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			got := Markdown("prod", []Stack{{Name: "books-us-east-1", Difference: differences[i]}}, 1<<20)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("want %q in:\n%s", want, got)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(got, not) {
					t.Errorf("want no %q in:\n%s", not, got)
				}
			}
		})
	}
}

// TestMarkdownFits cuts what is long, and nothing of what has to be known.
func TestMarkdownFits(t *testing.T) {
	resources := map[string]Change{}
	for i := range 100 {
		resources[fmt.Sprintf("R%02d", i)] = Change{Type: "AWS::S3::Bucket", Impact: "WILL_DESTROY"}
	}
	var stacks []Stack
	for _, name := range []string{"one", "two", "three"} {
		stacks = append(stacks, Stack{Name: name, Difference: Difference{Text: strings.Repeat("```é line\n", 9000)}})
	}
	stacks[0].Resources = resources
	stacks[2].Text = "a short one\n"
	stacks = append(stacks, Stack{Name: "new", New: true, Difference: Difference{Text: "not shown", Resources: resources}})
	const limit = 65_536
	got := Markdown("prod", stacks, limit)
	if len(got) > limit || len(got) < limit/2 {
		t.Errorf("want what fits %d, got %d", limit, len(got))
	}
	for _, want := range []string{"R49", "- and 150 more\n", "| `three` |", "a short one\n", "\n````text\n```é", "lines more: see the run's summary, or make diff\n````\n", "`new`, not deployed yet"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q", want)
		}
	}
	for _, not := range []string{"R50", "not shown"} {
		if strings.Contains(got, not) {
			t.Errorf("want no %q", not)
		}
	}
	if opened, closed := strings.Count(got, "<details>"), strings.Count(got, "\n````\n\n</details>\n")+strings.Count(got, "\n```\n\n</details>\n"); opened != 3 || closed != 3 {
		t.Errorf("want 3 foldings, opened %d and closed %d", opened, closed)
	}
}
