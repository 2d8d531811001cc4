package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/assets/runbooks"
	"warm-standby/changes"
	"warm-standby/settings"
	"warm-standby/stacks"
)

// assembly is what a synth of a whole deployment wrote.
type assembly struct {
	settings *settings.Settings
	stacks   map[string]object // templates by stack name
	assets   map[string]object // asset manifests by stack name

	findings, acknowledged []finding // of cdk-nag

	manifest struct {
		Missing   []object
		Artifacts map[string]struct {
			Type         string
			Environment  string
			Dependencies []string
			Properties   struct {
				TerminationProtection          bool
				Tags                           map[string]string
				AssumeRoleArn                  string
				CloudFormationExecutionRoleArn string
				StackTemplateAssetObjectURL    string
				LookupRole                     struct{ Arn string }
			}
		}
	}
}

// assemblies are synthesized once a process; tests that share one change nothing.
var (
	assembling sync.Mutex
	assemblies = map[string]*assembly{}
)

// deployment synthesizes deployments/NAME.yaml, changed by changes named in key.
func deployment(t *testing.T, name, key string, change func(*settings.Settings)) *assembly {
	t.Helper()
	key = name + " " + key
	assembling.Lock()
	defer assembling.Unlock()
	if a := assemblies[key]; a != nil {
		return a
	}
	s, err := settings.Load("../deployments/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	out := t.TempDir() // read before this test ends
	context := cdkContext(t)
	(*context)["@aws-cdk/core:failSynthOnValidationErrors"] = false // its report is read below
	app := awscdk.NewApp(&awscdk.AppProps{Context: context, Outdir: jsii.String(out)})
	awscdk.Validations_Of(app).AddPlugins(validation())
	stacks.New(app, s, stacks.Artifacts{Web: artifact(t), Api: artifact(t), Rotation: functionArtifact(t)})
	if change == nil {
		applySecurityRules(app)
	}
	app.Synth(nil)

	a := &assembly{settings: s, stacks: map[string]object{}, assets: map[string]object{}}
	var report struct {
		PluginReports []struct{ Violations []violation }
	}
	readJSON(t, filepath.Join(out, "validation-report.json"), &report)
	for _, plugin := range report.PluginReports {
		for _, violation := range plugin.Violations {
			if !a.addFindings(violation) {
				t.Errorf("%s: the CDK's validation finds %v: %v", key, violation.RuleName, violation.Description)
			}
		}
	}
	readJSON(t, filepath.Join(out, "manifest.json"), &a.manifest)
	for id, artifact := range a.manifest.Artifacts {
		if artifact.Type == "aws:cloudformation:stack" {
			var tmpl, assets object
			readJSON(t, filepath.Join(out, id+".template.json"), &tmpl)
			readJSON(t, filepath.Join(out, id+".assets.json"), &assets)
			a.stacks[id], a.assets[id] = tmpl, assets
			if change == nil {
				a.addAcknowledgments(t, filepath.Join(out, id+".metadata.json"))
			}
		}
	}
	assemblies[key] = a
	return a
}

// validation is the CDK's own, which make test switches off where nobody asks for it.
var validation = sync.OnceValue(func() awscdk.CloudFormationValidatePlugin {
	return awscdk.NewCloudFormationValidatePlugin(nil)
})

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// swapped is the deployment after a failover: the standby's replica promoted by
// CloudFormation, the old primary rebuilt as a replica of it.
func swapped(s *settings.Settings) {
	s.Tags = map[string]string{"CostCenter": "4711"}
	s.Primary, s.Standby = s.Standby, s.Primary
	s.Database.Instances = map[string]settings.Instance{
		west: {Name: "books-2", ReplicaOf: "books-1", PromotedBy: settings.ByCloudFormation},
		east: {Name: "books-3", ReplicaOf: "books-2"},
	}
	s.Database.Retired = []settings.Retired{{Name: "books-1", Region: east}}
}

// failedBack is the deployment after the next: the rebuilt primary promoted by
// the runbook, the standby rebuilt as a replica of it, and the servers launched
// from baked images.
func failedBack(s *settings.Settings) {
	s.Tags = map[string]string{"CostCenter": "4711"}
	s.Database.Instances = map[string]settings.Instance{
		east: {Name: "books-3", ReplicaOf: "books-2", PromotedBy: settings.ByRunbook},
		west: {Name: "books-4", ReplicaOf: "books-3"},
	}
	s.Images.Web, s.Images.Api = settings.BakedImage, settings.BakedImage
	s.Database.Retired = []settings.Retired{{Name: "books-1", Region: east}, {Name: "books-2", Region: west, ReplicaOf: "books-1"}}
}

// variants are the deployments that everything below must hold for.
func variants(t *testing.T) map[string]*assembly {
	t.Helper()
	return map[string]*assembly{
		"example":             deployment(t, "example", "", nil),
		"walkthrough":         deployment(t, "walkthrough", "", nil),
		"example swapped":     deployment(t, "example", "swapped", swapped),
		"example failed back": deployment(t, "example", "failed back", failedBack),
	}
}

// everyDeployment is the variants, and what else deployments/ has.
func everyDeployment(t *testing.T) map[string]*assembly {
	t.Helper()
	all := variants(t)
	files, err := filepath.Glob("../deployments/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		all[name] = deployment(t, name, "", nil)
	}
	return all
}

func (a *assembly) regional(region string) object { return a.stacks[a.settings.Name+"-"+region] }

// resourcesOf are the resources of a template, of one type if that is given.
func resourcesOf(tmpl object, resourceType string) map[string]object {
	found := map[string]object{}
	for id, resource := range tmpl["Resources"].(object) {
		if r := resource.(object); resourceType == "" || r["Type"] == resourceType {
			found[id] = r
		}
	}
	return found
}

func propertiesOf(resource object) object {
	properties, _ := resource["Properties"].(object)
	return properties
}

// walk visits every string of a template with its path.
func walk(path string, value any, visit func(path, value string)) {
	switch value := value.(type) {
	case string:
		visit(path, value)
	case []any:
		for _, item := range value {
			walk(path, item, visit)
		}
	case object:
		for key, item := range value {
			walk(path+"/"+key, item, visit)
		}
	}
}

func TestDeploymentsNeedNoLookUp(t *testing.T) {
	for name, a := range variants(t) {
		if len(a.manifest.Missing) > 0 {
			t.Errorf("%s: synth would ask the account for %v", name, a.manifest.Missing)
		}
	}
}

func TestBothRegionsHaveTheSameLogicalIDs(t *testing.T) {
	// What one role or the secret's owner alone has, or an instance's name is part of.
	own := regexp.MustCompile(`^Database(books\d|Secret|walkthrough\d)|^Rotation|^AlarmsDatabaseReplicaLag|^Database\w+Source`)
	for name, a := range variants(t) {
		ids := func(region string) []string {
			return slices.Sorted(func(yield func(string) bool) {
				for id := range resourcesOf(a.regional(region), "") {
					// A rule between two groups carries the stack's name in its id.
					id = strings.ReplaceAll(id, strings.ReplaceAll(region, "-", ""), "REGION")
					if strings.HasSuffix(id, "Parameter") || own.MatchString(id) || strings.Contains(id, "REGION") {
						continue
					}
					if !yield(id) {
						return
					}
				}
			})
		}
		equal(t, name+": logical ids of "+west, ids(west), ids(east))
	}
}

// TestPromotionTouchesLittle compares the standby's region before and after the
// roles are swapped. That deploy is made with the other region down, can't be
// rolled back, and must replace no server and need no global control plane.
func TestPromotionTouchesLittle(t *testing.T) {
	before, after := deployment(t, "example", "", nil), deployment(t, "example", "swapped", swapped)
	changed := map[string][]string{} // properties by logical id
	for id, resource := range resourcesOf(before.regional(west), "") {
		successor, stays := resourcesOf(after.regional(west), "")[id]
		if !stays {
			changed[id] = []string{"leaves"}
			continue
		}
		was, is := propertiesOf(resource), propertiesOf(successor)
		for key := range is {
			if was[key] == nil {
				changed[id] = append(changed[id], key+" is new")
			}
		}
		for key := range was {
			if got, _ := json.Marshal(is[key]); string(got) == "null" {
				changed[id] = append(changed[id], key+" leaves")
			} else if want, _ := json.Marshal(was[key]); string(got) != string(want) {
				changed[id] = append(changed[id], key)
			}
		}
		slices.Sort(changed[id])
	}
	short := map[string][]string{} // without the hash of the id
	for id, keys := range changed {
		if len(keys) > 0 {
			short[id[:len(id)-8]] = keys
		}
	}
	equal(t, "what a promotion changes", short, map[string][]string{
		"Databasebooks2":           {"MultiAZ", "PreferredMaintenanceWindow", "SourceDBInstanceIdentifier leaves", "Tags is new"},
		"WebGroupASG":              {"MinSize"},
		"ApiGroupASG":              {"MinSize"},
		"AlarmsDatabaseReplicaLag": {"leaves"},
		"AlarmsStandbyNotReady":    {"AlarmRule"},              // a primary stands by for nobody
		"DrillDatabaseTemplate":    {"Actions", "Description"}, // the new primary has a second copy to fail over to
		"ImagesWebPipeline":        {"Status"},                 // the new primary keeps the schedule
		"ImagesApiPipeline":        {"Status"},
	})
	tags := maps.Clone(before.manifest.Artifacts["books-us-west-2"].Properties.Tags)
	maps.Copy(tags, after.settings.Tags)
	equal(t, "stack tags", after.manifest.Artifacts["books-us-west-2"].Properties.Tags, tags)
}

// stateful are the types of what holds data or a name that others know, and of
// what has a fixed name: under a new id that fails on create.
var stateful = append([]string{"AWS::Logs::DeliverySource", "AWS::Logs::DeliveryDestination", "AWS::Logs::Delivery"}, changes.Stateful...)

// fixedNames are the types of what holds nothing but has a fixed name, likewise.
var fixedNames = []string{
	"AWS::ImageBuilder::ImagePipeline", "AWS::ImageBuilder::InfrastructureConfiguration",
	"AWS::ImageBuilder::DistributionConfiguration", "AWS::ImageBuilder::LifecyclePolicy",
}

// TestStatefulResourcesKeepTheirIDs pins the logical ids of what holds data or has
// a fixed name: a changed id replaces the resource.
func TestStatefulResourcesKeepTheirIDs(t *testing.T) {
	pinned := map[string]map[string]string{}
	a := deployment(t, "example", "", nil)
	for name, tmpl := range a.stacks {
		pinned[name] = map[string]string{}
		for id, resource := range resourcesOf(tmpl, "") {
			if kind := resource["Type"].(string); slices.Contains(stateful, kind) || slices.Contains(fixedNames, kind) {
				pinned[name][id] = kind
			}
		}
	}
	golden(t, "stateful", pinned)
}

// literalPassword is an assignment that is neither a shell variable's nor a command's.
var literalPassword = regexp.MustCompile(`(?i)password["']?\s*[=:]\s*["']?[A-Za-z0-9]`)

func TestSecretsStaySecret(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for id, resource := range resourcesOf(tmpl, dbSecret) {
				if propertiesOf(resource)["SecretString"] != nil {
					t.Errorf("%s: %s/%s carries its value", name, stack, id)
				}
			}
			for id, resource := range resourcesOf(tmpl, dbInstance) {
				password, _ := json.Marshal(propertiesOf(resource)["MasterUserPassword"])
				if string(password) != "null" && !strings.Contains(string(password), "{{resolve:secretsmanager:") {
					t.Errorf("%s: %s/%s has a password that is no reference: %s", name, stack, id, password)
				}
			}
			walk("", tmpl, func(path, value string) {
				if strings.Contains(value, "{{resolve:") && !strings.Contains(path, "/MasterUserPassword/") {
					t.Errorf("%s: %s resolves a secret at %s", name, stack, path)
				}
				if literalPassword.MatchString(value) {
					t.Errorf("%s: %s may carry a password at %s", name, stack, path)
				}
			})
		}
	}
}

// TestNothingIsOpenThatShouldNotBe lists who may be reached from anywhere.
func TestNothingIsOpenThatShouldNotBe(t *testing.T) {
	anywhere := func(rule object) bool { return rule["CidrIp"] == "0.0.0.0/0" || rule["CidrIpv6"] == "::/0" }
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			open := map[string]bool{}
			note := func(id string, rule object) {
				if anywhere(rule) {
					open[fmt.Sprintf("%s %v-%v", id[:len(id)-8], rule["FromPort"], rule["ToPort"])] = true
				}
			}
			for id, group := range resourcesOf(tmpl, "AWS::EC2::SecurityGroup") {
				rules, _ := propertiesOf(group)["SecurityGroupIngress"].([]any)
				for _, rule := range rules {
					note(id, rule.(object))
				}
				if egress, _ := propertiesOf(group)["SecurityGroupEgress"].([]any); slices.ContainsFunc(egress, func(rule any) bool { return rule.(object)["IpProtocol"] == "-1" }) {
					t.Errorf("%s: %s/%s lets everything out", name, stack, id)
				}
			}
			for id, rule := range resourcesOf(tmpl, "AWS::EC2::SecurityGroupIngress") {
				note(id, propertiesOf(rule))
			}
			var want []string
			if stack != a.settings.Name+"-global" {
				want = []string{"ApiLoadBalancerGroup 443-443", "ApiLoadBalancerGroup 80-80"}
			}
			equal(t, name+": "+stack+": open to the world", slices.Sorted(maps.Keys(open)), want)
		}
	}
}

func TestEveryStoreIsPrivateEncryptedAndBounded(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for id, group := range resourcesOf(tmpl, "AWS::Logs::LogGroup") {
				if propertiesOf(group)["RetentionInDays"] == nil {
					t.Errorf("%s: log group %s/%s grows for ever", name, stack, id)
				}
			}
			for id, function := range resourcesOf(tmpl, "AWS::Lambda::Function") {
				logging, _ := propertiesOf(function)["LoggingConfig"].(object)
				group, _ := logging["LogGroup"].(object)
				if own, _ := group["Ref"].(string); resourcesOf(tmpl, "AWS::Logs::LogGroup")[own] == nil {
					t.Errorf("%s: the log group of %s/%s is not the stack's: Lambda makes one that grows for ever", name, stack, id)
				}
			}
			for id, bucket := range resourcesOf(tmpl, "AWS::S3::Bucket") {
				properties := propertiesOf(bucket)
				if properties["BucketEncryption"] == nil || properties["LifecycleConfiguration"] == nil {
					t.Errorf("%s: bucket %s/%s lacks encryption or a lifecycle", name, stack, id)
				}
				equal(t, name+": public access to "+id, properties["PublicAccessBlockConfiguration"], object{
					"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
				})
			}
			for id, key := range resourcesOf(tmpl, "AWS::KMS::Key") {
				if propertiesOf(key)["EnableKeyRotation"] != true {
					t.Errorf("%s: key %s/%s does not rotate", name, stack, id)
				}
			}
		}
	}
}

func TestStacksSayWhatTheyAre(t *testing.T) {
	for name, a := range variants(t) {
		roles := map[string]string{
			a.settings.Name + "-" + a.settings.Primary: "regional",
			a.settings.Name + "-" + a.settings.Standby: "regional",
			a.settings.Name + "-global":                "global",
		}
		if len(a.stacks) != len(roles) {
			t.Errorf("%s: want %d stacks, got %d", name, len(roles), len(a.stacks))
		}
		for stack, role := range roles {
			artifact := a.manifest.Artifacts[stack]
			if got := artifact.Properties.TerminationProtection; got != a.settings.TerminationProtection {
				t.Errorf("%s: %s: termination protection is %v, against the settings", name, stack, got)
			}
			want := map[string]string{"deployment": a.settings.Name, "stack-role": role}
			maps.Copy(want, a.settings.Tags)
			equal(t, name+": tags of "+stack, artifact.Properties.Tags, want)
			if description, _ := a.stacks[stack]["Description"].(string); !strings.Contains(description, a.settings.Name) {
				t.Errorf("%s: %s: want a description, got %q", name, stack, description)
			}
		}
	}
}

// TestOrderOfDeployment: the replica copies the primary's instance, the global
// records point at the regions' names.
func TestOrderOfDeployment(t *testing.T) {
	for name, a := range variants(t) {
		primary, standby, global := a.settings.Name+"-"+a.settings.Primary, a.settings.Name+"-"+a.settings.Standby, a.settings.Name+"-global"
		for stack, want := range map[string][]string{primary: nil, standby: {primary}, global: {primary, standby}} {
			for _, other := range []string{primary, standby, global} {
				got := slices.Contains(a.manifest.Artifacts[stack].Dependencies, other)
				if got != slices.Contains(want, other) {
					t.Errorf("%s: %s depends on %s: %v", name, stack, other, got)
				}
			}
		}
	}
}

func TestOutputs(t *testing.T) {
	a := deployment(t, "example", "", nil)
	for stack, want := range map[string][]string{
		"books-us-east-1": {"AlarmTopic", "ApiName", "WebName"},
		"books-us-west-2": {"AlarmTopic", "ApiName", "WebName"},
		"books-global":    {"AlarmTopic", "ApiURL", "DistributionID", "HoldTraffic", "ReleaseTraffic", "SiteURL"},
	} {
		outputs, _ := a.stacks[stack]["Outputs"].(object)
		for id, output := range outputs {
			if output.(object)["Description"] == nil {
				t.Errorf("%s: output %s says nothing of itself", stack, id)
			}
		}
		equal(t, "outputs of "+stack, slices.Sorted(maps.Keys(outputs)), want)
	}
}

// TestSwitchCommandsMoveTheAlarmThatIsRead: Route 53 reads one region's alarm,
// and the commands have to start that region's runbooks, which move it.
func TestSwitchCommandsMoveTheAlarmThatIsRead(t *testing.T) {
	for name, a := range variants(t) {
		global := a.stacks[a.settings.Name+"-global"]
		var read []object
		for _, check := range resourcesOf(global, "AWS::Route53::HealthCheck") {
			if alarm, ok := propertiesOf(check)["HealthCheckConfig"].(object)["AlarmIdentifier"].(object); ok {
				read = append(read, alarm)
			}
		}
		if len(read) == 0 {
			t.Fatalf("%s: no health check reads an alarm", name)
		}
		for _, identifier := range read {
			region := identifier["Region"].(string)
			found := 0
			for _, alarm := range resourcesOf(a.regional(region), "AWS::CloudWatch::Alarm") {
				properties := propertiesOf(alarm)
				if properties["AlarmName"] != identifier["Name"] {
					continue
				}
				found++
				for id, runbook := range map[string]string{"HoldTraffic": runbooks.Evacuate, "ReleaseTraffic": runbooks.Return} {
					name := runbooks.DocumentName(a.settings.Name, runbook)
					equal(t, id, global["Outputs"].(object)[id].(object)["Value"], fmt.Sprintf("aws ssm start-automation-execution --region %s --document-name %s", region, name))
					document, _ := json.Marshal(documentOf(t, a.regional(region), name))
					for _, text := range []string{properties["AlarmName"].(string), properties["Namespace"].(string), properties["MetricName"].(string)} {
						if !strings.Contains(string(document), `"`+text+`"`) {
							t.Errorf("%s: %s does not move %s", a.settings.Name, name, text)
						}
					}
				}
			}
			if found != 1 {
				t.Errorf("%s: Route 53 reads %v, which is there %d times", name, identifier, found)
			}
		}
	}
}

// TestServersAskTheRecordThatTheSwitchMoves: a name that is not there would stop
// every write.
func TestServersAskTheRecordThatTheSwitchMoves(t *testing.T) {
	asked := regexp.MustCompile(`WRITER_NAME="([^"]*)"`)
	for name, a := range variants(t) {
		writers := map[string]string{} // by Failover
		for _, group := range resourcesOf(a.stacks[a.settings.Name+"-global"], "AWS::Route53::RecordSetGroup") {
			for _, record := range propertiesOf(group)["RecordSets"].([]any) {
				if record := record.(object); record["Type"] == "TXT" {
					writers[record["Failover"].(string)] = fmt.Sprint(record["Name"], record["ResourceRecords"])
				}
			}
		}
		equal(t, name+": who writes", writers, map[string]string{
			"PRIMARY":   fmt.Sprintf("writer.api.example.com.[%q]", a.settings.Primary),
			"SECONDARY": fmt.Sprintf("writer.api.example.com.[%q]", a.settings.Standby),
		})
		for _, region := range []string{east, west} {
			names := map[string]bool{}
			walk("", a.regional(region), func(_, value string) {
				for _, match := range asked.FindAllStringSubmatch(value, -1) {
					names[match[1]] = true
				}
			})
			equal(t, name+": whom the servers of "+region+" ask", names, map[string]bool{"writer.api.example.com": true})
		}
	}
}

func TestTemplatesFitCloudFormation(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			if n := len(resourcesOf(tmpl, "")); n > 400 {
				t.Errorf("%s: %s has %d resources: CloudFormation takes 500", name, stack, n)
			}
		}
	}
}

func TestSnapshots(t *testing.T) {
	for _, name := range []string{"example", "walkthrough"} {
		for stack, tmpl := range deployment(t, name, "", nil).stacks {
			golden(t, stack, normalized(tmpl))
		}
	}
}
