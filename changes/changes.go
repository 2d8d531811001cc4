// Package changes tells what a deploy would do to the resources of each stack, in
// words for whoever has to approve it.
package changes

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Stateful are the types of what holds data or a name that others know.
var Stateful = []string{
	"AWS::RDS::DBInstance", "AWS::SecretsManager::Secret", "AWS::KMS::Key", "AWS::RDS::DBSubnetGroup", "AWS::RDS::DBParameterGroup",
	"AWS::Backup::BackupVault", "AWS::S3::Bucket", "AWS::Route53::HostedZone", "AWS::EC2::VPC", "AWS::CertificateManager::Certificate",
	"AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::CloudFront::Distribution", "AWS::SNS::Topic",
}

// inPlace are the properties of which CloudFormation's schemas say that a change
// of them may replace the resource, and whose handlers never do: those that
// isChangeMutable of aws-rds-dbinstance does not ask for
// (https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds).
var inPlace = map[string][]string{
	"AWS::RDS::DBInstance": {"AutoMinorVersionUpgrade", "BackupRetentionPeriod", "DBParameterGroupName", "MultiAZ", "PreferredMaintenanceWindow", "StorageType"},
}

// promotes are the properties that may leave in place, by the same source: a
// replica is promoted.
var promotes = map[string][]string{"AWS::RDS::DBInstance": {"SourceDBInstanceIdentifier"}}

// Pair is a stack's template as it is deployed and as it was synthesized, as JSON.
// A stack that is not deployed has no Before.
type Pair struct{ Before, After json.RawMessage }

// Difference is what deploying a stack would change.
type Difference struct {
	Resources map[string]Change // by logical id
	Text      string            // what `cdk diff` prints
}

// Change is what becomes of a resource.
type Change struct {
	Type, Path, Impact                  string            // Impact is in the words of CDK's diff, such as WILL_REPLACE.
	Properties                          map[string]string // The impact of each that changes, by name.
	Leaving                             []string          // Those that are not there any more.
	DeletionPolicy, UpdateReplacePolicy string            // As deployed.
}

//go:embed compare.js
var script string

// Compare compares templates with the library behind `cdk diff`, all in one Node
// process, which has to find the library: it works within the repository only. It
// also returns the create-only properties of each resource type, as
// CloudFormation's resource schemas have them.
func Compare(ctx context.Context, pairs []Pair) (differences []Difference, createOnly map[string][]string, err error) {
	documents := make([][2]json.RawMessage, len(pairs))
	for i, pair := range pairs {
		documents[i] = [2]json.RawMessage{pair.Before, pair.After}
		if pair.Before == nil {
			documents[i][0] = json.RawMessage("{}")
		}
	}
	input, err := json.Marshal(documents)
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, "node", "--eval", script) //nolint:gosec // it is embedded
	cmd.Env = append(os.Environ(), "FORCE_COLOR=0")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("comparing templates: %w (are node_modules installed, by make setup?)\n%s", err, &stderr)
	}
	var answer struct {
		Differences []Difference
		CreateOnly  map[string][]string
	}
	if err := json.Unmarshal(output, &answer); err != nil {
		return nil, nil, fmt.Errorf("comparing templates: %w", err)
	}
	return answer.Differences, answer.CreateOnly, nil
}

// Replaces is the properties whose change replaces the resource, or may: certain
// tells which. A resource that changes its type is replaced by none of them.
func (c Change) Replaces() (properties []string, certain bool) {
	certain = c.Impact == "WILL_REPLACE"
	for name, impact := range c.Properties {
		known := slices.Contains(inPlace[c.Type], name) || slices.Contains(promotes[c.Type], name) && slices.Contains(c.Leaving, name)
		if impact == "WILL_REPLACE" || impact == "MAY_REPLACE" && !known && !certain {
			properties = append(properties, name)
		}
	}
	slices.Sort(properties)
	return properties, certain
}

// Promotes tells whether a database that was a replica becomes a writer.
func (c Change) Promotes() bool {
	return slices.ContainsFunc(promotes[c.Type], func(name string) bool { return slices.Contains(c.Leaving, name) })
}

// label is what a reader knows a resource by.
func (c Change) label(id string) string {
	_, path, found := strings.Cut(c.Path, "/")
	if !found {
		return id
	}
	return strings.TrimSuffix(path, "/Resource")
}
