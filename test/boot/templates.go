//go:build boot

package boot

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"warm-standby/cloudassembly"
)

// object is a piece of a template.
type object = map[string]any

// stack is one as `make synth` wrote it: the servers are made from this and from
// nothing else.
type stack struct {
	name      string
	region    string
	place     int // 0 is the primary, 1 the standby
	resources map[string]resource
	assets    map[string]string // "bucket/key" to the file
}

type resource struct {
	Type       string
	Properties object
}

// loadStacks reads the three stacks of a cloud assembly.
func loadStacks(assembly string) (primary, standby, global *stack, err error) {
	found, err := cloudassembly.Read(assembly)
	if err != nil {
		return nil, nil, nil, err
	}
	var regions []*stack
	for _, f := range found {
		s := &stack{name: f.Name, region: f.Region}
		if err := s.load(assembly, f.Template); err != nil {
			return nil, nil, nil, err
		}
		if f.Role == "global" {
			global = s
		} else {
			regions = append(regions, s)
		}
	}
	if global == nil || len(regions) != 2 {
		return nil, nil, nil, fmt.Errorf("%s: want a global stack and two regions", assembly)
	}
	region, err := cloudassembly.PrimaryRegion(found)
	if err != nil {
		return nil, nil, nil, err
	}
	primary, standby = regions[0], regions[1]
	if standby.region == region {
		primary, standby = standby, primary
	}
	standby.place = 1
	return primary, standby, global, nil
}

func (s *stack) load(assembly string, body []byte) error {
	var template struct{ Resources map[string]resource }
	if err := json.Unmarshal(body, &template); err != nil {
		return err
	}
	s.resources = template.Resources
	var assets struct {
		Files map[string]struct {
			Source       struct{ Path string }
			Destinations map[string]struct{ BucketName, ObjectKey string }
		}
	}
	data, err := os.ReadFile(filepath.Join(assembly, s.name+".assets.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &assets); err != nil {
		return err
	}
	s.assets = map[string]string{}
	for _, file := range assets.Files {
		for _, to := range file.Destinations {
			s.assets[to.BucketName+"/"+to.ObjectKey] = filepath.Join(assembly, file.Source.Path)
		}
	}
	return nil
}

// only is the one resource of a type.
func (s *stack) only(kind string) (id string, r resource) {
	for candidate, found := range s.resources {
		if found.Type == kind {
			if id != "" {
				panic(fmt.Sprintf("%s: two resources of type %s", s.name, kind))
			}
			id, r = candidate, found
		}
	}
	if id == "" {
		panic(fmt.Sprintf("%s: no resource of type %s", s.name, kind))
	}
	return id, r
}

// find is the one resource of a type whose logical id starts with prefix.
func (s *stack) find(kind, prefix string) (string, resource) {
	of := &stack{name: s.name + ", " + prefix, resources: map[string]resource{}}
	for id, r := range s.resources {
		if strings.HasPrefix(id, prefix) {
			of.resources[id] = r
		}
	}
	return of.only(kind)
}

// tier is what a template says of the servers of one tier.
type tier struct {
	stack    *stack
	name     string // Web or Api
	userData string
	group    string // logical id of the Auto Scaling group
	targets  string // ARN of the target group
	health   string // path that the load balancer asks

	checkTimeout                 time.Duration
	healthyAfter, unhealthyAfter int // answers in a row

	subnet string // CIDR block of the first subnet
	grants []grant
}

func (s *stack) tier(name string) tier {
	_, template := s.find("AWS::EC2::LaunchTemplate", name)
	data := template.Properties["LaunchTemplateData"].(object)
	group, asg := s.find("AWS::AutoScaling::AutoScalingGroup", name)
	targets, targetGroup := s.find("AWS::ElasticLoadBalancingV2::TargetGroup", name)
	number := func(property string) int { return int(targetGroup.Properties[property].(float64)) }
	subnet := asg.Properties["VPCZoneIdentifier"].([]any)[0].(object)["Ref"].(string)
	userData, err := base64.StdEncoding.DecodeString(s.text(data["UserData"]))
	if err != nil {
		panic(err)
	}
	if tokens := data["MetadataOptions"].(object)["HttpTokens"]; tokens != "required" {
		panic(fmt.Sprintf("%s: the metadata service here demands tokens, as HttpTokens does (got %v)", s.name, tokens))
	}
	profile := data["IamInstanceProfile"].(object)["Arn"].(object)["Fn::GetAtt"].([]any)[0].(string)
	role := s.resources[profile].Properties["Roles"].([]any)[0].(object)["Ref"].(string)
	return tier{
		stack:    s,
		name:     name,
		userData: string(userData),
		group:    group,
		targets:  s.ref(targets),
		health:   targetGroup.Properties["HealthCheckPath"].(string),

		checkTimeout:   time.Duration(number("HealthCheckTimeoutSeconds")) * time.Second,
		healthyAfter:   number("HealthyThresholdCount"),
		unhealthyAfter: number("UnhealthyThresholdCount"),

		subnet: s.resources[subnet].Properties["CidrBlock"].(string),
		grants: s.grants(role),
	}
}

// variable is the value of a shell variable that the user data sets.
func (t tier) variable(name string) string {
	match := regexp.MustCompile(`(?m)^` + name + `="?'?([^"'\n]*)`).FindStringSubmatch(t.userData)
	if match == nil {
		panic("no " + name + " in the user data of " + t.name)
	}
	return match[1]
}

// text resolves what a template may hold in place of a string. What only a
// deployment can know gets a stated value: see ref and attribute.
func (s *stack) text(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case object:
		for function, argument := range value {
			switch function {
			case "Ref":
				return s.ref(argument.(string))
			case "Fn::GetAtt":
				path := argument.([]any)
				return s.attribute(path[0].(string), path[1].(string))
			case "Fn::Join":
				var parts []string
				for _, part := range argument.([]any)[1].([]any) {
					parts = append(parts, s.text(part))
				}
				return strings.Join(parts, argument.([]any)[0].(string))
			case "Fn::Base64":
				return base64.StdEncoding.EncodeToString([]byte(s.text(argument)))
			}
		}
	}
	panic(fmt.Sprintf("%s: cannot resolve %v: say here what it stands for", s.name, value))
}

const account = "111122223333"

func (s *stack) ref(id string) string {
	switch id {
	case "AWS::Region":
		return s.region
	case "AWS::AccountId":
		return account
	case "AWS::Partition":
		return "aws"
	case "AWS::StackName":
		return s.name
	case "AWS::StackId":
		return s.arn("cloudformation", "stack/"+s.name+"/01234567-89ab-cdef-0123-456789abcdef")
	case "AWS::URLSuffix":
		return "amazonaws.com"
	}
	switch s.resources[id].Type {
	case "AWS::ElasticLoadBalancingV2::TargetGroup":
		return s.arn("elasticloadbalancing", "targetgroup/"+id+"/0123456789abcdef")
	case "AWS::SecretsManager::Secret":
		return s.secretARN(s.text(s.resources[id].Properties["Name"]))
	case "AWS::Logs::LogGroup", "AWS::IAM::Role", "AWS::IAM::InstanceProfile":
		return s.name + "-" + id
	}
	panic(fmt.Sprintf("%s: cannot resolve a Ref to %s, a %s: say here what it stands for", s.name, id, s.resources[id].Type))
}

func (s *stack) attribute(id, name string) string {
	r := s.resources[id]
	switch r.Type + "." + name {
	case "AWS::RDS::DBInstance.Endpoint.Address":
		return s.text(r.Properties["DBInstanceIdentifier"]) + ".c0ffee000000." + s.region + ".rds.amazonaws.com"
	case "AWS::Logs::LogGroup.Arn":
		return s.arn("logs", "log-group:"+s.ref(id)+":*")
	}
	panic(fmt.Sprintf("%s: cannot resolve %s of %s, a %s: say here what it stands for", s.name, name, id, r.Type))
}

// secretARN ends in the six characters that Secrets Manager adds.
func (s *stack) secretARN(name string) string {
	return s.arn("secretsmanager", "secret:"+name+"-AbCdEf")
}

func (s *stack) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, s.region, account, resource)
}

// grant is one statement of the servers' role, or of a function's.
type grant struct {
	denies             bool
	actions, resources []string
}

// grants are those of the policies that the template attaches to a role.
func (s *stack) grants(role string) []grant {
	var grants []grant
	for _, r := range s.resources {
		if r.Type != "AWS::IAM::Policy" || !refersTo(r.Properties["Roles"], role) {
			continue
		}
		for _, statement := range r.Properties["PolicyDocument"].(object)["Statement"].([]any) {
			statement := statement.(object)
			denies := statement["Effect"] == "Deny" // on whatever condition
			if !denies && statement["Condition"] != nil {
				panic(fmt.Sprintf("%s: a statement of %s that this test cannot judge: %v", s.name, role, statement))
			}
			grants = append(grants, grant{denies, s.list(statement["Action"]), s.list(statement["Resource"])})
		}
	}
	return grants
}

// refersTo tells whether one of the references is to id.
func refersTo(references any, id string) bool {
	for _, r := range references.([]any) {
		if r.(object)["Ref"] == id {
			return true
		}
	}
	return false
}

// list resolves what may be one value or several.
func (s *stack) list(value any) []string {
	values, several := value.([]any)
	if !several {
		values = []any{value}
	}
	var texts []string
	for _, v := range values {
		texts = append(texts, s.text(v))
	}
	return texts
}

// allows tells whether the role may do action on resource, in the words of IAM.
func (t tier) allows(action, resource string) (allowed bool) {
	for _, g := range t.grants {
		if matches(g.actions, action) && matches(g.resources, resource) {
			if g.denies {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

func matches(patterns []string, s string) bool {
	for _, p := range patterns {
		expression := "(?i)^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(p)) + "$"
		if regexp.MustCompile(expression).MatchString(s) {
			return true
		}
	}
	return false
}
