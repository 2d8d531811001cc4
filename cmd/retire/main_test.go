package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The AWS CLI's stand-in notes what it is asked, and answers from two files.
const stand = `#!/bin/sh
echo "$*" >> calls
case "$*" in
*describe-db-instances*) cat instances ;;
*list-stack-resources*) cat owned ;;
*"$FAILING"*) exit 254 ;;
esac
`

// The deployment has failed over, back, and left eu-west-1 before.
const lineage = `name: books
account: "111122223333"
primary: us-east-1
standby: us-west-2
regions:
  us-east-1: { cidr: 172.20.0.0/16, availabilityZones: [us-east-1a, us-east-1b] }
  us-west-2: { cidr: 172.21.0.0/16, availabilityZones: [us-west-2a, us-west-2b] }
domain: { name: example.com, hostedZoneId: Z0123456789EXAMPLE }
database:
  secretRegion: us-east-1
  instances:
    us-east-1: { name: books-3, replicaOf: books-2, promotedBy: runbook }
    us-west-2: { name: books-4, replicaOf: books-3 }
  retired:
    - { name: books-0, region: eu-west-1, replicaOf: books-1 }
    - { name: books-1, region: us-east-1 }
    - { name: books-2, region: us-west-2, replicaOf: books-1 }
`

func TestRetire(t *testing.T) {
	describe := func(name, region string) string {
		return "rds describe-db-instances --region " + region + " --filters Name=db-instance-id,Values=" + name
	}
	owned := func(name, region string) string {
		return "cloudformation list-stack-resources --region " + region + " --stack-name books-" + region + " --query StackResourceSummaries[?PhysicalResourceId=='" + name + "'"
	}
	of := func(command, name, region string) string {
		return "rds " + command + " --region " + region + " --db-instance-identifier " + name
	}
	const available, east, west = `[{"Status":"available","Source":null}]`, "us-east-1", "us-west-2"
	for _, tt := range []struct {
		name, instance   string
		instances, owned string
		failing          string
		calls            []string // What each begins with.
		want             string   // Of the error.
	}{
		{
			"a writer of old", "books-1", available, "[]", "none",
			[]string{
				describe("books-1", east), owned("books-1", east),
				of("modify-db-instance", "books-1", east) + " --no-deletion-protection --apply-immediately",
				of("delete-db-instance", "books-1", east) + " --final-db-snapshot-identifier books-1-final",
				of("wait db-instance-deleted", "books-1", east),
			},
			"",
		},
		{
			"a replica has no final snapshot", "books-2", `[{"Status":"available","Source":"arn:aws:rds:us-east-1:111122223333:db:books-1"}]`, "[]", "none",
			[]string{
				describe("books-2", west), owned("books-2", west),
				of("modify-db-instance", "books-2", west), of("delete-db-instance", "books-2", west) + " --skip-final-snapshot", of("wait db-instance-deleted", "books-2", west),
			},
			"",
		},
		{"on its way already", "books-1", `[{"Status":"deleting","Source":null}]`, "[]", "none", []string{describe("books-1", east), owned("books-1", east), of("wait db-instance-deleted", "books-1", east)}, ""},
		{"gone", "books-1", "[]", "[]", "none", []string{describe("books-1", east)}, ""},
		{
			"of a region that has left", "books-0", available, "[]", "none",
			[]string{describe("books-0", "eu-west-1"), of("modify-db-instance", "books-0", "eu-west-1"), of("delete-db-instance", "books-0", "eu-west-1"), of("wait db-instance-deleted", "books-0", "eu-west-1")},
			"",
		},
		{"the writer", "books-3", available, "[]", "none", nil, `database.retired: want an entry named "books-3", for only what has left is retired (got none)`},
		{
			"retired in the settings only", "books-1", available, `["Databasebooks14E5AB5CF"]`, "none",
			[]string{describe("books-1", east), owned("books-1", east)},
			"books-1 belongs to the stack books-us-east-1 still: deploy that first",
		},
		{
			"refused", "books-1", available, "[]", "modify-db-instance",
			[]string{describe("books-1", east), owned("books-1", east), of("modify-db-instance", "books-1", east)},
			"aws rds modify-db-instance: exit status 254",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range map[string]string{"aws": stand, "prod.yaml": lineage, "instances": tt.instances, "owned": tt.owned} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(dir)
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			t.Setenv("FAILING", tt.failing)

			err := retire("prod.yaml", tt.instance)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			data, _ := os.ReadFile("calls") // none without a call
			calls := strings.Split(strings.TrimSpace(string(data)), "\n")
			for i, call := range tt.calls {
				if i >= len(calls) || !strings.HasPrefix(calls[i], call) {
					t.Fatalf("call %d: want %q, got\n%s", i, call, data)
				}
			}
			if len(data) > 0 && len(calls) != len(tt.calls) {
				t.Errorf("want %d calls, got\n%s", len(tt.calls), data)
			}
		})
	}
}
