//go:build boot

package boot

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server is one that boots: an overlay over the base root, with systemd as its
// first process, in namespaces and a control group of its own.
type server struct {
	name    string
	tier    tier
	id      string // EC2's
	address string
	folder  string
	cgroup  string

	secretKey, sessionToken string

	mu      sync.Mutex
	process *os.Process // systemd-nspawn
	boots   int
	ended   error // why it runs no more
}

// newServer is the nth server of a tier, before its first boot, on a root that is
// plain Ubuntu's or one that bake made.
func (w *world) newServer(name string, t tier, n byte, root string) (*server, error) {
	w.adding.Lock()
	defer w.adding.Unlock()
	s := &server{
		name: name, tier: t,
		id:        fmt.Sprintf("i-%017x", 0xb0070000+len(w.servers)),
		address:   t.stack.host(t.subnet, 10+n),
		folder:    filepath.Join(w.work, "servers", name),
		cgroup:    filepath.Join(w.cgroups, name),
		secretKey: rand.Text(), sessionToken: rand.Text(),
	}
	w.servers = append(w.servers, s)
	w.metadata.add(s)
	if err := addServer(t.stack, name, s.address); err != nil {
		return nil, err
	}
	if err := overlay(s.folder, root); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.cgroup, 0o755); err != nil {
		return nil, err
	}
	w.names.set(t.stack.region, "A", s.hostName(), s.address)
	resolver := "nameserver " + t.stack.host("", 2) + "\nsearch " + t.stack.privateDomain() + "\n"
	if err := os.WriteFile(filepath.Join(s.root(), "etc/resolv.conf"), []byte(resolver), 0o644); err != nil {
		return nil, err
	}
	return s, nil
}

// overlay mounts a root that can be written to, folder/root, over others that stay
// as they are.
func overlay(folder, lower string) error {
	for _, part := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(folder, part), 0o755); err != nil {
			return err
		}
	}
	return run(fmt.Sprintf("mount -t overlay none -o lowerdir=%s,upperdir=%s/upper,workdir=%[2]s/work %[2]s/root", lower, folder))
}

func (s *server) root() string { return filepath.Join(s.folder, "root") }

func (s *server) accessKey() string { return "ASIA" + strings.ToUpper(s.id[2:]) }

// start boots the server and keeps it running through reboots from inside.
func (s *server) start() error {
	console, err := os.Create(filepath.Join(s.folder, "console.log"))
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	go func() {
		defer console.Close()
		for {
			// systemd in the server wants control groups of version 2 and sees its own only.
			command := exec.Command("bash", "-euc", `
				echo $$ >"$0/cgroup.procs"
				exec unshare --mount --propagation private bash -euc '
					umount -R /sys/fs/cgroup
					mount -t cgroup2 none /sys/fs/cgroup
					exec systemd-nspawn "$@"' nspawn "$@"`, s.cgroup,
				"--boot", "--quiet", "--register=no", "--keep-unit", "--machine="+s.name, "--directory="+s.root(),
				"--network-namespace-path=/run/netns/"+s.name, "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe")
			command.Stdout, command.Stderr = console, console
			err := command.Start()
			if err == nil {
				s.mu.Lock()
				s.process, s.boots = command.Process, s.boots+1
				s.mu.Unlock()
			}
			select {
			case started <- err:
			default:
			}
			if err != nil {
				return
			}
			const reboot = 133
			err = command.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != reboot {
				s.mu.Lock()
				s.ended = fmt.Errorf("systemd-nspawn ended: %w", cmp.Or(err, errors.New("powered off")))
				s.mu.Unlock()
				return
			}
		}
	}()
	return <-started
}

// in runs a command inside the server and returns what it printed.
func (s *server) in(command ...string) (string, error) {
	return s.enter(time.Minute, "", command...)
}

// inFor gives a command more time than the minute of others.
func (s *server) inFor(limit time.Duration, command ...string) (string, error) {
	return s.enter(limit, "", command...)
}

// inWith gives a command something to read.
func (s *server) inWith(input string, command ...string) (string, error) {
	return s.enter(time.Minute, input, command...)
}

func (s *server) enter(limit time.Duration, input string, command ...string) (string, error) {
	s.mu.Lock()
	process := s.process
	s.mu.Unlock()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", process.Pid))
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(children)), " ")
	if _, err := strconv.Atoi(first); err != nil {
		return "", fmt.Errorf("%s is not up", s.name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	enter := exec.CommandContext(ctx, "nsenter", append([]string{"-t", first, "-m", "-u", "-i", "-n", "-p", "-C", "--"}, command...)...)
	enter.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root"}
	enter.Stdin = strings.NewReader(input)
	out, err := enter.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		err = fmt.Errorf("%s: %s: %w: %s", s.name, strings.Join(command, " "), err, text)
	}
	return text, err
}

// powerOff ends the server; its files stay.
func (s *server) powerOff() error {
	s.in("systemctl", "poweroff") // which cuts off the answer
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		s.mu.Lock()
		ended := s.ended
		s.mu.Unlock()
		if ended != nil {
			return run("umount " + s.root())
		}
	}
	return fmt.Errorf("%s: it does not power off", s.name)
}

// read is a file of the server's, empty if it is not there.
func (s *server) read(path string) string {
	data, _ := os.ReadFile(filepath.Join(s.root(), path))
	return string(data)
}

// booted waits until cloud-init has run all that it runs at the server's first
// boot.
func (s *server) booted(limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(s.root(), "var/lib/cloud/instances", s.id, "boot-finished")); err == nil {
			return nil
		}
		s.mu.Lock()
		ended := s.ended
		s.mu.Unlock()
		if ended != nil {
			return ended
		}
	}
	return fmt.Errorf("not booted within %v", limit)
}
