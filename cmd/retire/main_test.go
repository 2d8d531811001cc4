package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"warm-standby/account/accounttest"
)

// The deployment has failed over, back, and left eu-west-1 before.
const lineage = `name: books
account: "444455556666"
primary: us-east-1
standby: us-west-2
regions:
  us-east-1: { cidr: 172.20.0.0/16, availabilityZones: [us-east-1a, us-east-1b] }
  us-west-2: { cidr: 172.21.0.0/16, availabilityZones: [us-west-2a, us-west-2b] }
domain: { name: books.io, hostedZoneId: Z0123456789ABCDEFGHIJ }
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

// instance is one that RDS knows.
type instance struct {
	status, source string
	replicas       []string
}

// cloud is a fake of RDS, CloudFormation and STS that answers over HTTP as they
// do. What is on its way to be deleted is gone at the second look.
type cloud struct {
	t         *testing.T
	account   string
	instances map[string]*instance // by region/name
	owned     map[string]string    // status of the instances that stacks list, by stack/name
	refuses   string               // an action

	calls []string // but those to STS
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.t.Error(err)
	}
	action, in := r.PostForm.Get("Action"), r.PostForm.Get
	region := strings.Split(r.Header.Get("Authorization"), "/")[2]
	name := in("DBInstanceIdentifier") + in("Filters.Filter.1.Values.Value.1")
	key := region + "/" + name
	w.Header().Set("Content-Type", "text/xml")
	answer := func(result string) {
		_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, result) //nolint:gosec // for the SDK, no browser
	}
	fail := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>so</Message></Error></ErrorResponse>", code)
	}
	if action == "GetCallerIdentity" {
		answer("<Account>" + c.account + "</Account>")
		return
	}
	call := action + " " + key
	for _, input := range []string{"StackName", "DeletionProtection", "ApplyImmediately", "FinalDBSnapshotIdentifier", "SkipFinalSnapshot"} {
		if value := in(input); value != "" {
			call += " " + input + "=" + value
		}
	}
	c.calls = append(c.calls, call)
	if action == c.refuses {
		fail("AccessDenied")
		return
	}
	known := c.instances[key]
	switch action {
	case "DescribeDBInstances":
		switch {
		case known == nil && in("DBInstanceIdentifier") != "":
			fail("DBInstanceNotFound")
		case known == nil:
			answer("<DBInstances/>")
		default:
			answer("<DBInstances><DBInstance>" + known.xml(region, name) + "</DBInstance></DBInstances>")
			if known.status == "deleting" && in("DBInstanceIdentifier") != "" {
				delete(c.instances, key)
			}
		}
	case "ListStackResources":
		if in("NextToken") == "" {
			answer("<StackResourceSummaries><member><PhysicalResourceId>vpc-1</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member></StackResourceSummaries><NextToken>2</NextToken>")
			return
		}
		var members string
		for id, status := range c.owned {
			if stack, physical, _ := strings.Cut(id, "/"); stack == in("StackName") {
				members += "<member><PhysicalResourceId>" + physical + "</PhysicalResourceId><ResourceStatus>" + status + "</ResourceStatus></member>"
			}
		}
		answer("<StackResourceSummaries>" + members + "</StackResourceSummaries>")
	case "ModifyDBInstance":
		answer("")
	case "DeleteDBInstance":
		known.status = "deleting"
		answer("")
	default:
		c.t.Errorf("unexpected call %s", call)
	}
}

func (i *instance) xml(region, name string) string {
	text := "<DBInstanceStatus>" + i.status + "</DBInstanceStatus><DBInstanceArn>" + arn(region, name) + "</DBInstanceArn>"
	if i.source != "" {
		text += "<ReadReplicaSourceDBInstanceIdentifier>" + i.source + "</ReadReplicaSourceDBInstanceIdentifier>"
	}
	for _, replica := range i.replicas {
		text += "<ReadReplicaDBInstanceIdentifiers><ReadReplicaDBInstanceIdentifier>" + replica + "</ReadReplicaDBInstanceIdentifier></ReadReplicaDBInstanceIdentifiers>"
	}
	return text
}

func arn(region, name string) string { return "arn:aws:rds:" + region + ":444455556666:db:" + name }

const east, west, ireland = "us-east-1", "us-west-2", "eu-west-1"

func TestRetire(t *testing.T) {
	describe := func(region, name string) string { return "DescribeDBInstances " + region + "/" + name }
	list := func(region string) string { return "ListStackResources " + region + "/ StackName=books-" + region }
	modify := func(region, name string) string {
		return "ModifyDBInstance " + region + "/" + name + " DeletionProtection=false ApplyImmediately=true"
	}
	remove := func(region, name, snapshot string) string {
		return "DeleteDBInstance " + region + "/" + name + " " + snapshot
	}
	for _, tt := range []struct {
		name, instance string
		change         func(*cloud)
		calls          []string // Each as often as it is here; those about replicas come in any order.
		want           string   // Of the error.
	}{
		{
			"a writer of old", "books-1", nil,
			[]string{
				describe(east, "books-1"), list(east), list(east), describe(ireland, "books-0"), describe(west, "books-2"),
				modify(east, "books-1"), remove(east, "books-1", "FinalDBSnapshotIdentifier=books-1-final"), describe(east, "books-1"), describe(east, "books-1"),
			},
			"",
		},
		{
			"a replica has no final snapshot", "books-2", func(c *cloud) { c.instances["us-west-2/books-2"].source = arn(east, "books-1") },
			[]string{
				describe(west, "books-2"), list(west), list(west), describe(east, "books-3"),
				modify(west, "books-2"), remove(west, "books-2", "SkipFinalSnapshot=true"), describe(west, "books-2"), describe(west, "books-2"),
			},
			"",
		},
		{
			"on its way already", "books-1", func(c *cloud) { c.instances["us-east-1/books-1"].status = "deleting" },
			[]string{describe(east, "books-1"), list(east), list(east), describe(east, "books-1"), describe(east, "books-1")},
			"",
		},
		{"gone", "books-1", func(c *cloud) { delete(c.instances, "us-east-1/books-1") }, []string{describe(east, "books-1")}, ""},
		{
			"of a region that has left", "books-0", nil,
			[]string{
				describe(ireland, "books-0"), modify(ireland, "books-0"), remove(ireland, "books-0", "FinalDBSnapshotIdentifier=books-0-final"),
				describe(ireland, "books-0"), describe(ireland, "books-0"),
			},
			"",
		},
		{
			"left over by a stack", "books-1", func(c *cloud) { c.owned["books-us-east-1/books-1"] = "DELETE_SKIPPED" },
			[]string{
				describe(east, "books-1"), list(east), list(east), describe(ireland, "books-0"), describe(west, "books-2"),
				modify(east, "books-1"), remove(east, "books-1", "FinalDBSnapshotIdentifier=books-1-final"), describe(east, "books-1"), describe(east, "books-1"),
			},
			"",
		},
		{"somebody else's account", "books-1", func(c *cloud) { c.account = "999900001111" }, nil, "want credentials of account 444455556666, where books is (got 999900001111)"},
		{"the writer", "books-3", nil, nil, `database.retired: want an entry named "books-3", for only what has left is retired (got none)`},
		{
			"retired in the settings only", "books-1", func(c *cloud) { c.owned["books-us-east-1/books-1"] = "UPDATE_COMPLETE" },
			[]string{describe(east, "books-1"), list(east), list(east)},
			"books-1 belongs to the stack books-us-east-1 still: deploy that first",
		},
		{
			"a writer that is copied", "books-1", func(c *cloud) { c.instances["us-east-1/books-1"].replicas = []string{arn(west, "books-9")} },
			[]string{describe(east, "books-1"), list(east), list(east), describe(ireland, "books-0"), describe(west, "books-2")},
			"books-1 still has replicas, arn:aws:rds:us-west-2:444455556666:db:books-9: promote or delete those first",
		},
		{
			"copied, as only the replica knows", "books-1", func(c *cloud) { c.instances["us-west-2/books-2"].source = arn(east, "books-1") },
			[]string{describe(east, "books-1"), list(east), list(east), describe(ireland, "books-0"), describe(west, "books-2")},
			"books-1 still has replicas, arn:aws:rds:us-west-2:444455556666:db:books-2: promote or delete those first",
		},
		{
			"copied, as both know", "books-1", func(c *cloud) {
				c.instances["us-east-1/books-1"].replicas = []string{arn(west, "books-2")}
				c.instances["us-west-2/books-2"].source = arn(east, "books-1")
			},
			[]string{describe(east, "books-1"), list(east), list(east), describe(ireland, "books-0"), describe(west, "books-2")},
			"books-1 still has replicas, arn:aws:rds:us-west-2:444455556666:db:books-2: promote or delete those first",
		},
		{
			"refused", "books-2", func(c *cloud) { c.refuses = "ModifyDBInstance" },
			[]string{describe(west, "books-2"), list(west), list(west), describe(east, "books-3"), modify(west, "books-2")},
			"api error AccessDenied: so",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &cloud{t: t, account: "444455556666", owned: map[string]string{"books-us-east-1/books-3": "CREATE_COMPLETE"}, instances: map[string]*instance{}}
			for _, key := range []string{"eu-west-1/books-0", "us-east-1/books-1", "us-west-2/books-2", "us-east-1/books-3"} {
				c.instances[key] = &instance{status: "available"}
			}
			if tt.change != nil {
				tt.change(c)
			}
			err := c.retire(t, lineage, tt.instance)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if len(c.calls) > 4 && strings.HasPrefix(c.calls[3], "DescribeDBInstances us-west-2/books-2") {
				c.calls[3], c.calls[4] = c.calls[4], c.calls[3]
			}
			if !slices.Equal(c.calls, tt.calls) {
				t.Errorf("got the calls\n%s\nwant\n%s", strings.Join(c.calls, "\n"), strings.Join(tt.calls, "\n"))
			}
		})
	}
}

// TestPlaceholders: no call is made for a deployment that cannot be real.
func TestPlaceholders(t *testing.T) {
	c := &cloud{t: t, account: "111122223333"}
	err := c.retire(t, strings.Replace(lineage, "444455556666", "111122223333", 1), "books-1")
	if err == nil || !strings.Contains(err.Error(), "account: 111122223333 is a placeholder") || len(c.calls) > 0 {
		t.Errorf("got %v, %q", err, c.calls)
	}
}

// retire runs the command against the cloud.
func (c *cloud) retire(t *testing.T, content, name string) error {
	t.Helper()
	server := httptest.NewServer(c)
	defer server.Close()
	dir := t.TempDir()
	accounttest.Use(t, server.URL)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	file := filepath.Join(dir, "prod.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := retire(t.Context(), file, name, &out, time.Millisecond)
	t.Log(out.String())
	return err
}
