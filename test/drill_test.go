package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// experiments is the experiment templates of a region by their tag Name.
func experiments(tmpl object) map[string]object {
	found := map[string]object{}
	for _, resource := range resourcesOf(tmpl, "AWS::FIS::ExperimentTemplate") {
		properties := propertiesOf(resource)
		found[properties["Tags"].(object)["Name"].(string)] = properties
	}
	return found
}

// idOf is the logical id that a Ref or Fn::GetAtt points at.
func idOf(value any) string {
	if reference, ok := value.(object); ok {
		if id, ok := reference["Ref"].(string); ok {
			return id
		}
		if attribute, ok := reference["Fn::GetAtt"].([]any); ok {
			return attribute[0].(string)
		}
	}
	return ""
}

func TestDrillHarmsWhatItNames(t *testing.T) {
	a := deployment(t, "example", "", nil)
	for region, failover := range map[string]string{east: "true", west: "false"} {
		tmpl := a.regional(region)
		group := func(tier string) object {
			for id := range resourcesOf(tmpl, "AWS::AutoScaling::AutoScalingGroup") {
				if strings.HasPrefix(id, tier) {
					return object{"Ref": id}
				}
			}
			t.Fatalf("%s: no group of %s", region, tier)
			return nil
		}
		servers := func(tier string) object {
			return object{
				"ResourceType":  "aws:ec2:instance",
				"ResourceTags":  object{"aws:autoscaling:groupName": group(tier)},
				"Filters":       []any{object{"Path": "State.Name", "Values": []any{"running"}}},
				"SelectionMode": "PERCENT(50)",
			}
		}
		var subnets []any // in the order of their zones
		for _, n := range []string{"1", "2"} {
			for id := range resourcesOf(tmpl, "AWS::EC2::Subnet") {
				if strings.HasPrefix(id, "NetworkVpcPublicSubnet"+n) {
					subnets = append(subnets, arnOf("ec2:"+region+":"+account+":subnet/", object{"Ref": id}))
				}
			}
		}
		var instance string
		for instance = range resourcesOf(tmpl, dbInstance) {
		}
		stop := func(target string) object {
			return object{"ActionId": "aws:ec2:stop-instances", "Targets": object{"Instances": target}}
		}
		for name, want := range map[string]object{
			"books-network": {
				"Targets": object{"subnets": object{"ResourceType": "aws:ec2:subnet", "ResourceArns": subnets, "SelectionMode": "ALL"}},
				"Actions": object{"cut": object{
					"ActionId":   "aws:network:disrupt-connectivity",
					"Parameters": object{"scope": "vpc", "duration": "PT10M"},
					"Targets":    object{"Subnets": "subnets"},
				}},
			},
			"books-servers": {
				"Targets": object{"web": servers("Web"), "api": servers("Api")},
				"Actions": object{"stop-web": stop("web"), "stop-api": stop("api")},
			},
			"books-database": {
				"Targets": object{"database": object{
					"ResourceType": "aws:rds:db", "SelectionMode": "ALL",
					"ResourceArns": []any{arnOf("rds:"+region+":"+account+":db:", object{"Ref": instance})},
				}},
				"Actions": object{"reboot": object{
					"ActionId":   "aws:rds:reboot-db-instances",
					"Parameters": object{"forceFailover": failover},
					"Targets":    object{"DBInstances": "database"},
				}},
			},
		} {
			got := experiments(tmpl)[name]
			equal(t, region+": targets of "+name, got["Targets"], want["Targets"])
			equal(t, region+": actions of "+name, got["Actions"], want["Actions"])
		}
	}
}

// arnOf is an ARN as the CDK joins it to a reference.
func arnOf(prefix string, reference object) object {
	return object{"Fn::Join": []any{"", []any{"arn:aws:" + prefix, reference}}}
}

func TestDrillStopsOnAlarmsAndIsLogged(t *testing.T) {
	a := deployment(t, "example", "", nil)
	for _, region := range []string{east, west} {
		tmpl := a.regional(region)
		resources := resourcesOf(tmpl, "")
		for name, want := range map[string][]string{
			"books-network":  {"AlarmsDatabaseCpu"}, // not those of tiers that nobody reaches
			"books-servers":  {"AlarmsWebNoHealthyHost", "AlarmsApiNoHealthyHost", "AlarmsDatabaseCpu"},
			"books-database": {"AlarmsWebNoHealthyHost", "AlarmsApiNoHealthyHost", "AlarmsDatabaseCpu"},
		} {
			properties := experiments(tmpl)[name]
			var alarms []string
			for _, condition := range properties["StopConditions"].([]any) {
				id := idOf(condition.(object)["Value"])
				if condition.(object)["Source"] != "aws:cloudwatch:alarm" || resources[id]["Type"] != "AWS::CloudWatch::Alarm" {
					t.Fatalf("%s: %s stops on %v", region, name, condition)
				}
				alarms = append(alarms, id[:len(id)-8])
			}
			equal(t, region+": what stops "+name, alarms, want)
			logs := properties["LogConfiguration"].(object)
			group := idOf(logs["CloudWatchLogsConfiguration"].(object)["LogGroupArn"])
			if logs["LogSchemaVersion"] != 2.0 || resources[group]["Type"] != "AWS::Logs::LogGroup" {
				t.Errorf("%s: %s is not logged: %v", region, name, logs)
			}
		}
	}
}

// TestDrillRolesGrantWhatTheActionsNeed compares with the actions reference,
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html,
// and with what delivered logs need.
func TestDrillRolesGrantWhatTheActionsNeed(t *testing.T) {
	logging := []string{"logs:CreateLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy"}
	documented := map[string][]string{
		"aws:network:disrupt-connectivity": {
			"ec2:CreateNetworkAcl", "ec2:CreateNetworkAclEntry", "ec2:CreateTags", "ec2:DeleteNetworkAcl", "ec2:DescribeManagedPrefixLists", "ec2:DescribeNetworkAcls",
			"ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:GetManagedPrefixListEntries", "ec2:ReplaceNetworkAclAssociation",
		},
		"aws:ec2:stop-instances":      {"ec2:DescribeInstances", "ec2:StopInstances"}, // more only to start them again
		"aws:rds:reboot-db-instances": {"rds:DescribeDBInstances", "rds:RebootDBInstance", "tag:GetResources"},
	}
	// Changes are to this deployment's own, or to what FIS has made and tagged.
	conditions := map[string]string{
		"ec2:CreateNetworkAclEntry": `{"StringEquals":{"ec2:ResourceTag/managedByFIS":"true"}}`,
		"ec2:DeleteNetworkAcl":      `{"StringEquals":{"ec2:ResourceTag/managedByFIS":"true"}}`,
		"ec2:CreateTags":            `{"StringEquals":{"aws:RequestTag/managedByFIS":"true","ec2:CreateAction":"CreateNetworkAcl"}}`,
	}
	a := deployment(t, "example", "", nil)
	for _, region := range []string{east, west} {
		tmpl := a.regional(region)
		policies := map[string]object{} // by role
		for _, policy := range resourcesOf(tmpl, "AWS::IAM::Policy") {
			properties := propertiesOf(policy)
			policies[idOf(properties["Roles"].([]any)[0])] = properties["PolicyDocument"].(object)
		}
		for name, properties := range experiments(tmpl) {
			needed := map[string]bool{}
			for _, action := range properties["Actions"].(object) {
				id := action.(object)["ActionId"].(string)
				if documented[id] == nil {
					t.Errorf("%s: what %s needs is not known here", name, id)
				}
				for _, permission := range slices.Concat(documented[id], logging) {
					needed[permission] = true
				}
			}
			role := idOf(properties["RoleArn"])
			granted := map[string]bool{}
			for _, item := range policies[role]["Statement"].([]any) {
				statement := item.(object)
				condition, _ := json.Marshal(statement["Condition"])
				for _, action := range list(statement["Action"]) {
					granted[action.(string)] = true
					if want := conditions[action.(string)]; want != "" && string(condition) != want {
						t.Errorf("%s: %s: want the condition %s, got %s", name, action, want, condition)
					}
					_, verb, _ := strings.Cut(action.(string), ":")
					reads := strings.HasPrefix(verb, "Describe") || strings.HasPrefix(verb, "Get") || strings.HasPrefix(action.(string), "logs:")
					if slices.Contains(list(statement["Resource"]), any("*")) && !reads {
						t.Errorf("%s: %s: changes anything", name, action)
					}
				}
			}
			equal(t, region+": permissions of "+name, slices.Sorted(maps.Keys(granted)), slices.Sorted(maps.Keys(needed)))

			trust := propertiesOf(resourcesOf(tmpl, "AWS::IAM::Role")[role])["AssumeRolePolicyDocument"].(object)["Statement"].([]any)
			equal(t, region+": who assumes the role of "+name, trust, []any{object{
				"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": object{"Service": "fis.amazonaws.com"},
				"Condition": object{
					"StringEquals": object{"aws:SourceAccount": account},
					"ArnLike":      object{"aws:SourceArn": fmt.Sprintf("arn:aws:fis:%s:%s:experiment/*", region, account)},
				},
			}})
		}
	}
}

// list is a property that is one value or several.
func list(value any) []any {
	if several, ok := value.([]any); ok {
		return several
	}
	return []any{value}
}

// TestDrillStopsServersOfItsGroupsOnly: instances have no names, so the tag that
// Auto Scaling gives them says whose they are.
func TestDrillStopsServersOfItsGroupsOnly(t *testing.T) {
	tm := deployment(t, "example", "", nil).regional(east)
	found := 0
	for _, policy := range resourcesOf(tm, "AWS::IAM::Policy") {
		for _, item := range propertiesOf(policy)["PolicyDocument"].(object)["Statement"].([]any) {
			statement := item.(object)
			if statement["Action"] != "ec2:StopInstances" {
				continue
			}
			found++
			groups := statement["Condition"].(object)["StringEquals"].(object)["ec2:ResourceTag/aws:autoscaling:groupName"].([]any)
			if len(groups) != 2 || idOf(groups[0]) == idOf(groups[1]) {
				t.Errorf("want the servers of both groups, got %v", groups)
			}
			for _, group := range groups {
				if resourcesOf(tm, "AWS::AutoScaling::AutoScalingGroup")[idOf(group)] == nil {
					t.Errorf("want a group of the stack, got %v", group)
				}
			}
		}
	}
	if found != 1 {
		t.Errorf("servers are stopped by %d statements", found)
	}
}

func TestNoDrillUnlessEnabled(t *testing.T) {
	a := deployment(t, "walkthrough", "", nil)
	for stack, tmpl := range a.stacks {
		if n := len(resourcesOf(tmpl, "AWS::FIS::ExperimentTemplate")); n > 0 {
			t.Errorf("%s has %d experiments that nobody asked for", stack, n)
		}
		text, err := json.Marshal(tmpl)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "fis.amazonaws.com") {
			t.Errorf("%s lets FIS in", stack)
		}
	}
}
