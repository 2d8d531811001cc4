//go:build boot

package boot

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// booted is the world that all tests look at, in their order in the file: a region
// fails but once.
var booted struct {
	*world
	web1, api1, api2 *server // primary region
	web2, api3       *server // standby
	own              *server // primary region; an application of somebody's own
	baked1, baked2   *server // primary region; a web and an API server made from images
	broken           *server // primary region; finds no application
	rotation         *rotation
}

func TestMain(m *testing.M) {
	code := 1
	if err := bootAll(); err != nil {
		fmt.Println(err)
	} else {
		code = m.Run()
	}
	os.Exit(code) // takes all processes, mounts and networks with it
}

// bootAll starts the world and all servers at once, and waits until cloud-init is
// done with each that serves.
func bootAll() error {
	w, err := newWorld(os.Getenv("BOOT_WORK"), os.Getenv("BOOT_CGROUPS"), os.Getenv("BOOT_ASSEMBLY"), os.Getenv("BOOT_OWN_ASSEMBLY"))
	if err != nil {
		return err
	}
	booted.world = w
	w.watchCommandLines()
	webImage, apiImage, err := w.bakeAll()
	if err != nil {
		return err
	}
	w.apis.missing["broken"] = true
	if booted.rotation, err = w.newRotation(); err != nil {
		return err
	}
	var boots sync.WaitGroup
	errors := make(chan error, 10)
	for _, plan := range []struct {
		into **server
		name string
		tier *balancer
		n    byte
		root string
	}{
		{&booted.web1, "web-1", w.primary.web, 0, w.base},
		{&booted.api1, "api-1", w.primary.api, 0, w.base},
		{&booted.api2, "api-2", w.primary.api, 1, w.base},
		{&booted.web2, "web-2", w.standby.web, 0, w.base},
		{&booted.api3, "api-3", w.standby.api, 0, w.base},
		{&booted.own, "own", w.own, 2, w.base},
		{&booted.broken, "broken", w.primary.api, 3, w.base},
		{&booted.baked1, "baked-web", w.primary.web, 4, webImage},
		{&booted.baked2, "baked-api", w.primary.api, 4, apiImage},
	} {
		s, err := w.newServer(plan.name, plan.tier.tier, plan.n, plan.root)
		if err != nil {
			return err
		}
		if err := trustTestAuthority(s.root()); err != nil {
			return err
		}
		*plan.into = s
		plan.tier.add(s)
		boots.Go(func() {
			if err := s.start(); err != nil {
				errors <- err
			} else if s.name == "broken" {
				return // it tries for a minute more: its test waits for it
			} else if err := s.booted(8 * time.Minute); err != nil {
				errors <- fmt.Errorf("%s: %w\n%s", s.name, err, tail(s.read("/var/log/boot-app.log"), 30))
			}
		})
	}
	boots.Wait()
	select {
	case err := <-errors:
		return err
	default:
		return nil
	}
}

const authorityFile = "/usr/local/share/ca-certificates/boot-test.crt"

// trustTestAuthority is the one thing that is not as on a real server: the API
// trusts RDS's authorities, and the databases here have the test's.
func trustTestAuthority(root string) error {
	return setEnvironment(root, "DB_CA_FILE="+authorityFile, "MYSQL_CA_FILE="+authorityFile)
}

// setEnvironment adds to the API's environment, and wins over it.
func setEnvironment(root string, variables ...string) error {
	for path, content := range map[string]string{
		"etc/systemd/system/app.service.d/test.conf": "[Service]\nEnvironmentFile=/etc/app/test\n",
		"etc/app/test": strings.Join(variables, "\n") + "\n",
	} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// commandLines are all in which a secret was ever seen.
var commandLines struct {
	sync.Mutex
	leaks []string
	seen  int
}

// watchCommandLines looks for secrets in the process list, all the time.
func (w *world) watchCommandLines() {
	go func() {
		for ; ; time.Sleep(200 * time.Millisecond) {
			files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			secrets := w.secrets()
			for _, file := range files {
				line, _ := os.ReadFile(file)
				commandLines.Lock()
				commandLines.seen++
				for _, secret := range secrets {
					if bytes.Contains(line, []byte(secret)) {
						commandLines.leaks = append(commandLines.leaks, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
					}
				}
				commandLines.Unlock()
			}
		}
	}()
}

// outside is a client of the load balancers, which has their addresses.
func outside(t *testing.T, r *region, tier, method, path string, body any) *answer {
	t.Helper()
	_, name := r.find("AWS::Route53::RecordSet", "Names"+tier)
	host := strings.TrimSuffix(r.text(name.Properties["Name"]), ".")
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: booted.authority.pool(), ServerName: host, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dial(ctx, network, r.balancer(tier)+":443")
		},
	}
	defer transport.CloseIdleConnections()
	return ask(&http.Client{Transport: transport, Timeout: 10 * time.Second}, method, "https://"+host+path, body)
}

// direct asks a server past the load balancer.
func direct(s *server, method, path string, body any) *answer {
	client := &http.Client{Transport: transport(), Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	return ask(client, method, "http://"+s.address+path, body)
}

// answer is a response, or why there is none.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

func ask(client *http.Client, method, url string, body any) *answer {
	request, err := http.NewRequest(method, url, strings.NewReader(toJSON(body)))
	if err != nil {
		return &answer{err: err}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return &answer{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return &answer{response.StatusCode, response.Header, string(text), err}
}

func (a *answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %s", a.status, a.body)
}

// value is a member of a JSON answer.
func (a *answer) value(name string) any {
	var members map[string]any
	json.Unmarshal([]byte(a.body), &members)
	return members[name]
}

// eventually waits until what holds, and says how long that took.
func eventually(t *testing.T, limit time.Duration, what string, holds func() error) {
	t.Helper()
	if err := within(t, limit, what, holds); err != nil {
		t.Fatal(err)
	}
}

// within is eventually for goroutines, which may not end the test.
func within(t *testing.T, limit time.Duration, what string, holds func() error) error {
	t.Helper()
	began := time.Now()
	for {
		err := holds()
		took := time.Since(began)
		if err == nil {
			t.Logf("%s: after %.1f s", what, took.Seconds())
			return nil
		}
		if took > limit {
			return fmt.Errorf("%s: not within %v: %w", what, limit, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// answers holds once an answer has the status.
func answers(status int, get func() *answer) func() error {
	return func() error {
		if a := get(); a.status != status {
			return fmt.Errorf("want %d, got %v", status, a)
		}
		return nil
	}
}

func must(t *testing.T) func(string, error) string {
	return func(out string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// apiProcess is the API's process id, and how often systemd restarted it.
func (s *server) apiProcess(t *testing.T) string {
	t.Helper()
	return must(t)(s.in("systemctl", "show", "--property=MainPID,NRestarts", "app"))
}

// serving is all servers but the one that is broken on purpose.
func serving() []*server {
	return []*server{booted.web1, booted.api1, booted.api2, booted.web2, booted.api3, booted.own, booted.baked1, booted.baked2}
}

// service is what serves on a server.
func (s *server) service() (unit, user string) {
	if s.tier.name == "Web" {
		return "apache2", "www-data"
	}
	return "app", "app"
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

var stepLine = regexp.MustCompile(`(?m)^== (.*): ([0-9]+) s$`)

// bootTimes is a table of all servers' steps, in seconds.
func bootTimes(servers []*server) string {
	var names []string
	times := map[string]map[*server]string{}
	note := func(s *server, name, seconds string) {
		if times[name] == nil {
			names, times[name] = append(names, name), map[*server]string{}
		}
		times[name][s] = seconds
	}
	for _, s := range servers {
		for _, match := range stepLine.FindAllStringSubmatch(s.read("/var/log/boot-app.log"), -1) {
			note(s, match[1], match[2])
		}
	}
	for _, s := range servers {
		if match := regexp.MustCompile(`BOOT DONE in ([0-9]+) s`).FindStringSubmatch(s.read("/var/log/boot-app.log")); match != nil {
			note(s, "all, with log shipping", match[1])
		}
	}
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "seconds")
	for _, s := range servers {
		fmt.Fprint(table, "\t", s.name)
	}
	for _, name := range names {
		fmt.Fprint(table, "\n", name)
		for _, s := range servers {
			fmt.Fprint(table, "\t", times[name][s])
		}
	}
	fmt.Fprintln(table)
	table.Flush()
	return out.String()
}
