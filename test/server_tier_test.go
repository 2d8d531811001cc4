package test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/assets/userdata"
	"warm-standby/constructs"
)

// tierProps is a tier of the reference's primary region in a VPC of its own.
func tierProps(t *testing.T, stack awscdk.Stack) constructs.ServerTierProps {
	t.Helper()
	zones := []string{*stack.Region() + "a", *stack.Region() + "b"}
	network := constructs.NewTieredVpc(stack, "Network", constructs.TieredVpcProps{Cidr: "172.20.0.0/16", AvailabilityZones: zones, NatGateways: 1, FlowLogDays: 30})
	certificate := awscertificatemanager.Certificate_FromCertificateArn(stack, jsii.String("Certificate"), jsii.String("arn:aws:acm:us-east-1:111122223333:certificate/c"))
	return constructs.ServerTierProps{
		Vpc: network.Vpc(), LoadBalancerSubnets: network.PublicSubnets(), ServerSubnets: network.WebSubnets(), Certificate: certificate,
		AccessLogs:   constructs.NewAccessLogBucket(stack, "AccessLogs", 30),
		InstanceType: "t4g.small", VolumeGiB: 10, HealthPath: "/health", Artifact: artifact(t),
		MinCapacity: 2, MaxCapacity: 6, CPUPercent: 60, RequestsPerTarget: 1000,
		ShipLogs: true, LogDays: 30,
	}
}

// webTemplate synthesizes a web tier of the reference, changed by change.
func webTemplate(t *testing.T, change func(stack awscdk.Stack, props *constructs.WebTierProps)) template {
	t.Helper()
	stack := newStack(t, east)
	props := constructs.WebTierProps{ServerTierProps: tierProps(t, stack), ApiURL: "https://api.example.com", CloudFrontOnly: true}
	if change != nil {
		change(stack, &props)
	}
	constructs.NewWebTier(stack, "Web", props)
	return templateOf(t, stack)
}

func TestServerTier(t *testing.T) {
	tm := webTemplate(t, nil)

	tm.has("clients let go of a load balancer soon, and nothing malformed passes", "AWS::ElasticLoadBalancingV2::LoadBalancer", object{
		"Scheme": "internet-facing",
		"LoadBalancerAttributes": assertions.Match_ArrayWith(&[]any{
			object{"Key": "idle_timeout.timeout_seconds", "Value": "60"},
			object{"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"},
			object{"Key": "client_keep_alive.seconds", "Value": "180"},
			object{"Key": "access_logs.s3.enabled", "Value": "true"},
		}),
	})
	tm.has("TLS 1.2 at least, post-quantum where the client can", "AWS::ElasticLoadBalancingV2::Listener", object{
		"Port": 443, "Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
	})
	tm.has("plain HTTP is redirected", "AWS::ElasticLoadBalancingV2::Listener", object{
		"Port": 80, "DefaultActions": []any{like(object{"Type": "redirect"})},
	})
	tm.has("a server that fails is out in 20 s", "AWS::ElasticLoadBalancingV2::TargetGroup", object{
		"Port": 80, "Protocol": "HTTP", "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 10, "UnhealthyThresholdCount": 2, "HealthyThresholdCount": 2,
	})
	tm.has("access logs are not kept for ever, and need S3's own keys", "AWS::S3::Bucket", object{
		"LifecycleConfiguration": object{"Rules": []any{like(object{"ExpirationInDays": 30})}},
		"BucketEncryption":       object{"ServerSideEncryptionConfiguration": []any{object{"ServerSideEncryptionByDefault": object{"SSEAlgorithm": "AES256"}}}},
	})

	launch := func(data object) object { return object{"LaunchTemplateData": data} }
	tm.has("metadata by session token only, one hop; encrypted volume", "AWS::EC2::LaunchTemplate", launch(object{
		"InstanceType":        "t4g.small",
		"MetadataOptions":     object{"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
		"BlockDeviceMappings": []any{object{"DeviceName": "/dev/sda1", "Ebs": like(object{"Encrypted": true, "VolumeType": "gp3", "VolumeSize": 10})}},
	}))
	tm.hasNo("no key pair without a bastion", "AWS::EC2::LaunchTemplate", launch(object{"KeyName": assertions.Match_AnyValue()}))
	tm.hasImage("arm64")
	tm.has("the boot may ask whether the load balancer finds the server healthy", "AWS::IAM::Policy", object{"PolicyDocument": like(object{
		"Statement": contains(like(object{"Action": contains("elasticloadbalancing:DescribeTargetHealth")})),
	})})

	tm.has("the group's size is its own within limits", "AWS::AutoScaling::AutoScalingGroup", object{
		"MinSize": "2", "MaxSize": "6", "DesiredCapacity": assertions.Match_Absent(), "HealthCheckType": "ELB", "HealthCheckGracePeriod": 600,
	})
	tm.check("deploys wait for the servers' signals, and keep the minimum in service", func() {
		tm.HasResource(jsii.String("AWS::AutoScaling::AutoScalingGroup"), object{
			"CreationPolicy": object{"ResourceSignal": object{"Count": 2, "Timeout": "PT15M"}, "AutoScalingCreationPolicy": object{"MinSuccessfulInstancesPercent": 100}},
			"UpdatePolicy": object{"AutoScalingRollingUpdate": like(object{
				"MinInstancesInService": 2, "MaxBatchSize": 1, "WaitOnResourceSignals": true, "PauseTime": "PT15M", "MinSuccessfulInstancesPercent": 100,
			})},
		})
	})
	tm.counts(map[string]int{"AWS::AutoScaling::ScalingPolicy": 2})
	tm.has("scaling holds the average CPU", "AWS::AutoScaling::ScalingPolicy", object{"TargetTrackingConfiguration": like(object{"TargetValue": 60})})
	tm.has("scaling holds the requests", "AWS::AutoScaling::ScalingPolicy", object{"TargetTrackingConfiguration": like(object{"TargetValue": 1000})})

	tm.has("signals go to the own stack only", "AWS::IAM::Policy", object{"PolicyDocument": like(object{"Statement": contains(object{
		"Action": "cloudformation:SignalResource", "Effect": "Allow", "Resource": object{"Ref": "AWS::StackId"},
	})})})
	tm.has("Session Manager needs no bastion", "AWS::IAM::Policy", object{
		"Roles":          []any{object{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^WebRole"))}},
		"PolicyDocument": like(object{"Statement": contains(like(object{"Action": contains("ssmmessages:OpenDataChannel")}))}),
	})

	tm.has("the servers write to their own log groups", "AWS::IAM::Policy", object{
		"Roles": []any{object{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^WebRole"))}},
		"PolicyDocument": like(object{"Statement": contains(like(object{
			"Action": contains("logs:PutLogEvents"),
			"Resource": []any{
				object{"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^WebApplicationLogs")), "Arn"}},
				object{"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^WebSystemLogs")), "Arn"}},
			},
		}))}),
	})

	for _, direction := range []string{"AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"} {
		tm.has("the load balancer and its servers meet on port 80", direction, object{"FromPort": 80, "ToPort": 80})
	}
	tm.noSSH()
	// In: the servers from the load balancer, and its two prefix lists.
	tm.counts(map[string]int{"AWS::EC2::SecurityGroupIngress": 3, "AWS::EC2::SecurityGroupEgress": 1})
	tm.hasNo("nothing is let out to everywhere on every port", "AWS::EC2::SecurityGroup", object{"SecurityGroupEgress": contains(like(object{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}))})
}

func TestServerTierVariants(t *testing.T) {
	t.Run("the image is of the instance type's architecture", func(t *testing.T) {
		tm := webTemplate(t, func(_ awscdk.Stack, props *constructs.WebTierProps) { props.InstanceType = "t3.small" })
		tm.hasImage("amd64")
	})
	t.Run("a group of one server can be updated", func(t *testing.T) {
		tm := webTemplate(t, func(_ awscdk.Stack, props *constructs.WebTierProps) { props.MinCapacity, props.MaxCapacity = 1, 1 })
		tm.check("CloudFormation refuses a minimum in service that is the maximum", func() {
			tm.HasResource(jsii.String("AWS::AutoScaling::AutoScalingGroup"), object{
				"UpdatePolicy": object{"AutoScalingRollingUpdate": like(object{"MinInstancesInService": 0})},
			})
		})
	})
	t.Run("logs that stay on the servers need no group and no permission", func(t *testing.T) {
		tm := webTemplate(t, func(_ awscdk.Stack, props *constructs.WebTierProps) { props.ShipLogs, props.AccessLogs = false, nil })
		tm.hasNo("no permission to write logs", "AWS::IAM::Policy", object{
			"Roles":          []any{object{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^WebRole"))}},
			"PolicyDocument": like(object{"Statement": contains(like(object{"Action": contains("logs:PutLogEvents")}))}),
		})
		tm.counts(map[string]int{"AWS::Logs::LogGroup": 2}) // flow log, look-up of prefix lists
		tm.hasNo("no access logs", "AWS::ElasticLoadBalancingV2::LoadBalancer", object{"LoadBalancerAttributes": contains(object{"Key": "access_logs.s3.enabled", "Value": "true"})})
	})
	t.Run("the bastion brings SSH and the key pair", func(t *testing.T) {
		tm := webTemplate(t, func(stack awscdk.Stack, props *constructs.WebTierProps) {
			props.Bastion = constructs.NewBastion(stack, "Bastion", constructs.BastionProps{
				Vpc: props.Vpc, Subnets: props.LoadBalancerSubnets, InstanceType: "t4g.nano", KeyName: "operators", AllowFrom: []string{"192.0.2.0/24"},
			})
		})
		tm.has("SSH from the bastion's group", "AWS::EC2::SecurityGroupIngress", object{
			"FromPort": 22, "SourceSecurityGroupId": object{"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^Bastion")), "GroupId"}},
		})
		tm.check("both launch templates have the key", func() {
			tm.ResourcePropertiesCountIs(jsii.String("AWS::EC2::LaunchTemplate"), object{"LaunchTemplateData": like(object{"KeyName": "operators"})}, jsii.Number(2))
		})
	})
}

// noSSH asserts that no security group rule is for port 22.
func (tm template) noSSH() {
	tm.t.Helper()
	tm.hasNo("no SSH", "AWS::EC2::SecurityGroupIngress", object{"FromPort": 22})
	tm.hasNo("no SSH", "AWS::EC2::SecurityGroup", object{"SecurityGroupIngress": contains(like(object{"FromPort": 22}))})
}

// hasImage asserts that servers take their image when they are launched, so
// that a newer one is no change of the stack.
func (tm template) hasImage(architecture string) {
	tm.t.Helper()
	tm.has("the image is chosen at launch", "AWS::EC2::LaunchTemplate", object{"LaunchTemplateData": like(object{
		"ImageId": "resolve:ssm:/aws/service/canonical/ubuntu/server/26.04/stable/current/" + architecture + "/hvm/ebs-gp3/ami-id",
	})})
	tm.check("no image is a parameter of the stack", func() {
		if found := *tm.FindParameters(jsii.String("*"), object{"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}); len(found) > 0 {
			panic(found)
		}
	})
}

// userData is the boot script of the template's launch template whose role's id
// has that prefix, with references to other resources left as they are written.
func (tm template) userData(t *testing.T, prefix string) string {
	t.Helper()
	resources := *tm.ToJSON()
	for id, r := range resources["Resources"].(object) {
		resource := r.(object)
		if resource["Type"] != "AWS::EC2::LaunchTemplate" || !strings.HasPrefix(id, prefix) {
			continue
		}
		data := resource["Properties"].(object)["LaunchTemplateData"].(object)
		return flatten(data["UserData"].(object)["Fn::Base64"])
	}
	t.Fatalf("no launch template %s…", prefix)
	return ""
}

// flatten joins a string that CloudFormation puts together; references become
// their logical ids.
func flatten(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		var b strings.Builder
		for _, part := range v {
			b.WriteString(flatten(part))
		}
		return b.String()
	case object:
		if join, ok := v["Fn::Join"]; ok {
			return flatten(join.([]any)[1])
		}
		if ref, ok := v["Ref"]; ok {
			return ref.(string)
		}
	}
	return "?"
}

// checkUserData asserts what every boot script must be.
func (tm template) checkUserData(t *testing.T, prefix string, want ...string) {
	t.Helper()
	script := tm.userData(t, prefix)
	// A reference may resolve to more than its logical id: leave it room.
	if room := userdata.MaxBytes - len(script); room < 1024 {
		t.Errorf("user data: %d bytes leave less than 1024 of EC2's %d", len(script), userdata.MaxBytes)
	}
	group := regexp.MustCompile(`(?m)^GROUP='(` + prefix + `\w*)'$`).FindStringSubmatch(script)
	if group == nil {
		t.Fatalf("user data names no Auto Scaling group %s…:\n%.400s", prefix, script)
	}
	tm.check("the signal names the group's logical id", func() {
		found := *tm.FindResources(jsii.String("AWS::AutoScaling::AutoScalingGroup"), nil)
		if _, ok := found[group[1]]; !ok {
			t.Errorf("no group %s", group[1])
		}
	})
	for _, line := range want {
		if !strings.Contains(script, line) {
			t.Errorf("user data lacks %q", line)
		}
	}
}
