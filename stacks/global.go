package stacks

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"warm-standby/assets/runbooks"
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
	topic := constructs.NewNotifications(stack, "Notifications", constructs.NotificationsProps{
		Emails: s.Alarms.Emails,
	}).Topic()

	failover := constructs.NewFailoverDns(stack, "Failover", constructs.FailoverDnsProps{
		Zone:             zone,
		ApiLabel:         domain.Api,
		WebLabel:         domain.Web,
		WriterName:       domain.WriterHost(),
		Primary:          s.Primary,
		Standby:          s.Standby,
		ApiHealthPath:    s.Failover.HealthPath,
		WebHealthPath:    s.Web.HealthPath,
		Interval:         s.Failover.Interval,
		FailureThreshold: s.Failover.FailureThreshold,
		SwitchAlarm:      constructs.NewTrafficSwitchSignal(s.Name).AlarmName,
		Topic:            topic,
	})
	acl := constructs.NewWebAcl(stack, "SiteAcl", constructs.WebAclProps{
		Name:                s.Name + "-site",
		CloudFront:          true,
		RequestsPer5Minutes: s.Waf.RequestsPer5Minutes,
		LogDays:             s.Waf.LogDays,
	})
	edge := constructs.NewEdge(stack, "Edge", constructs.EdgeProps{
		SiteName:           domain.Host(domain.Site),
		Zone:               zone,
		PrimaryOrigin:      domain.Host(domain.Web),
		FallbackOrigin:     constructs.RegionName(domain.Web, s.Standby, domain.Name),
		PriceClass:         s.Edge.PriceClass,
		ConnectionAttempts: s.Edge.ConnectionAttempts,
		ConnectionTimeout:  s.Edge.ConnectionTimeout,
		ReadTimeout:        s.Edge.ReadTimeout,
		ApiURL:             "https://" + domain.Host(domain.Api),
		LogDays:            s.Logs.Days,
		WebAcl:             acl,
	})
	newGlobalDashboard(stack, s, failover, edge, acl)
	newCosts(stack, s)
	output(stack, "SiteURL", "The site", "https://"+domain.Host(domain.Site))
	output(stack, "ApiURL", "The API, whichever region serves", "https://"+domain.Host(domain.Api))
	output(stack, "DistributionID", "CloudFront distribution of the site", *edge.Distribution().DistributionId())
	output(stack, "AlarmTopic", "SNS topic of the alarms on the traffic", *topic.TopicArn())
	outputSwitch(stack, s)
	return stack
}

func newGlobalDashboard(stack awscdk.Stack, s *settings.Settings, failover *constructs.FailoverDns, edge *constructs.Edge, acl *constructs.WebAcl) {
	region := func(name string) constructs.RegionOnBoard {
		return constructs.RegionOnBoard{Region: name, Database: s.Database.Instances[name].Name}
	}
	props := constructs.GlobalDashboardProps{
		Deployment: s.Name,
		Primary:    region(s.Primary),
		Standby:    region(s.Standby),
		Failover:   failover,
		Edge:       edge,
		SiteAcl:    acl,
		ApiAcl:     apiAclName(s),
		LagSeconds: s.Alarms.ReplicaLagSeconds,
		Logs:       s.Logs.Ship,
	}
	if s.Canaries.Enabled {
		props.Canaries = canaryInterval(s)
	}
	constructs.NewGlobalDashboard(stack, "Dashboard", props)
}

// newCosts is empty where neither a budget nor anomalies are wanted.
func newCosts(stack awscdk.Stack, s *settings.Settings) {
	constructs.NewCosts(stack, "Costs", constructs.CostsProps{
		Deployment: s.Name,
		Emails:     s.Alarms.Emails,
		MonthlyUSD: s.Costs.MonthlyUSD,
		AnomalyUSD: s.Costs.AnomalyUSD,
	})
}

// outputSwitch writes down how traffic is held and released here, where the
// health checks that read the switch are. After a swap the regional stacks are a
// deploy ahead of these, and would name a region that is not read yet. The
// commands themselves need the standby region only: keep them where the runbook is.
func outputSwitch(stack awscdk.Stack, s *settings.Settings) {
	command := func(runbook string) string {
		return fmt.Sprintf("aws ssm start-automation-execution --region %s --document-name %s", s.Standby, runbooks.DocumentName(s.Name, runbook))
	}
	output(stack, "HoldTraffic", "Moves the traffic to "+s.Standby+" and holds it there until it is released", command(runbooks.Evacuate))
	output(stack, "ReleaseTraffic", "Lets the traffic return to the primary once that is healthy", command(runbooks.Return))
}
