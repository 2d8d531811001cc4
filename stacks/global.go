package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"warm-standby/constructs"
	"warm-standby/settings"
)

// edgeRegion is where CloudFront takes its certificate and its web ACL from.
const edgeRegion = "us-east-1"

// newGlobal defines what stands in front of both regions. A failover needs none
// of it to change; when the roles swap, names in it follow.
func newGlobal(app awscdk.App, s *settings.Settings) awscdk.Stack {
	stack := newStack(app, s, "global", edgeRegion, "global",
		"Three-tier web application "+s.Name+": CloudFront, WAF and failover DNS before its two regions")
	zone := publicZone(stack, s.Domain)
	domain := s.Domain

	constructs.NewFailoverDns(stack, "Failover", constructs.FailoverDnsProps{
		Zone:             zone,
		ApiLabel:         domain.Api,
		WebLabel:         domain.Web,
		Primary:          s.Primary,
		Standby:          s.Standby,
		ApiHealthPath:    s.Failover.HealthPath,
		WebHealthPath:    s.Web.HealthPath,
		Interval:         s.Failover.Interval,
		FailureThreshold: s.Failover.FailureThreshold,
		SwitchAlarm:      constructs.NewTrafficSwitchSignal(s.Name).AlarmName,
	})
	edge := constructs.NewEdge(stack, "Edge", constructs.EdgeProps{
		SiteName:           domain.Host(domain.Site),
		Zone:               zone,
		PrimaryOrigin:      domain.Host(domain.Web),
		FallbackOrigin:     domain.RegionalHost(domain.Web, s.Standby),
		PriceClass:         s.Edge.PriceClass,
		ConnectionAttempts: s.Edge.ConnectionAttempts,
		ConnectionTimeout:  s.Edge.ConnectionTimeout,
		ReadTimeout:        s.Edge.ReadTimeout,
		ApiURL:             "https://" + domain.Host(domain.Api),
		LogDays:            s.Logs.Days,
		WebAcl: constructs.NewWebAcl(stack, "SiteAcl", constructs.WebAclProps{
			CloudFront:          true,
			RequestsPer5Minutes: s.Waf.RequestsPer5Minutes,
			LogDays:             s.Waf.LogDays,
		}),
	})
	output(stack, "SiteURL", "The site", "https://"+domain.Host(domain.Site))
	output(stack, "ApiURL", "The API, whichever region serves", "https://"+domain.Host(domain.Api))
	output(stack, "DistributionID", "CloudFront distribution of the site", *edge.Distribution().DistributionId())
	return stack
}
