// Retire deletes a database instance that has left the deployment, with a final
// snapshot. It goes by the settings and by what the region's stack holds, so
// that it can't be the writer or its replica, and it calls the AWS CLI, so that
// each step can be read and repeated. `make retire` runs it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"warm-standby/settings"
)

func main() {
	if len(os.Args) != 3 || os.Args[2] == "" {
		fmt.Fprintln(os.Stderr, "usage: retire SETTINGS-FILE INSTANCE (make retire INSTANCE=name)")
		os.Exit(2)
	}
	if err := retire(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func retire(file, name string) error {
	s, err := settings.Load(file)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.Database.Retired, func(old settings.Retired) bool { return old.Name == name })
	if i < 0 {
		return fmt.Errorf("%s: database.retired: want an entry named %q, for only what has left is retired (got none)", file, name)
	}
	region := s.Database.Retired[i].Region

	var instances []struct{ Status, Source string }
	if err := ask(&instances, "rds", "describe-db-instances", "--region", region, "--filters", "Name=db-instance-id,Values="+name,
		"--query", "DBInstances[].{Status: DBInstanceStatus, Source: ReadReplicaSourceDBInstanceIdentifier}"); err != nil {
		return err
	}
	if len(instances) == 0 {
		fmt.Printf("%s is not in %s any more\n", name, region)
		return nil
	}
	// A stack of a region that has left the settings is gone, and owns nothing.
	if region == s.Primary || region == s.Standby {
		var owned []string
		stack := s.Name + "-" + region
		if err := ask(&owned, "cloudformation", "list-stack-resources", "--region", region, "--stack-name", stack,
			"--query", fmt.Sprintf("StackResourceSummaries[?PhysicalResourceId=='%s' && !starts_with(ResourceStatus, 'DELETE_')].LogicalResourceId", name)); err != nil {
			return err
		}
		if len(owned) > 0 {
			return fmt.Errorf("%s belongs to the stack %s still: deploy that first", name, stack)
		}
	}

	if instances[0].Status != "deleting" {
		snapshot := []string{"--final-db-snapshot-identifier", name + "-final"}
		if instances[0].Source != "" { // RDS takes no final snapshot of a replica
			snapshot = []string{"--skip-final-snapshot"}
		}
		if err := aws("rds", "modify-db-instance", "--region", region, "--db-instance-identifier", name, "--no-deletion-protection", "--apply-immediately"); err != nil {
			return err
		}
		if err := aws(append([]string{"rds", "delete-db-instance", "--region", region, "--db-instance-identifier", name}, snapshot...)...); err != nil {
			return err
		}
	}
	return aws("rds", "wait", "db-instance-deleted", "--region", region, "--db-instance-identifier", name)
}

// ask reads the JSON answer of a command that changes nothing.
func ask(into any, args ...string) error {
	cmd := exec.Command("aws", append(args, "--output", "json")...) //nolint:gosec // names and regions, as the settings were checked for
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("aws %s %s: %w", args[0], args[1], err)
	}
	return json.Unmarshal(answer, into)
}

// aws runs a command after showing it. Its answer is a page of JSON.
func aws(args ...string) error {
	fmt.Println("aws", strings.Join(args, " "))
	cmd := exec.Command("aws", args...) //nolint:gosec // likewise
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("aws %s %s: %w", args[0], args[1], err)
	}
	return nil
}
