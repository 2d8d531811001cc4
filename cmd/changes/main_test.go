package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"warm-standby/test/delivery"
)

const ourAccount = "444455556666"

// serve points the SDK and the GitHub client at the world, and returns the folder
// of an assembly of two stacks, the second not deployed.
func serve(t *testing.T, w *delivery.World) string {
	t.Helper()
	for name, value := range w.Serve(t) {
		t.Setenv(name, value)
	}
	assembly := t.TempDir()
	for name, content := range map[string]string{
		"manifest.json": `{"artifacts":{
			"books-global":{"type":"aws:cloudformation:stack","environment":"aws://444455556666/us-east-1","properties":{"templateFile":"b.json"},"dependencies":["books-us-west-2"]},
			"books-us-west-2":{"type":"aws:cloudformation:stack","environment":"aws://444455556666/us-west-2","properties":{"templateFile":"a.json"}},
			"Tree":{"type":"cdk:tree"}}}`,
		"a.json": `{"Resources":{"Queue":{"Type":"AWS::SQS::Queue"}}}`,
		"b.json": `{"Resources":{"Topic":{"Type":"AWS::SNS::Topic"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(assembly, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return assembly
}

// TestComment compares two stacks, and looks for the comment among 150 of people.
func TestComment(t *testing.T) {
	w := &delivery.World{Account: ourAccount, Deployed: map[string]string{"us-west-2/books-us-west-2": `{"Resources":{"Key":{"Type":"AWS::KMS::Key"}}}`}}
	for range 150 {
		w.Comments = append(w.Comments, delivery.Comment("User", "<!-- changes of prod -->\nas the bot said"))
	}
	assembly := serve(t, w)
	summary := filepath.Join(t.TempDir(), "summary.md")
	if err := run(t.Context(), []string{"-assembly", assembly, "-deployment", "prod", "-append", summary, "-pull-request", "12"}); err != nil {
		t.Fatal(err)
	}
	const asked = "GetCallerIdentity us-west-2\nGetTemplate us-west-2 books-us-west-2\nGetCallerIdentity us-east-1\nGetTemplate us-east-1 books-global\nPOST"
	if got := strings.Join(w.Asked, "\n"); got != asked {
		t.Errorf("want the calls\n%s\ngot\n%s", asked, got)
	}
	if len(w.Comments) != 151 {
		t.Errorf("want one comment, got %d", len(w.Comments)-150)
	}
	written, err := os.ReadFile(summary)
	if err != nil {
		t.Fatal(err)
	}
	told := w.Comments[150]["body"].(string)
	if got := strings.TrimPrefix(told, "<!-- changes of prod -->\n"); string(written) != got {
		t.Errorf("want the comment in the summary, too; got\n%s", written)
	}
	for _, want := range []string{"`books-us-west-2`: `Key` (AWS::KMS::Key) is deleted**", "| `books-us-west-2` | 1 | 0 | 0 | 0 | 1 | 0 |\n| `books-global`, not deployed yet | 1 |"} {
		if !strings.Contains(told, want) {
			t.Errorf("want %q in\n%s", want, told)
		}
	}
}

func TestACommentIsWrittenAnew(t *testing.T) {
	w := &delivery.World{Comments: []map[string]any{delivery.Comment("Bot", "<!-- changes of staging -->\n"), delivery.Comment("User", "<!-- changes of prod -->\n"), delivery.Comment("Bot", "<!-- changes of prod -->\nold")}}
	serve(t, w)
	pr, err := newPullRequest(12)
	if err != nil {
		t.Fatal(err)
	}
	if err := pr.comment(t.Context(), "<!-- changes of prod -->\n", "new"); err != nil {
		t.Fatal(err)
	}
	if got := w.Comments[2]["body"]; len(w.Comments) != 3 || got != "<!-- changes of prod -->\nnew" {
		t.Errorf("want the last of three comments changed, got %q of %d", got, len(w.Comments))
	}
	w.Refuses = http.MethodPatch
	err = pr.comment(t.Context(), "<!-- changes of prod -->\n", "new")
	if want := "GitHub: PATCH /repos/octo-org/books/issues/comments/7: 403 Forbidden Resource not accessible by integration"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		world delivery.World
		clear bool // GitHub's variables
		args  []string
		want  []string
	}{
		"another account":       {delivery.World{Account: "999999999999"}, false, nil, []string{"books-us-west-2: want credentials of account 444455556666, where books-us-west-2 is (got 999999999999)"}},
		"no permission":         {delivery.World{Account: ourAccount, Refuses: "GetTemplate"}, false, nil, []string{"books-us-west-2: ", "not authorized to perform: cloudformation:GetTemplate"}},
		"somebody else's stack": {delivery.World{Account: ourAccount, Deployed: map[string]string{"us-west-2/books-us-west-2": "Resources: {}"}}, false, nil, []string{"it is not of this app"}},
		"not on GitHub":         {delivery.World{Account: ourAccount}, true, []string{"-pull-request", "12"}, []string{"GITHUB_API_URL: want", "\nGITHUB_REPOSITORY: want", "\nGITHUB_TOKEN: want"}},
		"a host for a region":   {delivery.World{}, false, []string{"-assembly", "testdata/elsewhere"}, []string{`want a region (got "example.com?")`}},
		"no assembly":           {delivery.World{}, false, []string{"-assembly", "nowhere"}, []string{"nowhere/manifest.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			assembly := serve(t, &tt.world)
			if tt.clear {
				for _, variable := range []string{"GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN"} {
					t.Setenv(variable, "")
				}
			}
			err := run(t.Context(), append([]string{"-assembly", assembly, "-deployment", "prod", "-append", os.DevNull}, tt.args...))
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("want %q, got %v", want, err)
				}
			}
		})
	}
}
