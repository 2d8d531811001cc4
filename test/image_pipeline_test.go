package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"warm-standby/constructs"
	"warm-standby/settings"
)

const imageBuilder = "AWS::ImageBuilder::"

// baking is the regional templates of the deployments that bake images.
func baking(t *testing.T, visit func(name string, a *assembly, region, other string)) {
	t.Helper()
	eachRegional(t, func(name string, a *assembly, region, other string) {
		if a.settings.Images.Enabled {
			visit(name, a, region, other)
		}
	})
}

// tierOf is one of "Web" and "Api", which logical ids start with.
func tierOf(id string) string { return id[len("Images"):][:3] }

// imagePart is the one resource of a type that a tier's images have.
func imagePart(t *testing.T, tmpl object, kind, tier string) (id string, properties object) {
	t.Helper()
	for candidate, r := range resourcesOf(tmpl, kind) {
		if strings.HasPrefix(candidate, "Images"+tier) {
			if id != "" {
				t.Fatalf("two %s of %s", kind, tier)
			}
			id, properties = candidate, propertiesOf(r)
		}
	}
	if id == "" {
		t.Fatalf("no %s of %s", kind, tier)
	}
	return id, properties
}

func attribute(id, name string) object { return object{"Fn::GetAtt": []any{id, name}} }

func TestImagesAreASetting(t *testing.T) {
	for _, region := range []string{east, west} {
		for id, r := range resourcesOf(deployment(t, "walkthrough", "", nil).regional(region), "") {
			if strings.HasPrefix(r["Type"].(string), imageBuilder) || strings.HasPrefix(id, "Images") {
				t.Errorf("%s: nobody asked for %s", region, id)
			}
		}
	}
}

// TestImagePipelines: either region has all that it takes, and what differs is the
// schedule's status.
func TestImagePipelines(t *testing.T) {
	baking(t, func(name string, a *assembly, region, other string) {
		tmpl := a.regional(region)
		key, _ := imagePart(t, tmpl, "AWS::KMS::Key", "Key")
		builders, group := imagePart(t, tmpl, "AWS::EC2::SecurityGroup", "Bui")
		if group["SecurityGroupIngress"] != nil {
			t.Errorf("%s: the builders can be reached: %v", name, group["SecurityGroupIngress"])
		}
		status := "DISABLED"
		if region == a.settings.Primary {
			status = "ENABLED"
		}
		for _, tier := range []string{"Web", "Api"} {
			what, prefix := name+" "+tier, "books-"+strings.ToLower(tier)
			recipeID, recipe := imagePart(t, tmpl, imageBuilder+"ImageRecipe", tier)
			infrastructureID, infrastructure := imagePart(t, tmpl, imageBuilder+"InfrastructureConfiguration", tier)
			distributionID, distribution := imagePart(t, tmpl, imageBuilder+"DistributionConfiguration", tier)
			_, pipeline := imagePart(t, tmpl, imageBuilder+"ImagePipeline", tier)
			_, group := imagePart(t, object{"Resources": withoutPrefix(tmpl, tier)}, "AWS::AutoScaling::AutoScalingGroup", tier)

			equal(t, what+": the pipeline's name, which commands use", pipeline["Name"], prefix)
			equal(t, what+": status", pipeline["Status"], status)
			equal(t, what+": schedule", pipeline["Schedule"], object{
				"ScheduleExpression": "cron(0 6 ? * 1 *)", "PipelineExecutionStartCondition": "EXPRESSION_MATCH_ONLY",
			})
			equal(t, what+": images are tested", pipeline["ImageTestsConfiguration"], object{"ImageTestsEnabled": true})
			equal(t, what+": the pipeline's parts", []any{
				pipeline["ImageRecipeArn"], pipeline["InfrastructureConfigurationArn"], pipeline["DistributionConfigurationArn"],
			}, []any{attribute(recipeID, "Arn"), attribute(infrastructureID, "Arn"), attribute(distributionID, "Arn")})
			for setting, want := range map[string]string{"ImageLogGroupName": "/aws/imagebuilder/" + prefix, "PipelineLogGroupName": "/aws/imagebuilder/pipeline/" + prefix} {
				id := pipeline["LoggingConfiguration"].(object)[setting].(object)["Ref"].(string)
				logs := propertiesOf(resourcesOf(tmpl, "AWS::Logs::LogGroup")[id])
				equal(t, what+": "+setting, []any{logs["LogGroupName"], logs["RetentionInDays"]}, []any{want, 30})
			}

			equal(t, what+": Ubuntu for the tier's processor", recipe["ParentImage"],
				"ssm:/aws/service/canonical/ubuntu/server/26.04/stable/current/arm64/hvm/ebs-gp3/ami-id")
			equal(t, what+": its volume, of no size: a server's may not be smaller", recipe["BlockDeviceMappings"], []any{object{
				"DeviceName": "/dev/sda1",
				"Ebs":        object{"DeleteOnTermination": true, "Encrypted": true, "KmsKeyId": attribute(key, "Arn"), "VolumeType": "gp3"},
			}})

			equal(t, what+": a builder as the servers are", infrastructure["InstanceTypes"], []any{"t4g.small"})
			equal(t, what+": in their first subnet", infrastructure["SubnetId"], group["VPCZoneIdentifier"].([]any)[0])
			equal(t, what+": that nobody reaches", infrastructure["SecurityGroupIds"], []any{attribute(builders, "GroupId")})
			equal(t, what+": with session tokens", infrastructure["InstanceMetadataOptions"], object{"HttpTokens": "required", "HttpPutResponseHopLimit": 1})
			equal(t, what+": that never stays", infrastructure["TerminateInstanceOnFailure"], true)

			parameter := []any{object{"ParameterName": constructs.ImageParameter("books", strings.ToLower(tier)), "DataType": "aws:ec2:image"}}
			ami := func(more object) object {
				settings := object{"Name": prefix + " {{ imagebuilder:buildDate }}", "AmiTags": object{"Name": prefix, "deployment": "books"}}
				maps.Copy(settings, more)
				return settings
			}
			equal(t, what+": to both regions, there by the key of that region", distribution["Distributions"], []any{
				object{"Region": region, "AmiDistributionConfiguration": ami(nil), "SsmParameterConfigurations": parameter},
				object{"Region": other, "AmiDistributionConfiguration": ami(object{"KmsKeyId": "arn:aws:kms:" + other + ":" + account + ":alias/books-images"}), "SsmParameterConfigurations": parameter},
			})
		}
		_, alias := imagePart(t, tmpl, "AWS::KMS::Alias", "Key")
		equal(t, name+": the alias that the other region names", alias, object{"AliasName": "alias/books-images", "TargetKeyId": attribute(key, "Arn")})
	})
}

// withoutPrefix gives a tier's own resources the ids that imagePart looks for.
func withoutPrefix(tmpl object, tier string) object {
	found := object{}
	for id, r := range tmpl["Resources"].(object) {
		if strings.HasPrefix(id, tier) {
			found["Images"+id] = r
		}
	}
	return found
}

// TestImagesAreOfTheScriptsThatBoot: a boot bakes nothing only on an image of the
// very scripts that it has itself.
func TestImagesAreOfTheScriptsThatBoot(t *testing.T) {
	mark := regexp.MustCompile(`IMAGE='([0-9a-f]{64})'`)
	baking(t, func(name string, a *assembly, region, _ string) {
		tmpl, marks := a.regional(region), map[string][]string{}
		for id, component := range resourcesOf(tmpl, imageBuilder+"Component") {
			properties := propertiesOf(component)
			data := properties["Data"].(string)
			if len(data) > 16000 { // Image Builder API, CreateComponent.
				t.Errorf("%s: %s has %d characters, Image Builder takes 16000", name, id, len(data))
			}
			if !strings.HasSuffix(properties["Version"].(string), ".x") {
				t.Errorf("%s: %s: a change would meet the version that is there", name, id)
			}
			var document struct {
				Phases []struct {
					Name  string
					Steps []struct {
						Action string
						Inputs struct{ Commands []string }
					}
				}
			}
			if err := yaml.Unmarshal([]byte(data), &document); err != nil {
				t.Fatalf("%s: %s: %v", name, id, err)
			}
			phase := "build"
			if strings.HasPrefix(id, "Images"+tierOf(id)+"Test") {
				phase = "test"
			}
			if got := document.Phases[0]; got.Name != phase || got.Steps[0].Action != "ExecuteBash" {
				t.Errorf("%s: %s: %s by %s", name, id, got.Name, got.Steps[0].Action)
			}
			marks[tierOf(id)] = append(marks[tierOf(id)], mark.FindStringSubmatch(document.Phases[0].Steps[0].Inputs.Commands[0])[1])
		}
		for id, template := range resourcesOf(tmpl, "AWS::EC2::LaunchTemplate") {
			data, _ := json.Marshal(propertiesOf(template))
			if found := mark.FindStringSubmatch(string(data)); found != nil {
				marks[id[:3]] = append(marks[id[:3]], found[1])
			}
		}
		for tier, found := range marks {
			slices.Sort(found)
			if len(found) != 3 || found[0] != found[2] {
				t.Errorf("%s: %s: the build, the test and the boot speak of different images: %v", name, tier, found)
			}
		}
		for id, recipe := range resourcesOf(tmpl, imageBuilder+"ImageRecipe") {
			build, _ := imagePart(t, tmpl, imageBuilder+"Component", tierOf(id)+"Build")
			test, _ := imagePart(t, tmpl, imageBuilder+"Component", tierOf(id)+"Test")
			equal(t, name+": "+id+": the newest components, so that the recipe stays", propertiesOf(recipe)["Components"], []any{
				object{"ComponentArn": attribute(build, "LatestVersion.Arn")}, object{"ComponentArn": attribute(test, "LatestVersion.Arn")},
			})
		}
	})
}

// TestImagesExpireByCountAlone: by age, the last image would go when builds fail
// for long, and it is what servers are launched from.
func TestImagesExpireByCountAlone(t *testing.T) {
	baking(t, func(name string, a *assembly, region, _ string) {
		policies := resourcesOf(a.regional(region), imageBuilder+"LifecyclePolicy")
		if len(policies) != 2 {
			t.Errorf("%s: %d lifecycle policies", name, len(policies))
		}
		for id, policy := range policies {
			_, pipeline := imagePart(t, a.regional(region), imageBuilder+"ImagePipeline", tierOf(id))
			// It selects images with any of its tags, so that of the deployment is none of them.
			prefix := a.settings.Name + "-" + strings.ToLower(tierOf(id))
			equal(t, name+": "+id+": the pipeline's own images", propertiesOf(policy)["ResourceSelection"], object{"TagMap": object{"Image": prefix}})
			equal(t, name+": "+id+": the tags of images", pipeline["ImageTags"], object{"Image": prefix, "deployment": a.settings.Name})
			equal(t, name+": "+id, propertiesOf(policy)["PolicyDetails"], []any{object{
				"Action":         object{"Type": "DELETE", "IncludeResources": object{"Amis": true, "Snapshots": true}},
				"Filter":         object{"Type": "COUNT", "Value": 3},
				"ExclusionRules": object{"Amis": object{"LastLaunched": object{"Unit": "WEEKS", "Value": 4}, "TagMap": object{"keep": "true"}}},
			}})
		}
	})
}

// TestImageRolesReachTheirOwn: which role Image Builder hands on, where it writes,
// and who uses the images' key. What its roles have wildcards for, see wildcards.
func TestImageRolesReachTheirOwn(t *testing.T) {
	baking(t, func(name string, a *assembly, region, other string) {
		tmpl := a.regional(region)
		builder, _ := imagePart(t, tmpl, "AWS::IAM::Role", "Role")
		var passed, written []string
		for id, policy := range resourcesOf(tmpl, "AWS::IAM::Policy") {
			if !strings.HasPrefix(id, "Images") {
				continue
			}
			for _, s := range statements(object{"Resources": object{id: policy}}) {
				if slices.Contains(s.actions, "iam:PassRole") {
					passed = append(passed, s.resources...)
				}
				if slices.Contains(s.actions, "ssm:PutParameter") {
					written = append(written, s.resources...)
				}
			}
		}
		equal(t, name+": the role it may hand on", passed, texts(attribute(builder, "Arn")))
		var parameters []string
		for _, in := range []string{region, other} {
			for _, tier := range []string{"api", "web"} {
				parameters = append(parameters, "arn:aws:ssm:"+in+":"+account+":parameter"+constructs.ImageParameter("books", tier))
			}
		}
		slices.Sort(parameters)
		slices.Sort(written)
		equal(t, name+": the parameters it may write", written, parameters)

		keyID, key := imagePart(t, tmpl, "AWS::KMS::Key", "Key")
		for _, s := range statements(object{"Resources": object{keyID: object{"Type": "AWS::KMS::Key", "Properties": key}}})[1:] {
			equal(t, name+": who may launch servers from images", s.onlyPrincipal(),
				"AWS:arn:aws:iam::"+account+":role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")
		}
	})
}

// TestBuildersFetchWhatRunsComponents: Image Builder's own policy for the servers
// that build has this, too, and without it there may be no build.
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2InstanceProfileForImageBuilder.html
func TestBuildersFetchWhatRunsComponents(t *testing.T) {
	baking(t, func(name string, a *assembly, region, _ string) {
		_, policy := imagePart(t, a.regional(region), "AWS::IAM::Policy", "RoleDefault")
		var got []string
		for _, s := range policy["PolicyDocument"].(object)["Statement"].([]any) {
			if statement := s.(object); statement["Action"] == "s3:GetObject" {
				got = append(got, texts(statement["Resource"])...)
			}
		}
		slices.Sort(got)
		equal(t, name+": what the builders may fetch", got, []string{
			"arn:aws:s3:::ec2imagebuilder-managed-resources-" + region + "-prod/*",
			"arn:aws:s3:::ec2imagebuilder-toe-" + region + "-prod/*",
		})
	})
}

func TestFailedBuildsAreHeardOf(t *testing.T) {
	baking(t, func(name string, a *assembly, region, _ string) {
		tmpl := a.regional(region)
		topic := slices.Collect(maps.Keys(resourcesOf(tmpl, "AWS::SNS::Topic")))
		topic = slices.DeleteFunc(topic, func(id string) bool { return !strings.HasPrefix(id, "Notifications") })
		for _, tier := range []string{"Web", "Api"} {
			_, rule := imagePart(t, tmpl, "AWS::Events::Rule", tier)
			equal(t, name+": "+tier, rule["EventPattern"], object{
				"source": []any{"aws.imagebuilder"}, "detail-type": []any{"EC2 Image Builder Image State Change"},
				"resources": []any{object{"prefix": "arn:aws:imagebuilder:" + region + ":" + account + ":image/books-" + strings.ToLower(tier) + "/"}},
				"detail":    object{"state": object{"status": []any{"FAILED"}}},
			})
			equal(t, name+": "+tier+": told where alarms are", rule["Targets"].([]any)[0].(object)["Arn"], object{"Ref": topic[0]})
		}
	})
}

// TestBakedServers: they are launched from what the parameter names then; the
// template reads it only to be refused where there is none.
func TestBakedServers(t *testing.T) {
	baked, stock := deployment(t, "example", "failed back", failedBack), deployment(t, "example", "", nil)
	for _, region := range []string{east, west} {
		tmpl := baked.regional(region)
		for _, tier := range []string{"Web", "Api"} {
			name := constructs.ImageParameter("books", strings.ToLower(tier))
			_, template := imagePart(t, object{"Resources": withoutPrefix(tmpl, tier)}, "AWS::EC2::LaunchTemplate", tier)
			_, other := imagePart(t, object{"Resources": withoutPrefix(stock.regional(region), tier)}, "AWS::EC2::LaunchTemplate", tier)
			data, before := template["LaunchTemplateData"].(object), other["LaunchTemplateData"].(object)
			equal(t, region+" "+tier+": image", data["ImageId"], "resolve:ssm:"+name)
			parameter := tmpl["Parameters"].(object)[tier+"ImageParameter"].(object)
			equal(t, region+" "+tier+": parameter", []any{parameter["Type"], parameter["Default"]}, []any{"AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", name})
			equal(t, region+" "+tier+": output", tmpl["Outputs"].(object)[tier+"Image"].(object)["Value"], object{"Ref": tier + "ImageParameter"})
			if text, _ := json.Marshal(tmpl["Resources"]); strings.Contains(string(text), tier+"ImageParameter") {
				t.Errorf("%s %s: a newer image would change a resource", region, tier)
			}
			if tier == "Web" { // the API is told of another database, too
				equal(t, region+": the web servers' user data, the same on any image", data["UserData"], before["UserData"])
			}
		}
	}
}

// TestImageCommands holds the page's names against the template of the deployment
// that it speaks of.
func TestImageCommands(t *testing.T) {
	page, err := os.ReadFile("../docs/images.md")
	if err != nil {
		t.Fatal(err)
	}
	a := deployment(t, "example", "", nil)
	tmpl := a.regional(a.settings.Primary)
	known := map[string]bool{}
	for _, region := range []string{a.settings.Primary, a.settings.Standby} {
		for _, r := range resourcesOf(a.regional(region), imageBuilder+"ImagePipeline") {
			known[fmt.Sprintf("arn:aws:imagebuilder:%s:%s:image-pipeline/%s", region, a.settings.Account, propertiesOf(r)["Name"])] = true
		}
	}
	for _, tier := range []string{"web", "api"} {
		known[constructs.ImageParameter(a.settings.Name, tier)] = true
	}
	for id, r := range resourcesOf(tmpl, "") {
		switch r["Type"] {
		case "AWS::Logs::LogGroup":
			if name, ok := propertiesOf(r)["LogGroupName"].(string); ok {
				known[name] = true
			}
		case "AWS::AutoScaling::AutoScalingGroup":
			known[id] = true
		}
	}
	names := regexp.MustCompile("[\\s`\\[](arn:aws:imagebuilder:[\\w:/-]+|(/aws)?/imagebuilder/[\\w/-]+|[A-Z]\\w+ASG\\w+)").FindAllStringSubmatch(string(page), -1)
	said := map[string]bool{}
	for _, name := range names {
		said[name[1]] = true
		if !known[name[1]] {
			t.Errorf("docs/images.md speaks of %q, which is not there", name[1])
		}
	}
	if len(said) < 8 {
		t.Errorf("the page names little: %v", said)
	}
	for _, kind := range []string{settings.StockImage, settings.BakedImage} {
		if !strings.Contains(string(page), "web: "+kind) {
			t.Errorf("docs/images.md does not say how to choose %s", kind)
		}
	}
}
