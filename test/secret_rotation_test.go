package test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"warm-standby/settings"
)

// functionArtifact is a file that passes for a function's archive.
func functionArtifact(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rotation.zip")
	if err := os.WriteFile(file, []byte("a function"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// theOnly is the one resource of a type whose logical id begins with prefix.
func theOnly(t *testing.T, tmpl object, resourceType, prefix string) (id string, resource object) {
	t.Helper()
	for candidate, found := range resourcesOf(tmpl, resourceType) {
		if strings.HasPrefix(candidate, prefix) {
			if id != "" {
				t.Fatalf("two of %s: %s and %s", resourceType, id, candidate)
			}
			id, resource = candidate, found
		}
	}
	if id == "" {
		t.Fatalf("no %s with an id of %s", resourceType, prefix)
	}
	return id, resource
}

const rotationSchedule = "AWS::SecretsManager::RotationSchedule"

func TestRotation(t *testing.T) {
	tmpl := deployment(t, "example", "", nil).regional(east)
	functionID, function := theOnly(t, tmpl, "AWS::Lambda::Function", "Rotation")
	secretID, _ := theOnly(t, tmpl, dbSecret, "Database")
	_, schedule := theOnly(t, tmpl, rotationSchedule, "Rotation")
	equal(t, "the schedule, which rotates nothing when it is deployed", propertiesOf(schedule), object{
		"SecretId":                  object{"Ref": secretID},
		"RotationLambdaARN":         object{"Fn::GetAtt": []any{functionID, "Arn"}},
		"RotationRules":             object{"AutomaticallyAfterDays": 30},
		"RotateImmediatelyOnUpdate": false,
	})

	// Secrets Manager has the function log in as soon as there is a schedule.
	var waitsFor []string
	for _, id := range schedule["DependsOn"].([]any) {
		waitsFor = append(waitsFor, id.(string))
	}
	for resourceType, prefix := range map[string]string{
		dbInstance: "Database", "AWS::Route53::RecordSet": "DatabaseRecord", "AWS::Lambda::Permission": "Rotation", "AWS::EC2::NatGateway": "NetworkVpcPublicSubnet1",
	} {
		if id, _ := theOnly(t, tmpl, resourceType, prefix); !slices.Contains(waitsFor, id) {
			t.Errorf("the schedule does not wait for %s", id)
		}
	}
	way := false
	for id, rule := range resourcesOf(tmpl, "AWS::EC2::SecurityGroupIngress") {
		if strings.HasPrefix(id, "DatabaseSecurityGroup") && strings.Contains(id, "Rotation") {
			way = propertiesOf(rule)["FromPort"] == 3306.0 && slices.Contains(waitsFor, id)
		}
	}
	if !way {
		t.Error("the schedule does not wait for the way to the database")
	}

	properties := propertiesOf(function)
	equal(t, "what the function runs on", []any{properties["Runtime"], properties["Handler"], properties["Architectures"], properties["Timeout"]},
		[]any{"nodejs24.x", "rotation.handler", []any{"arm64"}, 60})
	variables := properties["Environment"].(object)["Variables"].(object)
	equal(t, "whom it asks who writes", variables["WRITER_NAME"], "writer.api.example.com")
	instanceID, _ := theOnly(t, tmpl, dbInstance, "Database")
	equal(t, "whose certificate it wants", variables["DB_TLS_NAME"], object{"Fn::GetAtt": []any{instanceID, "Endpoint.Address"}})
	_, permission := theOnly(t, tmpl, "AWS::Lambda::Permission", "Rotation")
	equal(t, "who may call it", []any{propertiesOf(permission)["Principal"], propertiesOf(permission)["SourceAccount"], propertiesOf(permission)["SourceArn"]},
		[]any{"secretsmanager.amazonaws.com", account, object{"Ref": secretID}})

	roleID, role := theOnly(t, tmpl, "AWS::IAM::Role", "Rotation")
	if propertiesOf(role)["ManagedPolicyArns"] != nil {
		t.Errorf("%s has more than it needs: %v", roleID, propertiesOf(role)["ManagedPolicyArns"])
	}
	_, policy := theOnly(t, tmpl, "AWS::IAM::Policy", "RotationRoleDefaultPolicy")
	for _, statement := range propertiesOf(policy)["PolicyDocument"].(object)["Statement"].([]any) {
		statement := statement.(object)
		actions, several := statement["Action"].([]any)
		if !several {
			actions = []any{statement["Action"]}
		}
		for _, action := range actions {
			if strings.HasPrefix(action.(string), "secretsmanager:") {
				equal(t, action.(string), statement["Resource"], object{"Ref": secretID})
			}
			if statement["Resource"] == "*" && !strings.HasPrefix(action.(string), "ec2:Describe") {
				t.Errorf("the role allows %s on anything", action)
			}
		}
	}

	_, failed := theOnly(t, tmpl, "AWS::CloudWatch::Alarm", "Rotation")
	if len(propertiesOf(failed)["AlarmActions"].([]any)) != 1 {
		t.Error("nobody hears of a rotation that failed")
	}
}

// TestRotationFollowsThePrimary: a password that is changed in the region that was
// left would lock the new writer's servers out. The way back must not wait for IAM.
func TestRotationFollowsThePrimary(t *testing.T) {
	first, swapped, back := deployment(t, "example", "", nil), deployment(t, "example", "swapped", swapped), deployment(t, "example", "failed back", failedBack)
	for _, tt := range []struct {
		a        *assembly
		schedule bool
		warnings int
	}{{first, true, 0}, {swapped, false, 1}, {back, true, 0}} {
		id := ""
		for resource := range resourcesOf(tt.a.regional(east), rotationSchedule) {
			id = resource
		}
		if (id != "") != tt.schedule {
			t.Errorf("primary %s: want a schedule in %s: %v (got %q)", tt.a.settings.Primary, east, tt.schedule, id)
		}
		if found := resourcesOf(tt.a.regional(west), rotationSchedule); len(found) > 0 {
			t.Errorf("%s rotates a secret that it does not own: %v", west, found)
		}
		if got := tt.a.settings.Warnings(); len(got) != tt.warnings {
			t.Errorf("primary %s: want %d warnings, got %q", tt.a.settings.Primary, tt.warnings, got)
		}
		was := resourcesOf(first.regional(east), "")
		for id, resource := range resourcesOf(tt.a.regional(east), "") {
			if strings.HasPrefix(id, "Rotation") && resource["Type"] != rotationSchedule {
				if was[id] == nil {
					t.Errorf("primary %s: %s is new", tt.a.settings.Primary, id)
				} else if strings.HasPrefix(resource["Type"].(string), "AWS::IAM::") {
					equal(t, id, resource, was[id])
				}
			}
		}
	}
}

func TestRotationIsASetting(t *testing.T) {
	a := deployment(t, "walkthrough", "", nil)
	for _, region := range []string{east, west} {
		for id := range resourcesOf(a.regional(region), "") {
			if strings.HasPrefix(id, "Rotation") {
				t.Errorf("%s has %s, without database.rotationDays", region, id)
			}
		}
	}
	if got := (&settings.Settings{Primary: west, Database: settings.Database{SecretRegion: east}}).Warnings(); got != nil {
		t.Errorf("warns of what nobody asked for: %q", got)
	}
}
