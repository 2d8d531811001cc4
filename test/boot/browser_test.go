//go:build boot

package boot

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browse uses the site of a region with a real browser; ready is called once the
// page says that it is. browser/browse.js has the scenarios.
func browse(t *testing.T, scenario string, r *region, ready func()) {
	t.Helper()
	site := r.api.tier.variable("SITE_ORIGIN")
	api, _ := outside(t, r, "Web", http.MethodGet, "/config.json", nil).value("apiUrl").(string)
	temporary := filepath.Join(booted.work, "browser")
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "nsenter", "--net=/run/netns/world", "node", "browse.js", scenario)
	command.Dir = "test/boot/browser" // run starts the tests at the project's root
	command.Env = append(os.Environ(),
		"SITE="+site, "API="+api, "REGION="+r.region,
		fmt.Sprintf("RESOLVE=MAP %s %s, MAP %s %s", strings.TrimPrefix(site, "https://"), r.edgeAddress(), strings.TrimPrefix(api, "https://"), r.balancer("Api")),
		"CA_SPKI="+booted.authority.pin(),
		"SCREENSHOTS="+filepath.Join(booted.work, "screenshots"),
		"TMPDIR="+temporary)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var failure strings.Builder
	command.Stderr = &failure
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "READY" {
			ready()
			continue
		}
		t.Log(lines.Text())
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("%v: %s", err, failure.String())
	}
}
