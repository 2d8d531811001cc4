package constructs

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	acm "github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfrontorigins"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53targets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// EdgeProps configures an Edge.
type EdgeProps struct {
	SiteName           string                 // Name of the site, such as threetier.example.com. Required.
	Zone               awsroute53.IHostedZone // Public hosted zone of that name. Required.
	PrimaryOrigin      string                 // Name of the web servers that serve: a failover name, so that a long outage costs no retry a request. Required.
	FallbackOrigin     string                 // Name of the standby's web servers, for the seconds until the failover. Required.
	PriceClass         string                 // PriceClass_100, PriceClass_200 or PriceClass_All. Required.
	ConnectionAttempts int                    // To an origin before the next is tried, 1 to 3. Required.
	ConnectionTimeout  time.Duration          // Of one attempt, 1s to 10s. Required.
	ReadTimeout        time.Duration          // For an origin's response, 1s to 120s. Required.
	ApiURL             string                 // Origin of the API that the site calls, such as https://api.example.com. Required.
	WebAcl             *WebAcl                // With CloudFront. Required.
	LogDays            int                    // Days that access logs are kept. Required.
}

// Edge is the site's CloudFront distribution, its certificate, its names and its
// access logs. The stack must be in us-east-1.
type Edge struct {
	scope        awsconstructs.Construct
	distribution awscloudfront.Distribution
}

// failoverStatusCodes is every code that an origin group can fail over on:
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html
// A 404 is worth asking the other region too: during a deployment a page may
// name a file that only that region has.
var failoverStatusCodes = []float64{400, 403, 404, 416, 429, 500, 502, 503, 504}

// cachedStatusCodes is the passing errors that CloudFront would cache for 10 s, a
// 404 among them for the reason above. Only assets are affected: pages are not
// cached, and neither are their errors.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html#HTTPStatusCodes-cached-errors
var cachedStatusCodes = []float64{404, 500, 502, 503, 504}

var priceClasses = map[string]awscloudfront.PriceClass{
	"PriceClass_100": awscloudfront.PriceClass_PRICE_CLASS_100,
	"PriceClass_200": awscloudfront.PriceClass_PRICE_CLASS_200,
	"PriceClass_All": awscloudfront.PriceClass_PRICE_CLASS_ALL,
}

// NewEdge defines the distribution and what belongs to it under scope/id.
func NewEdge(scope awsconstructs.Construct, id string, props EdgeProps) *Edge {
	scope = awsconstructs.NewConstruct(scope, jsii.String(id))
	mustBeInUsEast1(scope, "Edge")
	e := &Edge{scope: scope}
	e.addDistribution(props)
	e.addNames(props)
	e.addAccessLog(props.LogDays)
	return e
}

// mustBeInUsEast1 panics in a stack of another region: CloudFront takes its
// certificate, its web ACL and its log delivery from us-east-1 only.
func mustBeInUsEast1(scope awsconstructs.Construct, construct string) {
	region := awscdk.Stack_Of(scope).Region()
	if !*awscdk.Token_IsUnresolved(region) && *region != "us-east-1" {
		panic(fmt.Sprintf("%s: %s: want a stack in us-east-1 (got %s)", *scope.Node().Path(), construct, *region))
	}
}

func (e *Edge) addDistribution(props EdgeProps) {
	priceClass, ok := priceClasses[props.PriceClass]
	if !ok {
		panic(fmt.Sprintf("EdgeProps.PriceClass: want PriceClass_100, PriceClass_200 or PriceClass_All (got %q)", props.PriceClass))
	}
	page := &awscloudfront.BehaviorOptions{
		Origin:                origins(props),
		AllowedMethods:        awscloudfront.AllowedMethods_ALLOW_GET_HEAD_OPTIONS(),
		CachedMethods:         awscloudfront.CachedMethods_CACHE_GET_HEAD_OPTIONS(), // failoverStatusCodes' source: OPTIONS fails over only if it is cached
		ViewerProtocolPolicy:  awscloudfront.ViewerProtocolPolicy_REDIRECT_TO_HTTPS,
		CachePolicy:           awscloudfront.CachePolicy_CACHING_DISABLED(),
		OriginRequestPolicy:   awscloudfront.OriginRequestPolicy_ALL_VIEWER(),
		ResponseHeadersPolicy: e.securityHeaders(props.ApiURL),
	}
	// Names under /assets/ have the file's hash in them. What the viewer sends
	// makes no difference there, so nothing of it reaches the origin.
	asset := *page
	asset.CachePolicy = awscloudfront.CachePolicy_CACHING_OPTIMIZED()
	asset.OriginRequestPolicy = nil

	e.distribution = awscloudfront.NewDistribution(e.scope, jsii.String("Distribution"), &awscloudfront.DistributionProps{
		Comment:             jsii.String(props.SiteName),
		DomainNames:         jsii.Strings(props.SiteName),
		Certificate:         e.certificate(props),
		DefaultBehavior:     page,
		AdditionalBehaviors: &map[string]*awscloudfront.BehaviorOptions{"/assets/*": &asset},
		DefaultRootObject:   jsii.String("index.html"),
		ErrorResponses:      uncachedErrors(),
		PriceClass:          priceClass,
		WebAclId:            jsii.String(props.WebAcl.Arn()),
		HttpVersion:         awscloudfront.HttpVersion_HTTP2_AND_3,
		EnableIpv6:          jsii.Bool(true),
		// The newest policy but one: TLSv1.3_2025 shuts out clients that the
		// API's load balancers still serve.
		MinimumProtocolVersion: awscloudfront.SecurityPolicyProtocol_TLS_V1_2_2025,
	})
	acknowledge(e.distribution, "AwsSolutions-CFR1", "A public site, for visitors from anywhere")
}

// uncachedErrors leaves the errors as the server wrote them, but caches none: the
// next request asks both regions again.
func uncachedErrors() *[]*awscloudfront.ErrorResponse {
	var responses []*awscloudfront.ErrorResponse
	for _, code := range cachedStatusCodes {
		responses = append(responses, &awscloudfront.ErrorResponse{HttpStatus: jsii.Number(code), Ttl: seconds(0)})
	}
	return &responses
}

func origins(props EdgeProps) awscloudfront.IOrigin {
	origin := func(name string) awscloudfront.IOrigin {
		return awscloudfrontorigins.NewHttpOrigin(jsii.String(name), &awscloudfrontorigins.HttpOriginProps{
			ProtocolPolicy:     awscloudfront.OriginProtocolPolicy_HTTPS_ONLY,
			OriginSslProtocols: &[]awscloudfront.OriginSslPolicy{awscloudfront.OriginSslPolicy_TLS_V1_2},
			ConnectionAttempts: jsii.Number(props.ConnectionAttempts),
			ConnectionTimeout:  seconds(props.ConnectionTimeout),
			ReadTimeout:        seconds(props.ReadTimeout),
		})
	}
	return awscloudfrontorigins.NewOriginGroup(&awscloudfrontorigins.OriginGroupProps{
		PrimaryOrigin:       origin(props.PrimaryOrigin),
		FallbackOrigin:      origin(props.FallbackOrigin),
		FallbackStatusCodes: jsii.Numbers(failoverStatusCodes...),
	})
}

func (e *Edge) certificate(props EdgeProps) acm.ICertificate {
	return acm.NewCertificate(e.scope, jsii.String("Certificate"), &acm.CertificateProps{
		DomainName: jsii.String(props.SiteName),
		Validation: acm.CertificateValidation_FromDns(props.Zone),
	})
}

// securityHeaders are the same for every response. Pictures may come from
// anywhere, since the user names them; a site that needs another content
// security policy sends its own.
func (e *Edge) securityHeaders(apiURL string) awscloudfront.ResponseHeadersPolicy {
	contentSecurityPolicy := strings.Join([]string{
		"default-src 'self'",
		"connect-src 'self' " + apiURL,
		"img-src 'self' data: https:",
		"object-src 'none'",
		"base-uri 'self'",
		"form-action 'self'",
		"frame-ancestors 'none'",
	}, "; ")
	return awscloudfront.NewResponseHeadersPolicy(e.scope, jsii.String("SecurityHeaders"), &awscloudfront.ResponseHeadersPolicyProps{
		SecurityHeadersBehavior: &awscloudfront.ResponseSecurityHeadersBehavior{
			ContentSecurityPolicy: &awscloudfront.ResponseHeadersContentSecurityPolicy{
				ContentSecurityPolicy: jsii.String(contentSecurityPolicy), Override: jsii.Bool(false),
			},
			StrictTransportSecurity: &awscloudfront.ResponseHeadersStrictTransportSecurity{
				AccessControlMaxAge: days(365), IncludeSubdomains: jsii.Bool(true), Override: jsii.Bool(true),
			},
			ContentTypeOptions: &awscloudfront.ResponseHeadersContentTypeOptions{Override: jsii.Bool(true)},
			FrameOptions: &awscloudfront.ResponseHeadersFrameOptions{
				FrameOption: awscloudfront.HeadersFrameOption_DENY, Override: jsii.Bool(true),
			},
			ReferrerPolicy: &awscloudfront.ResponseHeadersReferrerPolicy{
				ReferrerPolicy: awscloudfront.HeadersReferrerPolicy_STRICT_ORIGIN_WHEN_CROSS_ORIGIN, Override: jsii.Bool(true),
			},
		},
	})
}

func (e *Edge) addNames(props EdgeProps) {
	target := awsroute53.RecordTarget_FromAlias(awsroute53targets.NewCloudFrontTarget(e.distribution))
	name := jsii.String(props.SiteName)
	awsroute53.NewARecord(e.scope, jsii.String("Site"), &awsroute53.ARecordProps{Zone: props.Zone, RecordName: name, Target: target})
	awsroute53.NewAaaaRecord(e.scope, jsii.String("SiteIpv6"), &awsroute53.AaaaRecordProps{Zone: props.Zone, RecordName: name, Target: target})
}

// addAccessLog delivers standard logs (v2), which unlike the older ones need no
// bucket with access control lists. The delivery waits for the bucket's policy,
// else the log service writes one of its own and CloudFormation then fails.
func (e *Edge) addAccessLog(logDays int) {
	bucket := awss3.NewBucket(e.scope, jsii.String("AccessLogBucket"), &awss3.BucketProps{
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		EnforceSSL:        jsii.Bool(true),
		LifecycleRules:    &[]*awss3.LifecycleRule{{Expiration: days(logDays)}},
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN, // a bucket with logs can't be deleted; the rule empties it
	})
	e.allowDelivery(bucket)
	acknowledge(bucket, "AwsSolutions-S1", "It is where access logs go; logging its own access would log the logging")
	acknowledge(e.distribution, "AwsSolutions-CFR3", "Its access logs are delivered by CloudWatch Logs, below, which the rule does not know")
	name := *awscdk.Names_UniqueResourceName(e.scope, &awscdk.UniqueResourceNameOptions{Separator: jsii.String("-"), MaxLength: jsii.Number(60)})
	source := awslogs.NewCfnDeliverySource(e.scope, jsii.String("AccessLogSource"), &awslogs.CfnDeliverySourceProps{
		Name:        jsii.String(name),
		LogType:     jsii.String("ACCESS_LOGS"),
		ResourceArn: e.distribution.DistributionArn(),
	})
	destination := awslogs.NewCfnDeliveryDestination(e.scope, jsii.String("AccessLogDestination"), &awslogs.CfnDeliveryDestinationProps{
		Name:                   jsii.String(name),
		DestinationResourceArn: bucket.BucketArn(),
		OutputFormat:           jsii.String("json"),
	})
	delivery := awslogs.NewCfnDelivery(e.scope, jsii.String("AccessLogDelivery"), &awslogs.CfnDeliveryProps{
		DeliverySourceName:     source.Ref(),
		DeliveryDestinationArn: destination.AttrArn(),
	})
	delivery.Node().AddDependency(bucket.Policy())
}

func (e *Edge) allowDelivery(bucket awss3.Bucket) {
	stack := awscdk.Stack_Of(e.scope)
	bucket.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("delivery.logs.amazonaws.com"), nil)},
		Actions:    jsii.Strings("s3:PutObject"),
		Resources:  jsii.Strings(*bucket.ArnForObjects(jsii.String("AWSLogs/" + *stack.Account() + "/*"))),
		Conditions: &map[string]any{
			"StringEquals": map[string]any{"aws:SourceAccount": stack.Account(), "s3:x-amz-acl": "bucket-owner-full-control"},
			"ArnLike": map[string]any{"aws:SourceArn": stack.FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("logs"), Resource: jsii.String("delivery-source"), ResourceName: jsii.String("*"), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
			})},
		},
	}))
}

// Distribution is the distribution itself.
func (e *Edge) Distribution() awscloudfront.IDistribution { return e.distribution }
