package test

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"warm-standby/constructs"
)

func TestApiTier(t *testing.T) {
	stack := newStack(t, west)
	constructs.NewApiTier(stack, "Api", constructs.ApiTierProps{
		ServerTierProps: tierProps(t, stack),
		SiteOrigin:      "https://www.example.com",
		WriterName:      "writer.api.example.com",
		Start:           "node main.js",
		Environment:     map[string]string{"GREETING": `it's "me"`, "LISTEN": "${PORT}", "ZONE": *stack.Region()},
	})
	tm := templateOf(t, stack)
	tm.has("anyone reaches the load balancer", "AWS::EC2::SecurityGroup", object{"SecurityGroupIngress": []any{
		like(object{"CidrIp": "0.0.0.0/0", "FromPort": 443}), like(object{"CidrIp": "0.0.0.0/0", "FromPort": 80}),
	}})
	tm.counts(map[string]int{"Custom::AWS": 0, "AWS::EC2::SecurityGroupIngress": 1})
	tm.noSSH()
	tm.hasNo("no way to a database that it was not given", "AWS::EC2::SecurityGroupEgress", object{"FromPort": 3306})
	tm.hasNo("the servers may read no secret", "AWS::IAM::Policy", object{
		"Roles":          []any{object{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^ApiRole"))}},
		"PolicyDocument": like(object{"Statement": contains(like(object{"Action": contains("secretsmanager:GetSecretValue")}))}),
	})
	tm.checkUserData(t, "Api", `SITE_ORIGIN="https://www.example.com"`, `AWS_REGION="us-west-2"`, `PORT="80"`, `WRITER_NAME="writer.api.example.com"`,
		`export GREETING='it'\''s "me"'`, `export LISTEN="$PORT"`, `export ZONE='us-west-2'`, "exec bash -c 'node main.js'")
}

func TestApiTierWithDatabase(t *testing.T) {
	stack := newStack(t, east)
	props := tierProps(t, stack)
	database := primaryDatabase()
	database.Vpc, database.Subnets = props.Vpc, props.ServerSubnets
	constructs.NewApiTier(stack, "Api", constructs.ApiTierProps{
		ServerTierProps: props,
		Database:        constructs.NewWarmStandbyDatabase(stack, "Database", database),
		SiteOrigin:      "https://www.example.com",
	})
	tm := templateOf(t, stack)
	servers := object{"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^ApiServers")), "GroupId"}}
	tm.has("the database takes the API's servers", "AWS::EC2::SecurityGroupIngress", object{"FromPort": 3306, "SourceSecurityGroupId": servers})
	tm.has("who may reach it", "AWS::EC2::SecurityGroupEgress", object{"FromPort": 3306, "GroupId": servers})
	tm.has("and read its secret", "AWS::IAM::Policy", object{
		"Roles":          []any{object{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^ApiRole"))}},
		"PolicyDocument": like(object{"Statement": contains(like(object{"Action": contains("secretsmanager:GetSecretValue")}))}),
	})
	tm.check("servers boot once the database and its name are there", func() {
		tm.HasResource(jsii.String("AWS::AutoScaling::AutoScalingGroup"), object{
			"DependsOn": contains(assertions.Match_StringLikeRegexp(jsii.String("^Database"))),
		})
	})
	tm.checkUserData(t, "Api", "DB_HOST=", "DB_PORT=\"3306\"", "DB_SECRET_ID=", "DB_TLS_NAME=", "exec bash -c 'node server.js'")
}
