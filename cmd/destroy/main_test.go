package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"warm-standby/account/accounttest"
)

// root is the project's folder, from wherever a test runs.
var root, _ = filepath.Abs("../..")

// run runs the command against the cloud.
func (c *cloud) run(t *testing.T, typed string, flags ...string) (string, error) {
	t.Helper()
	return c.runIn(t.Context(), t, nil, typed, flags...)
}

// runIn takes changes to the settings, too: pairs of old and new.
func (c *cloud) runIn(ctx context.Context, t *testing.T, changes []string, typed string, flags ...string) (string, error) {
	t.Helper()
	server := httptest.NewServer(c)
	defer server.Close()
	dir := t.TempDir()
	accounttest.Use(t, server.URL)
	t.Setenv("AWS_MAX_ATTEMPTS", "3")
	walkthrough, err := os.ReadFile(filepath.Join(root, "deployments/walkthrough.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	own := strings.NewReplacer(append(changes, "203.0.113.0/24", "52.94.76.0/24", "example.com", "books.io", "111122223333", owner, "Z0123456789EXAMPLE", "Z0123456789ABCDEFGHIJ")...)
	t.Chdir(dir)
	if err := os.WriteFile("walkthrough.yaml", []byte(own.Replace(string(walkthrough))), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = run(ctx, append(append([]string{"-poll", "1ms"}, flags...), "walkthrough.yaml"), strings.NewReader(typed), &out)
	return out.String(), err
}

// inOrder wants the parts in the text, one after the other.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("want %q after what came before it in\n%s", part, text)
		}
		rest = after
	}
}

func (c *cloud) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(c.calls, want) {
		t.Errorf("want the calls %q (got %q)", want, c.calls)
	}
}

const deleteGlobal, deleteWest, deleteEast = "DeleteStack walkthrough-global", "DeleteStack walkthrough-us-west-2", "DeleteStack walkthrough-us-east-1"

func TestDestroys(t *testing.T) {
	c := newCloud(t)
	out, err := c.run(t, "walkthrough\n")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.wantCalls(t, deleteGlobal, deleteWest, deleteEast)
	before, after, _ := strings.Cut(out, "Type walkthrough to delete it: ")
	inOrder(t, before, "Goes, in this order (account 444455556666):",
		"walkthrough-global", "UPDATE_COMPLETE, ",
		"walkthrough-us-west-2", "walkthrough-2 without a snapshot: it is a replica",
		"walkthrough-us-east-1", "walkthrough-1 with a final snapshot",
		"Stays:", "AWS::Backup::BackupVault with 35 recovery points walkthrough-backup")
	page, err := os.ReadFile(filepath.Join(root, "docs/clean-up.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "```console\nGoes,")
	shown, _, _ = strings.Cut("Goes,"+shown, "```")
	counted := regexp.MustCompile(`\d+ resources`) // which every change of a stack changes
	if lines := strings.Split(strings.TrimSpace(counted.ReplaceAllString(shown, "N resources")), "\n"); len(lines) != 6 {
		t.Errorf("want 6 lines shown on the page (got %q)", lines)
	} else {
		inOrder(t, counted.ReplaceAllString(before, "N resources"), lines...)
	}
	if strings.Contains(before, "delete-resource") {
		t.Errorf("want no command to delete anything before the stacks are gone:\n%s", before)
	}
	inOrder(t, after, "walkthrough-global: being deleted", "walkthrough-global: deleted", "walkthrough-us-west-2: deleted", "walkthrough-us-east-1: deleted",
		"walkthrough has no stack in us-east-1, us-west-2", "Stays:",
		"snapshot of walkthrough-1, 22 GiB at most, walkthrough-us-east-1-snapshot-databasewalkthrough1951e9aa0-abc",
		"aws rds delete-db-snapshot --region us-east-1 --db-snapshot-identifier walkthrough-us-east-1-snapshot-databasewalkthrough1951e9aa0-abc",
		"aws backup list-recovery-points-by-backup-vault --region us-east-1 --backup-vault-name walkthrough-backup",
		"log group /aws/lambda/walkthrough-us-east-1-",
		"_0a1b.books.io.",
		"aws cloudcontrol delete-resource --region us-east-1 --type-name AWS::KMS::Key")
	for _, not := range []string{"somebody-elses", "_4e5f", "www.books.io", "tagged", "walkthrough-2 "} {
		if strings.Contains(after, not) {
			t.Errorf("want nothing of %q listed:\n%s", not, after)
		}
	}
	// The same list is to be had at any time, and nothing is asked or deleted for it.
	c.calls = nil
	again, err := c.run(t, "")
	if _, listed, _ := strings.Cut(after, "walkthrough has no stack"); err != nil || again != "walkthrough has no stack"+listed {
		t.Errorf("want the same list again (got %v)\n%s", err, again)
	}
	c.wantCalls(t)
}

// TestListsWhatTheTemplatesKeep: every resource that the stacks keep is listed
// before, and after it if it is there, by its own id.
func TestListsWhatTheTemplatesKeep(t *testing.T) {
	c := newCloud(t)
	before, _ := c.run(t, "", "-dry-run")
	gone := c.stack("walkthrough-us-west-2").of("AWS::KMS::Key")[0]
	c.onDelete = func(*deployed) { delete(c.there, west+"/AWS::KMS::Key/"+gone.id) } // somebody is faster
	after, err := c.run(t, "walkthrough\n")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ = strings.Cut(after, "has no stack")
	kept := 0
	for _, s := range c.stacks {
		for _, r := range s.resources {
			line := r.id + ": " + costs[r.kind]
			switch {
			case !strings.HasPrefix(r.policy, "Retain"):
				if strings.Contains(before, line) && costs[r.kind] != "" || strings.Contains(after, " "+r.id+":") {
					t.Errorf("%s goes, but is listed", r.id)
				}
				continue
			case !strings.Contains(before, line):
				t.Errorf("%s isn't listed before", r.id)
			case (r != gone) != strings.Contains(after, line):
				t.Errorf("%s is listed after: %v", r.id, r == gone)
			}
			kept++
		}
	}
	if kept != 9 {
		t.Errorf("want 9 resources kept: 4 a region, and a bucket (got %d)", kept)
	}
}

// TestTemplatesCanBeDestroyed: no stack keeps what the list has no words for, or
// would delete what is not empty.
func TestTemplatesCanBeDestroyed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "test/snapshots/*-*.json"))
	if err != nil || len(files) < 6 {
		t.Fatalf("want the snapshots of two deployments (got %q, %v)", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var template struct {
			Resources map[string]struct {
				Type, DeletionPolicy string
				Properties           struct{ Tags json.RawMessage }
			}
		}
		if err := json.Unmarshal(data, &template); err != nil {
			t.Fatal(err)
		}
		for id, r := range template.Resources {
			keeps := templateResource{DeletionPolicy: r.DeletionPolicy}.keeps()
			switch {
			case keeps && costs[r.Type] == "":
				t.Errorf("%s: %s: want words in costs for %s, which it keeps", filepath.Base(file), id, r.Type)
			case !keeps && r.Type == "AWS::Backup::BackupVault":
				t.Errorf("%s: %s: want it kept: it can't be deleted with recovery points in it", filepath.Base(file), id)
			case !keeps && r.Type == "AWS::S3::Bucket" && !strings.Contains(string(r.Properties.Tags), "aws-cdk:auto-delete-objects"):
				t.Errorf("%s: %s: want it kept, or emptied: it can't be deleted with objects in it", filepath.Base(file), id)
			}
		}
	}
}

// TestBlockers: each alone stops everything, and so do all together, each with its line.
func TestBlockers(t *testing.T) {
	protected := []string{"deletionProtection: false", "deletionProtection: true", "terminationProtection: false", "terminationProtection: true"}
	const retired = "  retired: [{ name: walkthrough-0, region: us-west-2, replicaOf: walkthrough-1 }]\n  secretRegion: us-east-1"
	add := func(c *cloud, action, item string) { c.vpc[west+"/"+action] += "<item>" + item + "</item>" }
	tests := []struct {
		name     string
		change   func(*cloud)
		settings []string
		want     string
	}{
		{
			"a stack is being changed", func(c *cloud) { c.stack("walkthrough-global").status = "UPDATE_IN_PROGRESS" }, nil,
			"walkthrough-global is UPDATE_IN_PROGRESS: wait until that has ended",
		},
		{
			"termination protection", func(c *cloud) { c.stack("walkthrough-us-east-1").protected = true }, protected,
			"walkthrough-us-east-1 has termination protection: set terminationProtection: false in walkthrough.yaml, and deploy",
		},
		{
			"termination protection that is off in the settings only", func(c *cloud) { c.stack("walkthrough-us-west-2").protected = true }, nil,
			"walkthrough-us-west-2 has termination protection: deploy walkthrough.yaml, which has terminationProtection: false",
		},
		{
			"the instance is kept by the template", func(c *cloud) {
				s := c.stack("walkthrough-us-east-1")
				s.template = bytes.ReplaceAll(s.template, []byte(`"Snapshot"`), []byte(`"RetainExceptOnCreate"`))
			}, nil,
			"walkthrough-1 is protected, and would stay on subnets that walkthrough-us-east-1 has to delete: deploy walkthrough.yaml, which has database.deletionProtection: false",
		},
		{
			"the instance is protected by hand", func(c *cloud) { c.instances[west+"/walkthrough-2"].protected = true }, nil,
			"walkthrough-2 has a deletion protection that walkthrough-us-west-2 doesn't know of: aws rds modify-db-instance --region us-west-2 --db-instance-identifier walkthrough-2 --no-deletion-protection",
		},
		{
			"no final snapshot can be taken", func(c *cloud) { c.instances[east+"/walkthrough-1"].status = "incompatible-network" }, nil,
			"walkthrough-1 is incompatible-network, a state in which RDS takes no final snapshot: ",
		},
		{
			"a replica of somebody else's", func(c *cloud) {
				i := c.instances[east+"/walkthrough-1"]
				i.replicas = append(i.replicas, "arn:aws:rds:eu-west-1:444455556666:db:reports")
			}, nil,
			"walkthrough-1 has a replica that isn't of walkthrough, arn:aws:rds:eu-west-1:444455556666:db:reports: ",
		},
		{
			"another database in the VPC", func(c *cloud) {
				c.instances[west+"/reports"] = &instance{status: "available", vpc: c.instances[west+"/walkthrough-2"].vpc}
			}, nil,
			"the database instance reports is in the VPC of walkthrough-us-west-2 but not of it",
		},
		{
			"a retired instance", func(c *cloud) {
				c.instances[west+"/walkthrough-0"] = &instance{status: "available", vpc: c.instances[west+"/walkthrough-2"].vpc}
			},
			[]string{"  secretRegion: us-east-1", retired},
			"walkthrough-0 is retired but there: make retire INSTANCE=walkthrough-0",
		},
		{
			"a runbook is running", func(c *cloud) { c.runs[west] = "walkthrough-fail-over" }, nil,
			"walkthrough-fail-over is running in us-west-2: wait until it has ended, or stop it: aws ssm stop-automation-execution --region us-west-2 --automation-execution-id id-1",
		},
		{
			"the traffic is held", func(c *cloud) { c.schedules[west+"/walkthrough-runbooks"] = []string{"hold-traffic"} }, nil,
			"the traffic is held in us-west-2: make return, or give the hold up: aws scheduler delete-schedule --region us-west-2 --group-name walkthrough-runbooks --name hold-traffic",
		},
		{
			"a drill is running", func(c *cloud) {
				s := c.stack("walkthrough-us-east-1")
				s.resources = append(s.resources, &resource{logical: "DrillNetwork", kind: "AWS::FIS::ExperimentTemplate", id: "EXT1", status: "CREATE_COMPLETE"})
				c.experiment = "running"
			}, nil,
			"the experiment EXP1 is running in us-east-1: wait until it has ended, or stop it: aws fis stop-experiment --region us-east-1 --id EXP1",
		},
		{
			"a protected load balancer", func(c *cloud) {
				for key, properties := range c.there {
					if strings.HasPrefix(key, west+"/AWS::ElasticLoadBalancingV2::LoadBalancer/") && strings.Contains(key, "/app/Api") {
						c.there[key] = strings.Replace(properties, `"false"`, `"true"`, 1)
					}
				}
			}, nil,
			" has deletion protection: aws elbv2 modify-load-balancer-attributes --region us-west-2 --load-balancer-arn arn:aws:elasticloadbalancing:us-west-2:",
		},
		{
			"a record in the private zone", func(c *cloud) {
				zone := c.stack("walkthrough-us-east-1").of("AWS::Route53::HostedZone")[0].id
				c.records[zone] = append(c.records[zone], object{"name": "cache.rds.com.", "type": "A", "value": "172.20.1.1"})
			}, nil,
			"of walkthrough-us-east-1 has a record that isn't the stack's, A cache.rds.com: delete that",
		},
		{
			"a server", func(c *cloud) {
				add(c, "DescribeInstances", "<instancesSet><item><instanceId>i-1</instanceId><tagSet><item><key>Name</key><value>builder</value></item></tagSet></item></instancesSet>")
			}, nil,
			"i-1 (server builder) is in the VPC of walkthrough-us-west-2 but not of it: terminate it",
		},
		{
			"an interface of a function that is gone", func(c *cloud) {
				add(c, "DescribeNetworkInterfaces", "<networkInterfaceId>eni-1</networkInterfaceId><description>AWS Lambda VPC ENI-rotation-1</description>")
			}, nil,
			"eni-1 (network interface, AWS Lambda VPC ENI-rotation-1) is in the VPC of walkthrough-us-west-2 but not of it: delete what uses it",
		},
		{
			"a security group", func(c *cloud) {
				add(c, "DescribeSecurityGroups", "<groupId>sg-1</groupId><groupName>GuardDutyManagedSecurityGroup-vpc-1</groupName>")
			}, nil,
			"sg-1 (security group GuardDutyManagedSecurityGroup-vpc-1) is in the VPC of walkthrough-us-west-2 but not of it: aws ec2 delete-security-group --region us-west-2 --group-id sg-1",
		},
		{
			"the default group names one of the stack's", func(c *cloud) {
				group := c.stack("walkthrough-us-west-2").of("AWS::EC2::SecurityGroup")[0].id
				add(c, "DescribeSecurityGroups", "<groupId>sg-d</groupId><groupName>default</groupName><ipPermissions><item><groups><item><groupId>"+group+"</groupId></item></groups></item></ipPermissions>")
			}, nil,
			"the default security group sg-d has a rule that names walkthrough-us-west-2-",
		},
		{"a subnet", func(c *cloud) { add(c, "DescribeSubnets", "<subnetId>subnet-1</subnetId>") }, nil, "aws ec2 delete-subnet --region us-west-2 --subnet-id subnet-1"},
		{"a network ACL", func(c *cloud) { add(c, "DescribeNetworkAcls", "<networkAclId>acl-1</networkAclId>") }, nil, "acl-1 (network ACL) is in the VPC"},
		{"a route table", func(c *cloud) { add(c, "DescribeRouteTables", "<routeTableId>rtb-1</routeTableId>") }, nil, "rtb-1 (route table) is in the VPC"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			tt.change(c)
			out, err := c.runIn(t.Context(), t, tt.settings, "walkthrough\n")
			if err == nil {
				t.Fatalf("want it refused\n%s", out)
			}
			if head, lines, _ := strings.Cut(err.Error(), "\n"); head != "nothing is deleted before this is cleared:" || !strings.Contains(lines, tt.want) || strings.Contains(lines, "\n") {
				t.Errorf("want one line with %q (got %v)", tt.want, err)
			}
			c.wantCalls(t)
		})
	}
	t.Run("all together", func(t *testing.T) {
		c := newCloud(t)
		for _, tt := range tests {
			tt.change(c)
		}
		_, err := c.runIn(t.Context(), t, []string{"  secretRegion: us-east-1", retired}, "walkthrough\n")
		if lines := strings.Count(fmt.Sprint(err), "\n"); lines != len(tests) {
			t.Errorf("want %d lines (got %d)\n%v", len(tests), lines, err)
		}
		c.wantCalls(t)
	})
}

func TestIsAskedFor(t *testing.T) {
	for _, tt := range []struct {
		name, typed string
		flags       []string
		want        string // Of the error. Empty: it goes.
	}{
		{"another name", "example\n", nil, `nothing is deleted: want "walkthrough" typed, or CONFIRM=walkthrough (got "example")`},
		{"nobody there", "", nil, `nothing is deleted: want "walkthrough" typed, or CONFIRM=walkthrough (got "")`},
		{"another name given", "walkthrough\n", []string{"-confirm", "example"}, `nothing is deleted: want "walkthrough" typed, or CONFIRM=walkthrough (got "example")`},
		{"the name given", "", []string{"-confirm", "walkthrough"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			_, err := c.run(t, tt.typed, tt.flags...)
			if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && got != tt.want {
				t.Errorf("want %q (got %v)", tt.want, err)
			}
			if (len(c.calls) == 0) != (tt.want != "") {
				t.Errorf("got the calls %q", c.calls)
			}
		})
	}
	c := newCloud(t)
	if out, err := c.run(t, "walkthrough\n", "-dry-run"); err != nil || strings.Contains(out, "Type") {
		t.Errorf("want a dry run to list only (got %v)\n%s", err, out)
	}
	c.wantCalls(t)
}

// TestRefuses: what can't be meant is told before anything is asked of AWS.
func TestRefuses(t *testing.T) {
	c := newCloud(t)
	c.account = "999900001111"
	if _, err := c.run(t, ""); err == nil || !strings.Contains(err.Error(), "want credentials of account 444455556666, where walkthrough is (got 999900001111)") {
		t.Errorf("want another account refused (got %v)", err)
	}
	if _, err := c.run(t, "", "-region", "eu-west-1"); err == nil || err.Error() != `want a region of walkthrough, one of us-east-1, us-west-2 (got "eu-west-1")` {
		t.Errorf("want another region refused (got %v)", err)
	}
	if _, err := c.runIn(t.Context(), t, []string{"111122223333", "111122223333"}, ""); err == nil || !strings.Contains(err.Error(), "account: 111122223333 is a placeholder") {
		t.Errorf("want placeholders refused (got %v)", err)
	}
}

// TestFinalSnapshots: no writer is deleted without one, whoever promoted it.
func TestFinalSnapshots(t *testing.T) {
	c := newCloud(t)
	c.instances[west+"/walkthrough-2"].source = "" // promoted by the runbook: its template has the source still
	out, err := c.run(t, "walkthrough\n")
	if err != nil {
		t.Fatal(err)
	}
	c.wantCalls(t, deleteGlobal, deleteWest, deleteEast)
	inOrder(t, out, "walkthrough-2 with a final snapshot", "has no stack", "snapshot of walkthrough-1,", "snapshot of walkthrough-2,")
}

// TestReplicaFirst: what replicates goes first, whatever the settings call it.
func TestReplicaFirst(t *testing.T) {
	c := newCloud(t)
	c.instances[west+"/walkthrough-2"].source = ""
	c.instances[east+"/walkthrough-1"].source = "arn:aws:rds:us-west-2:444455556666:db:walkthrough-2"
	if _, err := c.run(t, "walkthrough\n"); err != nil {
		t.Fatal(err)
	}
	c.wantCalls(t, deleteGlobal, deleteEast, deleteWest)
}

// TestStopsAndGoesOn: a stack that fails keeps the next from going, and the command
// given again takes it up where it was.
func TestStopsAndGoesOn(t *testing.T) {
	c := newCloud(t)
	s := c.stack("walkthrough-us-west-2")
	subnet := s.of("AWS::EC2::Subnet")[0]
	s.stuck = subnet.logical
	_, err := c.run(t, "walkthrough\n")
	if want := "walkthrough-us-west-2 is not deleted:\n  " + subnet.logical + " (AWS::EC2::Subnet, " + subnet.id + "): has dependencies\n"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Fatalf("want %q (got %v)", want, err)
	}
	c.wantCalls(t, deleteGlobal, deleteWest)

	c.calls, s.stuck = nil, ""
	out, err := c.run(t, "walkthrough\n")
	if err != nil {
		t.Fatal(err)
	}
	c.wantCalls(t, deleteWest, deleteEast)
	inOrder(t, out, "walkthrough-us-west-2", "DELETE_FAILED", "failed to go before, is tried again: "+subnet.logical, "has no stack")
}

func TestInterrupted(t *testing.T) {
	c := newCloud(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.onDelete = func(s *deployed) { s.looks = -1000; cancel() }
	_, err := c.runIn(ctx, t, nil, "walkthrough\n")
	if want := "walkthrough-global goes on being deleted without this command: run it again to follow, and to delete the rest"; err == nil || err.Error() != want {
		t.Fatalf("want %q (got %v)", want, err)
	}
	c.wantCalls(t, deleteGlobal)

	// What is on its way is waited for, not told again; nor is it checked any more.
	c.calls, c.onDelete = nil, nil
	s := c.stack("walkthrough-global")
	s.looks, s.protected = 0, true
	if out, err := c.run(t, "walkthrough\n"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.wantCalls(t, deleteWest, deleteEast)
	if !s.isGone() {
		t.Error("want it waited for")
	}
}

func TestARegionIsOutOfReach(t *testing.T) {
	c := newCloud(t)
	c.down = west
	_, err := c.run(t, "walkthrough\n")
	if err == nil || !strings.Contains(err.Error(), "us-west-2: AWS credentials: ") || !strings.Contains(err.Error(), "delete what is in the other regions, by REGION=") {
		t.Errorf("want it told (got %v)", err)
	}
	c.wantCalls(t)
	if _, err := c.run(t, "walkthrough\n", "-region", east); err != nil {
		t.Error(err)
	}
	c.wantCalls(t, deleteGlobal, deleteEast)

	// It is back. Its replica has lost its writer, and so become one.
	c.calls, c.down = nil, ""
	c.instances[west+"/walkthrough-2"].source = ""
	if _, err := c.run(t, "walkthrough\n"); err != nil {
		t.Error(err)
	}
	c.wantCalls(t, deleteWest)
}

// TestListsWhatStacksDoNotKnow: what other services made, and what left a stack
// before.
func TestListsWhatStacksDoNotKnow(t *testing.T) {
	c := newCloud(t)
	c.locked = true
	mine := map[string]string{"deployment": "walkthrough"}
	s := c.stack("walkthrough-us-west-2")
	c.tagged[west] = append(
		c.tagged[west],
		taggedInCloud{"arn:aws:ec2:us-west-2::image/ami-1", mine},
		taggedInCloud{"arn:aws:ec2:us-west-2::image/ami-2", map[string]string{"deployment": "walkthrough", "aws:backup:source-resource": "i-1"}},
		taggedInCloud{"arn:aws:ec2:us-west-2::snapshot/snap-1", mine},
		taggedInCloud{"arn:aws:rds:us-west-2:444455556666:snapshot:listed-by-rds", mine},
		taggedInCloud{"arn:aws:imagebuilder:us-west-2:444455556666:image/web/1.0.0/1", mine},
		taggedInCloud{"arn:aws:secretsmanager:us-west-2:444455556666:secret:old-a1b2c3", mine},
		taggedInCloud{"arn:aws:s3:::walkthrough-old", mine},
		taggedInCloud{"arn:aws:sqs:us-west-2:444455556666:letters", mine},
		taggedInCloud{"arn:aws:logs:us-west-2:444455556666:log-group:/aws/rds/instance/walkthrough-0/error", map[string]string{ // left the stack with its instance
			"deployment": "walkthrough", "aws:cloudformation:stack-id": s.arn(), "aws:cloudformation:logical-id": "Databasewalkthrough0error",
		}},
	)
	c.parameters[west] = []string{"/imagebuilder/walkthrough/web", "/imagebuilder/walkthrough-2/web", "/walkthrough/own"}
	s.resources = append(
		s.resources,
		&resource{logical: "Canary", kind: "AWS::Synthetics::Canary", id: "walkthrough-site", status: "CREATE_COMPLETE"},
		&resource{logical: "Recipe", kind: "AWS::ImageBuilder::ImageRecipe", id: "arn:aws:imagebuilder:us-west-2:444455556666:image-recipe/walkthrough-web/1.0.0", status: "CREATE_COMPLETE"},
	)
	for _, group := range []string{"/aws/lambda/cwsyn-walkthrough-site-1", "/aws/imagebuilder/walkthrough-web", "/aws/rds/instance/walkthrough-2/general"} {
		c.there[west+"/AWS::Logs::LogGroup/"+group] = "{}"
	}
	out, err := c.run(t, "walkthrough\n")
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(out, "Type")
	for _, want := range []string{
		"locked: nothing in it can be deleted before it expires",
		"image/ami-1:", "snapshot/snap-1:", "image/web/1.0.0/1:", "secret:old-a1b2c3:", "walkthrough-old:", ":letters:", "/aws/rds/instance/walkthrough-0/error:",
		"parameter /imagebuilder/walkthrough/web:", "parameter /walkthrough/own:",
		"log group /aws/lambda/cwsyn-walkthrough-site-1:", "log group /aws/imagebuilder/walkthrough-web:", "log group /aws/rds/instance/walkthrough-2/general:",
	} {
		if !strings.Contains(before, want) || !strings.Contains(after, want) {
			t.Errorf("want %q listed before and after:\n%s", want, out)
		}
	}
	for _, want := range []string{
		"aws ec2 deregister-image --region us-west-2 --delete-associated-snapshots --image-id ami-1\n",
		"aws ec2 delete-snapshot --region us-west-2 --snapshot-id snap-1\n",
		"aws imagebuilder delete-image --region us-west-2 --image-build-version-arn arn:aws:imagebuilder:us-west-2:444455556666:image/web/1.0.0/1\n",
		"aws secretsmanager delete-secret --region us-west-2 --secret-id arn:aws:secretsmanager:us-west-2:444455556666:secret:old-a1b2c3\n",
		"aws s3 rb --force s3://walkthrough-old\n",
		"--type-name AWS::Logs::LogGroup --identifier /aws/rds/instance/walkthrough-0/error\n",
		"aws ssm delete-parameter --region us-west-2 --name /imagebuilder/walkthrough/web\n",
	} {
		if !strings.Contains(after, want) {
			t.Errorf("want %q listed after:\n%s", want, after)
		}
	}
	for _, not := range []string{"ami-2", "listed-by-rds", "walkthrough-2/web", "elastic-ip", "webacl", "instance/i-of"} {
		if strings.Contains(out, not) {
			t.Errorf("want nothing of %q listed:\n%s", not, out)
		}
	}
}
