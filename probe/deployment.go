package probe

import "warm-standby/settings"

// Deployment is the site and the API of a deployment, under the names that
// visitors use. The site's /config.json, which CloudFront does not cache, names
// the region whose server gave it.
func Deployment(s *settings.Settings) []Target {
	return []Target{
		{Name: "site", URL: "https://" + s.Domain.Host(s.Domain.Site) + "/config.json"},
		{Name: "api", URL: "https://" + s.Domain.Host(s.Domain.Api) + s.Drill.ApiPath},
	}
}

// Region is the API of one region, whatever the failover name leads to. Its web
// tier has no such target, since it lets in CloudFront alone.
func Region(s *settings.Settings, region string) Target {
	return Target{
		Name: "api-" + region,
		URL:  "https://" + s.Domain.RegionalHost(s.Domain.Api, region) + s.Drill.ApiPath,
	}
}
