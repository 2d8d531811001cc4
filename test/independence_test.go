package test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A region's stack must deploy while the other region is down: `cdk deploy
// --exclusively` of it calls CloudFormation, S3, SSM and STS of its own region,
// and CloudFormation what the template has. What follows looks at both, for
// either role.

// eachRegional visits the regional stacks of every deployment.
func eachRegional(t *testing.T, visit func(name string, a *assembly, region, other string)) {
	t.Helper()
	for name, a := range variants(t) {
		for _, region := range []string{a.settings.Primary, a.settings.Standby} {
			visit(name+": "+region, a, region, a.settings.OtherRegion(region))
		}
	}
}

// TestRegionsKnowEachOtherByNameOnly lists all the places in which a regional
// template may name the other region, as resource type and property.
func TestRegionsKnowEachOtherByNameOnly(t *testing.T) {
	allowed := map[string]bool{ // whether it is found
		"AWS::RDS::DBInstance/Properties/SourceDBInstanceIdentifier":   false, // read by RDS when the replica is created
		"AWS::RDS::DBInstance/Properties/SourceRegion":                 false, // likewise; it stays for good
		"AWS::SecretsManager::Secret/Properties/ReplicaRegions/Region": false, // where Secrets Manager copies the secret
		// Whom a switch-over, which needs both regions well, asks whether it still writes.
		"AWS::SSM::Document/Properties/Content/mainSteps/inputs/InputPayload/OtherApi": false,
		// Where AWS Backup copies recovery points, as it takes them.
		"AWS::Backup::BackupPlan/Properties/BackupPlan/BackupPlanRule/CopyActions/DestinationBackupVaultArn": false,
		// Where Image Builder copies an image that it has built, and what it may do there.
		"AWS::ImageBuilder::DistributionConfiguration/Properties/Distributions/Region":                                false,
		"AWS::ImageBuilder::DistributionConfiguration/Properties/Distributions/AmiDistributionConfiguration/KmsKeyId": false,
		"AWS::IAM::Policy/Properties/PolicyDocument/Statement/Resource":                                               false,
		"AWS::IAM::Policy/Properties/PolicyDocument/Statement/Condition/StringEquals/kms:ViaService":                  false,
	}
	eachRegional(t, func(name string, a *assembly, region, other string) {
		check := func(place string, value any) {
			walk(place, value, func(path, value string) {
				path, _, _ = strings.Cut(path, "/Fn::") // an ARN put together is one place
				if !strings.Contains(path+value, other) {
					return
				}
				if _, ok := allowed[path]; !ok {
					t.Errorf("%s names %s at %s: %s", name, other, path, value)
				}
				allowed[path] = true
			})
		}
		for key, section := range a.regional(region) {
			if key != "Resources" {
				check(key, section)
			}
		}
		for _, resource := range resourcesOf(a.regional(region), "") {
			check(resource["Type"].(string), resource)
		}
	})
	for place, found := range allowed {
		if !found {
			t.Errorf("nothing names the other region at %s: take it off the list", place)
		}
	}
}

// readsAtDeploy is what makes CloudFormation read a value from elsewhere.
var readsAtDeploy = regexp.MustCompile(`Fn::ImportValue|Fn::GetStackOutput|Fn::Transform|AWS::CloudFormation::Stack"|Custom::CrossRegionExport|\{\{resolve:ssm`)

// imageParameter is AWS's own parameters, which every region has, and those of the
// region's own images.
var imageParameter = regexp.MustCompile(`^resolve:ssm:(/aws/service/|/imagebuilder/books/(web|api)$)`)

func TestStacksStandAlone(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			text, err := json.Marshal(tmpl)
			if err != nil {
				t.Fatal(err)
			}
			if found := readsAtDeploy.FindString(string(text)); found != "" {
				t.Errorf("%s: %s depends on something outside by %s", name, stack, found)
			}
			walk("", tmpl, func(path, value string) {
				if strings.Contains(value, "resolve:ssm") && !imageParameter.MatchString(value) {
					t.Errorf("%s: %s reads %s at %s", name, stack, value, path)
				}
			})
			for id, parameter := range tmpl["Parameters"].(object) {
				// Of its own region's bootstrap stack, and its own region's images.
				if id != "BootstrapVersion" && id != "WebImageParameter" && id != "ApiImageParameter" {
					t.Errorf("%s: %s has the parameter %s: %v", name, stack, id, parameter)
				}
			}
		}
	}
}

// TestCustomResourcesStayAtHome: a function of the stack's own answers each, and
// calls its own region, as the SDK does unless told another.
func TestCustomResourcesStayAtHome(t *testing.T) {
	known := []string{"Custom::AWS", "Custom::S3AutoDeleteObjects", "Custom::VpcRestrictDefaultSG"}
	eachRegional(t, func(name string, a *assembly, region, _ string) {
		resources := resourcesOf(a.regional(region), "")
		for id, resource := range resources {
			kind := resource["Type"].(string)
			if !strings.HasPrefix(kind, "Custom::") && kind != "AWS::CloudFormation::CustomResource" {
				continue
			}
			properties := propertiesOf(resource)
			token, _ := properties["ServiceToken"].(object)["Fn::GetAtt"].([]any)
			if len(token) != 2 || resources[token[0].(string)]["Type"] != "AWS::Lambda::Function" {
				t.Errorf("%s: %s is answered by %v, no function of the stack", name, id, properties["ServiceToken"])
			}
			if !slices.Contains(known, kind) {
				t.Errorf("%s: %s is a %s: what does it call?", name, id, kind)
			}
			for _, call := range []string{"Create", "Update", "Delete"} {
				if text, _ := properties[call].(string); kind == "Custom::AWS" && strings.Contains(text, `"region"`) {
					t.Errorf("%s: %s calls another region: %s", name, id, text)
				}
			}
		}
	})
}

// TestDeployStaysAtHome looks at what the CDK CLI is told: the roles it assumes
// and the bucket it uploads to.
func TestDeployStaysAtHome(t *testing.T) {
	eachRegional(t, func(name string, a *assembly, region, other string) {
		stack := a.settings.Name + "-" + region
		artifact := a.manifest.Artifacts[stack]
		if want := "aws://" + account + "/" + region; artifact.Environment != want {
			t.Errorf("%s: deployed to %s, want %s", name, artifact.Environment, want)
		}
		for _, target := range []string{
			artifact.Properties.AssumeRoleArn, artifact.Properties.CloudFormationExecutionRoleArn,
			artifact.Properties.LookupRole.Arn, artifact.Properties.StackTemplateAssetObjectURL,
		} {
			if !strings.Contains(target, account+"-"+region) {
				t.Errorf("%s: deployed by way of %q, want the region's own", name, target)
			}
		}
		files := a.assets[stack]["files"].(object)
		if len(files) == 0 {
			t.Errorf("%s: no assets, not even the template", name)
		}
		for _, file := range files {
			for _, destination := range file.(object)["destinations"].(object) {
				if got := destination.(object)["region"]; got != region {
					t.Errorf("%s: uploads %v to %v", name, file.(object)["displayName"], got)
				}
			}
		}
		walk("", files, func(path, value string) {
			if strings.Contains(value, other) {
				t.Errorf("%s: uploads to %s at %s: %s", name, other, path, value)
			}
		})
	})
}
