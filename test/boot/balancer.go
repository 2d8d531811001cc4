//go:build boot

package boot

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// balancer is a tier's load balancer: it asks its targets for health, sends
// requests to the healthy ones in turn, and answers 503 if there are none.
type balancer struct {
	tier   tier
	client *http.Client

	mu      sync.Mutex
	targets []*target
	next    int
}

type target struct {
	server  *server
	passed  int // health checks in a row
	failed  int
	healthy bool
}

// The template's health check asks every 10 s; here it is every second, so that
// what is measured is the server. All else about it is the template's.
const checkEvery = time.Second

func newBalancer(t tier) *balancer {
	return &balancer{tier: t, client: &http.Client{Timeout: t.checkTimeout, Transport: transport()}}
}

// transport connects from the world.
func transport() *http.Transport {
	return &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 10, IdleConnTimeout: time.Second}
}

// add registers a server, as its Auto Scaling group does.
func (b *balancer) add(s *server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := &target{server: s}
	b.targets = append(b.targets, t)
	go func() {
		for ; ; time.Sleep(checkEvery) {
			b.check(t)
		}
	}()
}

func (b *balancer) check(t *target) {
	response, err := b.client.Get("http://" + t.server.address + b.tier.health)
	if err == nil {
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || response.StatusCode != http.StatusOK {
		t.passed, t.failed = 0, t.failed+1
	} else {
		t.passed, t.failed = t.passed+1, 0
	}
	if t.passed >= b.tier.healthyAfter {
		t.healthy = true
	} else if t.failed >= b.tier.unhealthyAfter {
		t.healthy = false
	}
}

const unused = "unused"

// state is a target's in the words of AWS, unused for one that is not registered.
func (b *balancer) state(id string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.targets {
		if t.server.id == id {
			if t.healthy {
				return "healthy"
			}
			return "unhealthy"
		}
	}
	return unused
}

func (b *balancer) pick() *server {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.targets {
		b.next++
		if t := b.targets[b.next%len(b.targets)]; t.healthy {
			return t.server
		}
	}
	return nil
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := b.pick()
	if s == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	proxy := httputil.ReverseProxy{
		Transport: b.client.Transport,
		ErrorLog:  log.New(io.Discard, "", 0), // the client sees it as a 502
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "http", s.address
			p.Out.Host = p.In.Host
			p.SetXForwarded()
		},
	}
	proxy.ServeHTTP(w, r)
}

// quietServer is an HTTP server whose complaints about connections that end early
// are of no interest.
func quietServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
}
