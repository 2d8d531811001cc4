package test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// finding is a rule of cdk-nag and the path of the construct that breaks it, or
// for which that is acknowledged.
type finding struct{ rule, path string }

// applySecurityRules adds cdk-nag's AwsSolutions pack to a deployment as its file has
// it. The app itself does without: it would make each synth a second slower.
func applySecurityRules(app awscdk.App) {
	pack := cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)})
	awscdk.Aspects_Of(app).Add(pack, &awscdk.AspectOptions{Priority: awscdk.AspectPriority_READONLY()})
}

// violation is a finding as the CDK's report has it.
type violation struct {
	RuleName, Description string
	ViolatingConstructs   []struct{ ConstructPath string }
}

// nagMessage begins with the rule, as in "AwsSolutions-IAM5[Resource::*]: The IAM
// entity …", or says that a rule failed on a resource it could not read.
var nagMessage = regexp.MustCompile(`^(AwsSolutions-\w+|CdkNagValidationFailure)(\[.*?\])?: `)

// addFindings keeps a violation that is cdk-nag's, and tells whether it is.
func (a *assembly) addFindings(v violation) bool {
	rule := nagMessage.FindStringSubmatch(v.Description)
	if rule == nil {
		return false
	}
	for _, construct := range v.ViolatingConstructs {
		a.findings = append(a.findings, finding{rule[1], construct.ConstructPath})
	}
	return true
}

// addAcknowledgments reads what the constructs of a stack acknowledge of cdk-nag.
func (a *assembly) addAcknowledgments(t *testing.T, file string) {
	t.Helper()
	var metadata map[string][]struct {
		Type string
		Data any
	}
	readJSON(t, file, &metadata)
	for path, entries := range metadata {
		for _, entry := range entries {
			if entry.Type != "aws:cdk:acknowledged-rules" {
				continue
			}
			for rule := range entry.Data.(object) {
				if rule, ours := strings.CutPrefix(rule, "Annotation::"); ours {
					a.acknowledged = append(a.acknowledged, finding{rule, strings.TrimPrefix(path, "/")})
				}
			}
		}
	}
}

// TestSecurityRules holds every stack of every deployment file to cdk-nag's AwsSolutions: a finding is
// acknowledged where it arises, and an acknowledgment is of something found.
func TestSecurityRules(t *testing.T) {
	for _, name := range []string{"example", "walkthrough"} {
		a := deployment(t, name, "", nil)
		used := map[finding]bool{}
		for _, found := range a.findings {
			known := false
			for _, ack := range a.acknowledged {
				if ack.rule == found.rule && strings.HasPrefix(found.path+"/", ack.path+"/") {
					used[ack], known = true, true
				}
			}
			if !known {
				t.Errorf("%s: %s breaks %s: https://github.com/cdklabs/cdk-nag/blob/main/RULES.md", name, found.path, found.rule)
			}
		}
		for _, ack := range a.acknowledged {
			if !used[ack] {
				t.Errorf("%s: %s acknowledges %s, which nothing there breaks", name, ack.path, ack.rule)
			}
		}
	}
}
