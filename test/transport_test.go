package test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"testing"
)

// Nothing crosses the internet in plain text, nor a link of AWS's own that can do
// TLS. What follows holds every resource of every template to it.

// modernPolicies are the load balancers' that take TLS 1.2 with forward secrecy
// and AEAD ciphers, and 1.3.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
var modernPolicies = regexp.MustCompile(`^ELBSecurityPolicy-TLS13-1-[23](-Res)?(-PQ)?-20\d\d-\d\d$`)

func TestListenersTakeTLSOrRedirectToIt(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for id, listener := range resourcesOf(tmpl, "AWS::ElasticLoadBalancingV2::Listener") {
				properties := propertiesOf(listener)
				switch policy, _ := properties["SslPolicy"].(string); properties["Protocol"] {
				case "HTTPS":
					if !modernPolicies.MatchString(policy) || properties["Certificates"] == nil {
						t.Errorf("%s: %s/%s takes TLS by %q", name, stack, id, policy)
					}
				case "HTTP":
					equal(t, name+": "+id+" does without TLS", properties["DefaultActions"], []any{object{
						"Type": "redirect", "RedirectConfig": object{"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"},
					}})
				default:
					t.Errorf("%s: %s/%s takes %v", name, stack, id, properties["Protocol"])
				}
			}
			for id := range resourcesOf(tmpl, "AWS::ElasticLoadBalancingV2::ListenerRule") {
				t.Errorf("%s: %s/%s may forward what came in plain text", name, stack, id)
			}
		}
	}
}

func TestCloudFrontSpeaksTLSOnBothSides(t *testing.T) {
	modern := []string{"TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"}
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for id, distribution := range resourcesOf(tmpl, "AWS::CloudFront::Distribution") {
				config := propertiesOf(distribution)["DistributionConfig"].(object)
				if minimum, _ := config["ViewerCertificate"].(object)["MinimumProtocolVersion"].(string); !slices.Contains(modern, minimum) {
					t.Errorf("%s: %s/%s takes %q from visitors", name, stack, id, minimum)
				}
				behaviors, _ := config["CacheBehaviors"].([]any)
				for _, behavior := range append(behaviors, config["DefaultCacheBehavior"]) {
					if policy := behavior.(object)["ViewerProtocolPolicy"]; policy != "redirect-to-https" && policy != "https-only" {
						t.Errorf("%s: %s/%s: %v serves by %v", name, stack, id, behavior.(object)["PathPattern"], policy)
					}
				}
				for _, origin := range config["Origins"].([]any) {
					custom := origin.(object)["CustomOriginConfig"].(object)
					equal(t, name+": what CloudFront asks its origins by", []any{custom["OriginProtocolPolicy"], custom["OriginSSLProtocols"]}, []any{"https-only", []any{"TLSv1.2"}})
				}
			}
		}
	}
}

func TestHealthChecksAskByTLS(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for id, check := range resourcesOf(tmpl, "AWS::Route53::HealthCheck") {
				config := propertiesOf(check)["HealthCheckConfig"].(object)
				switch config["Type"] {
				case "CALCULATED", "CLOUDWATCH_METRIC":
				case "HTTPS":
					if config["EnableSNI"] != true {
						t.Errorf("%s: %s/%s does not say whom it asks", name, stack, id)
					}
				default:
					t.Errorf("%s: %s/%s asks by %v", name, stack, id, config["Type"])
				}
			}
		}
	}
}

// TestDatabasesRefusePlainText, unless the settings say otherwise.
func TestDatabasesRefusePlainText(t *testing.T) {
	for name, a := range variants(t) {
		want := "0"
		if a.settings.Database.RequireTLS {
			want = "1"
		}
		for stack, tmpl := range a.stacks {
			groups := resourcesOf(tmpl, "AWS::RDS::DBParameterGroup")
			for id, instance := range resourcesOf(tmpl, dbInstance) {
				group, _ := propertiesOf(instance)["DBParameterGroupName"].(object)["Ref"].(string)
				parameters, _ := propertiesOf(groups[group])["Parameters"].(object)
				if got := parameters["require_secure_transport"]; got != want {
					t.Errorf("%s: %s/%s requires TLS: %v, want %s", name, stack, id, got, want)
				}
			}
		}
	}
}

// TestBucketsAndTopicsRefusePlainText: each has a policy that denies it to all.
func TestBucketsAndTopicsRefusePlainText(t *testing.T) {
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			refused := map[string]bool{} // actions and resources
			for _, s := range statements(tmpl) {
				condition, _ := json.Marshal(s.conditions)
				everybody := slices.ContainsFunc(s.principals, func(p string) bool { return p == "*" || p == "AWS:*" })
				if s.effect != "Deny" || !everybody || string(condition) != `{"Bool":{"aws:SecureTransport":"false"}}` {
					continue
				}
				for _, action := range s.actions {
					for _, resource := range s.resources {
						refused[action+" "+resource] = true
					}
				}
			}
			want := func(id, action, resource string) {
				if !refused[action+" <"+hashOfID.ReplaceAllString(id, "")+">"+resource] {
					t.Errorf("%s: %s/%s%s takes %s in plain text", name, stack, id, resource, action)
				}
			}
			for id := range resourcesOf(tmpl, "AWS::S3::Bucket") {
				want(id, "s3:*", "")
				want(id, "s3:*", "/*")
			}
			for id := range resourcesOf(tmpl, "AWS::SNS::Topic") {
				want(id, "sns:Publish", "")
			}
			for id, subscription := range resourcesOf(tmpl, "AWS::SNS::Subscription") {
				if propertiesOf(subscription)["Protocol"] == "http" {
					t.Errorf("%s: %s/%s is told in plain text", name, stack, id)
				}
			}
		}
	}
}

// TestNothingIsAskedInPlainText looks for http: in all that a template carries:
// boot scripts, runbooks, functions, outputs.
func TestNothingIsAskedInPlainText(t *testing.T) {
	url := regexp.MustCompile(`http://[^/ "'` + "`" + `]*`)
	allowed := map[string]bool{"http://127.0.0.1$HEALTH_PATH": false, "http://127.0.0.1": false} // a server asks itself
	for name, a := range variants(t) {
		for _, tmpl := range a.stacks {
			walk("", tmpl, func(path, value string) {
				for _, asked := range url.FindAllString(value, -1) {
					if _, ok := allowed[asked]; !ok {
						t.Errorf("%s: %s asks %s", name, path, asked)
					}
					allowed[asked] = true
				}
			})
		}
	}
	if slices.Contains(slices.Collect(maps.Values(allowed)), false) {
		t.Errorf("of %v not all are asked: take them off the list", allowed)
	}
}

// TestWhatHoldsDataIsEncrypted with a key of the deployment's own, or of AWS where
// there is a reason beside the construct.
func TestWhatHoldsDataIsEncrypted(t *testing.T) {
	keyOf := map[string]string{ // the property that names a key of the same template
		dbInstance:                 "KmsKeyId",
		"AWS::Backup::BackupVault": "EncryptionKeyArn",
		"AWS::SNS::Topic":          "KmsMasterKeyId",
	}
	for name, a := range variants(t) {
		for stack, tmpl := range a.stacks {
			for kind, property := range keyOf {
				for id, resource := range resourcesOf(tmpl, kind) {
					attribute, _ := propertiesOf(resource)[property].(object)["Fn::GetAtt"].([]any)
					if len(attribute) == 0 || resourcesOf(tmpl, "AWS::KMS::Key")[attribute[0].(string)] == nil {
						t.Errorf("%s: %s/%s is not encrypted by a key of the stack: %v", name, stack, id, propertiesOf(resource)[property])
					}
				}
			}
			for id, template := range resourcesOf(tmpl, "AWS::EC2::LaunchTemplate") {
				data := propertiesOf(template)["LaunchTemplateData"].(object)
				volumes, _ := data["BlockDeviceMappings"].([]any)
				for _, volume := range volumes {
					if volume.(object)["Ebs"].(object)["Encrypted"] != true {
						t.Errorf("%s: %s/%s has a volume in plain text", name, stack, id)
					}
				}
				if len(volumes) == 0 || data["MetadataOptions"].(object)["HttpTokens"] != "required" {
					t.Errorf("%s: %s/%s says nothing of its volumes, or gives its credentials to any request", name, stack, id)
				}
			}
		}
	}
}
