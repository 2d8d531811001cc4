package constructs

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/assets/userdata"
)

// ServerTierProps is what a WebTier and an ApiTier have in common.
type ServerTierProps struct {
	Vpc                 awsec2.IVpc                        // Required.
	LoadBalancerSubnets *awsec2.SubnetSelection            // Public subnets. Required.
	ServerSubnets       *awsec2.SubnetSelection            // Subnets with a way out, for Ubuntu's packages. Required.
	Certificate         awscertificatemanager.ICertificate // Of the load balancer's names, in the stack's region. Required.
	AccessLogs          awss3.IBucket                      // Bucket for the load balancer's access logs, such as NewAccessLogBucket's. Default: no access logs.

	InstanceType string // EC2 instance type; its family decides between arm64 and x86. Required.
	Image        string // SSM parameter that names the servers' image, such as ImageParameter's. Default: Ubuntu's, made a server at boot.
	VolumeGiB    int    // Root volume. Required.
	HealthPath   string // Path that the load balancer asks. Required.
	Artifact     string // Path of the application, a .tar.gz file. Required.

	MinCapacity       int // At least 1: the stack waits for that many servers. Required.
	MaxCapacity       int // Required.
	CPUPercent        int // Average that scaling holds. Required.
	RequestsPerTarget int // Requests a minute and server that scaling holds. Required.

	ShipLogs bool // Ship logs to CloudWatch Logs. Default: they stay on the servers.
	LogDays  int  // Retention there, and of the other log groups of the tier. Required.

	Bastion *Bastion // Default: no SSH and no key pair; Session Manager works all the same.
}

// ServerTier is an internet-facing load balancer in front of servers of one
// kind, each made by a boot script from a plain Ubuntu image, or from one that an
// ImagePipeline baked.
type ServerTier struct {
	scope        awsconstructs.Construct
	props        ServerTierProps
	loadBalancer awselasticloadbalancingv2.ApplicationLoadBalancer
	targetGroup  awselasticloadbalancingv2.ApplicationTargetGroup
	servers      awsec2.SecurityGroup
	role         awsiam.Role
	userData     awsec2.UserData
	image        userdata.Image
	group        awsautoscaling.AutoScalingGroup
	system, logs awslogs.ILogGroup // Of boots and the system, and of what is served; nil without ShipLogs.
}

const (
	serverPort = 80

	// A connection that a client keeps open stays on the load balancer it was
	// opened to, whatever DNS says since. The default of an hour would pin
	// clients to a failed region.
	clientKeepAlive = 180 * time.Second

	// Servers close idle connections later than the load balancer (Apache:
	// files/site.conf of the user data), so that it never sends a request on a
	// connection that is being closed, which it would answer with 502.
	idleTimeout = 60 * time.Second

	// Requests here take milliseconds: this long after the last new one a
	// server may go. The API's unit is killed 25 s after it is told to stop.
	deregistrationDelay = 30 * time.Second

	healthInterval  = 10 * time.Second
	healthTimeout   = 5 * time.Second
	healthThreshold = 2

	// A boot takes about three minutes. Signals may take longer to arrive than
	// boots normally last; a server that boots is left alone nearly as long, and
	// its load is left out of scaling decisions until it is about to serve.
	signalTimeout = 15 * time.Minute
	healthGrace   = 10 * time.Minute
	warmup        = 4 * time.Minute
)

// NewAccessLogBucket defines a bucket for access logs that are kept for some
// days; it leaves, emptied, with its stack. One serves all of a stack's tiers.
func NewAccessLogBucket(scope awsconstructs.Construct, id string, logDays int) awss3.IBucket {
	return newPassingBucket(scope, id, logDays)
}

// newServerTier defines all but who may reach the load balancer and what the
// servers run.
func newServerTier(scope awsconstructs.Construct, id string, props ServerTierProps) *ServerTier {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	t := &ServerTier{scope: scope, props: props}
	t.addRole()
	t.addServers()
	t.addLoadBalancer()
	t.addScaling()
	return t
}

func (t *ServerTier) addRole() {
	t.role = machineRole(t.scope)
	t.role.AddToPrincipalPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings("elasticloadbalancing:DescribeTargetHealth"),
		Resources: jsii.Strings("*"), // it has no resource-level permission
	}))
}

func (t *ServerTier) addServers() {
	t.servers = closedGroup(t.scope, "Servers", t.props.Vpc, "Servers: from their load balancer only")
	allowUpdates(t.servers)
	// What the servers run is known later: see runs.
	t.userData = awsec2.UserData_ForLinux(nil)
	template := newMachine(t.scope, machineProps{
		InstanceType:  t.props.InstanceType,
		Image:         t.props.Image,
		VolumeGiB:     t.props.VolumeGiB,
		Role:          t.role,
		SecurityGroup: t.servers,
		UserData:      t.userData,
		KeyPair:       t.keyPair(),
	})
	t.group = awsautoscaling.NewAutoScalingGroup(t.scope, jsii.String("Group"), &awsautoscaling.AutoScalingGroupProps{
		Vpc:            t.props.Vpc,
		VpcSubnets:     t.props.ServerSubnets,
		LaunchTemplate: template,
		MinCapacity:    jsii.Number(t.props.MinCapacity),
		MaxCapacity:    jsii.Number(t.props.MaxCapacity), // no desired capacity: every deploy would reset it
		HealthChecks: awsautoscaling.HealthChecks_WithAdditionalChecks(&awsautoscaling.AdditionalHealthChecksOptions{
			AdditionalTypes: &[]awsautoscaling.AdditionalHealthCheckType{awsautoscaling.AdditionalHealthCheckType_ELB},
			GracePeriod:     seconds(healthGrace),
		}),
		DefaultInstanceWarmup: seconds(warmup),
		GroupMetrics:          &[]awsautoscaling.GroupMetrics{awsautoscaling.GroupMetrics_All()},
		Signals: awsautoscaling.Signals_WaitForMinCapacity(&awsautoscaling.SignalsOptions{
			MinSuccessPercentage: jsii.Number(100),
			Timeout:              seconds(signalTimeout),
		}),
		UpdatePolicy: awsautoscaling.UpdatePolicy_RollingUpdate(&awsautoscaling.RollingUpdateOptions{
			// Must be below the maximum: a group of exactly one server is
			// replaced with a gap. Otherwise the group grows by the batch first.
			MinInstancesInService: jsii.Number(min(t.props.MinCapacity, t.props.MaxCapacity-1)),
			MaxBatchSize:          jsii.Number(1),
		}),
	})
	// The first boot needs its permissions, its route out and its endpoints.
	t.waitFor(t.role, t.props.Vpc)
	acknowledge(t.group, "AwsSolutions-AS3", "Scaling is routine; people hear of servers that are unhealthy or gone, from the alarms of the target group")
	if t.props.Bastion != nil {
		t.servers.Connections().AllowFrom(t.props.Bastion.Connections(), awsec2.Port_SSH(), jsii.String("SSH from the bastion"))
	}
}

// waitFor has the servers, but not their scaling policies, launched after others.
func (t *ServerTier) waitFor(others ...awsconstructs.IDependable) {
	t.group.Node().DefaultChild().Node().AddDependency(others...)
}

func (t *ServerTier) keyPair() awsec2.IKeyPair {
	if t.props.Bastion == nil {
		return nil
	}
	return t.props.Bastion.keyPair
}

func (t *ServerTier) addLoadBalancer() {
	t.loadBalancer = awselasticloadbalancingv2.NewApplicationLoadBalancer(t.scope, jsii.String("LoadBalancer"), &awselasticloadbalancingv2.ApplicationLoadBalancerProps{
		Vpc:                     t.props.Vpc,
		VpcSubnets:              t.props.LoadBalancerSubnets,
		InternetFacing:          jsii.Bool(true),
		SecurityGroup:           closedGroup(t.scope, "LoadBalancerGroup", t.props.Vpc, "Load balancer: to its servers only"),
		DropInvalidHeaderFields: jsii.Bool(true),
		ClientKeepAlive:         seconds(clientKeepAlive),
		IdleTimeout:             seconds(idleTimeout),
	})
	if t.props.AccessLogs != nil {
		t.loadBalancer.LogAccessLogs(t.props.AccessLogs, jsii.String(*t.scope.Node().Id()))
	}
	t.targetGroup = awselasticloadbalancingv2.NewApplicationTargetGroup(t.scope, jsii.String("Targets"), &awselasticloadbalancingv2.ApplicationTargetGroupProps{
		Vpc:                 t.props.Vpc,
		TargetType:          awselasticloadbalancingv2.TargetType_INSTANCE,
		Protocol:            awselasticloadbalancingv2.ApplicationProtocol_HTTP,
		Port:                jsii.Number(serverPort),
		DeregistrationDelay: seconds(deregistrationDelay),
		HealthCheck: &awselasticloadbalancingv2.HealthCheck{
			Path:                    jsii.String(t.props.HealthPath),
			HealthyHttpCodes:        jsii.String("200"),
			Interval:                seconds(healthInterval),
			Timeout:                 seconds(healthTimeout),
			HealthyThresholdCount:   jsii.Number(healthThreshold),
			UnhealthyThresholdCount: jsii.Number(healthThreshold),
		},
	})
	listener := t.loadBalancer.AddListener(jsii.String("Https"), &awselasticloadbalancingv2.BaseApplicationListenerProps{
		Protocol:            awselasticloadbalancingv2.ApplicationProtocol_HTTPS,
		Certificates:        &[]awselasticloadbalancingv2.IListenerCertificate{t.props.Certificate},
		SslPolicy:           awselasticloadbalancingv2.SslPolicy_TLS13_12_RES_PQ,
		DefaultTargetGroups: &[]awselasticloadbalancingv2.IApplicationTargetGroup{t.targetGroup},
		Open:                jsii.Bool(false), // who may come in is said by the tier
	})
	t.waitFor(listener) // servers wait until it finds them healthy
	t.loadBalancer.AddRedirect(&awselasticloadbalancingv2.ApplicationLoadBalancerRedirectConfig{Open: jsii.Bool(false)})
}

func (t *ServerTier) addScaling() {
	t.group.AttachToApplicationTargetGroup(t.targetGroup)
	t.group.ScaleOnCpuUtilization(jsii.String("Cpu"), &awsautoscaling.CpuUtilizationScalingProps{
		TargetUtilizationPercent: jsii.Number(t.props.CPUPercent),
	})
	t.group.ScaleOnRequestCount(jsii.String("Requests"), &awsautoscaling.RequestCountScalingProps{
		TargetRequestsPerMinute: jsii.Number(t.props.RequestsPerTarget),
	})
}

// openToAll lets the whole internet reach the load balancer.
func (t *ServerTier) openToAll() {
	for _, port := range []awsec2.Port{awsec2.Port_HTTPS(), awsec2.Port_HTTP()} {
		t.loadBalancer.Connections().AllowFromAnyIpv4(port, jsii.String("Clients"))
	}
	acknowledge(t.scope, "AwsSolutions-EC23", "Browsers anywhere call the API, through its web ACL; port 80 only redirects")
}

// openToCloudFront lets CloudFront and Route 53's health checkers in, on 443
// alone. The checkers' group is given to the load balancer behind the L2's back,
// which would let each of its groups out to the servers.
func (t *ServerTier) openToCloudFront() {
	lists := newManagedPrefixLists(t.scope, "PrefixLists", t.props.LogDays)
	own := (*t.loadBalancer.Connections().SecurityGroups())[0]
	own.AddIngressRule(lists.cloudFront(), awsec2.Port_HTTPS(), jsii.String("CloudFront"), nil)
	checkers := closedGroup(t.scope, "HealthCheckersGroup", t.props.Vpc, "Load balancer: Route 53 health checkers")
	checkers.AddIngressRule(lists.healthCheckers(), awsec2.Port_HTTPS(), jsii.String("Route 53 health checkers"), nil)
	resource := t.loadBalancer.Node().DefaultChild().(awselasticloadbalancingv2.CfnLoadBalancer)
	resource.SetSecurityGroups(jsii.Strings(*own.SecurityGroupId(), *checkers.SecurityGroupId()))
}

// server is the values that all boot scripts take.
func (t *ServerTier) server() userdata.Server {
	stack := awscdk.Stack_Of(t.scope)
	artifact := awss3assets.NewAsset(t.scope, jsii.String("Artifact"), &awss3assets.AssetProps{Path: jsii.String(t.props.Artifact)})
	// Any archive of the bucket, not this one alone: while a deploy has replaced
	// the policy but not yet the servers, scaling adds some of the old release. An
	// asset's key is its hash and the last part of its file's name.
	t.role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings("s3:GetObject"),
		Resources: jsii.Strings(*artifact.Bucket().ArnForObjects(jsii.String("*.gz"))),
	}))
	// The group's logical id as text: a reference would close a circle, since
	// the group refers to the launch template.
	group := t.group.Node().DefaultChild().(awsautoscaling.CfnAutoScalingGroup)
	return userdata.Server{
		Region:     *stack.Region(),
		Stack:      *stack.StackName(),
		LogicalID:  *group.LogicalId(),
		Artifact:   userdata.Artifact{Bucket: *artifact.S3BucketName(), Key: *artifact.S3ObjectKey(), Hash: *artifact.AssetHash()},
		HealthPath: t.props.HealthPath,
		Targets:    *t.targetGroup.TargetGroupArn(),
		Logs:       t.addLogs(),
	}
}

func (t *ServerTier) addLogs() userdata.Logs {
	if !t.props.ShipLogs {
		return userdata.Logs{}
	}
	system := newLogGroup(t.scope, "SystemLogs", t.props.LogDays)
	application := newLogGroup(t.scope, "ApplicationLogs", t.props.LogDays)
	system.GrantWrite(t.role)
	application.GrantWrite(t.role)
	t.system, t.logs = system, application
	return userdata.Logs{System: *system.LogGroupName(), Application: *application.LogGroupName()}
}

// runs sets the boot script, and the scripts of an image that spares it a part.
func (t *ServerTier) runs(server interface {
	Script() string
	Image() userdata.Image
},
) {
	t.userData.AddCommands(jsii.String(server.Script()))
	t.image = server.Image()
}

// LoadBalancer is the internet-facing load balancer.
func (t *ServerTier) LoadBalancer() awselasticloadbalancingv2.ApplicationLoadBalancer {
	return t.loadBalancer
}

// TargetGroup is the servers as the load balancer sees them.
func (t *ServerTier) TargetGroup() awselasticloadbalancingv2.ApplicationTargetGroup {
	return t.targetGroup
}

// AutoScalingGroup is the servers.
func (t *ServerTier) AutoScalingGroup() awsautoscaling.AutoScalingGroup { return t.group }

// Connections is the servers' security group.
func (t *ServerTier) Connections() awsec2.Connections { return t.servers.Connections() }
