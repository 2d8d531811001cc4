package test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"

	"warm-standby/assets/canaries"
	"warm-standby/constructs"
)

func TestCanaries(t *testing.T) {
	stack := newStack(t, west)
	constructs.NewCanaries(stack, "Canaries", constructs.CanariesProps{
		Deployment:   "books",
		SiteURL:      "https://site.example.com/",
		ClientApiURL: "https://api.example.com/ready",
		ApiURL:       "https://api-us-west-2.example.com/ready",
		Every:        time.Minute,
		LogDays:      14,
	})
	tm := templateOf(t, stack)
	tm.counts(map[string]int{"AWS::Synthetics::Canary": 2, "AWS::S3::Bucket": 1, "AWS::Logs::LogGroup": 0})
	for name, environment := range map[string]object{
		"books-site": {"SITE_URL": "https://site.example.com/", "API_URL": "https://api.example.com/ready"},
		"books-api":  {"API_URL": "https://api-us-west-2.example.com/ready", "API_REGION": west},
	} {
		tm.only("it runs each minute, and leaves nothing behind", "AWS::Synthetics::Canary", object{
			"Name": name, "RuntimeVersion": "syn-nodejs-5.2", "StartCanaryAfterCreation": true,
			"Code":                       object{"Handler": "index.handler", "Script": canaries.Script},
			"Schedule":                   like(object{"Expression": "rate(1 minute)"}),
			"RunConfig":                  object{"EnvironmentVariables": environment, "TimeoutInSeconds": 60, "MemoryInMB": 960},
			"ProvisionedResourceCleanup": "AUTOMATIC",
			"ResourcesToReplicateTags":   []any{"lambda-function"},
			"SuccessRetentionPeriod":     14, "FailureRetentionPeriod": 14,
			"VPCConfig": assertions.Match_Absent(),
		})
	}
	tm.only("it may report, and do nothing else: not even log, where nothing would end", "AWS::IAM::Role", object{
		"ManagedPolicyArns": assertions.Match_Absent(),
		"Policies": []any{like(object{"PolicyDocument": like(object{"Statement": []any{
			like(object{"Action": "s3:PutObject"}),
			like(object{"Action": "s3:GetBucketLocation"}),
			object{"Action": "s3:ListAllMyBuckets", "Effect": "Allow", "Resource": "*"},
			object{
				"Action": "cloudwatch:PutMetricData", "Effect": "Allow", "Resource": "*",
				"Condition": object{"StringEquals": object{"cloudwatch:namespace": "CloudWatchSynthetics"}},
			},
		}})})},
	})
}

// TestCanaryScript runs the script against a site and an API, well and ill.
func TestCanaryScript(t *testing.T) {
	t.Parallel() // it waits for programs
	type answers map[string]struct {
		status     int
		kind, body string
	}
	const page = `<html><head><link rel="icon" href="/icon.svg"><script src="https://elsewhere.example/a.js"></script><script type="module" src="/assets/app-1.js"></script></head></html>`
	html, script, data := "text/html; charset=utf-8", "text/javascript", "application/json"
	runs := []struct {
		name        string
		answers     answers
		environment string // Space-separated, URL for the server's address.
		want        string // Part of what it fails with; empty: it succeeds.
	}{
		{"a site and its API", answers{"/": {200, html, page}, "/assets/app-1.js": {200, script, "1"}, "/ready": {200, data, `{"region":"us-east-1"}`}}, "SITE_URL=URL/ API_URL=URL/ready", ""},
		{"a page without files", answers{"/": {200, html, "<p>Soon"}}, "SITE_URL=URL/", ""},
		{"a site that answers with an error", answers{"/": {503, html, "down"}}, "SITE_URL=URL/", "/: want 200 (got 503: down)"},
		{"a site that is no page", answers{"/": {200, data, "{}"}}, "SITE_URL=URL/", "/: want a page (got application/json)"},
		{"a page whose script is gone", answers{"/": {200, html, page}, "/assets/app-1.js": {404, html, "gone"}}, "SITE_URL=URL/", "/assets/app-1.js: want 200 (got 404"},
		{"a page in its script's place", answers{"/": {200, html, page}, "/assets/app-1.js": {200, html, page}}, "SITE_URL=URL/", "want a script or style sheet (got a page)"},
		{"the site is well, its API is not", answers{"/": {200, html, "<p>Soon"}, "/ready": {503, data, "{}"}}, "SITE_URL=URL/ API_URL=URL/ready", "/ready: want 200 (got 503"},
		{"the region's API", answers{"/ready": {200, data, `{"region":"us-west-2"}`}}, "API_URL=URL/ready API_REGION=us-west-2", ""},
		{"another region answers", answers{"/ready": {200, data, `{"region":"us-east-1"}`}}, "API_URL=URL/ready API_REGION=us-west-2", "want an answer of us-west-2 (got one of us-east-1)"},
		{"an API that names no region", answers{"/ready": {200, data, `{}`}}, "API_URL=URL/ready API_REGION=us-west-2", ""},
		{"an API that speaks no JSON", answers{"/ready": {200, "text/plain", "ok"}}, "API_URL=URL/ready API_REGION=us-west-2", ""},
		{"nobody listens", nil, "API_URL=http://127.0.0.1:1/ready", "http://127.0.0.1:1/ready: "},
		{"nothing to ask", nil, "", "neither SITE_URL nor API_URL is set"},
	}
	var environments []map[string]string
	for _, tt := range runs {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer, ok := tt.answers[r.URL.Path]
			if r.Method != http.MethodGet || r.UserAgent() != "warm-standby-canary" || !ok {
				t.Errorf("%s: it asks %s %s as %q", tt.name, r.Method, r.URL.Path, r.UserAgent())
			}
			w.Header().Set("Content-Type", answer.kind)
			w.WriteHeader(answer.status)
			if _, err := io.WriteString(w, answer.body); err != nil {
				t.Error(err)
			}
		}))
		defer server.Close()
		environment := map[string]string{}
		for _, variable := range strings.Fields(strings.ReplaceAll(tt.environment, "URL/", server.URL+"/")) {
			name, value, _ := strings.Cut(variable, "=")
			environment[name] = value
		}
		environments = append(environments, environment)
	}
	// One process runs them all: starting it is what takes time.
	asked, err := json.Marshal(environments)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "-e", `
		const { handler } = require("../assets/canaries/index.js");
		const own = { ...process.env };
		console.log = () => {};
		(async () => {
			const outcomes = [];
			for (const environment of JSON.parse(process.argv[1])) {
				process.env = { ...own, ...environment };
				outcomes.push(await handler().then(() => "", (error) => error.message));
			}
			process.stdout.write(JSON.stringify(outcomes));
		})();`, string(asked))
	out, err := cmd.Output()
	var outcomes []string
	if err != nil || json.Unmarshal(out, &outcomes) != nil || len(outcomes) != len(runs) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, tt := range runs {
		if got := outcomes[i]; (got != "") != (tt.want != "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: want %q (got %q)", tt.name, tt.want, got)
		}
	}
}
