// Package accounttest points the AWS SDK at a stand-in for AWS.
package accounttest

import (
	"os"
	"testing"
)

// Use has all that a test runs ask the stand-in at a URL, with made-up credentials
// and nothing of the machine's own configuration.
func Use(t *testing.T, url string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
}
