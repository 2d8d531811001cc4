package constructs

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssynthetics"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/assets/canaries"
)

// CanariesProps configures Canaries.
type CanariesProps struct {
	Deployment   string        // Name of the deployment, part of the canaries' names: lower-case letters, digits, hyphens. Required.
	SiteURL      string        // The site, as visitors know it. Required.
	ClientApiURL string        // A path of the API that answers 200, by the name that visitors' browsers use. Required.
	ApiURL       string        // The same path, by this region's own name. Required.
	Every        time.Duration // Between two runs, whole minutes, 1 to 60. Required.
	LogDays      int           // Days that the results of runs are kept. Required.
}

// Canaries is two programs that ask, from the stack's region, as a visitor does: one
// for the site and the API behind it, wherever DNS leads, and one for this region's
// API. They change nothing.
//
// None asks for this region's web servers by their own name: their load balancer
// lets in CloudFront and Route 53's health checkers only, and those ask for them,
// every few seconds and from several places.
//
// What a canary leaves behind is deleted with it: its function and layer by
// Synthetics, its results with their bucket. It gets no permission to log, since
// the log group of its function would stay, and for ever; the results have the log.
type Canaries struct {
	scope     awsconstructs.Construct
	site, api canary
}

// canary is one of them.
type canary struct {
	awssynthetics.Canary
	name  string
	every time.Duration
}

// canaryRuntime has no browser, and Node.js 22. The CDK has no name for it yet.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Library_Nodejs.html
const canaryRuntime = "syn-nodejs-5.2"

// maxResultDays is what Synthetics keeps at most; the bucket has them for longer.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-synthetics-canary.html
const maxResultDays = 455

// NewCanaries defines the canaries, their role and their bucket under scope/id.
func NewCanaries(scope awsconstructs.Construct, id string, props CanariesProps) *Canaries {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	c := &Canaries{scope: scope}
	results := newPassingBucket(scope, "Results", props.LogDays)
	role := c.newRole(results)
	add := func(id, name string, environment map[string]*string) canary {
		return canary{awssynthetics.NewCanary(scope, jsii.String(id), &awssynthetics.CanaryProps{
			CanaryName: jsii.String(name),
			Runtime:    awssynthetics.NewRuntime(jsii.String(canaryRuntime), awssynthetics.RuntimeFamily_NODEJS),
			Test: awssynthetics.Test_Custom(&awssynthetics.CustomTestOptions{
				// Inline: CloudFormation then packs it into the folder where this runtime
				// looks for it, which is documented for others only.
				Code:    awssynthetics.Code_FromInline(jsii.String(canaries.Script)),
				Handler: jsii.String("index.handler"),
			}),
			EnvironmentVariables:       &environment,
			Schedule:                   awssynthetics.Schedule_Rate(seconds(props.Every)),
			Timeout:                    seconds(time.Minute),
			Memory:                     awscdk.Size_Mebibytes(jsii.Number(960)), // the least there is
			Role:                       role,
			ArtifactsBucketLocation:    &awssynthetics.ArtifactsBucketLocation{Bucket: results, Prefix: jsii.String(id)},
			SuccessRetentionPeriod:     days(min(props.LogDays, maxResultDays)),
			FailureRetentionPeriod:     days(min(props.LogDays, maxResultDays)),
			ProvisionedResourceCleanup: jsii.Bool(true),
			ResourcesToReplicateTags:   &[]awssynthetics.ResourceToReplicateTags{awssynthetics.ResourceToReplicateTags_LAMBDA_FUNCTION},
		}), name, props.Every}
	}
	site, api := canaryNames(props.Deployment)
	c.site = add(siteID, site, map[string]*string{"SITE_URL": jsii.String(props.SiteURL), "API_URL": jsii.String(props.ClientApiURL)})
	c.api = add(apiID, api, map[string]*string{"API_URL": jsii.String(props.ApiURL), "API_REGION": awscdk.Stack_Of(scope).Region()})
	return c
}

// Ids of the canaries, and folders of their results.
const (
	siteID = "Site"
	apiID  = "Api"
)

// canaryNames is the same in each region of a deployment.
func canaryNames(deployment string) (site, api string) {
	return deployment + "-site", deployment + "-api"
}

// newRole may do what Synthetics asks of it, but for writing logs and traces:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_CanaryPermissions.html
func (c *Canaries) newRole(results awss3.IBucket) awsiam.Role {
	statement := func(action string, conditions map[string]any, resources ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions: jsii.Strings(action), Resources: jsii.Strings(resources...), Conditions: &conditions,
		})
	}
	role := awsiam.NewRole(c.scope, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("Lets canaries report what they found"),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		// Inline, so that they are there before the first run.
		InlinePolicies: &map[string]awsiam.PolicyDocument{"Report": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{
			Statements: &[]awsiam.PolicyStatement{
				statement("s3:PutObject", nil, *results.ArnForObjects(jsii.String(siteID + "/*")), *results.ArnForObjects(jsii.String(apiID + "/*"))),
				statement("s3:GetBucketLocation", nil, *results.BucketArn()),
				statement("s3:ListAllMyBuckets", nil, "*"), // it has no resource-level permission
				// Nor has this; its namespace narrows it.
				statement("cloudwatch:PutMetricData", map[string]any{"StringEquals": map[string]any{"cloudwatch:namespace": canaryNamespace}}, "*"),
			},
		})},
	})
	acknowledge(role, "AwsSolutions-IAM5", "Results are named by the time of a run; ListAllMyBuckets and PutMetricData have no resource-level permission")
	return role
}

// canaryNamespace is where Synthetics puts its metrics:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_metrics.html
const canaryNamespace = "CloudWatchSynthetics"

// success is the percentage of runs that succeeded, between two of which a period lies.
func (c canary) success() awscloudwatch.IMetric {
	return canaryMetric("SuccessPercent", c.name, "", *awscdk.Stack_Of(c.Canary).Region(), c.every)
}

func canaryMetric(name, canary, label, region string, every time.Duration) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(canaryNamespace),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{"CanaryName": jsii.String(canary)},
		Statistic:     jsii.String("Average"),
		Period:        seconds(every),
		Label:         optionalString(label),
		Region:        jsii.String(region),
	})
}
