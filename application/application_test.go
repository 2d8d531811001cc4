package application

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"warm-standby/settings"
)

// inFolder makes a folder the working directory and writes files into it.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		write(t, name, content)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// own is the parts of an application in the folders site and api.
func own() (web, api Part) {
	return Of("shop", &settings.Settings{
		Application: settings.Application{Web: "site", Api: settings.ApiApplication{Folder: "api"}},
		Api:         settings.Tier{InstanceType: "t4g.small"},
	})
}

func isCurrent(t *testing.T, p Part) bool {
	t.Helper()
	current, err := p.Current()
	if err != nil {
		t.Fatal(err)
	}
	return current
}

func build(t *testing.T, p Part) (leftOut []string) {
	t.Helper()
	leftOut, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	return leftOut
}

// contents is an archive's files, with "/" for folders and "-> TARGET" for links.
func contents(t *testing.T, archive string) map[string]string {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	zip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for in := tar.NewReader(zip); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		switch header.Typeflag {
		case tar.TypeDir:
			found[header.Name] = "/"
		case tar.TypeSymlink:
			found[header.Name] = "-> " + header.Linkname
		default:
			found[header.Name] = string(content)
		}
	}
}

func TestSite(t *testing.T) {
	inFolder(t, map[string]string{
		"site/index.html":               "<!doctype html>",
		"site/img/a.svg":                "<svg/>",
		"site/.well-known/security.txt": "Contact: mailto:ops@example.com",
		"site/.env":                     "KEY=secret",
		"site/.git/config":              "[core]",
		"site/img/.DS_Store":            "x",
		"site/node_modules/a/a.js":      "x",
	})
	web, _ := own()
	if isCurrent(t, web) {
		t.Error("an archive that is not there is current")
	}
	leftOut := build(t, web)
	if want := []string{".env", ".git", "img/.DS_Store"}; !reflect.DeepEqual(leftOut, want) {
		t.Errorf("says it leaves out %q, want %q", leftOut, want)
	}
	want := map[string]string{
		".well-known/": "/", ".well-known/security.txt": "Contact: mailto:ops@example.com",
		"img/": "/", "img/a.svg": "<svg/>", "index.html": "<!doctype html>",
	}
	if got := contents(t, web.Archive); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !isCurrent(t, web) {
		t.Error("it is not current after a build")
	}
}

// A second build of the same content, elsewhere and later, gives the same bytes;
// what is left out of the archive does not count.
func TestSameContentSameArchive(t *testing.T) {
	var archives []string
	for i, extra := range []string{"site/.env", "site/.git/HEAD"} {
		inFolder(t, map[string]string{"site/index.html": "<!doctype html>", "site/run.sh": "#!/bin/sh", "site/b/c": "c", extra: "x"})
		then := time.Unix(1_000_000_000+int64(i), 0)
		if err := errors.Join(os.Chmod("site/run.sh", 0o700+fs.FileMode(i)*0o55), os.Chtimes("site/index.html", then, then)); err != nil {
			t.Fatal(err)
		}
		web, _ := own()
		build(t, web)
		data, err := os.ReadFile(web.Archive)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, string(data))
	}
	if archives[0] != archives[1] {
		t.Error("two builds of the same content differ")
	}
}

// A function's archive is a zip that anybody may read, without links; the same
// content gives the same bytes.
func TestFunction(t *testing.T) {
	var archives []string
	for _, mode := range []fs.FileMode{0o600, 0o755} {
		inFolder(t, map[string]string{"api/rotation.js": "rotate", "api/src/driver.js": "connect", "api/server.js": "serve", "api/migrations/1.sql": "", "api/test/a.js": ""})
		if err := errors.Join(os.Chmod("api/rotation.js", mode), os.Symlink("rotation.js", "api/link")); err != nil {
			t.Fatal(err)
		}
		part := Rotation()
		part.Folder, part.Archive, part.build = "api", "dist/rotation.zip", asItIs
		build(t, part)
		data, err := os.ReadFile(part.Archive)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, string(data))
		if _, err := os.Stat("dist/rotation.source"); err != nil || !isCurrent(t, part) {
			t.Errorf("it is not current after a build (%v)", err)
		}
	}
	if archives[0] != archives[1] {
		t.Error("two builds of the same content differ")
	}
	in, err := zip.NewReader(strings.NewReader(archives[0]), int64(len(archives[0])))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]fs.FileMode{}
	for _, file := range in.File {
		found[file.Name] = file.Mode()
	}
	if want := map[string]fs.FileMode{"rotation.js": 0o644, "src/driver.js": 0o644}; !reflect.DeepEqual(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
}

// A deployment that does not rotate builds no function.
func TestParts(t *testing.T) {
	for days, want := range map[int]int{0: 2, 30: 3} {
		if parts := Parts("shop", &settings.Settings{Database: settings.Database{RotationDays: days}}); len(parts) != want {
			t.Errorf("rotationDays %d: got %d parts, want %d", days, len(parts), want)
		}
	}
}

func TestStale(t *testing.T) {
	for name, change := range map[string]func(){
		"content":       func() { write(t, "site/index.html", "<!doctype html><p>") },
		"a new file":    func() { write(t, "site/b.html", "") },
		"another name":  func() { _ = os.Rename("site/a.html", "site/c.html") },
		"executability": func() { _ = os.Chmod("site/a.html", 0o700) },
		"no archive":    func() { _ = os.Remove(".build/application/shop/web.tar.gz") },
		"no record":     func() { _ = os.Remove(".build/application/shop/web.source") },
	} {
		inFolder(t, map[string]string{"site/index.html": "<!doctype html>", "site/a.html": "", "site/.env": "A=1"})
		web, _ := own()
		build(t, web)
		write(t, "site/.env", "A=2")
		if !isCurrent(t, web) {
			t.Fatal("a file that is not shipped makes the archive old")
		}
		change()
		if isCurrent(t, web) {
			t.Errorf("%s: the archive passes for current", name)
		}
	}
	inFolder(t, map[string]string{"api/package.json": "{}"})
	_, arm := own()
	intel := arm
	intel.target = "x64"
	a, errA := arm.Fingerprint()
	b, errB := intel.Fingerprint()
	if a == b || errA != nil || errB != nil {
		t.Errorf("an API of one processor passes for another's (%v, %v)", errA, errB)
	}
}

// The code that builds counts, all of it and no test: a changed test builds
// neither the app nor the command that packs.
func TestFingerprintIsOfTheCode(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	embedded, err := fs.Glob(code, "*")
	if err != nil || !slices.Equal(embedded, files) {
		t.Errorf("it is of %q, want %q (%v)", embedded, files, err)
	}
}

func TestLinks(t *testing.T) {
	for target, want := range map[string]string{
		"index.html":    "",
		"../index.html": "link is a link out of the folder",
		"..":            "link is a link out of the folder",
		"/etc/passwd":   "link is a link out of the folder",
	} {
		inFolder(t, map[string]string{"index.html": "private", "site/index.html": "<!doctype html>"})
		if err := os.Symlink(target, "site/link"); err != nil {
			t.Fatal(err)
		}
		web, _ := own()
		_, err := web.Build()
		switch {
		case want == "" && err == nil:
			if got := contents(t, web.Archive)["link"]; got != "-> "+target {
				t.Errorf("link to %s: got %q", target, got)
			}
		case want == "" || err == nil || !strings.HasPrefix(err.Error(), "site: "+want):
			t.Errorf("link to %s: got %v, want %q", target, err, want)
		}
	}
}

// TestServer has npm install what stands in the folder itself: no network.
func TestServer(t *testing.T) {
	inFolder(t, map[string]string{
		"api/package.json": `{
			"name": "shop", "version": "1.0.0",
			"scripts": { "build": "node -e \"fs.writeFileSync('built.txt', require('tool'))\"" },
			"dependencies": { "lib": "file:lib" }, "devDependencies": { "tool": "file:tool" }
		}`,
		"api/package-lock.json": `{
			"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
			"packages": {
				"": { "name": "shop", "version": "1.0.0", "dependencies": { "lib": "file:lib" }, "devDependencies": { "tool": "file:tool" } },
				"lib": { "version": "1.0.0" }, "tool": { "version": "1.0.0", "dev": true },
				"node_modules/lib": { "resolved": "lib", "link": true }, "node_modules/tool": { "resolved": "tool", "link": true, "dev": true }
			}
		}`,
		"api/lib/package.json":  `{ "name": "lib", "version": "1.0.0" }`,
		"api/lib/.npmrc":        "//registry.example.com/:_authToken=secret",
		"api/tool/package.json": `{ "name": "tool", "version": "1.0.0" }`,
		"api/tool/index.js":     `module.exports = 'by a development dependency'`,
		"api/server.js":         `require('lib')`,
		"api/.env.production":   "KEY=secret",
		"api/.npmrc":            "//registry.example.com/:_authToken=secret",
		"api/.eslintrc":         "{}",
		"api/node_modules/x.js": "what a developer has installed",
	})
	t.Setenv("NODE_ENV", "production") // else npm would not install development dependencies
	_, api := own()
	if got, want := build(t, api), []string{".env.production"}; !reflect.DeepEqual(got, want) {
		t.Errorf("says it leaves out %q, want %q", got, want)
	}
	got := contents(t, api.Archive)
	if got["built.txt"] != "by a development dependency" || got["node_modules/lib"] != "-> ../lib" || got[".eslintrc"] == "" {
		t.Errorf("not all is there: %q", got)
	}
	for _, absent := range []string{"node_modules/tool", "node_modules/x.js", "node_modules/.package-lock.json", ".npmrc", "lib/.npmrc", ".env.production"} {
		if _, there := got[absent]; there {
			t.Errorf("%s is packed", absent)
		}
	}
	if _, err := os.Stat("api/node_modules/x.js"); err != nil {
		t.Errorf("the folder itself was changed: %v", err)
	}

	write(t, "api/package-lock.json", `{ "lockfileVersion": 3, "packages": {} }`)
	before, _ := os.ReadFile(api.Archive)
	_, err := api.Build()
	if err == nil || !strings.HasPrefix(err.Error(), "api: npm ci ") {
		t.Errorf("a lock that does not fit is let through: %v", err)
	}
	if after, _ := os.ReadFile(api.Archive); !slices.Equal(before, after) || isCurrent(t, api) {
		t.Error("a build that failed changed the archive, or passes for done")
	}
}

func TestAddOns(t *testing.T) {
	machine := map[string]string{
		"arm64": header(elf.EM_AARCH64), "x64": header(elf.EM_X86_64), "mac": "\xcf\xfa\xed\xfe", "text": "none",
	}
	for _, tt := range []struct {
		name   string
		addOns map[string]string // path below node_modules: machine
		want   string
	}{
		{"none", map[string]string{"a/index.js": "x64"}, ""},
		{"for the servers", map[string]string{"a/build/Release/a.node": "arm64"}, ""},
		{"compiled here", map[string]string{"a/build/Release/a.node": "x64"}, "a is native code"},
		{"on a Mac", map[string]string{"@s/a/build/Release/a.node": "mac"}, "@s/a is native code"},
		{"ready-made for many", map[string]string{"a/prebuilds/linux-x64/a.node": "x64", "a/prebuilds/linux-arm64/a.node": "arm64", "a/prebuilds/darwin-arm64/a.node": "mac"}, ""},
		{"one package does not make up for another", map[string]string{"a/a.node": "arm64", "a/node_modules/b/b.node": "x64"}, "b is native code"},
		{"no machine code", map[string]string{"a/a.node": "text"}, "a is native code"},
	} {
		inFolder(t, nil)
		for path, kind := range tt.addOns {
			write(t, filepath.Join("node_modules", path), machine[kind])
		}
		if err := checkAddOns(".", "arm64"); (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// header is the start of a 64-bit ELF file.
func header(machine elf.Machine) string {
	data := make([]byte, 64)
	copy(data, "\x7fELF\x02\x01\x01")
	data[16], data[20], data[52], data[58] = byte(elf.ET_DYN), 1, 64, 64
	binary.LittleEndian.PutUint16(data[18:], uint16(machine))
	return string(data)
}

func TestBundled(t *testing.T) {
	t.Chdir("..")
	web, api := Of("example", &settings.Settings{})
	for _, p := range []Part{web, api} {
		if _, err := p.Fingerprint(); err != nil {
			t.Error(err)
		}
		if !p.leaveOut("test") {
			t.Errorf("%s: a changed test would replace servers", p.Folder)
		}
	}
}
