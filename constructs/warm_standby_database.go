package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
)

// WarmStandbyDatabase is one region's half of a MySQL database with a
// cross-region read replica.
type WarmStandbyDatabase struct {
	scope    awsconstructs.Construct
	instance awsrds.IDatabaseInstance
	secret   awssecretsmanager.ISecret
	host     string
	schema   string
}

// mysqlPort is what MySQL listens on.
const mysqlPort = 3306

// Connections is the instance's security group: nobody may connect until
// allowed here.
func (d *WarmStandbyDatabase) Connections() awsec2.Connections { return d.instance.Connections() }

// GrantReadSecret lets grantee read the region's own copy of the master secret,
// a JSON object with username and password.
func (d *WarmStandbyDatabase) GrantReadSecret(grantee awsiam.IGrantable) {
	d.secret.GrantRead(grantee, nil)
}

// SecretName is the secret's name, the same in both regions.
func (d *WarmStandbyDatabase) SecretName() string { return *d.secret.SecretName() }

// Host is the region's private name of the instance, the same in both regions.
func (d *WarmStandbyDatabase) Host() string { return d.host }

// Port is what the instance listens on.
func (d *WarmStandbyDatabase) Port() int { return mysqlPort }

// Schema is the initial database.
func (d *WarmStandbyDatabase) Schema() string { return d.schema }

// Instance is the RDS instance.
func (d *WarmStandbyDatabase) Instance() awsrds.IDatabaseInstance { return d.instance }
