// Package probe samples web addresses from outside, as a visitor would meet
// them: whether they answer, how fast, and from which region.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// Target is an address to sample.
type Target struct {
	Name string // What lines and reports call it.
	URL  string
}

// ParseTarget is the target of a URL, named by its host.
func ParseTarget(address string) (Target, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Target{}, fmt.Errorf("want a URL such as https://api.example.com/ready (got %q)", address)
	}
	return Target{Name: u.Host, URL: address}, nil
}

// Options is how to sample.
type Options struct {
	Interval time.Duration // Between the starts of two samples, however long they take. Required.
	Timeout  time.Duration // Deadline of one sample, from the look-up of the name to the last byte. Required.

	// KeepAlive leaves the connection open for the next sample, as a browser does
	// between clicks: it stays with the load balancer it was opened to, whatever
	// DNS says since, until a sample on it fails. Default: every sample looks the
	// name up and connects anew, as a new visitor does.
	KeepAlive bool

	Resolver *net.Resolver  // Default: the machine's, with whatever that caches.
	RootCAs  *x509.CertPool // Default: the machine's.
}

// State is what visitors would notice of a sample.
type State struct {
	Cause    string `json:"cause,omitempty"`    // Why there was no good answer. Empty: there was.
	Region   string `json:"region,omitempty"`   // That the answer names, if it is JSON with that key.
	Database string `json:"database,omitempty"` // Likewise: writable, read-only or what the application says.
}

// Up tells whether there was a good answer, one of status 200 to 399.
func (s State) Up() bool { return s.Cause == "" }

// String is the state in words.
func (s State) String() string {
	text := "up"
	if !s.Up() {
		text = "down: " + s.Cause
	}
	if s.Region != "" {
		text += ", " + s.Region
	}
	if s.Database != "" {
		text += ", database " + s.Database
	}
	return text
}

// Sample is one request and what came of it.
type Sample struct {
	Target string    `json:"target"`
	At     time.Time `json:"at"` // Its start.
	State
	Status   int           `json:"status,omitempty"`
	Latency  time.Duration `json:"latencyNs"`          // From the start to the last byte, or to the failure.
	Resolved []string      `json:"resolved,omitempty"` // What DNS answered, if it was asked.
	Address  string        `json:"address,omitempty"`  // Which of these was connected to.
}

// watcher samples one target.
type watcher struct {
	target  Target
	options Options
	client  *http.Client
}

func newWatcher(target Target, options Options) *watcher {
	dialer := net.Dialer{Resolver: options.Resolver}
	transport := &http.Transport{ // no proxy: it would hide names and connections
		DialContext:       dialer.DialContext,
		DisableKeepAlives: !options.KeepAlive,
		TLSClientConfig:   &tls.Config{RootCAs: options.RootCAs, MinVersion: tls.VersionTLS12},
		Protocols:         new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true) // with HTTP/2 a dead connection would outlive the sample that failed on it
	return &watcher{target: target, options: options, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// watch takes samples until ctx is done and hands them to see in the order of
// their starts. A sample that hangs holds up neither those after it nor, once
// ctx is done, the end: what is unfinished then is dropped.
func (w *watcher) watch(ctx context.Context, see func(Sample)) {
	defer w.client.CloseIdleConnections()
	inFlight := make(chan chan Sample, int(w.options.Timeout/w.options.Interval)+1)
	go func() {
		defer close(inFlight)
		ticker := time.NewTicker(w.options.Interval)
		defer ticker.Stop()
		for ctx.Err() == nil {
			result := make(chan Sample, 1)
			go func() {
				defer close(result)
				if sample := w.sample(ctx); ctx.Err() == nil {
					result <- sample
				}
			}()
			inFlight <- result
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	}()
	for result := range inFlight {
		if sample, finished := <-result; finished {
			see(sample)
		}
	}
}

func (w *watcher) sample(ctx context.Context) Sample {
	ctx, cancel := context.WithTimeout(ctx, w.options.Timeout)
	defer cancel()
	s := Sample{Target: w.target.Name, At: time.Now()}
	// The hooks may still run when the request has failed: they get memory of
	// their own.
	resolved, connected := make(chan []string, 1), make(chan string, 1)
	trace := &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			var addresses []string
			for _, address := range info.Addrs {
				addresses = append(addresses, address.String())
			}
			offer(resolved, addresses)
		},
		GotConn: func(info httptrace.GotConnInfo) {
			host, _, _ := net.SplitHostPort(info.Conn.RemoteAddr().String())
			offer(connected, host)
		},
	}
	answer, err := w.ask(httptrace.WithClientTrace(ctx, trace))
	s.Latency = time.Since(s.At)
	s.Resolved, _ = taken(resolved)
	address, isConnected := taken(connected)
	s.Address = address
	switch {
	case err != nil:
		s.Cause = causeOf(err, isConnected)
	case answer.status < 200 || answer.status > 399:
		s.Cause = fmt.Sprintf("HTTP %d", answer.status)
	}
	s.Status, s.Region, s.Database = answer.status, answer.Region, answer.Database
	return s
}

// offer and taken pass at most one value and never wait.
func offer[T any](to chan T, value T) {
	select {
	case to <- value:
	default:
	}
}

func taken[T any](from chan T) (value T, found bool) {
	select {
	case value = <-from:
		return value, true
	default:
		return value, false
	}
}

type answer struct {
	status   int
	Region   string
	Database string
}

// maxBody bounds what is read of an answer.
const maxBody = 1 << 20

func (w *watcher) ask(ctx context.Context) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.target.URL, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", "warm-standby-probe")
	response, err := w.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return answer{}, err
	}
	var a answer
	_ = json.Unmarshal(body, &a) // most pages are no JSON, and say no region
	a.status = response.StatusCode
	return a, nil
}
