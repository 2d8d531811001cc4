// Package account reaches the AWS account of a deployment, for commands that act
// on what is deployed. It uses the APIs of one region only, so that they work
// without the other.
package account

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"warm-standby/settings"
)

// Open is the AWS SDK's configuration for a region of the deployment, or of an
// instance it has retired, with the credentials that the AWS CLI would use. Those
// of another account are refused.
func Open(ctx context.Context, s *settings.Settings, region string) (aws.Config, error) {
	retired := slices.ContainsFunc(s.Database.Retired, func(old settings.Retired) bool { return old.Region == region })
	if region != s.Primary && region != s.Standby && !retired {
		return aws.Config{}, fmt.Errorf("want a region of %s, %s or %s (got %q)", s.Name, s.Primary, s.Standby, region)
	}
	return In(ctx, s.Name, s.Account, region)
}

// GlobalRegion has the deployment's global stack, and the control planes of
// CloudFront and Route 53, whatever its other regions are.
const GlobalRegion = "us-east-1"

// OpenGlobal is Open for the region of the global stack.
func OpenGlobal(ctx context.Context, s *settings.Settings) (aws.Config, error) {
	return In(ctx, s.Name, s.Account, GlobalRegion)
}

// In is the same for a region of the account where what is named is.
func In(ctx context.Context, name, account, region string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return aws.Config{}, fmt.Errorf("AWS configuration: %w", err)
	}
	identity, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return aws.Config{}, fmt.Errorf("AWS credentials: %w", err)
	}
	if got := aws.ToString(identity.Account); got != account {
		return aws.Config{}, fmt.Errorf("want credentials of account %s, where %s is (got %s)", account, name, got)
	}
	return cfg, nil
}
