//go:build boot

package boot

import (
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// names is the name servers of both VPCs. What is not in them does not exist:
// whatever a server asks for beyond is noted.
type names struct {
	mu      sync.Mutex
	records map[string][]string // "region type name." to values
	unknown []string
}

func newNames() *names { return &names{records: map[string][]string{}} }

// set gives a name one value in one region, and none without a value.
func (n *names) set(region, kind, name string, values ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records[region+" "+kind+" "+name+"."] = values
}

// strangers are the names that were asked for in vain.
func (n *names) strangers() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.unknown, " ")
}

// serve answers on a VPC's own name server, its second address.
func (n *names) serve(region, address string) error {
	var packets net.PacketConn
	err := inWorld(func() (err error) {
		packets, err = net.ListenPacket("udp", address+":53")
		return err
	})
	if err != nil {
		return err
	}
	go dns.ActivateAndServe(nil, packets, dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		answer := new(dns.Msg).SetReply(query)
		answer.Answer = n.answer(region, query.Question[0].Name, dns.TypeToString[query.Question[0].Qtype])
		if answer.Answer == nil {
			answer.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(answer)
	}))
	return nil
}

func (n *names) answer(region, asked, kind string) []dns.RR {
	n.mu.Lock()
	defer n.mu.Unlock()
	found := []dns.RR{} // known, if only by another type
	for name := strings.ToLower(asked); ; {
		if alias := n.records[region+" CNAME "+name]; alias != nil {
			found = append(found, record(name, "CNAME", alias[0]+"."))
			name = alias[0] + "."
			continue
		}
		for _, value := range n.records[region+" "+kind+" "+name] {
			found = append(found, record(name, kind, value))
		}
		if address := awsEndpoint(name, region); address != "" && kind == "A" {
			found = append(found, record(name, kind, address))
		} else if address == "" && n.records[region+" A "+name] == nil && n.records[region+" TXT "+name] == nil {
			if !slices.Contains(n.unknown, name) {
				n.unknown = append(n.unknown, name)
			}
			return nil
		}
		return found
	}
}

// awsEndpoint is the address of the region's APIs, empty for another name: no
// server may need another region's.
func awsEndpoint(name, region string) string {
	if strings.HasSuffix(name, "."+region+".amazonaws.com.") && !strings.Contains(name, ".rds.") {
		return awsAddress
	}
	return ""
}

// record has a short life, so that what changes is soon seen.
func record(name, kind, value string) dns.RR {
	if kind == "TXT" {
		value = `"` + value + `"`
	}
	rr, err := dns.NewRR(name + " 1 IN " + kind + " " + value)
	if err != nil {
		panic(err)
	}
	return rr
}
