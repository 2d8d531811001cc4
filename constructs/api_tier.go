package constructs

import (
	"cmp"
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
	Start       string               // Shell command, run in the artifact's folder with node_modules/.bin on the PATH. Default: node server.js.
	Environment map[string]string    // Variables of the application's own naming; ${NAME} in their text stands for one of userdata.Contract. No secrets. Default: none.
}

// ApiTier is Node.js servers: the artifact has package.json at its root, with its
// node_modules. The application is told where the database is; the credentials
// it gets as DB_USERNAME and DB_PASSWORD are read when it starts.
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
	t.runs(userdata.API{
		Server:      t.server(),
		Environment: environment,
		Variables:   props.Environment,
		Start:       cmp.Or(props.Start, "node server.js"),
	})
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
