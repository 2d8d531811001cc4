package constructs

import (
	"maps"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/assets/userdata"
)

// ApiTierProps configures an ApiTier.
type ApiTierProps struct {
	ServerTierProps
	Database    *WarmStandbyDatabase // Default: none.
	SiteOrigin  string               // Origin that browsers may call from, such as https://www.example.com. Required.
	WriterName  string               // FailoverDns's record that says which region writes; the application refuses writes in any other. Default: none, it writes.
	Environment map[string]string    // More of the application's environment; wins over what is set here, AWS_REGION and PORT aside. No secrets. Default: none.
}

// ApiTier is Node.js servers: the artifact has server.js at its root, with its
// node_modules. It is told where the database is; the credentials it gets as
// DB_USERNAME and DB_PASSWORD are read when it starts.
type ApiTier struct{ *ServerTier }

// NewApiTier defines the load balancer and its servers under scope/id.
func NewApiTier(scope awsconstructs.Construct, id string, props ApiTierProps) *ApiTier {
	t := &ApiTier{newServerTier(scope, id, props.ServerTierProps)}
	t.openToAll()
	environment := map[string]string{
		"NODE_ENV":    "production",
		"SITE_ORIGIN": props.SiteOrigin,
	}
	if props.Database != nil {
		maps.Copy(environment, t.connect(props.Database))
	}
	if props.WriterName != "" {
		environment["WRITER_NAME"] = props.WriterName
	}
	maps.Copy(environment, props.Environment)
	t.runs(userdata.API{Server: t.server(), Environment: environment}.Script())
	return t
}

// connect opens the database to the servers and returns where it is.
func (t *ApiTier) connect(database *WarmStandbyDatabase) map[string]string {
	t.Connections().AllowTo(database.Connections(), awsec2.Port_Tcp(jsii.Number(database.Port())), jsii.String("MySQL from the API servers"))
	database.GrantReadSecret(t.role)
	t.waitFor(database.scope) // not before its name resolves
	return map[string]string{
		"DB_HOST":      database.Host(),
		"DB_PORT":      strconv.Itoa(database.Port()),
		"DB_NAME":      database.Schema(),
		"DB_SECRET_ID": database.SecretName(),
		"DB_TLS_NAME":  database.Endpoint(), // RDS's certificate does not carry the private name
	}
}
