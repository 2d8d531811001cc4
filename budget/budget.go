// Package budget computes how long each failure lasts, as a sum of parts that a
// reader can check: what the deployment sets, what the example application does,
// and what AWS publishes. A part that no document states is named and not
// guessed. It imports no CDK.
package budget

import (
	"fmt"
	"slices"
	"time"
)

// Timings is what a deployment sets, and the recovery depends on. FromSettings
// and FromStacks fill it; a test holds the two equal.
type Timings struct {
	CheckInterval time.Duration // Between two requests of a Route 53 checker to an endpoint.
	CheckFailures int           // Failed requests in a row that make an endpoint unhealthy.
	ClientTTL     time.Duration // How long resolvers keep the address of a failover name.
	WriterTTL     time.Duration // How long they keep the name of the region that writes.
	SwitchPeriod  time.Duration // How long the operator's switch takes to be an alarm.

	ConnectionAttempts int           // Of CloudFront to an origin.
	ConnectionTimeout  time.Duration // Of one attempt.
	ReadTimeout        time.Duration // For an origin's response.

	TargetInterval  time.Duration // Between two requests of a load balancer to a server.
	TargetTimeout   time.Duration // For the server's response.
	TargetFailures  int           // Failed requests in a row that take a server out.
	TargetSuccesses int           // Good ones that take it in.
	Deregistration  time.Duration // How long a server that leaves may finish its requests.
	ClientKeepAlive time.Duration // How long a load balancer lets a client keep a connection.

	Servers   int           // Fewest servers of a tier of the primary.
	Boot      time.Duration // How long a server boots, typically.
	BootGrace time.Duration // How long it may boot before it is replaced.
	MultiAz   bool          // The primary's database has a copy in another zone.

	LagLimit  time.Duration // Replica lag above which an alarm is raised.
	LagNotice time.Duration // How long it has to last.
}

// Failure is one way to fail, from a moment until another. What follows it goes
// on along several paths at the same time, of which the longest counts.
type Failure struct {
	Name   string
	Until  string        // From when until when is counted, as a sentence.
	Target time.Duration // What the worst must not exceed. Default: no target.
	Paths  []Path
}

// Path is parts of which each begins when the one before has ended.
type Path struct {
	Name  string
	Parts []Part
}

// Part is one time that passes.
type Part struct {
	Name        string
	Worst       time.Duration // The most. Default: none, with Unpublished.
	Typical     time.Duration // What to expect; half a period where nothing else is known. Default: to be measured.
	How         string        // How Worst is reckoned, in the names of template and code.
	Source      string        // Where the figures are from.
	Unpublished bool          // No document states it: a drill has to measure it.
}

// Worst is the sum of what is known.
func (p Path) Worst() (sum time.Duration) {
	for _, part := range p.Parts {
		sum += part.Worst
	}
	return sum
}

// Typical is the same of what is to be expected.
func (p Path) Typical() (sum time.Duration) {
	for _, part := range p.Parts {
		sum += part.Typical
	}
	return sum
}

// Unpublished tells whether the sums lack a part that no document states.
func (p Path) Unpublished() bool {
	return slices.ContainsFunc(p.Parts, func(part Part) bool { return part.Unpublished })
}

// Worst is that of the longest path.
func (f Failure) Worst() (longest time.Duration) {
	for _, path := range f.Paths {
		longest = max(longest, path.Worst())
	}
	return longest
}

// Typical is that of the longest path.
func (f Failure) Typical() (longest time.Duration) {
	for _, path := range f.Paths {
		longest = max(longest, path.Typical())
	}
	return longest
}

// Unpublished tells whether any path lacks a part that no document states.
func (f Failure) Unpublished() bool { return slices.ContainsFunc(f.Paths, Path.Unpublished) }

// Met tells whether what is known keeps the target. Where a part is unpublished,
// it is for a drill to show that the rest of the time is enough for it.
func (f Failure) Met() bool { return f.Target == 0 || f.Worst() <= f.Target }

// Names of the failures with a target.
const (
	RegionRequest = "Region lost: a request to the site"
	RegionReads   = "Region lost: reads"
	RegionWrites  = "Region lost: writes"
	RegionData    = "Region lost: data"
)

// Failures reckons all of them.
func Failures(t Timings) []Failure {
	return []Failure{
		{
			Name:  "Web or API server lost: its requests",
			Until: serverUntil(t),
			Paths: serverPaths(t),
		},
		{
			Name:  "Web or API server lost: capacity",
			Until: "From the server's death until another has taken its place.",
			Paths: []Path{{Parts: t.replacement()}},
		},
		{
			Name:  "Zone lost",
			Until: "From the loss of one zone of the primary until the others serve all requests, writes included.",
			Paths: zonePaths(t),
		},
		{
			Name:  "Database lost",
			Until: "From the instance's failure until the API reads and writes again in the same region.",
			Paths: []Path{t.database()},
		},
		{
			Name:   RegionRequest,
			Until:  "What a GET waits longer than otherwise, from the first second on: CloudFront then asks the standby.",
			Target: 5 * time.Second,
			Paths:  []Path{{Parts: []Part{t.originFailover()}}},
		},
		{
			Name:   RegionReads,
			Until:  "From the loss of the primary's network until a new request to the API is answered by the standby, without an operator.",
			Target: 2 * time.Minute,
			Paths:  []Path{{"DNS", t.failover()}, openConnections},
		},
		{
			Name:   RegionWrites,
			Until:  "From the operator's command until the standby takes every client's writes: traffic is held there, then the database promoted.",
			Target: 15 * time.Minute,
			Paths: []Path{
				{"database", []Part{runbookSteps, t.operatorSwitch(), switchNotices, backupEnds, promotion, appNotices}},
				{"fence", []Part{runbookSteps, t.operatorSwitch(), switchNotices, t.writerDNS(), fenceAsks}},
				{"clients", []Part{runbookSteps, t.operatorSwitch(), switchNotices, t.clientDNS(), t.pinned()}},
			},
		},
		{
			Name:  "Region lost: capacity",
			Until: "From the operator's command until the standby has the primary's servers; it serves meanwhile.",
			Paths: []Path{{Parts: []Part{launch, t.boot()}}},
		},
		{
			Name:   RegionData,
			Until:  fmt.Sprintf("What the replica has not received, its lag, is lost (RPO). An alarm tells of a larger one after %s.", seconds(t.LagNotice)),
			Target: time.Minute,
			Paths:  []Path{{Parts: []Part{t.lag()}}},
		},
	}
}

// serverPaths is a server's death; the only one of a tier takes the region along,
// whose load balancer stays and keeps its clients.
func serverPaths(t Timings) []Path {
	if t.Servers == 1 {
		return []Path{{"servers", append(t.failover(), t.pinned())}}
	}
	return []Path{{"servers", []Part{t.serverOut()}}}
}

// zonePaths is a zone's loss. Where a tier has one server, writes wait for the
// next: the standby has none to offer.
func zonePaths(t Timings) []Path {
	paths := append(serverPaths(t),
		Path{"load balancers", []Part{balancerNotices, t.clientDNS()}},
		openConnections,
		t.database())
	if t.Servers == 1 {
		paths = append(paths, Path{"the next server", t.replacement()})
	}
	return paths
}

// replacement is how a server follows one that died.
func (t Timings) replacement() []Part {
	return []Part{t.serverOut(), autoScalingNotices, t.deregistration(), launch, t.boot()}
}

func serverUntil(t Timings) string {
	if t.Servers == 1 {
		return "From the server's death until the standby answers in its place: it is the only one of its tier. The site's requests are answered meanwhile; writes wait for the next server."
	}
	return "From the server's death until the load balancer sends it no more requests. The site's requests are answered meanwhile."
}

// failover is how new requests come to the standby by themselves.
func (t Timings) failover() []Part {
	return []Part{t.endpointCheck(), checkNotices, t.clientDNS()}
}

// database is a failover to the copy in the other zone, if there is one.
func (t Timings) database() Path {
	if !t.MultiAz {
		return Path{"database", []Part{singleZoneRecovery, appNotices}}
	}
	return Path{"database", []Part{multiAzFailover, slowFailover, endpointDNS, appNotices}}
}
