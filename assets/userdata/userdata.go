// Package userdata renders the scripts that make servers of plain Ubuntu
// images. The scripts are files that run and are linted as they are; what
// differs between servers is put before them as shell variables and written
// out as configuration files.
package userdata

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Server is what every server needs. The strings may hold tokens of the CDK:
// none is looked into.
type Server struct {
	Region     string
	Stack      string   // Stack that waits for the signal. Required.
	LogicalID  string   // Its Auto Scaling group. Required.
	Artifact   Artifact // The application. Required.
	HealthPath string   // Path that must answer on port 80 before the server counts. Required.
	Targets    string   // ARN of the target group that must then find it healthy. Required.
	Logs       Logs     // Default: logs stay on the server.
}

// Artifact is a .tar.gz file in S3.
type Artifact struct {
	Bucket string
	Key    string
	Hash   string // Of the content: names the release on the server.
}

// Logs names the CloudWatch Logs groups that logs are shipped to.
type Logs struct {
	System      string // Boot and system log.
	Application string // Apache's logs, or the API's.
}

// Web is a server of static files.
type Web struct {
	Server
	APIURL string // What the site calls, told to it in /config.json. Required.
}

// API is a server of a Node.js application.
type API struct {
	Server
	// Environment is variables of the Contract, besides AWS_REGION and PORT. No
	// secrets: user data can be read by whoever may describe the instance.
	// DB_SECRET_ID names the secret that the credentials are read from.
	Environment map[string]string
	// Variables is the application's own: text in which ${NAME} stands for a
	// variable of the Contract.
	Variables map[string]string
	Start     string // Shell command, run in the release's folder. Required.
}

// Contract is the variables that an application is started with
// (docs/application.md); the DB_ ones only where there is a database.
var Contract = []string{
	"PORT", "NODE_ENV", "AWS_REGION", "SITE_ORIGIN", "WRITER_NAME",
	"DB_HOST", "DB_PORT", "DB_NAME", "DB_TLS_NAME", "DB_SECRET_ID",
	"DB_USERNAME", "DB_PASSWORD", "DB_PASSWORD_ENCODED",
}

//go:embed *.sh files
var assets embed.FS

// MaxBytes is how long user data may be before it is base64-encoded:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
const MaxBytes = 16384

// Shebang is the first line of user data; the scripts are what follows it.
const Shebang = "#!/bin/bash"

// Script is the user data of the web server.
func (w Web) Script() string {
	site := asset("files/site.conf")
	if w.HealthPath != "/" { // else the site's own index is the answer
		site = "Define HEALTH_PATH " + w.HealthPath + "\n" + site
	}
	return w.script("web.sh", []file{
		{"0644", "/etc/apache2/sites-available/app.conf", site},
		{"0644", "/srv/app/config.json", toJSON(map[string]string{"apiUrl": w.APIURL, "region": w.Region})},
		{"0644", "/srv/app/health", "ok\n"},
	}, "/var/log/apache2/access.log", "/var/log/apache2/error.log")
}

// Script is the user data of the API server.
func (a API) Script() string {
	environment := map[string]string{}
	maps.Copy(environment, a.Environment)
	environment["AWS_REGION"] = a.Region
	environment["PORT"] = "80"
	for name := range environment {
		if !slices.Contains(Contract, name) {
			panic(fmt.Sprintf("API.Environment: %s is none of the Contract's variables", name))
		}
	}
	return a.script("api.sh", []file{
		{"0644", "/etc/systemd/system/app.service", asset("files/app.service")},
		{"0755", "/usr/local/lib/app/start", asset("files/start.sh") + Launch(a.Start, a.Variables)},
		{"0640", "/etc/app/environment", environmentFile(environment)},
	}, "/var/log/app.log")
}

func (s Server) script(main string, files []file, logs ...string) string {
	files = append(files,
		file{"0644", "/etc/apt/apt.conf.d/52app", asset("files/apt.conf")},
		file{"0644", "/etc/systemd/journald.conf.d/app.conf", asset("files/journald.conf")},
	)
	parts, logPackages := []string{"common.sh", main}, ""
	if s.Logs != (Logs{}) {
		parts, logPackages = []string{"common.sh", "logs.sh", main}, "rsyslog gpg gpgv"
		files = append(files,
			file{"0644", "/etc/rsyslog.d/40-app.conf", asset("files/rsyslog.conf")},
			file{"0644", "/etc/logrotate.d/app", asset("files/logrotate.conf")},
			file{"0644", "/etc/app/agent.json", s.agentConfig(logs)},
		)
	}
	var b strings.Builder
	for _, v := range [][2]string{
		{"REGION", s.Region},
		{"STACK", s.Stack},
		{"GROUP", s.LogicalID},
		{"HEALTH_PATH", s.HealthPath},
		{"TARGETS", s.Targets},
		{"ARTIFACT_BUCKET", s.Artifact.Bucket},
		{"ARTIFACT_KEY", s.Artifact.Key},
		{"ARTIFACT_HASH", s.Artifact.Hash},
		{"LOG_PACKAGES", logPackages},
	} {
		fmt.Fprintf(&b, "%s=%s\n", v[0], quote(v[1]))
	}
	b.WriteString(writeFiles(files))
	for _, part := range parts {
		b.WriteString("\n# " + part + "\n" + asset(part))
	}
	return b.String()
}

// file is one that the server needs; its content is plain text that ends in a
// new line.
type file struct{ mode, path, content string }

// writeFiles defines the shell function that writes them all.
func writeFiles(files []file) string {
	const end = "END_OF_FILE"
	var b strings.Builder
	b.WriteString("write_files() {\n")
	for _, f := range files {
		fmt.Fprintf(&b, "put %s %s <<'%s'\n%s%s\n", f.mode, f.path, end, f.content, end)
	}
	b.WriteString("}\n")
	return b.String()
}

// agentConfig is the CloudWatch agent's:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-Configuration-File-Details.html
func (s Server) agentConfig(application []string) string {
	type source struct {
		File   string `json:"file_path"`
		Group  string `json:"log_group_name"`
		Stream string `json:"log_stream_name"`
	}
	var sources []source
	for _, path := range []string{"/var/log/boot-app.log", "/var/log/syslog"} {
		sources = append(sources, source{path, s.Logs.System, streamName(path)})
	}
	for _, path := range application {
		sources = append(sources, source{path, s.Logs.Application, streamName(path)})
	}
	type object = map[string]any
	return toJSON(object{
		"agent": object{"region": s.Region},
		"logs":  object{"logs_collected": object{"files": object{"collect_list": sources}}},
	})
}

// streamName is the server's id and the file's name; the agent fills in the id.
func streamName(path string) string {
	name := path[strings.LastIndex(path, "/")+1:]
	return "{instance_id}/" + strings.TrimSuffix(name, ".log")
}

// environmentFile is in systemd's syntax, in which a quoted value keeps all but
// backslashes and double quotes as it is.
func environmentFile(environment map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		value := environment[name]
		if strings.ContainsAny(value, "\n\r\x00") {
			panic(fmt.Sprintf("API.Environment[%s]: want one line (got %q)", name, value))
		}
		fmt.Fprintf(&b, "%s=\"%s\"\n", name, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value))
	}
	return b.String()
}

// Launch is the end of files/start.sh: it exports an application's own variables
// and becomes its start command.
func Launch(start string, variables map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(&b, "export %s=%s\n", name, expansion(variables[name]))
	}
	b.WriteString("PATH=$PWD/node_modules/.bin:$PATH\n")
	fmt.Fprintf(&b, "exec bash -c %s\n", quote(start))
	return b.String()
}

// expansion makes one shell word of a text in which ${NAME} stands for a
// variable of the Contract; all else in it means nothing to the shell.
func expansion(text string) string {
	if unknown := Unknown(text); unknown != "" {
		panic(fmt.Sprintf("API.Variables: %s is none of the Contract's variables", unknown))
	}
	var word strings.Builder
	for text != "" {
		at := reference.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		if at[0] > 0 {
			word.WriteString(quote(text[:at[0]]))
		}
		fmt.Fprintf(&word, `"$%s"`, text[at[2]:at[3]])
		text = text[at[1]:]
	}
	if text != "" || word.Len() == 0 {
		word.WriteString(quote(text))
	}
	return word.String()
}

// Unknown is the first ${ } of a text that names no variable of the Contract, or
// nothing. Tokens of the CDK, ${Token[…]}, pass.
func Unknown(text string) string {
	for _, at := range opening.FindAllString(text, -1) {
		name, closed := strings.CutSuffix(at[len("${"):], "}")
		if !closed || !slices.Contains(Contract, name) && !strings.HasPrefix(name, "Token[") {
			return at
		}
	}
	return ""
}

var (
	reference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	opening   = regexp.MustCompile(`\$\{([^}]*\}|.*$)`)
)

// quote makes one shell word of s, whatever it holds.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func toJSON(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // only plain maps, slices and strings come here
	}
	return string(data) + "\n"
}

func asset(name string) string {
	data, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // embedded: absent only if this package names it wrong
	}
	return string(data)
}
