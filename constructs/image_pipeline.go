package constructs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsimagebuilder"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// ImagePipelineProps configures an ImagePipeline.
type ImagePipelineProps struct {
	Deployment  string        // Prefix of names, the same in both regions; lower-case letters, digits, single hyphens. Required.
	OtherRegion string        // Region that images are copied to. Required.
	Vpc         awsec2.IVpc   // Required.
	Schedule    string        // AWS cron expression in UTC. Required.
	Scheduled   bool          // Keep the schedule. Default: images are built only when somebody starts it, since the other region's pipeline keeps it.
	Keep        int           // Newest images of a tier that stay; at least 2, to have one to go back to. Required.
	LogDays     int           // Retention of the builds' logs. Required.
	Topic       awssns.ITopic // Is told of a build that fails. Required.
}

// ImagePipeline bakes the images of a region's servers by EC2 Image Builder and
// copies them to the other region. It stands in both, so that either can build when
// the other is gone; each region's servers find the newest image, whichever
// region built it, by a parameter of their own region's: ImageParameter.
//
// A recipe names its components by wildcard, so that it stays the same when they
// change: the lifecycle policy keeps so many images of each version of a recipe.
// Versions of both end in x, which Image Builder counts up.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/ibhow-semantic-versioning.html
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-lifecycle-rules.html
type ImagePipeline struct {
	scope     awsconstructs.Construct
	props     ImagePipelineProps
	stack     awscdk.Stack
	here      string // region
	other     string // region
	key       awskms.Key
	builders  awsec2.SecurityGroup
	machine   awsiam.Role
	profile   awsiam.InstanceProfile
	service   awsiam.Role
	lifecycle awsiam.Role
}

const (
	// automaticVersion is counted up with each change: a version is never changed.
	automaticVersion = "1.0.x"

	// An image that a server was launched from in so many weeks stays, whatever
	// came since: somebody may have gone back to it.
	launchedWeeks = 4

	// keepTag, "true" on an AMI, keeps it for good.
	keepTag = "keep"

	// buildSeconds is what the packages may take. A build lasts minutes.
	buildSeconds = 1800
)

// ImageParameter is the SSM parameter, one a region, that names the newest image
// of a tier. Image Builder's own policies know this path alone.
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSServiceRoleForImageBuilder.html
func ImageParameter(deployment, tier string) string {
	return fmt.Sprintf("/imagebuilder/%s/%s", deployment, tier)
}

// NewImagePipeline defines what the images of all tiers share, under scope/id.
func NewImagePipeline(scope awsconstructs.Construct, id string, props ImagePipelineProps) *ImagePipeline {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	stack := awscdk.Stack_Of(scope)
	p := &ImagePipeline{scope: scope, props: props, stack: stack, here: *stack.Region(), other: props.OtherRegion}
	p.addKey()
	p.addMachine()
	p.addServiceRole()
	p.addLifecycleRole()
	return p
}

// addKey encrypts the images of this region: those built here, and those that the
// other region copies here, which knows the key by its alias. It stays, as they
// do, when the stack goes.
//
// The default policy leaves it to IAM who may use it. Auto Scaling's role has no
// such permission of its own; as principal it would have to exist, which it does
// only after the account's first group.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
func (p *ImagePipeline) addKey() {
	p.key = awskms.NewKey(p.scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Server images of " + p.props.Deployment),
		Alias:             jsii.String(p.keyAlias()),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     outlivesStack,
	})
	autoScaling := condition{"aws:PrincipalArn": fmt.Sprintf("arn:%s:iam::%s:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
		*p.stack.Partition(), *p.stack.Account())}
	p.share("LaunchServers", condition{"ArnEquals": autoScaling},
		"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey")
	p.share("AttachVolumes", condition{"ArnEquals": autoScaling, "Bool": condition{"kms:GrantIsForAWSResource": true}},
		"kms:CreateGrant")
}

// share lets those use the key of whom the condition holds.
func (p *ImagePipeline) share(sid string, when condition, actions ...string) {
	p.key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String(sid),
		Principals: &[]awsiam.IPrincipal{awsiam.NewAnyPrincipal()},
		Actions:    jsii.Strings(actions...),
		Resources:  jsii.Strings("*"), // the key
		Conditions: &when,
	}), nil)
}

func (p *ImagePipeline) keyAlias() string { return "alias/" + p.props.Deployment + "-images" }

// arn is one of this account's.
func (p *ImagePipeline) arn(service, region, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", *p.stack.Partition(), service, region, *p.stack.Account(), resource)
}

// publicArn is one of no account's, such as every image's.
func (p *ImagePipeline) publicArn(service, region, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s::%s", *p.stack.Partition(), service, region, resource)
}

// inBoth is a resource of EC2 that is no account's, here and in the other region.
func (p *ImagePipeline) inBoth(resource string) []string {
	return []string{p.publicArn("ec2", p.here, resource), p.publicArn("ec2", p.other, resource)}
}

// addMachine is what the servers that build and test may do: be commanded by
// Systems Manager, fetch the program that runs components from AWS's own buckets
// and, see permit, read their components and write their logs.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/security-iam-awsmanpol.html
func (p *ImagePipeline) addMachine() {
	p.builders = closedGroup(p.scope, "Builders", p.props.Vpc, "Servers that build images: nobody reaches them")
	allowUpdates(p.builders)
	p.machine = machineRole(p.scope)
	p.allow(p.machine, []string{"s3:GetObject"}, []string{
		fmt.Sprintf("arn:%s:s3:::ec2imagebuilder-toe-%s-prod/*", *p.stack.Partition(), p.here),
		fmt.Sprintf("arn:%s:s3:::ec2imagebuilder-managed-resources-%s-prod/*", *p.stack.Partition(), p.here),
	}, nil)
	p.profile = awsiam.NewInstanceProfile(p.scope, jsii.String("Profile"), &awsiam.InstanceProfileProps{Role: p.machine})
}

// condition is one of a policy's statement.
type condition = map[string]any

// Image Builder marks all that it makes, as it makes it.
var (
	marked  = condition{"StringEquals": condition{"aws:ResourceTag/CreatedBy": "EC2 Image Builder"}}
	marking = condition{"StringEquals": condition{"aws:RequestTag/CreatedBy": "EC2 Image Builder"}}
)

// addServiceRole is what Image Builder may do: what its service-linked role may,
// less what these builds do not need, with these resources. It is a role of its
// own since writing the parameters takes one.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/cr-upd-ami-distribution-settings.html
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSServiceRoleForImageBuilder.html
func (p *ImagePipeline) addServiceRole() {
	p.service = p.imageBuilderRole("ServiceRole", "Lets EC2 Image Builder build, test and copy images")
	images, snapshots := p.inBoth("image/*"), p.inBoth("snapshot/*")
	ownImages, ownSnapshots := images[0], snapshots[0] // of this region
	instances, volumes := p.arn("ec2", p.here, "instance/*"), p.arn("ec2", p.here, "volume/*")

	p.allow(p.service, []string{"ec2:RunInstances"}, []string{ownImages, ownSnapshots, p.arn("ec2", p.here, "security-group/"+*p.builders.SecurityGroupId())}, nil)
	p.allow(p.service, []string{"ec2:RunInstances"}, []string{instances, volumes}, marking)
	p.allow(p.service, []string{"iam:PassRole"}, []string{*p.machine.RoleArn()},
		condition{"StringEquals": condition{"iam:PassedToService": "ec2.amazonaws.com"}})
	p.allow(p.service, []string{"ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances", "ec2:CreateImage", "ec2:DescribeInstanceAttribute"}, []string{instances}, marked)
	p.allow(p.service, []string{"ec2:CreateImage"}, []string{ownImages, ownSnapshots}, nil)
	p.allow(p.service, []string{"ec2:CopyImage"}, slices.Concat(images, snapshots), nil)
	p.allow(p.service, []string{"ec2:CreateTags", "ec2:ModifyImageAttribute"}, images, nil)
	p.allow(p.service, []string{"ec2:CreateTags"}, append([]string{instances, volumes}, snapshots...), marking)
	p.allow(p.service, []string{"ec2:DeregisterImage"}, images, marked)
	p.allow(p.service, []string{"ec2:ModifySnapshotAttribute"}, snapshots, marked)
	p.allow(p.service, []string{"ssm:SendCommand"}, []string{p.publicArn("ssm", p.here, "document/AWS-RunShellScript")}, nil)
	p.allow(p.service, []string{"ssm:SendCommand"}, []string{instances}, condition{"StringEquals": condition{"ssm:resourceTag/CreatedBy": "EC2 Image Builder"}})
	p.allow(p.service, []string{"events:PutRule", "events:PutTargets", "events:DescribeRule", "events:RemoveTargets", "events:DeleteRule"},
		[]string{p.arn("events", p.here, "rule/ImageBuilder-*")}, nil)
	p.allow(p.service, []string{
		"ec2:DescribeImages", "ec2:DescribeInstanceStatus", "ec2:DescribeInstances",
		"ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes", "ec2:DescribeSnapshots", "ec2:DescribeSubnets", "ec2:DescribeTags",
		"ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation", "ssm:ListCommandInvocations", "ssm:ListCommands",
	}, []string{"*"}, nil) // none of them has resource-level permissions

	// Of the other region's key nothing is known but its alias.
	keys := []string{*p.key.KeyArn(), p.arn("kms", p.other, "key/*")}
	viaEC2 := condition{"kms:ViaService": []string{"ec2." + p.here + ".amazonaws.com", "ec2." + p.other + ".amazonaws.com"}}
	ours := condition{"kms:ResourceAliases": p.keyAlias()}
	p.allow(p.service, []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"}, keys,
		condition{"StringEquals": viaEC2, "ForAnyValue:StringEquals": ours})
	p.allow(p.service, []string{"kms:CreateGrant"}, keys,
		condition{"StringEquals": viaEC2, "ForAnyValue:StringEquals": ours, "Bool": condition{"kms:GrantIsForAWSResource": true}})
	acknowledge(p.service, "AwsSolutions-IAM5", "What a build makes has an id that only AWS knows, and Image Builder's mark; to list and to describe has no resource-level permission")
}

// addLifecycleRole is what the lifecycle policies may do, in both regions.
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderLifecycleExecutionPolicy.html
func (p *ImagePipeline) addLifecycleRole() {
	p.lifecycle = p.imageBuilderRole("LifecycleRole", "Lets EC2 Image Builder delete old images")
	p.allow(p.lifecycle, []string{"ec2:DeregisterImage", "ec2:DescribeImageAttribute"}, p.inBoth("image/*"), marked)
	p.allow(p.lifecycle, []string{"ec2:DeleteSnapshot"}, p.inBoth("snapshot/*"), marked)
	p.allow(p.lifecycle, []string{"ec2:DescribeImages", "tag:GetResources"}, []string{"*"}, nil) // neither has resource-level permissions
	acknowledge(p.lifecycle, "AwsSolutions-IAM5", "Images have ids that only AWS knows, and Image Builder's mark; to list them has no resource-level permission")
}

// imageBuilderRole is one that Image Builder assumes for this account alone.
func (p *ImagePipeline) imageBuilderRole(id, description string) awsiam.Role {
	return awsiam.NewRole(p.scope, jsii.String(id), &awsiam.RoleProps{
		Description: jsii.String(description),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("imagebuilder.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": p.stack.Account()}},
		}),
	})
}

func (p *ImagePipeline) allow(role awsiam.Role, actions, resources []string, when condition) {
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...)}
	if when != nil {
		props.Conditions = &when
	}
	role.AddToPrincipalPolicy(awsiam.NewPolicyStatement(props))
}

// Bake has the pipeline make images for a tier of servers, in its own subnets.
// The name is part of ImageParameter's.
func (p *ImagePipeline) Bake(name string, tier *ServerTier) {
	scope := awsconstructs.NewConstruct(p.scope, tier.scope.Node().Id())
	prefix := p.props.Deployment + "-" + name
	subnet := (*p.props.Vpc.SelectSubnets(tier.props.ServerSubnets).SubnetIds)[0]
	buildLogs := newLogGroup(scope, "BuildLogs", p.props.LogDays, "/aws/imagebuilder/"+prefix)
	pipelineLogs := newLogGroup(scope, "PipelineLogs", p.props.LogDays, "/aws/imagebuilder/pipeline/"+prefix)
	p.permit(prefix, ImageParameter(p.props.Deployment, name), ubuntu(tier.props.InstanceType), subnet, buildLogs, pipelineLogs)

	pipeline := awsimagebuilder.NewCfnImagePipeline(scope, jsii.String("Pipeline"), &awsimagebuilder.CfnImagePipelineProps{
		Name:                           jsii.String(prefix),
		Description:                    jsii.String("Image of the " + name + " servers, for both regions"),
		ImageRecipeArn:                 p.recipe(scope, prefix, tier).AttrArn(),
		InfrastructureConfigurationArn: p.infrastructure(scope, prefix, tier.props.InstanceType, subnet).AttrArn(),
		DistributionConfigurationArn:   p.distribution(scope, prefix, name).AttrArn(),
		ExecutionRole:                  p.service.RoleArn(),
		ImageTestsConfiguration:        &awsimagebuilder.CfnImagePipeline_ImageTestsConfigurationProperty{ImageTestsEnabled: jsii.Bool(true)},
		// Image is the lifecycle policy's; by deployment a destroy lists what stays.
		ImageTags: &map[string]*string{"Image": jsii.String(prefix), "deployment": jsii.String(p.props.Deployment)},
		// An inventory of packages, for which Image Builder would need more permissions.
		EnhancedImageMetadataEnabled: jsii.Bool(false),
		LoggingConfiguration: &awsimagebuilder.CfnImagePipeline_PipelineLoggingConfigurationProperty{
			ImageLogGroupName:    buildLogs.LogGroupName(),
			PipelineLogGroupName: pipelineLogs.LogGroupName(),
		},
		Schedule: &awsimagebuilder.CfnImagePipeline_ScheduleProperty{
			ScheduleExpression: jsii.String(p.props.Schedule),
			// Packages have newer versions whether or not Canonical's image has.
			PipelineExecutionStartCondition: jsii.String("EXPRESSION_MATCH_ONLY"),
		},
		Status: jsii.String(status(p.props.Scheduled)),
	})
	pipeline.Node().AddDependency(p.service, p.machine) // with what they may do
	p.expire(scope, prefix)
	p.notifyFailures(scope, prefix)
}

// permit is what the roles may do for one tier's images.
func (p *ImagePipeline) permit(prefix, parameter, parent string, subnet *string, logs ...awslogs.LogGroup) {
	subnetArn := p.arn("ec2", p.here, "subnet/"+*subnet)
	p.allow(p.service, []string{"ec2:RunInstances"}, []string{subnetArn}, nil)
	p.allow(p.service, []string{"ec2:RunInstances"}, []string{p.arn("ec2", p.here, "network-interface/*")}, condition{"ArnEquals": condition{"ec2:Subnet": subnetArn}})
	p.allow(p.service, []string{"ssm:GetParameter"}, []string{p.publicArn("ssm", p.here, "parameter"+parent)}, nil)
	p.allow(p.service, []string{"ssm:GetParameter", "ssm:PutParameter"},
		[]string{p.arn("ssm", p.here, "parameter"+parameter), p.arn("ssm", p.other, "parameter"+parameter)}, nil)
	for _, role := range []awsiam.Role{p.service, p.machine} {
		for _, group := range logs {
			group.Grant(role, jsii.String("logs:CreateLogGroup"), jsii.String("logs:CreateLogStream"), jsii.String("logs:PutLogEvents"))
		}
	}
	p.allow(p.machine, []string{"imagebuilder:GetComponent"},
		[]string{p.arn("imagebuilder", p.here, "component/"+prefix+"-build/*"), p.arn("imagebuilder", p.here, "component/"+prefix+"-test/*")}, nil)
	p.allow(p.lifecycle, []string{"imagebuilder:DeleteImage"}, []string{p.arn("imagebuilder", p.here, "image/"+prefix+"/*")}, nil)
}

// status of a pipeline is that of its schedule: a disabled one can be started.
func status(enabled bool) string {
	if enabled {
		return "ENABLED"
	}
	return "DISABLED"
}

// recipe is plain Ubuntu and the tier's own scripts. Its volume is as small as
// Ubuntu's image: the launch template makes it larger.
func (p *ImagePipeline) recipe(scope awsconstructs.Construct, prefix string, tier *ServerTier) awsimagebuilder.CfnImageRecipe {
	return awsimagebuilder.NewCfnImageRecipe(scope, jsii.String("Recipe"), &awsimagebuilder.CfnImageRecipeProps{
		Name:        jsii.String(prefix),
		Version:     jsii.String(automaticVersion),
		ParentImage: jsii.String("ssm:" + ubuntu(tier.props.InstanceType)),
		Components: []any{
			p.component(scope, "Build", prefix+"-build", "build", tier.image.Build),
			p.component(scope, "Test", prefix+"-test", "test", tier.image.Test),
		},
		BlockDeviceMappings: []any{&awsimagebuilder.CfnImageRecipe_InstanceBlockDeviceMappingProperty{
			DeviceName: jsii.String("/dev/sda1"), // Ubuntu's root device
			Ebs: &awsimagebuilder.CfnImageRecipe_EbsInstanceBlockDeviceSpecificationProperty{
				VolumeType:          jsii.String("gp3"),
				Encrypted:           jsii.Bool(true),
				KmsKeyId:            p.key.KeyArn(),
				DeleteOnTermination: jsii.Bool(true),
			},
		}},
	})
}

// component runs a script in a phase of a build. The document is YAML:
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html
func (p *ImagePipeline) component(scope awsconstructs.Construct, id, name, phase, script string) *awsimagebuilder.CfnImageRecipe_ComponentConfigurationProperty {
	if strings.Contains(script, "{{") {
		panic(fmt.Sprintf("%s: the script has {{, which Image Builder takes for its own", *scope.Node().Path()))
	}
	const document = `schemaVersion: 1.0
phases:
  - name: %s
    steps:
      - name: Script
        action: ExecuteBash
        timeoutSeconds: %d
        inputs:
          commands:
            - |
`
	const indent = "              "
	data := fmt.Sprintf(document, phase, buildSeconds) + indent + strings.ReplaceAll(strings.TrimSpace(script), "\n", "\n"+indent) + "\n"
	component := awsimagebuilder.NewCfnComponent(scope, jsii.String(id), &awsimagebuilder.CfnComponentProps{
		Name:     jsii.String(name),
		Version:  jsii.String(automaticVersion),
		Platform: jsii.String("Linux"),
		Data:     jsii.String(data),
	})
	return &awsimagebuilder.CfnImageRecipe_ComponentConfigurationProperty{ComponentArn: component.AttrLatestVersionArn()}
}

// infrastructure is what builds and tests: a server as the tier's own that nobody
// reaches and that never stays.
func (p *ImagePipeline) infrastructure(scope awsconstructs.Construct, prefix, instanceType string, subnet *string) awsimagebuilder.CfnInfrastructureConfiguration {
	return awsimagebuilder.NewCfnInfrastructureConfiguration(scope, jsii.String("Infrastructure"), &awsimagebuilder.CfnInfrastructureConfigurationProps{
		Name:                jsii.String(prefix),
		InstanceProfileName: p.profile.InstanceProfileName(),
		InstanceTypes:       jsii.Strings(instanceType),
		SubnetId:            subnet,
		SecurityGroupIds:    &[]*string{p.builders.SecurityGroupId()},
		InstanceMetadataOptions: &awsimagebuilder.CfnInfrastructureConfiguration_InstanceMetadataOptionsProperty{
			HttpTokens:              jsii.String("required"),
			HttpPutResponseHopLimit: jsii.Number(1),
		},
		TerminateInstanceOnFailure: jsii.Bool(true),
	})
}

// distribution copies an image that passed its test, and then names it in each
// region's parameter. Here it is encrypted already.
func (p *ImagePipeline) distribution(scope awsconstructs.Construct, prefix, name string) awsimagebuilder.CfnDistributionConfiguration {
	to := func(region string) *awsimagebuilder.CfnDistributionConfiguration_DistributionProperty {
		// No L1 type: its keys come out in camel case, which CloudFormation does not know.
		ami := map[string]any{
			"Name":    prefix + " {{ imagebuilder:buildDate }}",
			"AmiTags": map[string]string{"Name": prefix, "deployment": p.props.Deployment},
		}
		if region == p.other {
			ami["KmsKeyId"] = p.arn("kms", p.other, p.keyAlias())
		}
		return &awsimagebuilder.CfnDistributionConfiguration_DistributionProperty{
			Region:                       jsii.String(region),
			AmiDistributionConfiguration: ami,
			SsmParameterConfigurations: []any{&awsimagebuilder.CfnDistributionConfiguration_SsmParameterConfigurationProperty{
				ParameterName: jsii.String(ImageParameter(p.props.Deployment, name)),
				DataType:      jsii.String("aws:ec2:image"),
			}},
		}
	}
	return awsimagebuilder.NewCfnDistributionConfiguration(scope, jsii.String("Distribution"), &awsimagebuilder.CfnDistributionConfigurationProps{
		Name:          jsii.String(prefix),
		Distributions: []any{to(p.here), to(p.other)},
	})
}

// expire deletes older images of this pipeline, with their AMIs and snapshots in
// both regions. By count, not age: when builds fail for long, the last one that
// worked stays, and it is what the parameters name.
func (p *ImagePipeline) expire(scope awsconstructs.Construct, prefix string) {
	policy := awsimagebuilder.NewCfnLifecyclePolicy(scope, jsii.String("Lifecycle"), &awsimagebuilder.CfnLifecyclePolicyProps{
		Name:              jsii.String(prefix),
		ExecutionRole:     p.lifecycle.RoleArn(),
		ResourceType:      jsii.String("AMI_IMAGE"),
		ResourceSelection: &awsimagebuilder.CfnLifecyclePolicy_ResourceSelectionProperty{TagMap: &map[string]*string{"Image": jsii.String(prefix)}},
		Status:            jsii.String(status(true)),
		PolicyDetails: []any{&awsimagebuilder.CfnLifecyclePolicy_PolicyDetailProperty{
			Action: &awsimagebuilder.CfnLifecyclePolicy_ActionProperty{
				Type:             jsii.String("DELETE"),
				IncludeResources: &awsimagebuilder.CfnLifecyclePolicy_IncludeResourcesProperty{Amis: jsii.Bool(true), Snapshots: jsii.Bool(true)},
			},
			Filter: &awsimagebuilder.CfnLifecyclePolicy_FilterProperty{Type: jsii.String("COUNT"), Value: jsii.Number(p.props.Keep)},
			ExclusionRules: &awsimagebuilder.CfnLifecyclePolicy_ExclusionRulesProperty{
				Amis: &awsimagebuilder.CfnLifecyclePolicy_AmiExclusionRulesProperty{
					LastLaunched: &awsimagebuilder.CfnLifecyclePolicy_LastLaunchedProperty{Unit: jsii.String("WEEKS"), Value: jsii.Number(launchedWeeks)},
					TagMap:       &map[string]*string{keepTag: jsii.String("true")},
				},
			},
		}},
	})
	policy.Node().AddDependency(p.lifecycle)
}

// notifyFailures publishes through a role, as BackupPlan's rule does.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-eventbridge.html
func (p *ImagePipeline) notifyFailures(scope awsconstructs.Construct, prefix string) {
	rule := awsevents.NewRule(scope, jsii.String("Failures"), &awsevents.RuleProps{
		Description: jsii.String("Images " + prefix + " whose build, test or copy failed; state.reason says why"),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.imagebuilder"),
			DetailType: jsii.Strings("EC2 Image Builder Image State Change"),
			Resources:  awsevents.Match_Prefix(jsii.String(p.arn("imagebuilder", p.here, "image/"+prefix+"/"))),
			Detail:     &map[string]any{"state": map[string]any{"status": []string{"FAILED"}}},
		},
		Targets: &[]awsevents.IRuleTarget{
			awseventstargets.NewSnsTopic(p.props.Topic, &awseventstargets.SnsTopicProps{AuthorizeUsingRole: jsii.Bool(true)}),
		},
	})
	acknowledge(rule, "AwsSolutions-IAM5", keyOfTopic)
}
