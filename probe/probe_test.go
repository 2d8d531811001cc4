package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const patience = 20 * time.Second // For what happens at once on an idle machine.

var (
	east = State{Region: "us-east-1", Database: "writable"}
	west = State{Region: "us-west-2", Database: "read-only"}
)

// regional is a server of one region that fails on cue.
type regional struct {
	*httptest.Server
	state State
	fails atomic.Value // A handler, or nil while all is well.
}

func newRegional(t *testing.T, state State, address string) *regional {
	t.Helper()
	r := &regional{state: state}
	r.fail(nil)
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if fails, _ := r.fails.Load().(http.HandlerFunc); fails != nil {
			fails(w, request)
			return
		}
		_, _ = fmt.Fprintf(w, `{"status":"ready","region":%q,"database":%q}`, r.state.Region, r.state.Database)
	}))
	r.listen(t, address)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *regional) listen(t *testing.T, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	r.Listener = listener
}

func (r *regional) fail(how http.HandlerFunc) { r.fails.Store(how) }

func hang(_ http.ResponseWriter, request *http.Request) { <-request.Context().Done() }

func reset(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.(*net.TCPConn).SetLinger(0) // a reset instead of an orderly end
	_ = connection.Close()
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// names is a resolver whose one name leads where it is told to.
type names struct{ address atomic.Value } // A netip-like string; empty: no such name.

func (n *names) lead(address string) { n.address.Store(address) }

// resolver asks a name server on loopback.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		packet := make([]byte, 1500)
		for {
			size, client, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			if reply := n.reply(packet[:size]); reply != nil {
				_, _ = server.WriteTo(reply, client)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func (n *names) reply(packet []byte) []byte {
	var message dnsmessage.Message
	if message.Unpack(packet) != nil {
		return nil
	}
	question := message.Questions[0]
	message.Response, message.Additionals = true, nil
	address := net.ParseIP(n.address.Load().(string)).To4()
	switch {
	case address == nil:
		message.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeA:
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class, TTL: 60},
			Body:   &dnsmessage.AResource{A: [4]byte(address)},
		}}
	}
	reply, err := message.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// watched is a target under watch.
type watched struct {
	t       *testing.T
	samples chan Sample
	cancel  context.CancelFunc
}

func watch(t *testing.T, url string, options Options) *watched {
	t.Helper()
	if options.Interval == 0 {
		options.Interval = 5 * time.Millisecond
	}
	if options.Timeout == 0 {
		options.Timeout = patience
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &watched{t: t, samples: make(chan Sample), cancel: cancel}
	go func() {
		defer close(w.samples)
		newWatcher(Target{"api", url}, options).watch(ctx, func(s Sample) {
			select {
			case w.samples <- s:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		for range w.samples { // until it has ended
		}
	})
	return w
}

func (w *watched) next() Sample {
	w.t.Helper()
	select {
	case s := <-w.samples:
		return s
	case <-time.After(patience):
		w.t.Fatal("no sample")
		return Sample{}
	}
}

// await takes samples until one is in a state.
func (w *watched) await(want State) Sample {
	w.t.Helper()
	last := Sample{}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if last = w.next(); last.State == want {
			return last
		}
	}
	w.t.Fatalf("want %q, got %q to the end", want, last.State)
	return last
}

func TestCauses(t *testing.T) {
	const soon = 200 * time.Millisecond // the only thing to wait for here
	for _, tt := range []struct {
		name    string
		fails   http.HandlerFunc
		timeout time.Duration
		want    State
	}{
		{"error of the server", status(500), 0, State{Cause: "HTTP 500"}},
		{"a path that is not there", status(404), 0, State{Cause: "HTTP 404"}},
		{"connection reset", reset, 0, State{Cause: "connection reset"}},
		{"never an answer", hang, soon, State{Cause: "timeout, no answer"}},
		{"an answer too late to end", func(w http.ResponseWriter, request *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			hang(w, request)
		}, soon, State{Cause: "timeout, no answer"}},
		{"an answer cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, 0, State{Cause: "connection reset"}},
		{"unavailable, but it names its region", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprint(w, `{"region":"us-east-1","database":"unavailable"}`)
		}, 0, State{"HTTP 503", "us-east-1", "unavailable"}},
		{"a redirect is an answer, and not followed", func(w http.ResponseWriter, request *http.Request) {
			http.Redirect(w, request, "http://elsewhere.invalid/", http.StatusFound)
		}, 0, State{}},
		{"a page is no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<!doctype html>") }, 0, State{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newRegional(t, east, "127.0.0.1:0")
			w := watch(t, server.URL, Options{Timeout: tt.timeout})
			if s := w.await(east); s.Status != 200 || s.Address != "127.0.0.1" || s.Latency <= 0 {
				t.Errorf("want an answer of 200 from 127.0.0.1, got %+v", s)
			}
			server.fail(tt.fails)
			w.await(tt.want)
			server.fail(nil)
			w.await(east)
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	server := newRegional(t, east, "127.0.0.1:0")
	address := server.Listener.Addr().String()
	w := watch(t, server.URL, Options{})
	w.await(east)
	server.Close()
	w.await(State{Cause: "connection refused"})
	newRegional(t, west, address)
	w.await(west)
}

func TestTLS(t *testing.T) {
	t.Run("a certificate of nobody we know", func(t *testing.T) {
		server := httptest.NewUnstartedServer(status(200))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		watch(t, server.URL, Options{}).await(State{Cause: "TLS: certificate refused"})
	})
	t.Run("no TLS at all", func(t *testing.T) {
		server := newRegional(t, east, "127.0.0.1:0")
		watch(t, strings.Replace(server.URL, "http:", "https:", 1), Options{}).await(State{Cause: "TLS: no handshake"})
	})
	t.Run("a server that accepts and says nothing", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		w := watch(t, "https://"+listener.Addr().String(), Options{Timeout: 100 * time.Millisecond})
		w.await(State{Cause: "timeout, no connection"})
	})
}

// TestFailoverByDNS: two regions behind one name, each on an address of its own.
func TestFailoverByDNS(t *testing.T) {
	primary := newRegional(t, east, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(primary.Listener.Addr().String())
	newRegional(t, west, "127.0.0.2:"+port)
	dns := &names{}
	dns.lead("127.0.0.1")
	w := watch(t, "http://api.example.com:"+port+"/ready", Options{Resolver: dns.resolver(t)})

	if s := w.await(east); !slices.Equal(s.Resolved, []string{"127.0.0.1"}) {
		t.Errorf("want what DNS answered shown, got %v", s.Resolved)
	}
	primary.fail(status(503))
	w.await(State{Cause: "HTTP 503"})
	dns.lead("127.0.0.2")
	if s := w.await(west); s.Address != "127.0.0.2" || !slices.Equal(s.Resolved, []string{"127.0.0.2"}) {
		t.Errorf("want the other region's address, got %+v", s)
	}
	dns.lead("")
	if s := w.await(State{Cause: "DNS: no such name"}); s.Resolved != nil || s.Address != "" {
		t.Errorf("want no address, got %+v", s)
	}
}

func TestNameServerIsSilent(t *testing.T) {
	silent := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	watch(t, "http://api.example.com/", Options{Resolver: silent}).await(State{Cause: "DNS: no answer"})
}

func TestConnections(t *testing.T) {
	server := newRegional(t, east, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	dns := &names{}
	dns.lead("127.0.0.1")
	url := "http://api.example.com:" + port + "/"

	anew := watch(t, url, Options{Resolver: dns.resolver(t)})
	for range 10 {
		if s := anew.await(east); s.Resolved == nil {
			t.Errorf("a new visitor looks the name up: %+v", s)
		}
	}
	kept := watch(t, url, Options{Resolver: dns.resolver(t), KeepAlive: true})
	for range 1000 {
		if s := kept.await(east); s.Resolved == nil {
			return // a connection was used again
		}
	}
	t.Error("no connection was kept")
}

// TestHangingSampleHoldsUpNoOther: the first request hangs, those after it do
// not; they are taken meanwhile and told in order.
func TestHangingSampleHoldsUpNoOther(t *testing.T) {
	server := newRegional(t, east, "127.0.0.1:0")
	var asked atomic.Int32
	server.fail(func(w http.ResponseWriter, request *http.Request) {
		if asked.Add(1) == 1 {
			hang(w, request)
		}
	})
	const timeout = time.Second
	w := watch(t, server.URL, Options{Timeout: timeout})
	first, second, third := w.next(), w.next(), w.next()
	if !first.At.Before(second.At) || !second.At.Before(third.At) {
		t.Errorf("want samples in order, got %v, %v, %v", first.At, second.At, third.At)
	}
	if third.At.Sub(first.At) >= timeout {
		t.Errorf("want samples every 5ms, the third came after %s", third.At.Sub(first.At))
	}
}

func TestEndDropsWhatIsUnfinished(t *testing.T) {
	server := newRegional(t, east, "127.0.0.1:0")
	asked := make(chan struct{}, 1)
	server.fail(func(w http.ResponseWriter, request *http.Request) {
		offer(asked, struct{}{})
		hang(w, request)
	})
	w := watch(t, server.URL, Options{Timeout: 10 * patience})
	<-asked
	w.cancel()
	select {
	case s, more := <-w.samples:
		if more {
			t.Errorf("an unfinished sample counts: %+v", s)
		}
	case <-time.After(patience):
		t.Error("the end waits for a sample")
	}
}

func TestParseTarget(t *testing.T) {
	got, err := ParseTarget("https://api.example.com/ready")
	if want := (Target{"api.example.com", "https://api.example.com/ready"}); err != nil || got != want {
		t.Errorf("want %v, got %v, %v", want, got, err)
	}
	for _, bad := range []string{"", "api.example.com", "ftp://example.com/", "https://", "https:///ready", "http://a b/"} {
		if _, err := ParseTarget(bad); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: want it refused by name, got %v", bad, err)
		}
	}
}
