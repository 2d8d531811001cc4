package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const east, west, owner = "us-east-1", "us-west-2", "444455556666"

type object = map[string]any

// cloud is a stand-in for the AWS account of a deployment, whose services answer
// over HTTP as they do. Its stacks are the walkthrough's snapshots. A stack that is
// told to go is gone, or has failed to, at the second look.
type cloud struct {
	t          *testing.T
	account    string
	down       string // A region that doesn't answer.
	stacks     []*deployed
	instances  map[string]*instance       // By region/name.
	snapshots  map[string]string          // The instance of each manual snapshot, by region/id.
	vpc        map[string]string          // What EC2 lists, by region/Action: XML items.
	there      map[string]string          // Properties of what Cloud Control finds, by region/type/id.
	points     int                        // Recovery points in each vault.
	locked     bool                       // The vaults.
	runs       map[string]string          // Document of the runs, by region.
	schedules  map[string][]string        // By region/group.
	experiment string                     // Status of the last of each template.
	records    map[string][]object        // By hosted zone.
	tagged     map[string][]taggedInCloud // By region.
	parameters map[string][]string        // By region.
	onDelete   func(*deployed)

	calls []string // Those that change something.
}

type deployed struct {
	name, region, status string
	protected            bool
	template             []byte
	resources            []*resource
	stuck                string // A logical id that can't be deleted.
	looks                int    // Since it was told to go.
}

type resource struct {
	logical, kind, id, status, reason string
	policy                            string
}

type instance struct {
	status, source, vpc string
	protected           bool
	replicas            []string
}

type taggedInCloud struct {
	arn  string
	tags map[string]string
}

// newCloud is the walkthrough deployment, as it runs.
func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{
		t: t, account: owner, instances: map[string]*instance{}, snapshots: map[string]string{}, vpc: map[string]string{}, there: map[string]string{},
		points: 35, runs: map[string]string{}, schedules: map[string][]string{}, experiment: "completed", records: map[string][]object{},
		tagged: map[string][]taggedInCloud{}, parameters: map[string][]string{},
	}
	c.deploy("walkthrough-us-east-1", east)
	c.deploy("walkthrough-us-west-2", west)
	c.deploy("walkthrough-global", east)
	c.instances[west+"/walkthrough-2"].source = "arn:aws:rds:us-east-1:444455556666:db:walkthrough-1"
	c.instances[east+"/walkthrough-1"].replicas = []string{"arn:aws:rds:us-west-2:444455556666:db:walkthrough-2"}
	c.records["Z0123456789ABCDEFGHIJ"] = []object{
		{"name": "books.io.", "type": "NS", "value": "ns-1.awsdns-1.org."},
		{"name": "_0a1b.books.io.", "type": "CNAME", "value": "_2c3d.xyz.acm-validations.aws."},
		{"name": "_4e5f.mail.books.io.", "type": "CNAME", "value": "_6a7b.xyz.acm-validations.aws."},
		{"name": "www.books.io.", "type": "CNAME", "value": "elsewhere.example.net."},
	}
	for _, region := range []string{east, west} { // the function's logs, which CloudFormation doesn't know
		c.there[region+"/AWS::Logs::LogGroup//aws/lambda/"+c.stack("walkthrough-" + region).of("AWS::Lambda::Function")[0].id] = "{}"
		c.there[region+"/AWS::Logs::LogGroup//aws/lambda/somebody-elses"] = "{}"
	}
	return c
}

func (c *cloud) deploy(name, region string) {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "test/snapshots", name+".json"))
	if err != nil {
		c.t.Fatal(err)
	}
	type part struct {
		Type, DeletionPolicy string
		Properties           object `json:",omitempty"`
	}
	var template struct{ Resources map[string]part }
	if err := json.Unmarshal(data, &template); err != nil {
		c.t.Fatal(err)
	}
	s := &deployed{name: name, region: region, status: "UPDATE_COMPLETE"}
	for _, logical := range slices.Sorted(maps.Keys(template.Resources)) {
		r := template.Resources[logical]
		if r.DeletionPolicy == "" || r.DeletionPolicy == "Delete" {
			delete(template.Resources, logical) // makes no difference, and the answer short
		}
		s.resources = append(s.resources, &resource{
			logical: logical, kind: r.Type, id: physical(name, region, logical, r.Type, r.Properties),
			status: "CREATE_COMPLETE", policy: r.DeletionPolicy,
		})
	}
	if s.template, err = json.Marshal(template); err != nil {
		c.t.Fatal(err)
	}
	c.stacks = append(c.stacks, s)
	c.fill(s)
}

// physical is an id as CloudFormation would have it, or much like it.
func physical(stack, region, logical, kind string, properties object) string {
	named := map[string]string{
		"AWS::Backup::BackupVault": "BackupVaultName", "AWS::Logs::LogGroup": "LogGroupName", "AWS::RDS::DBInstance": "DBInstanceIdentifier",
		"AWS::Route53::RecordSet": "Name", "AWS::Scheduler::ScheduleGroup": "Name",
	}
	if name, ok := properties[named[kind]].(string); ok {
		return strings.TrimSuffix(name, ".")
	}
	if kind == "AWS::ElasticLoadBalancingV2::LoadBalancer" {
		return fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:loadbalancer/app/%s/50dc6c495c0c9188", region, owner, logical)
	}
	if kind == "AWS::WAFv2::WebACL" {
		return logical + "|7a1b-" + stack + "|REGIONAL"
	}
	return stack + "-" + logical
}

// fill puts what the stack has made into the services that are asked for it.
func (c *cloud) fill(s *deployed) {
	item := func(action, format string, values ...any) {
		c.vpc[s.region+"/"+action] += "<item>" + fmt.Sprintf(format, values...) + "</item>"
	}
	interfaceOf := func(description, instance string) {
		attachment := ""
		if instance != "" {
			attachment = "<attachment><instanceId>" + instance + "</instanceId></attachment>"
		}
		item("DescribeNetworkInterfaces", "<networkInterfaceId>eni-%d</networkInterfaceId><description>%s</description>%s", len(c.vpc[s.region+"/DescribeNetworkInterfaces"]), description, attachment)
	}
	for _, r := range s.resources {
		c.there[s.region+"/"+r.kind+"/"+r.id] = "{}"
		tags := map[string]string{"deployment": "walkthrough", "aws:cloudformation:stack-id": s.arn(), "aws:cloudformation:logical-id": r.logical}
		switch r.kind {
		case "AWS::EC2::Subnet":
			item("DescribeSubnets", "<subnetId>%s</subnetId>", r.id)
		case "AWS::EC2::RouteTable":
			item("DescribeRouteTables", "<routeTableId>%s</routeTableId>", r.id)
		case "AWS::EC2::SecurityGroup":
			item("DescribeSecurityGroups", "<groupId>%s</groupId><groupName>%s</groupName>", r.id, r.logical)
		case "AWS::EC2::VPC":
			item("DescribeSecurityGroups", "<groupId>sg-default</groupId><groupName>default</groupName>")
			item("DescribeNetworkAcls", "<networkAclId>acl-default</networkAclId><default>true</default>")
			item("DescribeRouteTables", "<routeTableId>rtb-main</routeTableId><associationSet><item><main>true</main></item></associationSet>")
		case "AWS::EC2::NatGateway":
			interfaceOf("Interface for NAT Gateway "+r.id, "")
		case "AWS::ElasticLoadBalancingV2::LoadBalancer":
			_, name, _ := strings.Cut(r.id, "loadbalancer/")
			interfaceOf("ELB "+name, "")
			c.there[s.region+"/"+r.kind+"/"+r.id] = `{"LoadBalancerAttributes":[{"Key":"deletion_protection.enabled","Value":"false"},{"Key":"idle_timeout.timeout_seconds","Value":"60"}]}`
		case "AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup":
			id, tag := r.id, ""
			if r.kind != "AWS::EC2::Instance" {
				id, tag = "i-of-"+r.id, "<tagSet><item><key>aws:autoscaling:groupName</key><value>"+r.id+"</value></item></tagSet>"
				c.tagged[s.region] = append(c.tagged[s.region], taggedInCloud{
					"arn:aws:ec2:" + s.region + ":" + owner + ":instance/" + id,
					map[string]string{"deployment": "walkthrough", "aws:autoscaling:groupName": r.id},
				})
			}
			item("DescribeInstances", "<instancesSet><item><instanceId>%s</instanceId>%s</item></instancesSet>", id, tag)
			interfaceOf("", id)
		case "AWS::RDS::DBInstance":
			interfaceOf("RDSNetworkInterface", "")
			c.instances[s.region+"/"+r.id] = &instance{status: "available", vpc: s.of("AWS::EC2::VPC")[0].id}
		case "AWS::Route53::HostedZone":
			c.records[r.id] = []object{{"name": "rds.com.", "type": "NS", "value": "x"}, {"name": "rds.com.", "type": "SOA", "value": "x"}, {"name": "book.rds.com.", "type": "CNAME", "value": "x"}}
		case "AWS::EC2::EIP": // its physical id is the address, which isn't in the ARN
			c.tagged[s.region] = append(c.tagged[s.region], taggedInCloud{"arn:aws:ec2:" + s.region + ":" + owner + ":elastic-ip/eipalloc-1", tags})
		case "AWS::KMS::Key":
			c.tagged[s.region] = append(c.tagged[s.region], taggedInCloud{"arn:aws:kms:" + s.region + ":" + owner + ":key/" + r.id, tags})
		case "AWS::WAFv2::WebACL":
			c.tagged[s.region] = append(c.tagged[s.region], taggedInCloud{"arn:aws:wafv2:" + s.region + ":" + owner + ":regional/webacl/x/" + strings.Split(r.id, "|")[1], tags})
		}
	}
}

func (s *deployed) of(kind string) (found []*resource) {
	for _, r := range s.resources {
		if r.kind == kind {
			found = append(found, r)
		}
	}
	return found
}

func (s *deployed) arn() string {
	return fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/1", s.region, owner, s.name)
}

func (s *deployed) isGone() bool { return s.status == "DELETE_COMPLETE" }

func (c *cloud) stack(name string) *deployed {
	for _, s := range c.stacks {
		if s.name == name || s.arn() == name {
			return s
		}
	}
	return nil
}

// remove carries out what DeleteStack has begun, as CloudFormation does.
func (c *cloud) remove(s *deployed) {
	for _, r := range s.resources {
		switch {
		case r.logical == s.stuck:
			r.status, r.reason, s.status = "DELETE_FAILED", "has dependencies", "DELETE_FAILED"
		case strings.HasPrefix(r.policy, "Retain"):
			r.status = "DELETE_SKIPPED"
		default:
			r.status = "DELETE_COMPLETE"
			delete(c.there, s.region+"/"+r.kind+"/"+r.id)
		}
		if r.kind == "AWS::RDS::DBInstance" && r.status == "DELETE_COMPLETE" {
			if i := c.instances[s.region+"/"+r.id]; r.policy == "Snapshot" && i != nil && i.source == "" { // the handler asks RDS, not the template
				c.snapshots[s.region+"/"+s.name+"-snapshot-"+strings.ToLower(r.logical)+"-abc"] = r.id
			}
			delete(c.instances, s.region+"/"+r.id)
		}
	}
	if s.status != "DELETE_FAILED" {
		s.status = "DELETE_COMPLETE"
	}
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	region, service := scope[2], scope[3]
	if region == c.down {
		w.WriteHeader(http.StatusForbidden) // which isn't tried again
		return
	}
	if strings.Contains(r.Header.Get("Content-Type"), "x-www-form-urlencoded") {
		if err := r.ParseForm(); err != nil {
			c.t.Error(err)
		}
		w.Header().Set("Content-Type", "text/xml")
		c.query(w, service, region, r.PostForm.Get)
		return
	}
	var input, answer object
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
			c.t.Error(err)
		}
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case service == "route53":
		zone := strings.Split(r.URL.Path, "/")[3]
		text := ""
		for _, record := range c.records[zone] {
			text += fmt.Sprintf("<ResourceRecordSet><Name>%s</Name><Type>%s</Type><TTL>300</TTL><ResourceRecords><ResourceRecord><Value>%s</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>", record["name"], record["type"], record["value"])
		}
		_, _ = fmt.Fprintf(w, "<ListResourceRecordSetsResponse><ResourceRecordSets>%s</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>", text)
		return
	case service == "backup":
		answer = object{"NumberOfRecoveryPoints": c.points, "Locked": c.locked}
	case service == "fis":
		answer = object{"experiments": []object{{"id": "EXP1", "state": object{"status": c.experiment}}}}
	case service == "scheduler":
		var list []object
		for _, name := range c.schedules[region+"/"+r.URL.Query().Get("ScheduleGroup")] {
			list = append(list, object{"Name": name})
		}
		answer = object{"Schedules": list}
	case operation == "DescribeAutomationExecutions":
		answer = object{}
		if document := c.runs[region]; document != "" {
			answer["AutomationExecutionMetadataList"] = []object{{"DocumentName": document, "AutomationExecutionId": "id-1"}}
		}
	case operation == "DescribeParameters":
		var list []object
		path := input["ParameterFilters"].([]any)[0].(object)["Values"].([]any)[0].(string)
		for _, name := range c.parameters[region] {
			if strings.HasPrefix(name, path+"/") {
				list = append(list, object{"Name": name})
			}
		}
		answer = object{"Parameters": list}
	case operation == "GetResources":
		var list []object
		for _, resource := range c.tagged[region] {
			var tags []object
			for key, value := range resource.tags {
				tags = append(tags, object{"Key": key, "Value": value})
			}
			list = append(list, object{"ResourceARN": resource.arn, "Tags": tags})
		}
		answer = object{"ResourceTagMappingList": list}
	case operation == "GetResource":
		key := region + "/" + input["TypeName"].(string) + "/" + input["Identifier"].(string)
		properties, found := c.there[key]
		if !found {
			w.WriteHeader(http.StatusBadRequest)
			answer = object{"__type": "com.amazonaws.cloudapiservice#ResourceNotFoundException", "Message": "gone"}
			break
		}
		answer = object{"ResourceDescription": object{"Identifier": input["Identifier"], "Properties": properties}}
	case operation == "ListResources":
		var list []object
		prefix := region + "/" + input["TypeName"].(string) + "/"
		for key := range c.there {
			if id, found := strings.CutPrefix(key, prefix); found {
				list = append(list, object{"Identifier": id})
			}
		}
		answer = object{"ResourceDescriptions": list}
	default:
		c.t.Errorf("unexpected call %s %s %s", service, operation, r.URL)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		c.t.Error(err)
	}
}

// query answers the services of the older protocol.
func (c *cloud) query(w http.ResponseWriter, service, region string, in func(string) string) {
	action := in("Action")
	answer := func(format string, values ...any) {
		_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, fmt.Sprintf(format, values...))
	}
	fail := func(code, message string) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
	}
	s := c.stack(in("StackName"))
	switch {
	case service == "ec2":
		set := map[string]string{
			"DescribeSubnets": "subnetSet", "DescribeRouteTables": "routeTableSet", "DescribeSecurityGroups": "securityGroupInfo",
			"DescribeNetworkAcls": "networkAclSet", "DescribeNetworkInterfaces": "networkInterfaceSet", "DescribeInstances": "reservationSet",
		}[action]
		if in("Filter.1.Name") != "vpc-id" || set == "" {
			c.t.Errorf("unexpected call %s", action)
		}
		_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[2]s>%[3]s</%[2]s></%[1]sResponse>", action, set, c.vpc[region+"/"+action])
	case action == "GetCallerIdentity":
		answer("<Account>%s</Account>", c.account)
	case action == "ListStacks":
		text := ""
		for _, s := range c.stacks {
			if s.region == region {
				text += fmt.Sprintf("<member><StackName>%s</StackName><StackId>%s</StackId><StackStatus>%s</StackStatus></member>", s.name, s.arn(), s.status)
			}
		}
		answer("<StackSummaries>%s</StackSummaries>", text)
	case action == "ListStackResources":
		// More than fits in one read may be broken off by the SDK, when it comes as
		// fast as here.
		const page = 12
		from := len(in("NextToken"))
		text, next := "", ""
		for _, r := range s.resources[from:min(from+page, len(s.resources))] {
			text += fmt.Sprintf("<member><LogicalResourceId>%s</LogicalResourceId><PhysicalResourceId>%s</PhysicalResourceId><ResourceType>%s</ResourceType><ResourceStatus>%s</ResourceStatus><ResourceStatusReason>%s</ResourceStatusReason></member>",
				r.logical, r.id, r.kind, r.status, r.reason)
		}
		if from+page < len(s.resources) {
			next = "<NextToken>" + strings.Repeat("n", from+page) + "</NextToken>"
		}
		answer("<StackResourceSummaries>%s</StackResourceSummaries>%s", text, next)
	case action == "DescribeStacks":
		if s.looks++; s.status == "DELETE_IN_PROGRESS" && s.looks > 1 {
			c.remove(s)
		}
		answer("<Stacks><member><StackName>%s</StackName><StackStatus>%s</StackStatus><EnableTerminationProtection>%v</EnableTerminationProtection></member></Stacks>", s.name, s.status, s.protected)
	case action == "GetTemplate":
		answer("<TemplateBody><![CDATA[%s]]></TemplateBody>", s.template)
	case action == "DeleteStack":
		c.calls = append(c.calls, action+" "+s.name)
		if s.protected {
			fail("ValidationError", "it is protected")
			return
		}
		s.status, s.looks = "DELETE_IN_PROGRESS", 0
		if c.onDelete != nil {
			c.onDelete(s)
		}
		answer("")
	case action == "DescribeDBInstances":
		text := ""
		for key, i := range c.instances {
			place, name, _ := strings.Cut(key, "/")
			if wanted := in("Filters.Filter.1.Values.Value.1"); place == region && (wanted == "" || wanted == name) {
				text += "<DBInstance><DBInstanceIdentifier>" + name + "</DBInstanceIdentifier>" + i.xml() + "</DBInstance>"
			}
		}
		answer("<DBInstances>%s</DBInstances>", text)
	case action == "DescribeDBSnapshots":
		text := ""
		for _, key := range slices.Sorted(maps.Keys(c.snapshots)) {
			place, id, _ := strings.Cut(key, "/")
			if place == region {
				text += fmt.Sprintf("<DBSnapshot><DBSnapshotIdentifier>%s</DBSnapshotIdentifier><DBInstanceIdentifier>%s</DBInstanceIdentifier><AllocatedStorage>22</AllocatedStorage><Status>available</Status></DBSnapshot>", id, c.snapshots[key])
			}
		}
		answer("<DBSnapshots>%s</DBSnapshots>", text)
	case action == "DescribeDBInstanceAutomatedBackups":
		answer("<DBInstanceAutomatedBackups><DBInstanceAutomatedBackup><DBInstanceIdentifier>somebody-elses</DBInstanceIdentifier><DbiResourceId>db-X</DbiResourceId></DBInstanceAutomatedBackup></DBInstanceAutomatedBackups>")
	default:
		c.t.Errorf("unexpected call %s %s", service, action)
	}
}

func (i *instance) xml() string {
	text := fmt.Sprintf("<DBInstanceStatus>%s</DBInstanceStatus><DeletionProtection>%v</DeletionProtection><DBSubnetGroup><VpcId>%s</VpcId></DBSubnetGroup>", i.status, i.protected, i.vpc)
	if i.source != "" {
		text += "<ReadReplicaSourceDBInstanceIdentifier>" + i.source + "</ReadReplicaSourceDBInstanceIdentifier>"
	}
	for _, replica := range i.replicas {
		text += "<ReadReplicaDBInstanceIdentifiers><ReadReplicaDBInstanceIdentifier>" + replica + "</ReadReplicaDBInstanceIdentifier></ReadReplicaDBInstanceIdentifiers>"
	}
	return text
}
