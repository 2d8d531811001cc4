//go:build boot

package boot

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// metadata is the instance metadata service, version 2 only, of every server: it
// tells them apart by their address.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
type metadata struct {
	mu      sync.Mutex
	servers map[string]*server // by address
	tokens  map[string]bool
}

func newMetadata() *metadata {
	return &metadata{servers: map[string]*server{}, tokens: map[string]bool{}}
}

func (m *metadata) add(s *server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.servers[s.address] = s
}

// holding is the server that these credentials were given to.
func (m *metadata) holding(accessKey, token string) *server {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.servers {
		if s.accessKey() == accessKey && s.sessionToken == token {
			return s
		}
	}
	return nil
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	m.mu.Lock()
	s, authorized := m.servers[address], m.tokens[r.Header.Get("X-aws-ec2-metadata-token")]
	m.mu.Unlock()
	switch {
	case s == nil:
		http.NotFound(w, r)
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
		lifetime := r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds")
		if lifetime == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		token := rand.Text()
		m.mu.Lock()
		m.tokens[token] = true
		m.mu.Unlock()
		w.Header().Set("X-aws-ec2-metadata-token-ttl-seconds", lifetime)
		fmt.Fprint(w, token)
	case !authorized:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		s.tell(w, r)
	}
}

// tell answers from a tree of paths: a path that is none itself lists its children.
func (s *server) tell(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/") // without the version
	path = strings.TrimSuffix(path, "/")
	tree := s.metadata()
	if value, ok := tree[path]; ok {
		fmt.Fprint(w, value)
		return
	}
	var children []string
	for candidate := range tree {
		rest, below := strings.CutPrefix(candidate, path+"/")
		if path == "" {
			rest, below = candidate, true
		}
		if below {
			child, _, deeper := strings.Cut(rest, "/")
			if deeper {
				child += "/"
			}
			children = append(children, child)
		}
	}
	if r.URL.Path == "/" {
		children = []string{"2009-04-04", "2021-03-23", "latest"}
	}
	if children == nil {
		http.NotFound(w, r)
		return
	}
	slices.Sort(children)
	fmt.Fprint(w, strings.Join(slices.Compact(children), "\n"))
}

func (s *server) metadata() map[string]string {
	region := s.tier.stack.region
	document := map[string]string{
		"accountId": account, "region": region, "availabilityZone": region + "a", "privateIp": s.address,
		"instanceId": s.id, "instanceType": "t4g.small", "imageId": "ami-0123456789abcdef0",
	}
	credentials := map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": time.Now().UTC().Format(time.RFC3339),
		"AccessKeyId": s.accessKey(), "SecretAccessKey": s.secretKey, "Token": s.sessionToken,
		"Expiration": time.Now().Add(6 * time.Hour).UTC().Format(time.RFC3339),
	}
	mac := "network/interfaces/macs/" + macAddress(s.address) + "/"
	tree := map[string]string{
		"user-data":                          s.tier.userData,
		"dynamic/instance-identity/document": toJSON(document),
	}
	for path, value := range map[string]string{
		"ami-id":                            document["imageId"],
		"instance-id":                       s.id,
		"instance-type":                     document["instanceType"],
		"hostname":                          s.hostName(),
		"local-hostname":                    s.hostName(),
		"local-ipv4":                        s.address,
		"mac":                               macAddress(s.address),
		mac + "device-number":               "0",
		mac + "local-ipv4s":                 s.address,
		mac + "subnet-ipv4-cidr-block":      s.tier.subnet,
		"placement/availability-zone":       document["availabilityZone"],
		"placement/region":                  region,
		"services/domain":                   "amazonaws.com",
		"services/partition":                "aws",
		"iam/security-credentials/the-role": toJSON(credentials),
	} {
		tree["meta-data/"+path] = value
	}
	return tree
}

// hostName is the server's private one:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-naming.html
func (s *server) hostName() string {
	return "ip-" + strings.ReplaceAll(s.address, ".", "-") + "." + s.tier.stack.privateDomain()
}

func (s *stack) privateDomain() string {
	if s.region == "us-east-1" {
		return "ec2.internal"
	}
	return s.region + ".compute.internal"
}

func toJSON(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(data)
}
