//go:build boot

package boot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// secret is the database's in Secrets Manager, with its versions and their stages. The
// region that owns it takes changes, the other has a copy.
type secret struct {
	name  string
	owner string // region

	mu     sync.Mutex
	values map[string]string // by version; none while it is only labelled
	stages map[string]string // to version
}

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

// newSecret is the one that a template makes; it has no value yet.
func newSecret(s *stack) *secret {
	_, r := s.find("AWS::SecretsManager::Secret", "Database")
	return &secret{name: s.text(r.Properties["Name"]), owner: s.region, values: map[string]string{}, stages: map[string]string{}}
}

// begin labels a new version pending, as RotateSecret does before it calls the
// function.
func (s *secret) begin(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stages[pending] = version
}

// set makes a value the current one.
func (s *secret) set(version, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[version] = value
	s.move(version)
}

// move makes a version the current one; the labels follow by themselves.
func (s *secret) move(version string) {
	if old := s.stages[current]; old != "" {
		s.stages[previous] = old
	}
	s.stages[current] = version
	delete(s.stages, pending)
}

// password is that of a stage, empty if there is none.
func (s *secret) password(stage string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return passwordOf(s.values[s.stages[stage]])
}

// version is the one that a stage labels, empty if there is none.
func (s *secret) version(stage string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stages[stage]
}

// passwords are all that there ever were.
func (s *secret) passwords() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, value := range s.values {
		all = append(all, passwordOf(value))
	}
	return all
}

func passwordOf(value string) string {
	var login struct{ Password string }
	json.Unmarshal([]byte(value), &login)
	return login.Password
}

// secretsManager answers what servers and the rotation ask of the secret.
func (a *apis) secretsManager(w http.ResponseWriter, r *http.Request, caller *server) *failure {
	var in struct {
		SecretId, VersionId, VersionStage, SecretString          string
		ClientRequestToken, MoveToVersionId, RemoveFromVersionId string
		VersionStages                                            []string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return &failure{http.StatusBadRequest, "InvalidRequestException", err.Error()}
	}
	stack, s := caller.tier.stack, a.secret
	action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	arn := stack.secretARN(s.name)
	if in.SecretId != s.name && in.SecretId != arn {
		return &failure{http.StatusBadRequest, "ResourceNotFoundException", in.SecretId}
	}
	if denied := mayNot(caller, "secretsmanager:"+action, arn); denied != nil {
		return denied
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := object{"ARN": arn, "Name": s.name}
	wrong := &failure{http.StatusBadRequest, "InvalidParameterException", fmt.Sprintf("%s: %+v", action, in)}
	switch {
	case action == "GetSecretValue":
		version := s.stages[cmp.Or(in.VersionStage, current)]
		value, found := s.values[version]
		if !found || in.VersionId != "" && in.VersionId != version {
			// How one learns that there is none: no mistake, so it is not noted.
			reply(w, http.StatusBadRequest, object{"__type": "ResourceNotFoundException", "message": "no such version"})
			return nil
		}
		answer["SecretString"] = value
	case action == "DescribeSecret":
		versions := map[string][]string{}
		for stage, version := range s.stages {
			versions[version] = append(versions[version], stage)
		}
		answer["VersionIdsToStages"] = versions
	case stack.region != s.owner:
		return &failure{http.StatusBadRequest, "InvalidRequestException", action + ": the secret here is a replica"}
	case action == "PutSecretValue":
		if s.values[in.ClientRequestToken] != "" || s.stages[pending] != in.ClientRequestToken || !slices.Equal(in.VersionStages, []string{pending}) {
			return wrong
		}
		s.values[in.ClientRequestToken] = in.SecretString
	case action == "UpdateSecretVersionStage" && in.VersionStage == pending:
		if in.RemoveFromVersionId != s.stages[pending] || in.MoveToVersionId != "" {
			return wrong
		}
		delete(s.stages, pending)
	case action == "UpdateSecretVersionStage":
		if in.VersionStage != current || in.RemoveFromVersionId != s.stages[current] || s.values[in.MoveToVersionId] == "" {
			return wrong
		}
		s.move(in.MoveToVersionId)
	default:
		return &failure{http.StatusBadRequest, "UnknownOperationException", action}
	}
	reply(w, http.StatusOK, answer)
	return nil
}

func reply(w http.ResponseWriter, status int, answer object) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprint(w, toJSON(answer))
}
