package userdata

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStart runs what systemd does, with bash and Node.js but a stand-in for the
// AWS CLI.
func TestStart(t *testing.T) {
	const password = `it's "q" $HOME ${PORT} \n & % + é;*`
	variables := map[string]string{
		"MYSQL_USER": "${DB_USERNAME}",
		"MYSQL_PASS": "${DB_PASSWORD}",
		"URL":        "mysql://${DB_USERNAME}:${DB_PASSWORD_ENCODED}@${DB_HOST}:${DB_PORT}/books?a=1&b='2'",
		"TWICE":      "${PORT}${PORT}",
		"LITERAL":    "it's \"q\" $HOME $(id) `id` \\ & ; * ~ !! $$ $1 %s #",
		"SPACES":     "  a  b  ",
		"EMPTY":      "",
	}
	want := map[string]string{
		"MYSQL_USER": "admin",
		"MYSQL_PASS": password,
		"URL":        "mysql://admin:it's%20%22q%22%20%24HOME%20%24%7BPORT%7D%20%5Cn%20%26%20%25%20%2B%20%C3%A9%3B*@db.internal:3306/books?a=1&b='2'",
		"TWICE":      "8080",
		"LITERAL":    variables["LITERAL"],
		"SPACES":     variables["SPACES"],
		"EMPTY":      "",
		"PORT":       "80", "DB_USERNAME": "admin", "DB_PASSWORD": password, "DB_HOST": "db.internal",
	}
	secret, err := json.Marshal(map[string]string{"username": "admin", "password": password, "host": "other"})
	if err != nil {
		t.Fatal(err)
	}
	out, pid, err := start(t, Launch("serve 'one argument'", variables), string(secret))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct {
		PID         int
		Args        []string
		Environment map[string]string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, value := range want {
		if got.Environment[name] != value {
			t.Errorf("%s: got %q, want %q", name, got.Environment[name], value)
		}
	}
	if len(got.Args) != 1 || got.Args[0] != "one argument" {
		t.Errorf("arguments: got %q", got.Args)
	}
	if got.PID != pid {
		t.Error("the application is not the process that systemd started, and gets no signal to stop")
	}
}

func TestStartFails(t *testing.T) {
	for _, tt := range []struct{ name, launch, secret, want string }{
		{"the secret is no JSON", Launch("serve", nil), "hunter2", "the database secret must be JSON"},
		{"it has no password", Launch("serve", nil), `{"username":"hunter2"}`, "the database secret must be JSON"},
		{"a variable is not there", Launch("serve", map[string]string{"NAME": "${DB_NAME}"}), `{"username":"u","password":"hunter2"}`, "DB_NAME: unbound variable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, _, err := start(t, tt.launch, tt.secret)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(out, tt.want) {
				t.Errorf("want it to fail with %q, got %v\n%s", tt.want, err, out)
			}
			if strings.Contains(out, "hunter2") {
				t.Errorf("it tells the secret:\n%s", out)
			}
		})
	}
}

// start runs start.sh in a release whose node_modules has a program, serve, that
// shows what it was given.
func start(t *testing.T, launch, secret string) (out string, pid int, err error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"start":                   asset("files/start.sh") + launch,
		"bin/aws":                 "#!/bin/sh\n[ \"$*\" = 'secretsmanager get-secret-value --region us-west-2 --secret-id books/database --query SecretString --output text' ] && cat \"$(dirname \"$0\")/secret\"\n",
		"bin/secret":              secret + "\n",
		"node_modules/.bin/serve": "#!/usr/bin/env node\nconsole.log(JSON.stringify({ PID: process.pid, Args: process.argv.slice(2), Environment: process.env }))\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(dir, "start"))
	var output strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &output, &output
	cmd.Env = []string{
		"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"),
		"PORT=80", "AWS_REGION=us-west-2", "DB_SECRET_ID=books/database", "DB_HOST=db.internal", "DB_PORT=3306",
	}
	err = cmd.Run()
	return output.String(), cmd.Process.Pid, err
}
