package delivery

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// World is a fake of CloudFormation, STS and the comments of a pull request on
// GitHub, number 12 of octo-org/books, that answers over HTTP as they do.
type World struct {
	Account  string            // What STS says the credentials are of.
	Deployed map[string]string // Templates by region/stack.
	Refuses  string            // An action of AWS, or a method of GitHub.
	Comments []map[string]any  // The last has the id 7.

	Asked []string // What it was asked, but for lists of comments.

	t *testing.T
}

// Serve starts it for a test, and returns the variables of the environment that
// point the AWS SDK and the comments at it. The SDK tries again as it does by
// itself: a long answer is broken off at times.
func (w *World) Serve(t *testing.T) map[string]string {
	t.Helper()
	w.t = t
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"GITHUB_API_URL":              server.URL, "GITHUB_REPOSITORY": "octo-org/books", "GITHUB_TOKEN": "ghs_token",
	}
}

// ServeHTTP is what it answers.
func (w *World) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/repos/") {
		w.github(out, r)
		return
	}
	if err := r.ParseForm(); err != nil {
		w.t.Error(err)
	}
	region := strings.Split(r.Header.Get("Authorization"), "/")[2]
	action, stack := r.PostForm.Get("Action"), r.PostForm.Get("StackName")
	w.Asked = append(w.Asked, strings.TrimSpace(action+" "+region+" "+stack))
	out.Header().Set("Content-Type", "text/xml")
	fail := func(code, message string) {
		out.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(out, "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message) //nolint:gosec // for the SDK, no browser
	}
	template, found := w.Deployed[region+"/"+stack]
	result := "<Account>" + w.Account + "</Account>"
	switch {
	case action == w.Refuses:
		fail("AccessDenied", "not authorized to perform: cloudformation:"+action)
		return
	case action == "GetTemplate" && !found:
		fail("ValidationError", "Stack with id "+stack+" does not exist")
		return
	case action == "GetTemplate":
		result = "<TemplateBody>" + template + "</TemplateBody>"
	}
	_, _ = fmt.Fprintf(out, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, result) //nolint:gosec // for the SDK, no browser
}

func (w *World) github(out http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer ghs_token" {
		w.t.Errorf("GitHub was shown %q", got)
	}
	if r.Method == w.Refuses {
		out.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(out, `{"message":"Resource not accessible by integration"}`)
		return
	}
	var body struct{ Body string }
	_ = json.NewDecoder(r.Body).Decode(&body) // a GET has null
	switch r.Method + " " + r.URL.Path {
	case "GET /repos/octo-org/books/issues/12/comments":
		var page int
		_, _ = fmt.Sscan(r.FormValue("page"), &page)
		from := min(len(w.Comments), (page-1)*100)
		_ = json.NewEncoder(out).Encode(w.Comments[from:min(len(w.Comments), from+100)])
		return
	case "POST /repos/octo-org/books/issues/12/comments":
		w.Comments = append(w.Comments, Comment("Bot", body.Body))
	case "PATCH /repos/octo-org/books/issues/comments/7":
		w.Comments[len(w.Comments)-1]["body"] = body.Body
	default:
		w.t.Errorf("GitHub was asked %s %s", r.Method, r.URL.Path)
	}
	w.Asked = append(w.Asked, r.Method)
	_, _ = io.WriteString(out, "{}")
}

// Comment is one of a "Bot" or a "User".
func Comment(from, body string) map[string]any {
	return map[string]any{"id": 7, "body": body, "user": map[string]string{"type": from}}
}
