//go:build delivery

package delivery

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDelivery lives through a first deployment and a pull request: it runs the
// workflows' own steps, on clean clones. Actions are played, AWS and GitHub are the
// World, and `cdk deploy` is a script that keeps the templates.
func TestDelivery(t *testing.T) {
	r := newRepository(t)

	r.run("deploy", "changes", "main")
	r.says("## What deploying `prod` would do", "`books-us-east-1`, not deployed yet", "`books-us-west-2`, not deployed yet", "`books-global`, not deployed yet")

	r.values["inputs.no-rollback && '--no-rollback' || ''"] = "--no-rollback"
	r.run("deploy", "deploy", "main")
	if got, want := r.read("cdk.log"), "deploy --all --require-approval never --progress events --no-rollback\n"; got != want {
		t.Errorf("the CDK CLI was called %q, want %q", got, want)
	}
	for _, stack := range []string{"books-us-east-1", "books-us-west-2", "books-global"} {
		region := strings.Replace(strings.TrimPrefix(stack, "books-"), "global", "us-east-1", 1)
		r.world.Deployed[region+"/"+stack] = escape.Replace(r.read("deployed/" + stack + ".template.json"))
	}

	r.run("changes", "synth", "pull")
	r.run("changes", "comment", "pull")
	r.run("changes", "comment", "pull")
	if len(r.world.Comments) != 1 {
		t.Fatalf("want one comment of two runs, got %d", len(r.world.Comments))
	}
	told := r.world.Comments[0]["body"].(string)
	for _, want := range []string{
		"<!-- changes of prod -->\n## What deploying `prod` would do\n\n> [!CAUTION]\n",
		"> - **`books-us-west-2`: `Network/Vpc` (AWS::EC2::VPC) is replaced by a new one, for CidrBlock**\n",
		"| `books-us-east-1` | 0 | 0 | 0 | 0 | 0 | 0 |\n",
		"\n</details>\n",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("want %q in the comment:\n%.5000s", want, told)
		}
	}
	if len(told) > 65_536 {
		t.Errorf("the comment has %d bytes", len(told))
	}
}

// escape is what CloudFormation's XML does to a template.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// repository is one on GitHub, with main, a pull request, and what its runs leave.
type repository struct {
	t      *testing.T
	dir    string
	world  *World
	hidden map[string]string // The world's variables.
	values map[string]string // of expressions
	base   string            // main's commit
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{t: t, dir: t.TempDir(), world: &World{Account: "444455556666", Deployed: map[string]string{}}}
	r.hidden = r.world.Serve(t)
	r.git("clone", "--quiet", "--no-checkout", r.output("git", "-C", root, "rev-parse", "--show-toplevel"), "repository")
	r.git("-C", "repository", "checkout", "--quiet", "--detach", r.output("git", "-C", root, "rev-parse", "HEAD"))
	example, err := os.ReadFile(root + "/deployments/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	settings := strings.NewReplacer("111122223333", "444455556666", "example.com", "books.io", "Z0123456789EXAMPLE", "Z0123456789ABCDEFGHIJ").Replace(string(example))
	for _, branch := range []string{"main", "pull"} {
		if branch == "pull" {
			settings = strings.Replace(settings, "172.21.0.0/16", "172.22.0.0/16", 1)
		}
		r.git("-C", "repository", "checkout", "--quiet", "-B", branch)
		r.write("repository/deployments/prod.yaml", settings)
		r.git("-C", "repository", "add", ".")
		r.git("-C", "repository", "-c", "user.name=maintainer", "-c", "user.email=maintainer@example.com", "commit", "--quiet", "--message", branch)
	}
	r.base = r.output("git", "-C", filepath.Join(r.dir, "repository"), "rev-parse", "main")
	r.values = map[string]string{
		"matrix.deployment":                           "prod",
		"matrix.role":                                 "arn:aws:iam::444455556666:role/diff",
		"vars.AWS_DEPLOY_ROLE":                        "arn:aws:iam::444455556666:role/deploy",
		"vars.AWS_REGION || 'us-east-1'":              "us-east-1",
		"github.event.pull_request.number":            "12",
		"github.event.pull_request.base.sha":          r.base,
		"github.token":                                "ghs_token",
		"inputs.no-rollback && '--no-rollback' || ''": "",
	}
	r.write("cdk", "#!/bin/sh -e\necho \"$@\" >>'"+r.dir+"/cdk.log'\nmkdir -p '"+r.dir+"/deployed'\nDEPLOYMENT=prod .build/app 2>/dev/null\ncp cdk.out/*.template.json '"+r.dir+"/deployed'\n")
	return r
}

// run runs the steps of a job in a workspace of its own, as far as they need no
// GitHub, and plays the actions that do.
func (r *repository) run(workflow, id, ref string) {
	r.t.Helper()
	found := load(r.t)[workflow].Jobs[id]
	workspace, err := os.MkdirTemp(r.dir, workflow+"-"+id+"-")
	if err != nil {
		r.t.Fatal(err)
	}
	r.write("summary.md", "")
	var credentials []string
	for _, step := range found.Steps {
		with := map[string]string{}
		for name, text := range step.With {
			if with[name], err = evaluated(text, r.values); err != nil {
				r.t.Fatalf("%s %s: %v", workflow, id, err)
			}
		}
		action, _, _ := strings.Cut(step.Uses, "@")
		switch action {
		case "":
			r.command(workspace, step, credentials)
		case "actions/checkout":
			if with["ref"] != "" {
				ref = with["ref"]
			}
			r.git("clone", "--quiet", "repository", workspace)
			r.git("-C", workspace, "checkout", "--quiet", ref)
		case "./.github/actions/setup":
			if _, err := os.Stat(filepath.Join(workspace, step.Uses, "action.yml")); err != nil {
				r.t.Error(err)
			}
		case "actions/upload-artifact":
			r.shell(workspace, "mkdir -p '"+r.dir+"/artifacts/"+with["name"]+"' && cp "+strings.Join(strings.Fields(with["path"]), " ")+" '"+r.dir+"/artifacts/"+with["name"]+"'")
		case "actions/download-artifact":
			r.shell(workspace, "cp -r '"+r.dir+"/artifacts/"+with["name"]+"' "+with["path"])
		case "aws-actions/configure-aws-credentials":
			if !strings.HasPrefix(with["role-to-assume"], "arn:aws:iam::444455556666:role/") {
				r.t.Errorf("%s %s: assumes %q", workflow, id, with["role-to-assume"])
			}
			for name, value := range r.hidden {
				if strings.HasPrefix(name, "AWS_") {
					credentials = append(credentials, name+"="+value)
				}
			}
		default:
			r.t.Fatalf("%s %s: nobody plays %s", workflow, id, step.Uses)
		}
	}
}

// command runs a step's command. Its cdk is the script; make takes it for CDK.
func (r *repository) command(workspace string, s step, credentials []string) {
	r.t.Helper()
	env, err := s.environment(r.values)
	if err != nil {
		r.t.Fatal(err)
	}
	inherited := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "AWS_") || strings.HasPrefix(variable, "GITHUB_") || strings.HasPrefix(variable, "MAKE") || strings.HasPrefix(variable, "DEPLOYMENT=")
	})
	cmd := exec.Command("bash", "-e", "-c", s.Run)
	cmd.Dir = workspace
	cmd.Env = slices.Concat(inherited, []string{
		"CI=true", "MAKEFLAGS=CDK=" + r.dir + "/cdk", "GITHUB_STEP_SUMMARY=" + r.dir + "/summary.md",
		"GITHUB_API_URL=" + r.hidden["GITHUB_API_URL"], "GITHUB_REPOSITORY=" + r.hidden["GITHUB_REPOSITORY"],
	}, credentials, env)
	out, err := cmd.CombinedOutput()
	r.t.Logf("%s\n%s", s.Run, out)
	if err != nil {
		r.t.Fatal(err)
	}
}

// says wants the last run's summary to say something.
func (r *repository) says(wanted ...string) {
	r.t.Helper()
	got := r.read("summary.md")
	for _, want := range wanted {
		if !strings.Contains(got, want) {
			r.t.Errorf("want %q in the summary:\n%.3000s", want, got)
		}
	}
}

func (r *repository) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repository) read(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *repository) git(args ...string) {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (r *repository) shell(dir, script string) {
	r.t.Helper()
	cmd := exec.Command("bash", "-e", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

func (r *repository) output(name string, args ...string) string {
	r.t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
