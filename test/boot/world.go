//go:build boot

// Package boot boots the servers of the synthesized templates, without AWS, and
// tests what comes up. README.md says how; `make test-boot` runs it.
package boot

import (
	"crypto/rand"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
)

// world is everything that stands around the servers.
type world struct {
	work    string // scratch folder
	base    string // root of plain Ubuntu
	cgroups string

	primary, standby *region
	global           *stack
	own              *balancer // of an application of somebody's own, in the primary region
	authority        *authority
	names            *names
	metadata         *metadata
	apis             *apis
	servers          []*server

	adding sync.Mutex // of servers
}

// region is one of the two.
type region struct {
	*stack
	web, api *balancer
	database *database
}

// newWorld stands around the servers of a cloud assembly, and of a second one with
// an application of somebody's own.
func newWorld(work, cgroups, assembly, ownAssembly string) (*world, error) {
	primary, standby, global, err := loadStacks(assembly)
	if err != nil {
		return nil, err
	}
	own, _, _, err := loadStacks(ownAssembly)
	if err != nil {
		return nil, err
	}
	w := &world{
		work: work, base: filepath.Join(work, "base"), cgroups: cgroups,
		primary: newRegion(primary), standby: newRegion(standby), global: global, own: newBalancer(own.tier("Api")),
		names: newNames(), metadata: newMetadata(),
	}
	w.apis = &apis{
		metadata: w.metadata,
		balanced: w.balanced,
		secret:   newSecret(primary),
		missing:  map[string]bool{},
	}
	if w.authority, err = newAuthority(work); err != nil {
		return nil, err
	}
	if err := newNetwork(primary, standby); err != nil {
		return nil, err
	}
	return w, w.serve()
}

func newRegion(s *stack) *region {
	return &region{stack: s, web: newBalancer(s.tier("Web")), api: newBalancer(s.tier("Api"))}
}

// serve starts all that answers, and then the databases.
func (w *world) serve() error {
	if err := w.serveTLS(awsAddress, w.apis); err != nil {
		return err
	}
	for address, handler := range map[string]http.Handler{
		metadataAddress: w.metadata,
		archiveAddress:  &archive{folder: filepath.Join(w.work, "archive"), fetched: map[string]*sync.Once{}},
	} {
		listener, err := listen(address + ":80")
		if err != nil {
			return err
		}
		go quietServer(handler).Serve(listener)
	}
	for i, r := range []*region{w.primary, w.standby} {
		if err := w.names.serve(r.region, r.host("", 2)); err != nil {
			return err
		}
		for _, mirror := range mirrors(r.region) {
			w.names.set(r.region, "A", mirror, archiveAddress)
		}
		for name, b := range map[string]*balancer{"Web": r.web, "Api": r.api} {
			if err := w.serveTLS(r.balancer(name), b); err != nil {
				return err
			}
		}
		if err := w.serveTLS(r.edgeAddress(), newEdge(w.global, r.web)); err != nil {
			return err
		}
		d, err := w.newDatabase(r.stack, i+1)
		if err != nil {
			return err
		}
		r.database = d
		_, alias := r.find("AWS::Route53::RecordSet", "DatabaseRecord")
		name := strings.TrimSuffix(r.text(alias.Properties["Name"]), ".")
		w.names.set(r.region, "CNAME", name, r.text(alias.Properties["ResourceRecords"].([]any)[0]))
	}
	w.hold(w.primary)
	if err := w.setPassword(rand.Text()); err != nil {
		return err
	}
	return w.standby.database.replicate(w.primary.database)
}

// hold makes the writer's record name a region, as the operator's switch does.
func (w *world) hold(at *region) {
	for _, r := range []*region{w.primary, w.standby} {
		w.names.set(r.region, "TXT", r.api.tier.variable("WRITER_NAME"), at.region)
	}
}

// secrets are all passwords that the master user had.
func (w *world) secrets() []string { return w.apis.secret.passwords() }

// setPassword gives the master user of the writer a password, and the secret, too.
func (w *world) setPassword(password string) error {
	username, schema := w.master()
	if err := w.primary.database.setPassword(username, password, schema); err != nil {
		return err
	}
	w.apis.secret.set(rand.Text(), toJSON(map[string]string{"username": username, "password": password}))
	return nil
}

// master is the database's master user and its schema.
func (w *world) master() (username, schema string) {
	_, instance := w.primary.only("AWS::RDS::DBInstance")
	return instance.Properties["MasterUsername"].(string), instance.Properties["DBName"].(string)
}

// balanced is the state of a target, empty for a target group that nobody has.
func (w *world) balanced(targets, id string) (state string) {
	for _, b := range []*balancer{w.primary.web, w.primary.api, w.standby.web, w.standby.api, w.own} {
		if b.tier.targets != targets {
			continue
		}
		if state = b.state(id); state != unused {
			break
		}
	}
	return state
}
