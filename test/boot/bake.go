//go:build boot

package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
)

// bakeAll makes the roots of both tiers' images, at the same time.
func (w *world) bakeAll() (web, api string, err error) {
	began := time.Now()
	var both sync.WaitGroup
	var failed [2]error
	for i, into := range []*string{&web, &api} {
		t := []tier{w.primary.web.tier, w.primary.api.tier}[i]
		both.Go(func() { *into, failed[i] = w.bake(t) })
	}
	both.Wait()
	fmt.Printf("images baked and tested in %.0f s\n", time.Since(began).Seconds())
	return web, api, errors.Join(failed[:]...)
}

// bake does what EC2 Image Builder does: it runs the build script of a tier's
// component on a server without user data, and the test's on another that is made
// from what came of that.
func (w *world) bake(t tier) (root string, err error) {
	t.userData = "#!/bin/bash\n"
	root = w.base
	for i, id := range []string{"Build", "Test"} {
		name := strings.ToLower("image-" + t.name + "-" + id)
		s, err := w.newServer(name, t, byte(5+i), root)
		if err != nil {
			return "", err
		}
		if err := s.start(); err != nil {
			return "", err
		}
		if err := s.booted(2 * time.Minute); err != nil {
			return "", err
		}
		script := filepath.Join(s.root(), "root/script")
		if err := os.WriteFile(script, []byte(t.stack.script("Images"+t.name+id)), 0o600); err != nil {
			return "", err
		}
		out, err := s.inFor(5*time.Minute, "bash", "/root/script")
		if err := os.WriteFile(filepath.Join(w.work, name+".log"), []byte(out+"\n"), 0o644); err != nil {
			return "", err
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
		if id == "Build" { // its servers would ship what it logged
			if _, err := s.in("bash", "-c", "test -e /var/log/syslog -a ! -s /var/log/syslog"); err != nil {
				return "", fmt.Errorf("%s: the image has the builder's system log, or there is none: %w", s.name, err)
			}
		}
		// What every machine has of its own, Image Builder removes:
		// https://docs.aws.amazon.com/imagebuilder/latest/userguide/security-best-practices.html
		if _, err := s.in("bash", "-c", ": >/etc/machine-id; rm -f /root/script /etc/ssh/ssh_host_*"); err != nil {
			return "", err
		}
		if err := s.powerOff(); err != nil {
			return "", err
		}
		if id == "Build" {
			root = filepath.Join(s.folder, "upper") + ":" + w.base
		}
	}
	return root, nil
}

// script is what a component of Image Builder runs.
func (s *stack) script(component string) string {
	_, r := s.find("AWS::ImageBuilder::Component", component)
	var document struct {
		Phases []struct {
			Steps []struct {
				Action string
				Inputs struct{ Commands []string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(s.text(r.Properties["Data"])), &document); err != nil {
		panic(err)
	}
	step := document.Phases[0].Steps[0]
	if step.Action != "ExecuteBash" || len(step.Inputs.Commands) != 1 {
		panic(fmt.Sprintf("%s: want one script (got %v)", component, step))
	}
	return step.Inputs.Commands[0]
}
