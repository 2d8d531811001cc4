package test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

// The ids of AWS's managed policies:
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
const (
	cachingDisabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	allViewer        = "216adef6-5c7f-47e4-b989-5492eafa07d3"
)

func TestEdgeDistribution(t *testing.T) {
	for _, tt := range []struct{ standby, priceClass string }{
		{west, "PriceClass_100"},
		{east, "PriceClass_All"},
	} {
		t.Run("standby "+tt.standby, func(t *testing.T) {
			stack := newStack(t, east)
			edge(stack, func(props *constructs.EdgeProps) {
				props.FallbackOrigin, props.PriceClass = constructs.RegionName("web", tt.standby, "example.com"), tt.priceClass
			})
			template := templateOf(t, stack)
			certificate := template.only("the certificate is the site's own", "AWS::CertificateManager::Certificate", object{
				"DomainName": "threetier.example.com", "ValidationMethod": "DNS",
				"DomainValidationOptions": []object{{"DomainName": "threetier.example.com", "HostedZoneId": "Z0EXAMPLE"}},
			})
			webACL := template.only("there is one web ACL", "AWS::WAFv2::WebACL", object{})
			distribution := func(intent string, config object) {
				t.Helper()
				template.has(intent, "AWS::CloudFront::Distribution", object{"DistributionConfig": like(config)})
			}
			distribution("the site is served over TLS, HTTP/2 and 3, IPv6, behind the web ACL", object{
				"Aliases": []string{"threetier.example.com"}, "DefaultRootObject": "index.html", "Enabled": true,
				"HttpVersion": "http2and3", "IPV6Enabled": true, "PriceClass": tt.priceClass,
				"ViewerCertificate": object{"AcmCertificateArn": object{"Ref": certificate}, "MinimumProtocolVersion": "TLSv1.2_2025", "SslSupportMethod": "sni-only"},
				"WebACLId":          object{"Fn::GetAtt": []string{webACL, "Arn"}},
			})
			distribution("the failover name comes first, then the standby; both over TLS and impatiently", object{"Origins": []any{
				origin("web.example.com"), origin("web-" + tt.standby + ".example.com"),
			}})
			var uncached []object // and no page instead of the server's
			for _, code := range []int{404, 500, 502, 503, 504} {
				uncached = append(uncached, object{"ErrorCode": code, "ErrorCachingMinTTL": 0, "ResponseCode": assertions.Match_Absent(), "ResponsePagePath": assertions.Match_Absent()})
			}
			distribution("an error that may pass is not remembered", object{"CustomErrorResponses": uncached})
			checkBehaviors(t, template.resources("AWS::CloudFront::Distribution"))
		})
	}
}

func origin(name string) assertions.Matcher {
	return like(object{
		"DomainName": name, "ConnectionAttempts": 1, "ConnectionTimeout": 2,
		"CustomOriginConfig": object{"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": []string{"TLSv1.2"}, "OriginReadTimeout": 2},
	})
}

func checkBehaviors(t *testing.T, distributions map[string]resource) {
	t.Helper()
	for _, distribution := range distributions {
		config := distribution.Properties["DistributionConfig"].(object)
		groups := config["OriginGroups"].(object)["Items"].([]any)
		if len(groups) != 1 {
			t.Fatalf("%d origin groups, want one for all behaviours", len(groups))
		}
		group := groups[0].(object)
		codes := group["FailoverCriteria"].(object)["StatusCodes"].(object)["Items"].([]any)
		if want := []any{400.0, 403.0, 404.0, 416.0, 429.0, 500.0, 502.0, 503.0, 504.0}; !slices.Equal(codes, want) {
			t.Errorf("the group fails over on %v, want %v", codes, want)
		}
		page, asset := config["DefaultCacheBehavior"].(object), config["CacheBehaviors"].([]any)[0].(object)
		for _, behavior := range []object{page, asset} {
			if behavior["TargetOriginId"] != group["Id"] {
				t.Errorf("a behaviour goes to %v, not to the origin group", behavior["TargetOriginId"])
			}
			if behavior["ViewerProtocolPolicy"] != "redirect-to-https" {
				t.Errorf("HTTP is %v, want a redirect to HTTPS", behavior["ViewerProtocolPolicy"])
			}
			for _, methods := range []string{"AllowedMethods", "CachedMethods"} {
				if want := []any{"GET", "HEAD", "OPTIONS"}; !slices.Equal(behavior[methods].([]any), want) {
					t.Errorf("%s: %v, want %v: an origin group fails no other over", methods, behavior[methods], want)
				}
			}
			if behavior["ResponseHeadersPolicyId"] == nil {
				t.Error("a behaviour has no security headers")
			}
		}
		if page["CachePolicyId"] != cachingDisabled || page["OriginRequestPolicyId"] != allViewer {
			t.Errorf("pages: want no caching and all viewer headers (got %v)", page)
		}
		if asset["PathPattern"] != "/assets/*" || asset["CachePolicyId"] != cachingOptimized || asset["OriginRequestPolicyId"] != nil {
			t.Errorf("assets: want caching whatever the viewer sends (got %v)", asset)
		}
	}
}

func TestEdgeNamesHeadersAndLogs(t *testing.T) {
	stack := newStack(t, east)
	edge(stack, func(*constructs.EdgeProps) {})
	template := templateOf(t, stack)

	for _, recordType := range []string{"A", "AAAA"} {
		template.has("the site has its name over IPv4 and IPv6", "AWS::Route53::RecordSet", object{
			"Name": "threetier.example.com.", "Type": recordType, "HostedZoneId": "Z0EXAMPLE",
		})
	}

	template.has("browsers are told to be careful", "AWS::CloudFront::ResponseHeadersPolicy", object{"ResponseHeadersPolicyConfig": like(object{
		"SecurityHeadersConfig": object{
			"ContentSecurityPolicy": object{
				"ContentSecurityPolicy": assertions.Match_StringLikeRegexp(jsii.String("^default-src 'self'; connect-src 'self' https://api.example.com; .*frame-ancestors 'none'$")),
				"Override":              false,
			},
			"StrictTransportSecurity": object{"AccessControlMaxAgeSec": 31536000, "IncludeSubdomains": true, "Override": true},
			"ContentTypeOptions":      object{"Override": true},
			"FrameOptions":            object{"FrameOption": "DENY", "Override": true},
			"ReferrerPolicy":          object{"ReferrerPolicy": "strict-origin-when-cross-origin", "Override": true},
		},
	})})
	template.hasNo("scripts come from the site alone", "AWS::CloudFront::ResponseHeadersPolicy", object{"ResponseHeadersPolicyConfig": like(object{
		"SecurityHeadersConfig": like(object{"ContentSecurityPolicy": like(object{
			"ContentSecurityPolicy": assertions.Match_StringLikeRegexp(jsii.String("unsafe|script-src")),
		})}),
	})})

	bucket := template.only("access logs are private, encrypted and do not stay for ever", "AWS::S3::Bucket", object{
		"BucketEncryption":               assertions.Match_AnyValue(),
		"PublicAccessBlockConfiguration": object{"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true},
		"OwnershipControls":              object{"Rules": []object{{"ObjectOwnership": "BucketOwnerEnforced"}}},
		"LifecycleConfiguration":         object{"Rules": contains(like(object{"ExpirationInDays": 30, "Status": "Enabled"}))},
		"AccessControl":                  assertions.Match_Absent(),
	})
	policy := template.only("only the log service writes, and only over TLS", "AWS::S3::BucketPolicy", object{"PolicyDocument": like(object{"Statement": contains(
		like(object{"Effect": "Deny", "Action": "s3:*", "Condition": object{"Bool": object{"aws:SecureTransport": "false"}}}),
		like(object{"Effect": "Allow", "Action": "s3:PutObject", "Principal": object{"Service": "delivery.logs.amazonaws.com"}, "Condition": object{
			"StringEquals": object{"aws:SourceAccount": account, "s3:x-amz-acl": "bucket-owner-full-control"},
			"ArnLike":      object{"aws:SourceArn": "arn:aws:logs:us-east-1:" + account + ":delivery-source:*"},
		}}),
	)})})
	source := template.only("the distribution is what logs", "AWS::Logs::DeliverySource", object{"LogType": "ACCESS_LOGS"})
	destination := template.only("the bucket is where to", "AWS::Logs::DeliveryDestination", object{
		"DestinationResourceArn": object{"Fn::GetAtt": []string{bucket, "Arn"}}, "OutputFormat": "json",
	})
	delivery := template.only("source and bucket are joined", "AWS::Logs::Delivery", object{
		"DeliverySourceName": object{"Ref": source}, "DeliveryDestinationArn": object{"Fn::GetAtt": []string{destination, "Arn"}},
	})
	if waitsFor := template.resources("AWS::Logs::Delivery")[delivery].DependsOn; !slices.Contains(waitsFor, policy) {
		t.Errorf("the delivery waits for %v, not for the bucket's policy", waitsFor)
	}
}

func TestEdgeElsewhere(t *testing.T) {
	got := panicOf(func() { edge(newStack(t, west), func(*constructs.EdgeProps) {}) })
	if !strings.Contains(got, "us-east-1 (got us-west-2)") {
		t.Errorf("outside us-east-1: want a panic that names the region (got %q)", got)
	}
}

// edge is an Edge with the defaults of the settings, and its web ACL.
func edge(stack awscdk.Stack, change func(*constructs.EdgeProps)) {
	props := constructs.EdgeProps{
		SiteName: "threetier.example.com", Zone: exampleZone(stack),
		PrimaryOrigin: "web.example.com", FallbackOrigin: "web-us-west-2.example.com",
		PriceClass: "PriceClass_100", ConnectionAttempts: 1, ConnectionTimeout: 2 * time.Second, ReadTimeout: 2 * time.Second,
		ApiURL: "https://api.example.com", LogDays: 30,
	}
	if *stack.Region() == east {
		props.WebAcl = constructs.NewWebAcl(stack, "WebAcl", constructs.WebAclProps{Name: "books-site", CloudFront: true, RequestsPer5Minutes: 2000, LogDays: 14})
	}
	change(&props)
	constructs.NewEdge(stack, "Edge", props)
}
