//go:build boot

package boot

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// archive is the package archives that servers use, over a cache on disk. It fetches
// from the host's network, the only one here that goes out.
type archive struct {
	folder string

	mu      sync.Mutex
	fetched map[string]*sync.Once // this run
}

// mirrors are what servers of a region call Ubuntu's archive, and Debian's.
func mirrors(region string) []string {
	return []string{
		"archive.ubuntu.com", "security.ubuntu.com", region + ".ec2.archive.ubuntu.com",
		"deb.debian.org", "security.debian.org",
	}
}

func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := "archive.ubuntu.com" // which has what its mirrors have
	if strings.HasSuffix(r.Host, ".debian.org") {
		host = "deb.debian.org"
	}
	path := filepath.Join("/", host, r.URL.Path)
	a.mu.Lock()
	if a.fetched[path] == nil {
		a.fetched[path] = new(sync.Once)
	}
	once := a.fetched[path]
	a.mu.Unlock()
	file := filepath.Join(a.folder, path)
	var err error
	once.Do(func() { err = fetch(path, file) })
	if _, gone := os.Stat(file); gone != nil { // else what an earlier run fetched will do
		a.mu.Lock()
		delete(a.fetched, path)
		a.mu.Unlock()
		http.Error(w, fmt.Sprintf("%s could not be fetched: %v", path, err), http.StatusNotFound)
		return
	}
	http.ServeFile(w, r, file)
}

// fetch keeps a package, or an index that is named by its content, for good; what
// else there is may be newer now.
func fetch(path, file string) error {
	if strings.Contains(path, "/pool/") || strings.Contains(path, "/by-hash/") {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
	}
	response, err := (&http.Client{Timeout: 2 * time.Minute}).Get("http:/" + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(file), ".part-")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	if _, err := io.Copy(part, response.Body); err != nil {
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), file)
}
