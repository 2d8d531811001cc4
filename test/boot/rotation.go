//go:build boot

package boot

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rotation is the function that rotates the password as the template has it: its
// archive, variables and role, on the Node.js of its runtime, in its subnet.
type rotation struct {
	*server   // not booted: its root, network and credentials
	secret    *secret
	handler   string
	variables []string
}

const (
	functionFolder = "/var/task" // Lambda's
	functionNode   = "/opt/node"
)

func (w *world) newRotation() (*rotation, error) {
	s := w.primary.stack
	_, function := s.find("AWS::Lambda::Function", "Rotation")
	p := function.Properties
	subnet := p["VpcConfig"].(object)["SubnetIds"].([]any)[0].(object)["Ref"].(string)
	role := p["Role"].(object)["Fn::GetAtt"].([]any)[0].(string)
	server, err := w.newServer("rotation", tier{
		stack: s, name: "rotation", subnet: s.resources[subnet].Properties["CidrBlock"].(string), grants: s.grants(role),
	}, 20, w.base)
	if err != nil {
		return nil, err
	}
	r := &rotation{server: server, secret: w.apis.secret, handler: p["Handler"].(string)}
	variables := map[string]string{
		"AWS_REGION": s.region, "AWS_ACCESS_KEY_ID": server.accessKey(), "AWS_SECRET_ACCESS_KEY": server.secretKey, "AWS_SESSION_TOKEN": server.sessionToken,
		// As the booted servers, it trusts the test's authority.
		"DB_CA_FILE": authorityFile, "NODE_EXTRA_CA_CERTS": authorityFile,
	}
	for name, value := range p["Environment"].(object)["Variables"].(object) {
		variables[name] = s.text(value)
	}
	for name, value := range variables {
		r.variables = append(r.variables, name+"="+value)
	}
	code := p["Code"].(object)
	archive := s.assets[s.text(code["S3Bucket"])+"/"+code["S3Key"].(string)]
	return r, errors.Join(r.unpack(archive), r.installNode(p["Runtime"].(string)))
}

func (r *rotation) unpack(archive string) error {
	files, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer files.Close()
	return os.CopyFS(filepath.Join(r.root(), functionFolder), files)
}

// installNode has the Node.js that runs the CDK here, which is of the runtime's
// version, too.
func (r *rotation) installNode(runtime string) error {
	node, err := exec.LookPath("node")
	if err != nil {
		return err
	}
	if node, err = filepath.EvalSymlinks(node); err != nil {
		return err
	}
	version, err := exec.Command(node, "--version").Output()
	if err != nil {
		return err
	}
	if major, _, _ := strings.Cut(string(version), "."); runtime != "nodejs"+strings.TrimPrefix(major, "v")+".x" {
		return fmt.Errorf("the function's runtime is %s, and the Node.js here is %s", runtime, version)
	}
	at := filepath.Join(r.root(), functionNode)
	if err := os.WriteFile(at, nil, 0o755); err != nil {
		return err
	}
	return run("mount --bind " + node + " " + at)
}

// The steps as Secrets Manager calls them.
var rotationSteps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

// invoker calls the handler once for each step, as Lambda does.
const invoker = `
const [file, name] = process.env.HANDLER.split('.');
const { [name]: handler } = await import('` + functionFolder + `/' + file + '.js');
for (const Step of process.env.STEPS.split(' ')) {
	await handler({ Step, SecretId: process.env.SECRET, ClientRequestToken: process.env.VERSION });
}`

// invoke begins the rotation to a version, runs steps of it, and returns what the
// function logged.
func (r *rotation) invoke(version string, steps ...string) (string, error) {
	command := exec.Command("nsenter", "--net=/run/netns/"+r.name, "chroot", r.root(), functionNode, "--input-type=module", "-")
	command.Stdin = strings.NewReader(invoker)
	command.Env = append([]string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"HANDLER=" + r.handler, "STEPS=" + strings.Join(steps, " "),
		"SECRET=" + r.tier.stack.secretARN(r.secret.name), "VERSION=" + version,
	}, r.variables...)
	r.secret.begin(version)
	out, err := command.CombinedOutput()
	return string(out), err
}
