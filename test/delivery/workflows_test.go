package delivery

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T) map[string]workflow {
	t.Helper()
	found, err := workflows()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCommands runs every step that is a command, as GitHub's shell does, with
// stand-ins for the programs that write down how they are called.
func TestCommands(t *testing.T) {
	values := map[string]string{
		"matrix.deployment":                           "prod",
		"github.event.pull_request.number":            "12",
		"github.token":                                "ghs_token",
		"inputs.no-rollback && '--no-rollback' || ''": "--no-rollback",
	}
	want := map[string]string{
		"test/test":       "make test",
		"test/lint":       "make lint",
		"test/scan":       "make scan",
		"test/audit":      "make audit",
		"test/synth":      "make synth DEPLOYMENT=example\nmake synth DEPLOYMENT=walkthrough",
		"nightly/ci":      ".ci/run as root UNREACHABLE=fail",
		"changes/synth":   "make synth DEPLOYMENT=prod",
		"changes/comment": "make node_modules/.package-lock.json\nmake changes DEPLOYMENT=prod CHANGESFLAGS=-append /summary.md -pull-request 12",
		"deploy/changes":  "make synth DEPLOYMENT=prod\nmake changes DEPLOYMENT=prod CHANGESFLAGS=-append /summary.md",
		"deploy/deploy":   "make setup .build/app DEPLOYMENT=prod\nmake deploy DEPLOYMENT=prod CDKFLAGS=--require-approval never --progress events --no-rollback",
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	for name, script := range map[string]string{
		"bin/make":                     "#!/bin/sh\necho make \"$@\" >>'" + log + "'\n",
		"bin/sudo":                     "#!/bin/sh\nAS=' as root' exec \"$@\"\n",
		".ci/run":                      "#!/bin/sh\necho \".ci/run$AS UNREACHABLE=$UNREACHABLE\" >>'" + log + "'\n",
		"deployments/example.yaml":     "",
		"deployments/walkthrough.yaml": "",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	for name, w := range load(t) {
		for id, job := range w.Jobs {
			for _, step := range job.Steps {
				if step.Run == "" {
					continue
				}
				env, err := step.environment(values)
				if err != nil {
					t.Fatalf("%s %s: %v", name, id, err)
				}
				cmd := exec.Command("bash", "-e", "-c", step.Run)
				cmd.Dir = dir
				cmd.Env = slices.Concat(env, []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "GITHUB_STEP_SUMMARY=/summary.md"})
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s %s: %s: %v\n%s", name, id, step.Run, err, out)
				}
			}
			called, _ := os.ReadFile(log)
			_ = os.Remove(log)
			got[name+"/"+id] = strings.TrimSpace(string(called))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if got[key] != want[key] {
			t.Errorf("%s: want\n%s\ngot\n%s", key, want[key], got[key])
		}
	}
	if len(got) != len(want) {
		t.Errorf("want the jobs %v, got %v", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	}

	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, called := range regexp.MustCompile(`make ([a-z]+) `).FindAllStringSubmatch(strings.Join(slices.Collect(maps.Values(want)), " \n")+" ", -1) {
		if !strings.Contains(string(makefile), "\n"+called[1]+": ") {
			t.Errorf("there is no make %s", called[1])
		}
	}
}

var pinned = regexp.MustCompile(`uses: ([a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./.*)$`)

// TestActionsArePinned: a tag may be moved to other code, a commit not.
func TestActionsArePinned(t *testing.T) {
	files, err := filepath.Glob(root + "/.github/*/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	nested, err := filepath.Glob(root + "/.github/actions/*/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, file := range append(files, nested...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimRight(line, "\n")
			if !strings.Contains(line, "uses:") {
				continue
			}
			match := pinned.FindStringSubmatch(line)
			if match == nil {
				t.Errorf("%s: want a commit and its version, got %s", file, line)
				continue
			}
			action, version, _ := strings.Cut(match[1], "@")
			if known, found := versions[action]; found && known != version {
				t.Errorf("%s: %s at %s, elsewhere at %s", file, action, version, known)
			}
			versions[action] = version
		}
	}
	if len(versions) < 5 {
		t.Errorf("only %d actions found", len(versions))
	}
}

// TestModulesAreKnown: each module's dependencies are proposed newer and cached.
func TestModulesAreKnown(t *testing.T) {
	dependabot, err := os.ReadFile(root + "/.github/dependabot.yml")
	if err != nil {
		t.Fatal(err)
	}
	setup, err := os.ReadFile(root + "/.github/actions/setup/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	if err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", ".build", "cdk.out", "node_modules", "testdata"}, entry.Name()):
			return fs.SkipDir
		case entry.Name() == "go.mod" || entry.Name() == "package.json":
			files = append(files, strings.TrimPrefix(file, root))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(files) < 7 {
		t.Errorf("only %d modules found", len(files))
	}
	for _, file := range files {
		folder := filepath.Dir(file)
		if !regexp.MustCompile(`directories: .*[\[ ]` + folder + `[,\]]`).Match(dependabot) {
			t.Errorf("Dependabot doesn't know %s", file)
		}
		if sums := strings.TrimLeft(folder+"/go.sum", "/"); filepath.Base(file) == "go.mod" && !strings.Contains(string(setup), " "+sums+"\n") {
			t.Errorf("the cache of the workflows doesn't know %s", sums)
		}
	}
}

// TestLittleIsPermitted: jobs have the permissions that they use, an end, and no
// text of a pull request in their scripts.
func TestLittleIsPermitted(t *testing.T) {
	read := map[string]string{"contents": "read"}
	withRole := map[string]string{"contents": "read", "id-token": "write"}
	want := map[string]map[string]string{
		"changes/comment": {"contents": "read", "id-token": "write", "pull-requests": "write"},
		"deploy/changes":  withRole,
		"deploy/deploy":   withRole,
	}
	for name, w := range load(t) {
		if _, found := w.On["pull_request_target"]; found || len(w.On) == 0 {
			t.Errorf("%s: runs on %v", name, w.On)
		}
		if w.Permissions == nil || w.Concurrency == nil {
			t.Errorf("%s: has the permissions of GitHub's default, or no concurrency group", name)
		}
		for id, job := range w.Jobs {
			permissions, expected := job.Permissions, want[name+"/"+id]
			if permissions == nil {
				permissions = w.Permissions
			}
			if expected == nil {
				expected = read
			}
			if !maps.Equal(permissions, expected) {
				t.Errorf("%s %s: want permissions %v, got %v", name, id, expected, permissions)
			}
			if job.TimeoutMinutes == 0 {
				t.Errorf("%s %s: runs for six hours, if it hangs", name, id)
			}
			for _, step := range job.Steps {
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s %s: an expression in a script, where a value may become a command: %s", name, id, step.Run)
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != "false" {
					t.Errorf("%s %s: leaves its token with what runs next", name, id)
				}
			}
		}
	}
}

// TestAPullRequestsCodeHasNoCredentials: what has them has checked out the branch
// that is merged into, and takes no cache that the pull request could have filled.
func TestAPullRequestsCodeHasNoCredentials(t *testing.T) {
	comment := load(t)["changes"].Jobs["comment"]
	if got := comment.Steps[0].With["ref"]; got != "${{ github.event.pull_request.base.sha }}" {
		t.Errorf("it runs %q", got)
	}
	if got := comment.Steps[1]; got.Uses != "./.github/actions/setup" || got.With["cache"] != "false" {
		t.Errorf("it trusts a cache: %v", got)
	}
	for name, w := range load(t) {
		for id, job := range w.Jobs {
			credentials := slices.IndexFunc(job.Steps, func(s step) bool { return strings.HasPrefix(s.Uses, "aws-actions/") })
			if credentials < 0 {
				continue
			}
			if rest := job.Steps[credentials+1:]; len(rest) != 1 {
				t.Errorf("%s %s: has credentials for %d steps, want one", name, id, len(rest))
			}
		}
	}
	for _, tt := range []struct{ workflow, job, want string }{
		{"deploy", "changes", "github.ref == 'refs/heads/main'"}, // which a run by hand may not be of
		{"changes", "synth", "github.event.pull_request.head.repo.full_name == github.repository"},
	} {
		if got := load(t)[tt.workflow].Jobs[tt.job].If; !strings.Contains(got, " && "+tt.want) || strings.Contains(got, "||") {
			t.Errorf("%s %s: want it to run only if %s, got %q", tt.workflow, tt.job, tt.want, got)
		}
	}
	if needs := comment.Needs; needs != "synth" {
		t.Errorf("a fork's pull request is commented without %q", needs)
	}
	deploy := load(t)["deploy"].Jobs["deploy"]
	if deploy.Environment != "${{ matrix.deployment }}" || deploy.Needs != "changes" {
		t.Errorf("it deploys without approval of what would change: environment %q, after %q", deploy.Environment, deploy.Needs)
	}
}
