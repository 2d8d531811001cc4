package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/cloudformationinclude"
	"github.com/aws/jsii-runtime-go"
)

// TestRolesOfDelivery holds the roles of GitHub's workflows to what a deployment's
// assembly names: its stacks, and the bootstrap roles that the CDK CLI assumes.
func TestRolesOfDelivery(t *testing.T) {
	stack := newStack(t, east)
	awscdk.Validations_Of(stack.Node().Root()).AddPlugins(validation())
	cloudformationinclude.NewCfnInclude(stack, jsii.String("Oidc"), &cloudformationinclude.CfnIncludeProps{TemplateFile: jsii.String("../.github/oidc.yaml")})
	var roles map[string]resource
	if invalid := panicOf(func() { roles = templateOf(t, stack).resources("AWS::IAM::Role") }); invalid != "" {
		t.Fatalf("the CDK's validation of .github/oidc.yaml: %s", invalid)
	}

	for name, a := range variants(t) {
		s := a.settings
		values := map[string]string{
			"AWS::AccountId": s.Account, "Repository": "octo-org@123456/books@456789", "Deployment": "prod", "Name": s.Name, "Primary": s.Primary, "Standby": s.Standby,
		}
		role := func(id string) (trusted object, allowed map[string][]string) {
			statement := roles[id].Properties["AssumeRolePolicyDocument"].(object)["Statement"].([]any)[0].(object)
			allowed = map[string][]string{}
			for _, policy := range roles[id].Properties["Policies"].([]any) {
				for _, statement := range policy.(object)["PolicyDocument"].(object)["Statement"].([]any) {
					action := statement.(object)["Action"].(string)
					for _, resource := range statement.(object)["Resource"].([]any) {
						key := action
						if choice, found := resource.(object)["Fn::If"]; found {
							key, resource = fmt.Sprint(action, " if ", choice.([]any)[0]), choice.([]any)[1]
						}
						allowed[key] = append(allowed[key], substituted(resource, values).(string))
					}
				}
			}
			for _, resources := range allowed {
				slices.Sort(resources)
			}
			return substituted(statement["Condition"], values).(object), allowed
		}
		trust := func(subject any) object {
			return object{"StringEquals": object{
				"token.actions.githubusercontent.com:aud": "sts.amazonaws.com", "token.actions.githubusercontent.com:sub": subject,
			}}
		}
		stacks, assumed, ofGlobal := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for id, artifact := range a.manifest.Artifacts {
			if artifact.Type != "aws:cloudformation:stack" {
				continue
			}
			region := artifact.Environment[strings.LastIndex(artifact.Environment, "/")+1:]
			stacks["arn:${AWS::Partition}:cloudformation:"+region+":"+s.Account+":stack/"+id+"/*"] = true
			assumed[artifact.Properties.AssumeRoleArn], assumed[artifact.Properties.LookupRole.Arn] = true, true
			if strings.HasSuffix(id, "-global") {
				maps.Copy(ofGlobal, map[string]bool{artifact.Properties.AssumeRoleArn: true, artifact.Properties.LookupRole.Arn: true})
			}
			walk("", a.assets[id], func(path, value string) {
				if strings.HasSuffix(path, "/assumeRoleArn") {
					assumed[value] = true
					ofGlobal[strings.ReplaceAll(value, region, east)] = true
				}
			})
		}
		trusted, allowed := role("Diff")
		equal(t, name+": who may read", trusted, trust([]string{"repo:octo-org@123456/books@456789:pull_request", "repo:octo-org@123456/books@456789:ref:refs/heads/main"}))
		equal(t, name+": what may be read", allowed, map[string][]string{"cloudformation:GetTemplate": slices.Sorted(maps.Keys(stacks))})
		trusted, allowed = role("Deploy")
		equal(t, name+": who may deploy", trusted, trust("repo:octo-org@123456/books@456789:environment:prod"))
		equal(t, name+": what a deploy assumes", allowed, map[string][]string{
			"sts:AssumeRole":                   slices.Sorted(maps.Keys(assumed)),
			"sts:AssumeRole if HasThirdRegion": slices.Sorted(maps.Keys(ofGlobal)),
		})
	}
}

// substituted is a value with its Fn::Subs and Refs replaced by what is known.
func substituted(value any, values map[string]string) any {
	document, _ := json.Marshal(value)
	text := string(document)
	for name, value := range values {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	var out any
	_ = json.Unmarshal([]byte(text), &out) // it was JSON before
	return withoutSub(out)
}

func withoutSub(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = withoutSub(value[i])
		}
	case object:
		if text, found := value["Fn::Sub"]; found {
			return text
		}
		for key := range value {
			value[key] = withoutSub(value[key])
		}
	}
	return value
}
