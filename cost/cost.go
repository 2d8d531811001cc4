// Package cost reckons from a deployment's templates what it costs a month: what
// each resource is billed for, at prices with a date and a source. What no
// template says, such as traffic, is assumed, and can be said. It imports no CDK.
package cost

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"warm-standby/cloudassembly"
)

const (
	hours   = 730.0 // Of a month, as AWS's own calculator has it.
	seconds = hours * 3600
	days    = hours / 24
)

// Assumptions is what is not in the templates. Defaults are a small site's.
type Assumptions struct {
	SiteRequests float64 // Million a month, all answered by CloudFront's distribution.
	ApiRequests  float64 // Million a month.
	SiteGB       float64 // From CloudFront to visitors, a month.
	ApiGB        float64 // From the API to visitors, a month.
	DNSQueries   float64 // Million a month, but for the free ones: of aliases and of private zones.
	WrittenGB    float64 // Written to the database a month, thus replicated.
	DatabaseGB   float64 // Storage of an instance whose template leaves it to the one it copies.
	NatGB        float64 // Through the NAT gateways of a region, a month.
	EndpointGB   float64 // Through each interface endpoint, a month.
	LogGB        float64 // Into each log group, a month.
	BucketGB     float64 // In each bucket.
	BucketPuts   float64 // Thousand objects that each bucket takes a month.
	BackupGB     float64 // Of the database, in each backup vault.
	ServerGB     float64 // Of each server, in each backup vault.
	Mails        float64 // Of each topic, a month.
	Invocations  float64 // Of each Lambda function, a month.
	CallSeconds  float64 // Of each invocation, and of each run of a canary.
	Builds       float64 // Of each image pipeline with a schedule, a month.
	BuildHours   float64 // Of each build.
	ImageGB      float64 // Of each image, its snapshot's blocks in use.
	DrillMinutes float64 // Times actions, of experiments of FIS, a month.
}

// Defaults is what is assumed unless something else is said.
func Defaults() Assumptions {
	return Assumptions{
		SiteRequests: 1, ApiRequests: 1, SiteGB: 20, ApiGB: 10, DNSQueries: 1,
		WrittenGB: 5, DatabaseGB: 22, NatGB: 10, EndpointGB: 1, LogGB: 0.5,
		BucketGB: 1, BucketPuts: 35, BackupGB: 30, ServerGB: 5, Mails: 100,
		Invocations: 100, CallSeconds: 10,
		Builds: 4, BuildHours: 0.5, ImageGB: 3,
	}
}

// Assumption is one of them, under the name that changes it.
type Assumption struct {
	Name, Meaning string
	Value         *float64
}

// List is all of them, to be read and changed.
func (a *Assumptions) List() []Assumption {
	return []Assumption{
		{"site-requests", "million requests a month to the site", &a.SiteRequests},
		{"api-requests", "million requests a month to the API", &a.ApiRequests},
		{"site-gb", "GB a month from CloudFront to visitors", &a.SiteGB},
		{"api-gb", "GB a month from the API to visitors", &a.ApiGB},
		{"dns-queries", "million DNS queries a month that are not free (those of aliases are)", &a.DNSQueries},
		{"written-gb", "GB a month written to the database and replicated", &a.WrittenGB},
		{"database-gb", "GB of a database whose templates do not say it, all being replicas", &a.DatabaseGB},
		{"nat-gb", "GB a month through a region's NAT gateways", &a.NatGB},
		{"endpoint-gb", "GB a month through each interface endpoint", &a.EndpointGB},
		{"log-gb", "GB a month into each log group", &a.LogGB},
		{"bucket-gb", "GB in each bucket", &a.BucketGB},
		{"bucket-puts", "thousand objects a month into each bucket", &a.BucketPuts},
		{"backup-gb", "GB of the database in each backup vault", &a.BackupGB},
		{"server-gb", "GB of each server in each backup vault", &a.ServerGB},
		{"mails", "mails a month of each topic", &a.Mails},
		{"invocations", "invocations a month of each Lambda function", &a.Invocations},
		{"call-seconds", "seconds of each invocation, and of each run of a canary", &a.CallSeconds},
		{"builds", "builds a month of each image pipeline with a schedule", &a.Builds},
		{"build-hours", "hours of each build", &a.BuildHours},
		{"image-gb", "GB of each image's snapshot", &a.ImageGB},
		{"drill-minutes", "minutes a month of each action of a drill, added up", &a.DrillMinutes},
	}
}

// NotCounted is what an estimate leaves out.
var NotCounted = []string{
	"taxes, support, discounts, and the free tiers, which an account has once: of health checks, alarms, dashboards, logs, canary runs, CloudFront, Lambda and data transfer",
	"data transfer between zones",
	"servers beyond the groups' minimum, CPU credits, and storage that a database grows by",
	"RDS's own backups and final snapshots beyond the size of the database, which is free",
	"requests to KMS, Secrets Manager, Systems Manager and of GET to S3; Logs Insights queries",
	"the public hosted zone and the CDK's bootstrap buckets, which no template here has",
	"runs of the runbooks",
}

// Line is one thing that a stack is billed for.
type Line struct {
	Stack, Service, Item string
	Quantity             float64
	Price                Price
}

// Cost is in USD a month.
func (l Line) Cost() float64 { return l.Quantity * l.Price.USD }

// Estimate is what a deployment costs a month.
type Estimate struct {
	Stacks           []string // In the order they are deployed.
	Primary, Standby string   // Names of those of the regions.
	Lines            []Line
	Assumptions      Assumptions
}

// Sum is the cost in USD a month of the lines of a stack and a service, of all if empty.
func (e *Estimate) Sum(stack, service string) (sum float64) {
	for _, l := range e.Lines {
		if (stack == "" || l.Stack == stack) && (service == "" || l.Service == service) {
			sum += l.Cost()
		}
	}
	return sum
}

// Services is the names of all, the costliest first.
func (e *Estimate) Services() []string {
	names := map[string]bool{}
	for _, l := range e.Lines {
		names[l.Service] = true
	}
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(e.Sum("", b), e.Sum("", a)), cmp.Compare(a, b))
	})
}

// Of reckons what the stacks of a deployment cost. The error names all that it
// cannot price, a line each.
func Of(stacks []cloudassembly.Stack, assumptions Assumptions) (*Estimate, error) {
	prices, err := readPrices()
	if err != nil {
		return nil, err
	}
	primary, err := cloudassembly.PrimaryRegion(stacks)
	if err != nil {
		return nil, err
	}
	d := &deployment{Assumptions: assumptions, prices: prices, primary: primary, checks: map[string]float64{}, problems: map[string]bool{}}
	for _, a := range assumptions.List() {
		if *a.Value < 0 {
			d.problems[fmt.Sprintf("-%s: want 0 or more (got %g)", a.Name, *a.Value)] = true
		}
	}
	estimate := &Estimate{Assumptions: assumptions}
	var bills []*bill
	for _, stack := range stacks {
		resources, err := stack.Resources()
		if err != nil {
			return nil, err
		}
		b := &bill{deployment: d, stack: stack, resources: resources}
		b.survey()
		bills = append(bills, b)
		estimate.Stacks = append(estimate.Stacks, stack.Name)
		switch {
		case stack.Role == "global":
		case stack.Region == primary:
			estimate.Primary = stack.Name
		default:
			estimate.Standby = stack.Name
		}
	}
	for _, b := range bills {
		for _, id := range slices.Sorted(maps.Keys(b.resources)) {
			b.resource(id)
		}
		estimate.Lines = append(estimate.Lines, b.lines...)
	}
	if len(d.problems) == 0 {
		return estimate, nil
	}
	var problems []error
	for _, problem := range slices.Sorted(maps.Keys(d.problems)) {
		problems = append(problems, errors.New(problem))
	}
	return nil, errors.Join(problems...)
}

// deployment is what the bills of its stacks have in common.
type deployment struct {
	Assumptions
	prices   map[string]map[string]Price
	primary  string
	checks   map[string]float64 // Requests of Route 53's checkers to a region, million a month.
	storage  float64            // GiB of the databases, if an instance says it.
	problems map[string]bool
}

// bill is that of one stack.
type bill struct {
	*deployment
	stack     cloudassembly.Stack
	resources map[string]cloudassembly.Resource
	lines     []Line
}

// survey collects what the bills of other stacks depend on.
func (b *bill) survey() {
	for id, r := range b.resources {
		switch r.Type {
		case "AWS::RDS::DBInstance":
			b.storage = max(b.storage, float64(properties[struct{ AllocatedStorage number }](b, id).AllocatedStorage))
		case "AWS::Route53::HealthCheck":
			check := properties[healthCheck](b, id).HealthCheckConfig
			for _, region := range b.regions() {
				if strings.Contains(check.FullyQualifiedDomainName, region) {
					b.checks[region] += checkers / float64(cmp.Or(check.RequestInterval, 30)) * seconds / 1e6
				}
			}
		}
	}
}

// regions is all that the table of prices has.
func (d *deployment) regions() []string { return slices.Sorted(maps.Keys(d.prices)) }

func (b *bill) resource(id string) {
	kind := b.resources[id].Type
	charge, billed := billing[kind]
	switch {
	case billed:
		charge(b, id)
	case !free(kind):
		b.problem("no price for %s (%s of %s): say in cost/billing.go how it is billed, or that it is free", kind, id, b.stack.Name)
	}
}

// add puts a quantity of something on the bill; its price is found by name.
func (b *bill) add(service, item string, quantity float64, price string) {
	p, found := b.prices[b.stack.Region][price]
	if !found {
		p, found = b.prices[everywhere][price]
	}
	if !found {
		b.problem("no price for %s in %s; add it to cost/prices.yaml", price, b.stack.Region)
		return
	}
	b.lines = append(b.lines, Line{b.stack.Name, service, item, quantity, p})
}

func (b *bill) problem(format string, a ...any) { b.problems[fmt.Sprintf(format, a...)] = true }

// isPrimary tells whether this is the stack whose region serves.
func (b *bill) isPrimary() bool { return b.stack.Role != "global" && b.stack.Region == b.primary }

// count is how many resources of a type the stack has.
func (b *bill) count(kind string) (n float64) {
	for _, r := range b.resources {
		if r.Type == kind {
			n++
		}
	}
	return n
}

// properties is those of a resource; what cannot be read is a problem of the bill.
func properties[T any](b *bill, id string) (p T) {
	if raw := b.resources[id].Properties; raw != nil {
		if err := json.Unmarshal(raw, &p); err != nil {
			b.problem("%s of %s: %s", id, b.stack.Name, err)
		}
	}
	return p
}

// number is one that CloudFormation takes as a string, too.
type number float64

// UnmarshalJSON reads either.
func (n *number) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err != nil {
		return fmt.Errorf("want a number (got %s)", data)
	}
	*n = number(value)
	return nil
}

// reference is the logical id that a Ref or Fn::GetAtt names; empty for anything else.
type reference string

// UnmarshalJSON reads it.
func (r *reference) UnmarshalJSON(data []byte) error {
	var value struct {
		Ref    string
		GetAtt []any `json:"Fn::GetAtt"`
	}
	if json.Unmarshal(data, &value) != nil {
		return nil // a literal
	}
	*r = reference(value.Ref)
	if len(value.GetAtt) > 0 {
		if id, ok := value.GetAtt[0].(string); ok {
			*r = reference(id)
		}
	}
	return nil
}
