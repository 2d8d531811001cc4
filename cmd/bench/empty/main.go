// Empty is the smallest app of the same CDK versions: the floor that the bench
// compares this project's synth with.
package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Empty"), nil)
	awssns.NewTopic(stack, jsii.String("Topic"), nil) // a stack without a resource is an error
	app.Synth(nil)
}
