// Package userdata renders the scripts that make servers of plain Ubuntu
// images, and the images that spare servers a part of that. The scripts are files
// that run and are linted as they are; what differs between servers is put before
// them as shell variables and written out as configuration files.
package userdata

import (
	"crypto/sha256"
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
func (w Web) Script() string { return w.tier().boot(w.Server) }

// Image is the scripts of the web servers' image.
func (w Web) Image() Image { return w.tier().image(w.Server) }

func (w Web) tier() tier {
	site := asset("files/site.conf")
	if w.HealthPath != "/" { // else the site's own index is the answer
		site = "Define HEALTH_PATH " + w.HealthPath + "\n" + site
	}
	return tier{
		script: "web.sh", packages: "apache2", unit: "apache2", entry: "index.html",
		baked: []file{
			{"0644", "/etc/apache2/sites-available/app.conf", site},
			{"0644", "/srv/app/health", "ok\n"},
		},
		own: []file{
			{"0644", "/srv/app/config.json", toJSON(map[string]string{"apiUrl": w.APIURL, "region": w.Region})},
		},
		logs: []string{"/var/log/apache2/access.log", "/var/log/apache2/error.log"},
	}
}

// Script is the user data of the API server.
func (a API) Script() string { return a.tier().boot(a.Server) }

// Image is the scripts of the API servers' image. What is the application's own
// is not in it.
func (a API) Image() Image {
	a.Environment, a.Variables, a.Start = nil, nil, "node server.js"
	return a.tier().image(a.Server)
}

func (a API) tier() tier {
	environment := map[string]string{}
	maps.Copy(environment, a.Environment)
	environment["AWS_REGION"] = a.Region
	environment["PORT"] = "80"
	for name := range environment {
		if !slices.Contains(Contract, name) {
			panic(fmt.Sprintf("API.Environment: %s is none of the Contract's variables", name))
		}
	}
	return tier{
		script: "api.sh", packages: "nodejs", unit: "app", entry: "package.json",
		baked: []file{
			{"0644", "/etc/systemd/system/app.service", asset("files/app.service")},
		},
		own: []file{
			{"0755", "/usr/local/lib/app/start", asset("files/start.sh") + Launch(a.Start, a.Variables)},
			{"0640", "/etc/app/environment", environmentFile(environment)},
		},
		logs: []string{"/var/log/app.log"},
	}
}

// tier is what makes a server the one it is. An image may have what is baked:
// that depends on no region, no secret and no release.
type tier struct {
	script   string   // Of its functions prepare, which is baked, and serve.
	packages string   // Baked.
	baked    []file   // Written before the packages come.
	own      []file   // Written at each boot.
	unit     string   // The service.
	entry    string   // File that a release has at its root.
	logs     []string // To ship.
}

// boot is user data: for a server of plain Ubuntu and for one of an image alike.
func (t tier) boot(s Server) string {
	if s.Logs != (Logs{}) {
		t.own = append(t.own, file{"0644", "/etc/app/agent.json", s.agentConfig(t.logs)})
	}
	return s.script(t, [][2]string{
		{"STACK", s.Stack},
		{"GROUP", s.LogicalID},
		{"TARGETS", s.Targets},
		{"ARTIFACT_BUCKET", s.Artifact.Bucket},
		{"ARTIFACT_KEY", s.Artifact.Key},
		{"ARTIFACT_HASH", s.Artifact.Hash},
		{"ENTRY", t.entry},
	}, "boot.sh")
}

// Image is the scripts that EC2 Image Builder runs, as root, by bash.
type Image struct {
	Build string // On a server of plain Ubuntu, whose disk becomes the image.
	Test  string // On a server made from the image.
}

func (t tier) image(s Server) Image {
	test := s.script(t, nil, "image_test.sh")
	t.own = nil
	return Image{Build: s.script(t, nil, "image.sh"), Test: test}
}

// script ends in the script main, and has before it what that may call.
func (s Server) script(t tier, variables [][2]string, main string) string {
	t.baked = append(t.baked,
		file{"0644", "/etc/apt/apt.conf.d/52app", asset("files/apt.conf")},
		file{"0644", "/etc/systemd/journald.conf.d/app.conf", asset("files/journald.conf")},
	)
	parts := []string{"common.sh", "bake.sh", t.script}
	if s.Logs != (Logs{}) {
		parts = append(parts, "logs.sh")
		t.packages += " rsyslog gpg gpgv"
		t.baked = append(t.baked,
			file{"0644", "/etc/rsyslog.d/40-app.conf", asset("files/rsyslog.conf")},
			file{"0644", "/etc/logrotate.d/app", asset("files/logrotate.conf")},
		)
	}
	baked := writeFiles("baked_files", t.baked)
	var b strings.Builder
	for _, v := range append(variables, [][2]string{
		{"REGION", s.Region},
		{"HEALTH_PATH", s.HealthPath},
		{"PACKAGES", t.packages},
		{"UNIT", t.unit},
		{"IMAGE", fmt.Sprintf("%x", sha256.Sum256([]byte(t.packages+baked+asset("bake.sh")+asset(t.script))))},
	}...) {
		fmt.Fprintf(&b, "%s=%s\n", v[0], quote(v[1]))
	}
	if len(t.own) > 0 {
		b.WriteString(writeFiles("boot_files", t.own))
	}
	b.WriteString(baked)
	for _, part := range append(parts, main) {
		b.WriteString("\n# " + part + "\n" + asset(part))
	}
	return b.String()
}

// file is one that the server needs; its content is plain text that ends in a
// new line.
type file struct{ mode, path, content string }

// writeFiles defines the shell function of this name, which writes them all.
func writeFiles(function string, files []file) string {
	const end = "END_OF_FILE"
	var b strings.Builder
	b.WriteString(function + "() {\n")
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
