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
	"time"
)

// fakeAWS is one region of a deployment as far as the runbooks see it. Calls must
// fit the service's model and be allowed to the role of the running document.
// Time passes when somebody waits.
type fakeAWS struct {
	t      *testing.T
	now    time.Time
	region string
	tmpl   object // the region's, resolved

	allowed []*grant
	log     []string // steps and changes, in order
	failAt  int      // The change, counted from 1, that fails; 0: none.
	effects bool     // It takes effect all the same.
	broken  string   // The operation that always fails.
	changes int

	database  fakeDatabase
	lag       func(at time.Time) (seconds float64, reported bool)
	groups    map[string]object
	healthy   map[string]float64    // How many servers of each group are,
	boot      time.Duration         // and after how long a new one is; negative: never.
	signals   map[time.Time]float64 // the switch's metric, its greatest value by minute
	alarm     string
	alarmed   time.Time // when the alarm came to be in that state
	schedules map[string]object
	web       func(url string) (status int, body string)
	instances []object // others in the region
}

type fakeDatabase struct {
	name, source, status string
	multiAz, pendingAz   bool
	events               []event
}

// event is what RDS does by itself some time after a call.
type event struct {
	at time.Time
	do func()
}

// awsError is an error as a service answers it.
type awsError struct{ code, message string }

func (e *awsError) Error() string { return e.code + ": " + e.message }

// newFakeAWS is a region right after its deployment.
func newFakeAWS(t *testing.T, a *assembly, region string) *fakeAWS {
	t.Helper()
	instance := a.settings.Database.Instances[region]
	aws := &fakeAWS{
		t: t, region: region, tmpl: resolved(a.regional(region)).(object),
		now:       time.Date(2026, 3, 29, 1, 59, 30, 0, time.UTC),
		database:  fakeDatabase{name: instance.Name, status: "available", multiAz: a.settings.Database.MultiAz.Of(a.settings.IsPrimary(region))},
		lag:       func(time.Time) (float64, bool) { return 0, true },
		groups:    map[string]object{},
		healthy:   map[string]float64{},
		boot:      4 * time.Minute,
		signals:   map[time.Time]float64{},
		alarm:     "INSUFFICIENT_DATA",
		schedules: map[string]object{},
	}
	aws.alarmed = aws.now
	if !a.settings.IsPrimary(region) {
		aws.database.source = "arn:aws:rds:" + a.settings.Primary + ":" + account + ":db:" + instance.ReplicaOf
	}
	for id, group := range resourcesOf(aws.tmpl, "AWS::AutoScaling::AutoScalingGroup") {
		p := propertiesOf(group)
		aws.groups[id] = object{"MinSize": number(p["MinSize"]), "MaxSize": number(p["MaxSize"]), "DesiredCapacity": number(p["MinSize"])}
		aws.healthy[id] = number(p["MinSize"])
	}
	aws.web = func(string) (int, string) {
		state := "writable"
		if aws.database.source != "" {
			state = "read-only"
		}
		return 200, fmt.Sprintf(`{"region":%q,"database":%q}`, region, state)
	}
	return aws
}

func number(value any) float64 {
	var n float64
	if _, err := fmt.Sscan(fmt.Sprint(value), &n); err != nil {
		panic(err)
	}
	return n
}

// resolved puts a plain text in the place of each intrinsic function: for a
// reference its logical id, for an ARN that with ".Arn".
func resolved(value any) any {
	switch value := value.(type) {
	case []any:
		items := make([]any, len(value))
		for i := range value {
			items[i] = resolved(value[i])
		}
		return items
	case object:
		if ref, ok := value["Ref"].(string); ok {
			return map[string]string{"AWS::Partition": "aws"}[ref] + strings.TrimPrefix(ref, "AWS::Partition")
		}
		if get, ok := value["Fn::GetAtt"].([]any); ok {
			return get[0].(string) + "." + get[1].(string)
		}
		if join, ok := value["Fn::Join"].([]any); ok {
			var text strings.Builder
			for _, item := range join[1].([]any) {
				fmt.Fprint(&text, resolved(item))
			}
			return text.String()
		}
		fields := object{}
		for name := range value {
			fields[name] = resolved(value[name])
		}
		return fields
	}
	return value
}

// grant is one action on one resource that a role is allowed.
type grant struct {
	action, resource string
	conditions       object // condition keys and their value, all StringEquals
	used             bool
}

// grants is what a role's own policies allow.
func (aws *fakeAWS) grants(role string) (list []*grant) {
	aws.t.Helper()
	for id, resource := range resourcesOf(aws.tmpl, "AWS::IAM::Role") {
		if id+".Arn" != role {
			continue
		}
		if propertiesOf(resource)["ManagedPolicyArns"] != nil {
			aws.t.Errorf("%s has managed policies", id)
		}
		for _, policy := range propertiesOf(resource)["Policies"].([]any) {
			for _, statement := range policy.(object)["PolicyDocument"].(object)["Statement"].([]any) {
				s := statement.(object)
				conditions, _ := s["Condition"].(object)
				equals, _ := conditions["StringEquals"].(object)
				for _, action := range many(s["Action"]) {
					for _, resource := range many(s["Resource"]) {
						list = append(list, &grant{action, resource, equals, false})
					}
				}
			}
		}
	}
	return list
}

func many(value any) (list []string) {
	if one, ok := value.(string); ok {
		return []string{one}
	}
	for _, item := range value.([]any) {
		list = append(list, item.(string))
	}
	return list
}

// assume has the calls that follow made with a role.
func (aws *fakeAWS) assume(role string) { aws.allowed = aws.grants(role) }

// allow tells whether the running document may do something.
func (aws *fakeAWS) allow(action, resource string, context object) bool {
	for _, g := range aws.allowed {
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(g.resource), `\*`, ".*") + "$"
		if g.action != action || !regexp.MustCompile(pattern).MatchString(resource) {
			continue
		}
		met := true
		for key, want := range g.conditions {
			met = met && context[key] == want
		}
		if met {
			g.used = true
			return true
		}
	}
	return false
}

// operations is the model of each operation that the runbooks call, of botocore
// 1.43.11: its input and the errors it may answer.
var operations = func() (models map[string]struct {
	Input  any
	Errors []string
},
) {
	data, err := os.ReadFile("testdata/aws-operations.json")
	if err == nil {
		err = json.Unmarshal(data, &models)
	}
	if err != nil {
		panic(err)
	}
	return models
}()

// misfit says what of a value does not fit its model.
func misfit(path string, value, model any) string {
	is := func(ok bool) string {
		if ok {
			return ""
		}
		return fmt.Sprintf("%s: want a %v (got %v)", path, model, value)
	}
	switch model := model.(type) {
	case []any:
		items, ok := value.([]any)
		if !ok {
			return path + ": want a list"
		}
		for _, item := range items {
			if wrong := misfit(path, item, model[0]); wrong != "" {
				return wrong
			}
		}
	case object:
		fields, ok := value.(object)
		if !ok {
			return path + ": want a structure"
		}
		members := model["members"].(object)
		for name, field := range fields {
			if members[name] == nil {
				return fmt.Sprintf("%s has no %s", path, name)
			}
			if wrong := misfit(path+"."+name, field, members[name]); wrong != "" {
				return wrong
			}
		}
		required, _ := model["required"].([]any)
		for _, name := range required {
			if fields[name.(string)] == nil {
				return fmt.Sprintf("%s lacks %v", path, name)
			}
		}
	case string:
		switch model {
		case "string":
			_, ok := value.(string)
			return is(ok)
		case "integer", "double":
			_, ok := value.(float64)
			return is(ok)
		case "boolean":
			_, ok := value.(bool)
			return is(ok)
		case "timestamp":
			_, ok := value.(object)
			return is(ok)
		}
	}
	return ""
}

// call is a call of the running document.
func (aws *fakeAWS) call(service, operation string, params object) (result any, err *awsError) {
	switch service {
	case "clock":
		if operation == "sleep" {
			aws.advance(time.Duration(params["seconds"].(float64) * float64(time.Second)))
		}
		return float64(aws.now.UnixMilli()) / 1000, nil
	case "web":
		aws.advance(time.Second)
		url := params["url"].(string)
		status, body := 0, "timed out"
		if aws.open(url) {
			status, body = aws.web(url)
		}
		return object{"status": status, "body": body}, nil
	case "sns":
		if !aws.allow("sns:Publish", params["TopicArn"].(string), nil) {
			return nil, denied("sns:Publish")
		}
		aws.note("asks for approval")
		return object{}, nil
	}
	for known := range operations { // boto3's methods are the operations' names in small letters
		if strings.EqualFold(known, service+" "+operation) {
			operation = strings.Fields(known)[1]
		}
	}
	model, known := operations[service+" "+operation]
	if !known {
		aws.t.Fatalf("testdata/aws-operations.json has no %s %s", service, operation)
	}
	if wrong := misfit(operation, params, model.Input); wrong != "" {
		aws.t.Fatalf("%s: %s", service, wrong)
	}
	if operation == aws.broken {
		return nil, &awsError{"ServiceUnavailable", "as the test wants"}
	}
	result, err = aws.serve(operation, params)
	if err != nil && err.code != "AccessDenied" && err.code != "ServiceUnavailable" && !slices.Contains(model.Errors, err.code) {
		aws.t.Fatalf("%s answers no %s", operation, err.code)
	}
	return result, err
}

// open tells whether anyone may reach a URL: not if it is of a load balancer of
// this region whose security groups let no address in.
func (aws *fakeAWS) open(url string) bool {
	host := strings.Split(url, "/")[2]
	for _, record := range resourcesOf(aws.tmpl, "AWS::Route53::RecordSet") {
		p := propertiesOf(record)
		alias, _ := p["AliasTarget"].(object)
		if p["Name"] != host+"." || alias == nil {
			continue
		}
		balancer, _, _ := strings.Cut(strings.TrimPrefix(alias["DNSName"].(string), "dualstack."), ".")
		groups := propertiesOf(aws.tmpl["Resources"].(object)[balancer].(object))["SecurityGroups"]
		return slices.ContainsFunc(many(groups), func(group string) bool {
			id, _, _ := strings.Cut(group, ".")
			rules, _ := propertiesOf(aws.tmpl["Resources"].(object)[id].(object))["SecurityGroupIngress"].([]any)
			return slices.ContainsFunc(rules, func(rule any) bool { return rule.(object)["CidrIp"] == "0.0.0.0/0" })
		})
	}
	return true
}

func denied(action string) *awsError { return &awsError{"AccessDenied", action} }

// change makes a change, or fails as a test wants.
func (aws *fakeAWS) change(what string, make func()) (any, *awsError) {
	aws.changes++
	fails := aws.changes == aws.failAt
	if !fails || aws.effects {
		aws.note(what)
		make()
	}
	if fails {
		return nil, &awsError{"ServiceUnavailable", "as the test wants"}
	}
	return object{}, nil
}

func (aws *fakeAWS) note(what string) { aws.log = append(aws.log, what) }

func (aws *fakeAWS) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, aws.region, account, resource)
}

func (aws *fakeAWS) serve(operation string, params object) (any, *awsError) {
	text := func(name string) string { value, _ := params[name].(string); return value }
	check := func(action, resource string, context object) *awsError {
		if aws.allow(action, resource, context) {
			return nil
		}
		return denied(action + " on " + resource)
	}
	db := &aws.database
	var forbidden *awsError
	switch operation {
	case "DescribeDBInstances", "PromoteReadReplica", "ModifyDBInstance":
		name := text("DBInstanceIdentifier")
		if name == "" {
			name = "*"
		}
		forbidden = check("rds:"+operation, aws.arn("rds", "db:"+name), nil)
		if forbidden == nil && name != "*" && name != db.name {
			return nil, &awsError{"DBInstanceNotFound", name}
		}
	case "GetMetricStatistics":
		forbidden = check("cloudwatch:"+operation, "*", nil)
	case "PutMetricData":
		forbidden = check("cloudwatch:"+operation, "*", object{"cloudwatch:namespace": text("Namespace")})
	case "DescribeAlarms":
		forbidden = check("cloudwatch:"+operation, aws.arn("cloudwatch", "alarm:"+params["AlarmNames"].([]any)[0].(string)), nil)
	case "CreateSchedule", "DeleteSchedule", "GetSchedule":
		forbidden = check("scheduler:"+operation, aws.arn("scheduler", "schedule/"+text("GroupName")+"/"+text("Name")), nil)
	case "UpdateAutoScalingGroup":
		forbidden = check("autoscaling:"+operation, aws.arn("autoscaling", "autoScalingGroup:some-id:autoScalingGroupName/"+text("AutoScalingGroupName")), nil)
	case "DescribeAutoScalingGroups":
		forbidden = check("autoscaling:"+operation, "*", nil)
	case "DescribeTargetHealth":
		forbidden = check("elasticloadbalancing:"+operation, "*", nil)
	}
	if forbidden != nil {
		return nil, forbidden
	}

	switch operation {
	case "DescribeDBInstances":
		instance := object{"DBInstanceIdentifier": db.name, "DBInstanceStatus": db.status, "MultiAZ": db.multiAz, "TagList": tagged("books")}
		if db.source != "" { // a writer has no such key
			instance["ReadReplicaSourceDBInstanceIdentifier"] = db.source
		}
		if db.pendingAz {
			instance["PendingModifiedValues"] = object{"MultiAZ": true}
		}
		list := []object{instance}
		if text("DBInstanceIdentifier") == "" {
			list = append(list, aws.instances...)
		}
		return object{"DBInstances": list}, nil
	case "PromoteReadReplica":
		if db.source == "" || db.status != "available" {
			return nil, &awsError{"InvalidDBInstanceState", db.status}
		}
		return aws.change(fmt.Sprintf("promote %s, backups %v days at %v", db.name, params["BackupRetentionPeriod"], params["PreferredBackupWindow"]), aws.promote)
	case "ModifyDBInstance":
		if db.status != "available" {
			return nil, &awsError{"InvalidDBInstanceState", db.status}
		}
		equal(aws.t, "how the instance is modified", params, object{"DBInstanceIdentifier": db.name, "MultiAZ": true, "ApplyImmediately": true})
		return aws.change("multi-az", func() {
			if !db.multiAz {
				db.pendingAz, db.status = true, "modifying"
				aws.later(10*time.Minute, func() { db.multiAz, db.pendingAz, db.status = true, false, "available" })
			}
		})
	case "GetMetricStatistics":
		return object{"Datapoints": aws.lags(params)}, nil
	case "PutMetricData":
		datum := params["MetricData"].([]any)[0].(object)
		return aws.change(fmt.Sprintf("signal %v", datum["Value"]), func() { aws.signal(params) })
	case "DescribeAlarms":
		return object{"MetricAlarms": []object{{"StateValue": aws.alarm, "StateUpdatedTimestamp": timestamp(aws.alarmed)}}}, nil
	case "GetSchedule":
		if aws.schedules[text("Name")] == nil {
			return nil, &awsError{"ResourceNotFoundException", text("Name")}
		}
		return object{}, nil
	case "CreateSchedule":
		target := params["Target"].(object)
		if !aws.allow("iam:PassRole", target["RoleArn"].(string), object{"iam:PassedToService": "scheduler.amazonaws.com"}) {
			return nil, denied("iam:PassRole")
		}
		if aws.schedules[text("Name")] != nil {
			return nil, &awsError{"ConflictException", text("Name")}
		}
		return aws.change("create schedule", func() { aws.schedules[text("Name")] = params })
	case "DeleteSchedule":
		if aws.schedules[text("Name")] == nil {
			return nil, &awsError{"ResourceNotFoundException", text("Name")}
		}
		return aws.change("delete schedule", func() { delete(aws.schedules, text("Name")) })
	case "UpdateAutoScalingGroup":
		name := text("AutoScalingGroupName")
		return aws.change("scale "+name[:3], func() {
			maps.Copy(aws.groups[name], params)
			desired := max(aws.groups[name]["DesiredCapacity"].(float64), params["MinSize"].(float64))
			aws.groups[name]["DesiredCapacity"] = desired
			if aws.boot >= 0 {
				aws.later(aws.boot, func() { aws.healthy[name] = desired })
			}
		})
	case "DescribeAutoScalingGroups":
		name := params["AutoScalingGroupNames"].([]any)[0].(string)
		group := maps.Clone(aws.groups[name])
		group["Instances"] = aws.servers(name, func(ready bool) object {
			return object{"LifecycleState": map[bool]string{true: "InService", false: "Pending"}[ready]}
		})
		return object{"AutoScalingGroups": []object{group}}, nil
	case "DescribeTargetHealth":
		for id, group := range resourcesOf(aws.tmpl, "AWS::AutoScaling::AutoScalingGroup") {
			if slices.Contains(many(propertiesOf(group)["TargetGroupARNs"]), text("TargetGroupArn")) {
				return object{"TargetHealthDescriptions": aws.servers(id, func(ready bool) object {
					return object{"TargetHealth": object{"State": map[bool]string{true: "healthy", false: "initial"}[ready]}}
				})}, nil
			}
		}
		return nil, &awsError{"TargetGroupNotFound", text("TargetGroupArn")}
	}
	aws.t.Fatalf("the stand-in does not know %s", operation)
	return nil, nil
}

// servers describes each server of a group.
func (aws *fakeAWS) servers(group string, describe func(ready bool) object) (list []object) {
	for i := range int(aws.groups[group]["DesiredCapacity"].(float64)) {
		list = append(list, describe(i < int(aws.healthy[group])))
	}
	return list
}

func tagged(deployment string) []object {
	return []object{{"Key": "deployment", "Value": deployment}}
}

func timestamp(at time.Time) object { return object{"$time": at.Unix()} }

// promote takes a while to begin, reboots the instance, and takes longer than a
// script may run.
func (aws *fakeAWS) promote() {
	db := &aws.database
	aws.later(20*time.Second, func() { db.status = "modifying" })
	aws.later(2*time.Minute, func() { db.source = "" })
	aws.later(3*time.Minute, func() { db.status = "rebooting" })
	aws.later(12*time.Minute, func() { db.status = "available" })
}

func (aws *fakeAWS) later(after time.Duration, do func()) {
	aws.database.events = append(aws.database.events, event{aws.now.Add(after), do})
}

// lags is the replica's lag by minute, without the minute that has not ended.
func (aws *fakeAWS) lags(params object) []object {
	points := []object{}
	from := time.Unix(int64(params["StartTime"].(object)["$time"].(float64)), 0).UTC().Truncate(time.Minute)
	for at := from; at.Before(aws.now.Add(-time.Minute)); at = at.Add(time.Minute) {
		if lag, reported := aws.lag(at); reported {
			points = append([]object{{"Timestamp": timestamp(at), "Maximum": lag}}, points...) // in no order
		}
	}
	return points
}

// signal takes a value of the metric that the region's switch looks at.
func (aws *fakeAWS) signal(params object) {
	datum := params["MetricData"].([]any)[0].(object)
	for _, alarm := range resourcesOf(aws.tmpl, "AWS::CloudWatch::Alarm") {
		if p := propertiesOf(alarm); p["MetricName"] == datum["MetricName"] {
			equal(aws.t, "the signal's metric", []any{params["Namespace"], datum["Dimensions"]}, []any{p["Namespace"], p["Dimensions"]})
			minute := aws.now.Truncate(time.Minute)
			aws.signals[minute] = max(aws.signals[minute], datum["Value"].(float64))
			return
		}
	}
	aws.t.Fatalf("no alarm looks at %v", datum["MetricName"])
}

// advance lets time pass: schedules are due each minute, RDS goes on with its
// work, and the alarm is evaluated a while after each minute.
func (aws *fakeAWS) advance(d time.Duration) {
	for end := aws.now.Add(d); aws.now.Before(end); {
		aws.now = aws.now.Add(min(end.Sub(aws.now), time.Second))
		switch aws.now.Truncate(time.Second).Second() {
		case 0:
			for _, schedule := range aws.schedules {
				aws.invoke(schedule)
			}
		case 20:
			if value, ok := aws.signals[aws.now.Truncate(time.Minute).Add(-time.Minute)]; ok {
				if state := map[bool]string{true: "ALARM", false: "OK"}[value >= 1]; state != aws.alarm {
					aws.alarm, aws.alarmed = state, aws.now
				}
			}
		}
		aws.database.events = slices.DeleteFunc(aws.database.events, func(e event) bool {
			due := !e.at.After(aws.now)
			if due {
				e.do()
			}
			return due
		})
	}
}

// invoke is what EventBridge Scheduler does: it sends the schedule's input with
// the schedule's role.
func (aws *fakeAWS) invoke(schedule object) {
	target := schedule["Target"].(object)
	if schedule["ScheduleExpression"] != "rate(1 minute)" || target["Arn"] != "arn:aws:scheduler:::aws-sdk:cloudwatch:putMetricData" {
		aws.t.Fatalf("what is scheduled does not hold the traffic: %v", schedule)
	}
	var input object
	if err := json.Unmarshal([]byte(target["Input"].(string)), &input); err != nil {
		aws.t.Fatal(err)
	}
	if wrong := misfit("Input", input, operations["cloudwatch PutMetricData"].Input); wrong != "" {
		aws.t.Fatal(wrong)
	}
	document := aws.allowed
	aws.assume(target["RoleArn"].(string))
	if !aws.allow("cloudwatch:PutMetricData", "*", object{"cloudwatch:namespace": input["Namespace"]}) {
		aws.t.Fatal("the schedule's role may not put the metric")
	}
	aws.allowed = document
	aws.signal(input)
}
