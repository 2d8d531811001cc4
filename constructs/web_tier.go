package constructs

import (
	awsconstructs "github.com/aws/constructs-go/constructs/v10"

	"warm-standby/assets/userdata"
)

// WebTierProps configures a WebTier.
type WebTierProps struct {
	ServerTierProps
	ApiURL         string // What the site calls, such as https://api.example.com; told to it in /config.json. Required.
	CloudFrontOnly bool   // Let in CloudFront and Route 53's health checkers alone. Default: anyone.
}

// WebTier is Apache servers of a site's static files, the artifact, which has
// index.html at its root.
type WebTier struct{ *ServerTier }

// NewWebTier defines the load balancer and its servers under scope/id.
func NewWebTier(scope awsconstructs.Construct, id string, props WebTierProps) *WebTier {
	t := &WebTier{newServerTier(scope, id, props.ServerTierProps)}
	if props.CloudFrontOnly {
		t.openToCloudFront()
	} else {
		t.openToAll()
	}
	t.runs(userdata.Web{Server: t.server(), APIURL: props.ApiURL})
	return t
}
