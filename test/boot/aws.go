//go:build boot

package boot

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// apis stands in for the AWS APIs that servers call, on their own host names. It
// knows what the templates made and allows what the servers' roles allow; that
// a request's signature is right is the one thing it does not look at.
type apis struct {
	metadata *metadata
	balanced func(targets, id string) string // state of a target
	secret   *secret

	mu      sync.Mutex
	signals []signal
	refused []string        // what was not allowed
	missing map[string]bool // servers for which S3 has nothing
}

// signal is one that CloudFormation took.
type signal struct{ server, status string }

func (a *apis) signalsOf(s *server) (statuses []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, signal := range a.signals {
		if signal.server == s.id {
			statuses = append(statuses, signal.status)
		}
	}
	return statuses
}

// refusals are all calls that were not answered.
func (a *apis) refusals() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.refused)
}

// failure is an error as AWS words it.
type failure struct {
	status        int
	code, message string
}

var credential = regexp.MustCompile(`Credential=([^/]+)/[0-9]{8}/([^/]+)/([^/]+)/aws4_request`)

func (a *apis) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, region := endpoint(r.Host)
	scope := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if scope == nil || scope[2] != region || scope[3] != service {
		a.refuse(w, service, failure{http.StatusForbidden, "MissingAuthenticationToken", "not signed for " + r.Host})
		return
	}
	caller := a.metadata.holding(scope[1], r.Header.Get("X-Amz-Security-Token"))
	if caller == nil || caller.tier.stack.region != region {
		a.refuse(w, service, failure{http.StatusForbidden, "InvalidClientTokenId", "not a server's credentials in " + region})
		return
	}
	var failed *failure
	switch service {
	case "s3":
		failed = a.getObject(w, r, caller)
	case "secretsmanager":
		failed = a.secretsManager(w, r, caller)
	case "cloudformation":
		failed = a.signalResource(w, r, caller)
	case "elasticloadbalancing":
		failed = a.describeTargetHealth(w, r, caller)
	default:
		failed = &failure{http.StatusBadRequest, "UnknownOperationException", "no stand-in for " + r.Host}
	}
	if failed != nil {
		a.refuse(w, service, *failed)
	}
}

// endpoint is the service and region of a host name of AWS.
func endpoint(host string) (service, region string) {
	labels := strings.Split(strings.TrimSuffix(host, ".amazonaws.com"), ".")
	if len(labels) < 2 {
		return "", ""
	}
	return labels[len(labels)-2], labels[len(labels)-1]
}

func (a *apis) refuse(w http.ResponseWriter, service string, f failure) {
	a.mu.Lock()
	a.refused = append(a.refused, fmt.Sprintf("%s: %s: %s", service, f.code, f.message))
	a.mu.Unlock()
	if service == "secretsmanager" {
		reply(w, f.status, object{"__type": f.code, "message": f.message})
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(f.status)
	if service == "s3" {
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", f.code, f.message)
		return
	}
	fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", f.code, f.message)
}

func mayNot(caller *server, action, resource string) *failure {
	if caller.tier.allows(action, resource) {
		return nil
	}
	return &failure{http.StatusForbidden, "AccessDenied", fmt.Sprintf("the %s servers' role does not allow %s on %s", caller.tier.name, action, resource)}
}

func (a *apis) getObject(w http.ResponseWriter, r *http.Request, caller *server) *failure {
	bucket, _, virtual := strings.Cut(r.Host, ".s3.")
	object := bucket + r.URL.Path
	if !virtual {
		object = strings.TrimPrefix(r.URL.Path, "/")
	}
	if denied := mayNot(caller, "s3:GetObject", "arn:aws:s3:::"+object); denied != nil {
		return denied
	}
	file := caller.tier.stack.assets[object]
	if file == "" || a.missing[caller.name] {
		return &failure{http.StatusNotFound, "NoSuchKey", object}
	}
	w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
	w.Header().Set("Content-Type", "application/gzip")
	http.ServeFile(w, r, file)
	return nil
}

// query reads the parameters of the older APIs.
func query(r *http.Request, action string) (url.Values, *failure) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, &failure{http.StatusBadRequest, "InvalidRequest", err.Error()}
	}
	parameters, err := url.ParseQuery(string(body))
	if err != nil || parameters.Get("Action") != action {
		return nil, &failure{http.StatusBadRequest, "InvalidAction", parameters.Get("Action")}
	}
	return parameters, nil
}

func (a *apis) signalResource(w http.ResponseWriter, r *http.Request, caller *server) *failure {
	in, failed := query(r, "SignalResource")
	if failed != nil {
		return failed
	}
	stack := caller.tier.stack
	if denied := mayNot(caller, "cloudformation:SignalResource", stack.ref("AWS::StackId")); denied != nil {
		return denied
	}
	if in.Get("StackName") != stack.name || in.Get("LogicalResourceId") != caller.tier.group {
		return &failure{http.StatusBadRequest, "ValidationError", "no such resource: " + in.Encode()}
	}
	a.mu.Lock()
	a.signals = append(a.signals, signal{in.Get("UniqueId"), in.Get("Status")})
	a.mu.Unlock()
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprint(w, "<SignalResourceResponse><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></SignalResourceResponse>")
	return nil
}

func (a *apis) describeTargetHealth(w http.ResponseWriter, r *http.Request, caller *server) *failure {
	in, failed := query(r, "DescribeTargetHealth")
	if failed != nil {
		return failed
	}
	targets, id := in.Get("TargetGroupArn"), in.Get("Targets.member.1.Id")
	if denied := mayNot(caller, "elasticloadbalancing:DescribeTargetHealth", targets); denied != nil {
		return denied
	}
	state := a.balanced(targets, id)
	if state == "" {
		return &failure{http.StatusBadRequest, "TargetGroupNotFound", targets}
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions><member>"+
		"<Target><Id>%s</Id><Port>80</Port></Target><TargetHealth><State>%s</State></TargetHealth>"+
		"</member></TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>", id, state)
	return nil
}

// serveTLS serves on port 443 of an address, with certificates of the test's own
// authority for whatever name is asked for.
func (w *world) serveTLS(address string, handler http.Handler) error {
	listener, err := listen(address + ":443")
	if err != nil {
		return err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return w.authority.certificate(hello.ServerName)
	}}
	go quietServer(handler).Serve(tls.NewListener(listener, config))
	return nil
}
