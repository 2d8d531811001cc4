//go:build boot

package boot

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestCloudInitRanWithoutErrors(t *testing.T) {
	for _, s := range serving() {
		var status struct {
			Status     string
			Errors     []string
			Datasource string
		}
		out, _ := s.in("cloud-init", "status", "--format=json")
		if err := json.Unmarshal([]byte(out), &status); err != nil || status.Status != "done" || len(status.Errors) > 0 || !strings.HasPrefix(status.Datasource, "ec2") {
			t.Errorf("%s: cloud-init: want done without errors, by ec2 (got %s)", s.name, out)
		}
		if state, _ := s.in("systemctl", "is-system-running"); state != "running" {
			failed, _ := s.in("systemctl", "--failed", "--no-legend", "--plain")
			t.Errorf("%s: want the system running (got %s: %s)", s.name, state, failed)
		}
		if log := s.read("/var/log/boot-app.log"); !regexp.MustCompile(`^BOOT DONE in \d+ s$`).MatchString(tail(log, 1)) {
			t.Errorf("%s: the boot script's last line: want BOOT DONE (got %s)", s.name, tail(log, 5))
		}
	}
	table := bootTimes(serving())
	t.Log("\n" + table)
	if err := os.WriteFile(filepath.Join(booted.work, "boot-times.txt"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What a server of an image is spared, and that it knows its own image.
func TestImagesSpareTheBoot(t *testing.T) {
	for _, s := range []*server{booted.web1, booted.api1, booted.baked1, booted.baked2} {
		log := s.read("/var/log/boot-app.log")
		for step, want := range map[string]bool{
			"== the image has the rest": s == booted.baked1 || s == booted.baked2,
			"== install packages":       s == booted.web1 || s == booted.api1,
			"== start the service":      true,
		} {
			if strings.Contains(log, step) != want {
				t.Errorf("%s: its log has %q: want %v", s.name, step, want)
			}
		}
	}
}

func TestServicesRunUnderTheirUsers(t *testing.T) {
	for _, s := range serving() {
		unit, user := s.service()
		// Apache's first process, root's, opens the port and hands it to the others.
		users := must(t)(s.in("bash", "-c", "ps -o user= $(cat /sys/fs/cgroup/system.slice/"+unit+".service/cgroup.procs) | sort | uniq -c | sort -rn | head -1"))
		if !strings.HasSuffix(users, " "+user) {
			t.Errorf("%s: %s runs as %s, want %s", s.name, unit, users, user)
		}
		if enabled, _ := s.in("systemctl", "is-enabled", unit); enabled != "enabled" {
			t.Errorf("%s: %s is not enabled: %s", s.name, unit, enabled)
		}
	}
	// The port below 1024 by a capability, and no other.
	status := must(t)(booted.api1.in("bash", "-c", "grep Cap /proc/$(systemctl show --value --property=MainPID app)/status"))
	if !regexp.MustCompile(`CapEff:\s0000000000000400\n`).MatchString(status + "\n") {
		t.Errorf("the API has more than CAP_NET_BIND_SERVICE (0x400):\n%s", status)
	}
}

func TestSuccessIsSignalled(t *testing.T) {
	for _, s := range serving() {
		if got := fmt.Sprint(booted.apis.signalsOf(s)); got != "[SUCCESS]" {
			t.Errorf("%s: CloudFormation was told %s, want [SUCCESS]", s.name, got)
		}
	}
}

func TestHealthThroughTheLoadBalancers(t *testing.T) {
	for _, r := range []*region{booted.primary, booted.standby} {
		for _, b := range []*balancer{r.web, r.api} {
			if a := outside(t, r, b.tier.name, http.MethodGet, b.tier.health, nil); a.status != http.StatusOK {
				t.Errorf("%s %s: %v", r.name, b.tier.name, a)
			}
		}
		if a := outside(t, r, "Api", http.MethodGet, "/ready", nil); a.status != http.StatusOK || a.value("region") != r.region {
			t.Errorf("%s: /ready: %v", r.name, a)
		}
		if a := outside(t, r, "Web", http.MethodGet, "/config.json", nil); a.value("region") != r.region {
			t.Errorf("%s: /config.json: %v", r.name, a)
		}
	}
}

// The primary's API servers booted at the same time, on an empty database.
func TestMigrationsRanOnce(t *testing.T) {
	_, instance := booted.primary.only("AWS::RDS::DBInstance")
	schema := instance.Properties["DBName"].(string)
	if ran := must(t)(booted.primary.database.sql("SELECT name FROM " + schema + ".schema_migrations")); ran != "001-create-books.sql" {
		t.Errorf("migrations that ran: %q", ran)
	}
	migrated := 0
	for _, s := range []*server{booted.api1, booted.api2, booted.api3, booted.baked2} {
		migrated += strings.Count(must(t)(s.in("journalctl", "--unit=app", "--output=cat")), `"schema migrated"`)
	}
	if migrated != 1 {
		t.Errorf("%d servers say that they migrated, want one", migrated)
	}
}

// An application with names of its own runs by mapping them.
func TestOwnApplication(t *testing.T) {
	a := direct(booted.own, http.MethodGet, booted.own.tier.health, nil)
	var status struct {
		Variables map[string]string
		Database  map[string]struct {
			User     string
			ReadOnly bool
		}
	}
	if err := json.Unmarshal([]byte(a.body), &status); err != nil {
		t.Fatal(a)
	}
	for _, way := range []string{"parts", "url"} {
		if login := status.Database[way]; login.User != "admin@%" || login.ReadOnly {
			t.Errorf("logged in by %s: %v", way, a)
		}
	}
	for name, want := range map[string]string{"MYSQL_HOST": "book.rds.internal", "MYSQL_PORT": "3306", "GREETING": `it's "Bob's" & Sons, 100 % \o/`} {
		if got := status.Variables[name]; got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestBrowserOnThePrimary(t *testing.T) {
	browse(t, "primary", booted.primary, nil)
}

func TestLogsAreShippedAndRotated(t *testing.T) {
	for _, s := range serving() {
		if called := s.read("/var/log/agent-called"); !strings.Contains(called, "fetch-config") {
			t.Errorf("%s: the log agent was not started: %q", s.name, called)
		}
		if out, err := s.in("logrotate", "--debug", "/etc/logrotate.conf"); err != nil || strings.Contains(out, "error:") {
			t.Errorf("%s: %v: %s", s.name, err, out)
		}
	}
	if log := booted.api1.read("/var/log/app.log"); !strings.Contains(log, `"listening"`) {
		t.Errorf("the API's own log does not have its lines: %q", tail(log, 3))
	}
	// Rotated, it goes on in the new file.
	must(t)(booted.api1.in("logrotate", "--force", "/etc/logrotate.conf"))
	direct(booted.api1, http.MethodGet, "/nowhere", nil)
	eventually(t, 10*time.Second, "lines in the new log", func() error {
		if log := booted.api1.read("/var/log/app.log"); !strings.Contains(log, "/nowhere") {
			return fmt.Errorf("%q", log)
		}
		return nil
	})
}

// The first boot again, by hand, must leave the server as it is.
func TestScriptsRunTwiceChangeNothing(t *testing.T) {
	var both sync.WaitGroup
	for _, s := range []*server{booted.web1, booted.api1, booted.baked1, booted.baked2} {
		both.Go(func() {
			before := fingerprint(s)
			if out, err := s.inFor(3*time.Minute, "bash", "/var/lib/cloud/instance/scripts/part-001"); err != nil {
				t.Errorf("%v", tail(out, 10))
			}
			after := fingerprint(s)
			for path := range before {
				if after[path] != before[path] {
					t.Errorf("%s: %s: %s, before it was %s", s.name, path, after[path], before[path])
				}
			}
			for path := range after {
				if before[path] == "" {
					t.Errorf("%s: %s is new", s.name, path)
				}
			}
		})
	}
	both.Wait()
	t.Logf("%d files of %s compared", len(fingerprint(booted.api1)), booted.api1.name)
}

// fingerprint is the mode, owner and content of all that the scripts could change.
func fingerprint(s *server) map[string]string {
	files := map[string]string{}
	for _, folder := range []string{"etc", "srv", "usr", "opt", "var/lib/app", "var/spool/cron"} {
		filepath.WalkDir(filepath.Join(s.root(), folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return nil
			}
			owner := info.Sys().(*syscall.Stat_t)
			mark := fmt.Sprintf("%v %d:%d", info.Mode(), owner.Uid, owner.Gid)
			switch {
			case info.Mode().IsRegular():
				data, _ := os.ReadFile(path)
				mark += fmt.Sprintf(" %x", sha256.Sum256(data))
			case info.Mode()&fs.ModeSymlink != 0:
				target, _ := os.Readlink(path)
				mark += " " + target
			}
			files[strings.TrimPrefix(path, s.root())] = mark
			return nil
		})
	}
	return files
}

func TestKilledApiIsRestarted(t *testing.T) {
	before := booted.api1.apiProcess(t)
	must(t)(booted.api1.in("systemctl", "kill", "--signal=KILL", "app"))
	eventually(t, 30*time.Second, "answers again", answers(http.StatusOK, func() *answer { return direct(booted.api1, http.MethodGet, "/books", nil) }))
	if after := booted.api1.apiProcess(t); after == before {
		t.Errorf("it is the same process: %s", after)
	}
}

// A server that restarts comes back by what the first boot left on it.
func TestRebootComesBack(t *testing.T) {
	var both sync.WaitGroup
	for _, s := range []*server{booted.web1, booted.api1, booted.baked1, booted.baked2} {
		both.Go(func() {
			log := s.read("/var/log/boot-app.log")
			s.in("systemctl", "reboot")
			err := errors.Join(
				within(t, time.Minute, s.name+" boots again", func() error {
					s.mu.Lock()
					defer s.mu.Unlock()
					if s.boots != 2 {
						return fmt.Errorf("%d boots", s.boots)
					}
					return nil
				}),
				within(t, time.Minute, s.name+" answers", answers(http.StatusOK, func() *answer { return direct(s, http.MethodGet, s.tier.health, nil) })),
				within(t, time.Minute, s.name+" is running", func() error {
					state, err := s.in("systemctl", "is-system-running", "--wait")
					if err != nil {
						return fmt.Errorf("%s: %w", state, err)
					}
					return nil
				}),
			)
			if err != nil {
				t.Error(err)
			}
			if s.read("/var/log/boot-app.log") != log {
				t.Errorf("%s: user data ran again", s.name)
			}
		})
	}
	both.Wait()
}

func TestDatabaseRestart(t *testing.T) {
	survives(t, "restarted", func() error {
		booted.primary.database.kill()
		return booted.primary.database.start()
	})
}

func TestDatabaseFailsOverToAnotherZone(t *testing.T) {
	survives(t, "failed over", booted.primary.database.failOver)
	if err := booted.standby.database.replicate(booted.primary.database); err != nil { // as RDS does by itself
		t.Fatal(err)
	}
}

// survives breaks the database under the API, which must write again without a
// restart.
func survives(t *testing.T, what string, breakIt func() error) {
	t.Helper()
	servers := []*server{booted.api1, booted.api2}
	var before []string
	for _, s := range servers {
		before = append(before, s.apiProcess(t))
	}
	if err := breakIt(); err != nil {
		t.Fatal(err)
	}
	for i, s := range servers {
		eventually(t, 30*time.Second, s.name+" writes to the database that was "+what,
			answers(http.StatusCreated, func() *answer { return direct(s, http.MethodPost, "/books", book("Written by "+s.name)) }))
		if after := s.apiProcess(t); after != before[i] {
			t.Errorf("%s: was %s, is %s", s.name, before[i], after)
		}
	}
}

// It tries for a minute more than a server that boots: by now that is over.
func TestFailureIsSignalled(t *testing.T) {
	s := booted.broken
	if err := s.booted(5 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(booted.apis.signalsOf(s)); got != "[FAILURE]" {
		t.Errorf("CloudFormation was told %s, want [FAILURE]", got)
	}
	last := tail(s.read("/var/log/boot-app.log"), 1)
	if !strings.HasPrefix(last, "BOOT FAILED in step 'fetch the release': gave up: aws s3 cp") {
		t.Errorf("the last line of its log: %s", last)
	}
	if out, _ := s.in("cloud-init", "status"); !strings.Contains(out, "status: error") {
		t.Errorf("cloud-init does not know of it: %s", out)
	}
}

func book(title string) map[string]any { return map[string]any{"title": title, "price": 9.5} }

// The function changes the password as Secrets Manager has it do, and everybody has to
// log in anew. The secret is ahead of the standby's replica meanwhile: a server that
// starts there reads by the password before.
func TestPasswordRotation(t *testing.T) {
	old, standby := booted.apis.secret.password(current), booted.standby.database
	must(t)(standby.sql("STOP SLAVE"))
	survives(t, "given a new password", func() error {
		log, err := booted.rotation.invoke("rotated", rotationSteps...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, log)
		}
		t.Log(log)
		_, err = booted.primary.database.sql("KILL USER admin") // who is in stays in, else
		return err
	})
	if now := booted.apis.secret.password(current); now == old || booted.apis.secret.password(previous) != old {
		t.Errorf("the secret has not moved on: %q", booted.apis.secret.stages)
	}

	reads := answers(http.StatusOK, func() *answer { return direct(booted.api3, http.MethodGet, "/books", nil) })
	must(t)(booted.api3.in("systemctl", "restart", "app"))
	eventually(t, 30*time.Second, "the standby reads by the password before", reads)
	must(t)(standby.sql("START SLAVE"))
	if err := standby.caughtUp(booted.primary.database); err != nil {
		t.Fatal(err)
	}
	must(t)(standby.sql("KILL USER admin"))
	eventually(t, 30*time.Second, "the standby reads by the new password", reads)
}

// MySQL, unlike MariaDB, keeps two passwords of a user: nobody notices a rotation.
func TestRotationOnMySQL(t *testing.T) {
	db, err := booted.startMySQL()
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("only Ubuntu's archive has MySQL 8.4")
	}
	if err != nil {
		t.Fatal(err)
	}
	servers := []*server{booted.api1, booted.api2}
	write := func(s *server) *answer { return direct(s, http.MethodPost, "/books", book("Written by "+s.name)) }
	moveTo := func(what string, move func() error) {
		t.Helper()
		if err := move(); err != nil {
			t.Fatal(err)
		}
		for _, s := range servers {
			eventually(t, 30*time.Second, s.name+" writes to "+what, answers(http.StatusCreated, func() *answer { return write(s) }))
		}
	}
	moveTo("MySQL", db.takeOver)
	for _, s := range servers {
		eventually(t, 10*time.Second, s.name+" has settled there", func() error {
			if log := must(t)(s.in("journalctl", "--unit=app", "--output=cat", "--lines=100")); !strings.Contains(log, `"server":"mysql"`) {
				return errors.New(log)
			}
			return answers(http.StatusOK, func() *answer { return direct(s, http.MethodGet, "/ready", nil) })()
		})
	}

	old := booted.apis.secret.password(current)
	done := make(chan struct{})
	var requests atomic.Int64
	var clients sync.WaitGroup
	client := func(name string, works func() error) {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := works(); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				requests.Add(1)
			}
		})
	}
	for _, s := range servers {
		client("writes", answers(http.StatusCreated, func() *answer { return write(s) }))
		client("reads", answers(http.StatusOK, func() *answer { return direct(s, http.MethodGet, "/books?limit=1", nil) }))
		client("readiness", answers(http.StatusOK, func() *answer { return direct(s, http.MethodGet, "/ready", nil) }))
	}
	client("a login with the current password", func() error { return db.login(booted.apis.secret.password(current)) })
	client("a login with the password before", func() error { return db.login(old) })
	for i := range 3 { // steps that are repeated, and a rotation that was given up
		steps := [][]string{rotationSteps[:2], rotationSteps[:2], rotationSteps}[i]
		if log, err := booted.rotation.invoke(fmt.Sprintf("mysql-%d", (i+1)/2), steps...); err != nil {
			t.Errorf("%v: %s", err, log)
		}
	}
	close(done)
	clients.Wait()
	t.Logf("%d requests and logins while the password was changed", requests.Load())
	if old == booted.apis.secret.password(current) {
		t.Error("the password is the old one")
	}
	moveTo("MariaDB again", db.handBack)
}

// Only a certificate for the instance's own name, of an authority that is trusted.
func TestDatabaseCertificateIsVerified(t *testing.T) {
	s := booted.api2
	restart := func() {
		t.Helper()
		must(t)(s.in("systemctl", "restart", "app"))
		eventually(t, 30*time.Second, "alive", answers(http.StatusOK, func() *answer { return direct(s, http.MethodGet, "/health", nil) }))
	}
	const trusted = "DB_CA_FILE=" + authorityFile
	for why, environment := range map[string][]string{
		"self-signed certificate in certificate chain": {},
		"does not match certificate":                   {trusted, "DB_TLS_NAME=another.example.com"},
	} {
		if err := setEnvironment(s.root(), environment...); err != nil {
			t.Fatal(err)
		}
		restart()
		eventually(t, 20*time.Second, "refused: "+why, func() error {
			if log := must(t)(s.in("journalctl", "--unit=app", "--output=cat", "--lines=10")); !strings.Contains(log, why) {
				return errors.New(log)
			}
			return nil
		})
		if a := direct(s, http.MethodGet, "/ready", nil); a.status != http.StatusServiceUnavailable {
			t.Errorf("/ready: %v", a)
		}
	}
	if err := setEnvironment(s.root(), trusted); err != nil {
		t.Fatal(err)
	}
	restart()
	eventually(t, 20*time.Second, "ready", answers(http.StatusOK, func() *answer { return direct(s, http.MethodGet, "/ready", nil) }))
}

func TestStandbyReadsAndRefusesWrites(t *testing.T) {
	created := outside(t, booted.primary, "Api", http.MethodPost, "/books", book("Seen in both regions"))
	if created.status != http.StatusCreated {
		t.Fatal(created)
	}
	eventually(t, 10*time.Second, "read in the standby region", func() error {
		if a := outside(t, booted.standby, "Api", http.MethodGet, "/books", nil); !strings.Contains(a.body, "Seen in both regions") {
			return fmt.Errorf("%v", a)
		}
		return nil
	})
	if err := refuses(booted.api3, "not_writer")(); err != nil {
		t.Error(err)
	}
	if a := outside(t, booted.standby, "Api", http.MethodGet, "/ready", nil); a.status != http.StatusOK || a.value("database") != "read-only" {
		t.Errorf("/ready: %v", a)
	}
}

func TestBrowserOnTheStandby(t *testing.T) {
	if err := booted.standby.database.caughtUp(booted.primary.database); err != nil {
		t.Fatal(err)
	}
	browse(t, "standby", booted.standby, nil)
}

// While the traffic is held on the standby, the primary's API refuses writes though
// its database would take them, and goes on reading. Nor is the password changed.
func TestWritesAreFenced(t *testing.T) {
	booted.hold(booted.standby)
	secret := booted.apis.secret.password(current)
	if log, err := booted.rotation.invoke("fenced", rotationSteps...); err == nil || !strings.Contains(log, "refused: "+booted.standby.region+" is the region that writes") {
		t.Errorf("the password is changed in the region that was left: %v: %s", err, log)
	}
	if booted.apis.secret.password(current) != secret || booted.apis.secret.version(pending) != "" {
		t.Error("the secret was changed, or is left pending, by a region that does not write")
	}
	for _, s := range []*server{booted.api1, booted.api2} {
		eventually(t, 24*time.Second, s.name+" refuses writes", refuses(s, "not_writer"))
		if a := direct(s, http.MethodGet, "/books", nil); a.status != http.StatusOK {
			t.Errorf("%s: reads: %v", s.name, a)
		}
		if a := direct(s, http.MethodGet, "/ready", nil); a.status != http.StatusOK || a.value("writer") != false {
			t.Errorf("%s: /ready: %v", s.name, a)
		}
	}
	booted.hold(booted.primary)
	eventually(t, 24*time.Second, "writes again", answers(http.StatusCreated, func() *answer {
		return direct(booted.api1, http.MethodPost, "/books", book("Released"))
	}))
}

// refuses holds once a server refuses a write for the reason in code.
func refuses(s *server, code string) func() error {
	return func() error {
		a := direct(s, http.MethodPost, "/books", book("Refused"))
		if a.status != http.StatusServiceUnavailable || a.value("code") != code || a.header.Get("Retry-After") == "" {
			return fmt.Errorf("want 503 %s with Retry-After, got %v", code, a)
		}
		return nil
	}
}

// The primary's database dies; what was written is read from the standby, and
// after the promotion the standby takes writes, with no restart, of an open page
// too. The database that comes back is still writable: nobody may write there.
func TestFailover(t *testing.T) {
	before := booted.api3.apiProcess(t)
	booted.primary.database.kill()
	eventually(t, 30*time.Second, "the primary's API is no longer ready", answers(http.StatusServiceUnavailable, func() *answer {
		return outside(t, booted.primary, "Api", http.MethodGet, "/ready", nil)
	}))
	if a := outside(t, booted.standby, "Api", http.MethodGet, "/books", nil); !strings.Contains(a.body, "Seen in both regions") {
		t.Errorf("reads in the standby region: %v", a)
	}
	booted.hold(booted.standby)
	eventually(t, 24*time.Second, "the database alone refuses writes", refuses(booted.api3, "read_only"))
	browse(t, "promoted", booted.standby, func() {
		if err := booted.standby.database.promote(); err != nil {
			t.Error(err)
		}
	})
	if a := outside(t, booted.standby, "Api", http.MethodPost, "/books", book("Written after the promotion")); a.status != http.StatusCreated {
		t.Errorf("writes in the standby region: %v", a)
	}
	if a := outside(t, booted.standby, "Api", http.MethodGet, "/ready", nil); a.value("database") != "writable" {
		t.Errorf("/ready: %v", a)
	}
	if after := booted.api3.apiProcess(t); after != before {
		t.Errorf("the API was restarted: was %s, is %s", before, after)
	}

	if err := booted.primary.database.start(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*server{booted.api1, booted.api2} {
		eventually(t, 30*time.Second, s.name+" reads the old database again", answers(http.StatusOK, func() *answer { return direct(s, http.MethodGet, "/books", nil) }))
		if err := refuses(s, "not_writer")(); err != nil {
			t.Errorf("%s, which is no longer the writer: %v", s.name, err)
		}
	}
}

// The last two look back at all of the above.
func TestOnlyAllowedCallsAreMade(t *testing.T) {
	for _, refused := range booted.apis.refusals() {
		if !strings.HasPrefix(refused, "s3: NoSuchKey") { // the broken server's
			t.Error(refused)
		}
	}
	t.Logf("names that servers asked for and nobody has: %s", booted.names.strangers())
}

func TestNoSecretIsLeftAnywhere(t *testing.T) {
	const planted = "a-secret-that-must-be-found"
	secrets := strings.Join(append(booted.secrets(), planted), "\n")
	for _, s := range append(serving(), booted.broken) {
		must(t)(s.in("logger", planted))
		if err := os.WriteFile(filepath.Join(s.root(), "srv/planted"), []byte(planted), 0o600); err != nil {
			t.Fatal(err)
		}
		// All but /usr, which packages alone write to. Files may vanish meanwhile.
		found, _ := s.inWith(secrets, "grep", "--recursive", "--no-messages", "--files-with-matches", "--fixed-strings", "--file=-", "--devices=skip",
			"--exclude-dir=log", "/dev/shm", "/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var")
		if found != "/srv/planted" {
			t.Errorf("%s: files with secrets: want the planted one only (got %q)", s.name, found)
		}
		lines, err := s.inWith(secrets, "bash", "-c", "grep --no-filename --text --fixed-strings --recursive --file=- <(journalctl --no-pager) /var/log --exclude-dir=journal")
		if err != nil {
			t.Errorf("%s: not even the planted line is in the logs: %v", s.name, err)
		}
		for line := range strings.SplitSeq(lines, "\n") {
			if !strings.HasSuffix(line, planted) {
				t.Errorf("%s: a secret is in a log: %s", s.name, line)
			}
		}
	}
	commandLines.Lock()
	defer commandLines.Unlock()
	if len(commandLines.leaks) > 0 {
		t.Errorf("secrets on command lines: %q", commandLines.leaks)
	}
	t.Logf("%d command lines looked at", commandLines.seen)
}
