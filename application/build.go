package application

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Build makes the archive. It works on a copy, so that what a developer has
// installed stays as it is. It returns what it left out of the folder.
func (p Part) Build() (leftOut []string, err error) {
	fingerprint, err := p.Fingerprint()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", p.Folder, err)
		}
	}()
	work, err := os.MkdirTemp("", "application-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	folder := p.source()
	if err := os.CopyFS(work, folder); err != nil {
		return nil, err
	}
	result, err := p.build(work)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ignoreAbsent(os.Remove(p.record())), pack(p.Archive, result)); err != nil {
		return nil, err
	}
	return folder.leftOut, os.WriteFile(p.record(), []byte(fingerprint), 0o644) //nolint:gosec // a hash
}

// asItIs builds nothing: a folder of static files is what it is.
func asItIs(work string) (string, error) { return work, nil }

// site builds the bundled site.
func site(work string) (string, error) {
	return filepath.Join(work, "dist"), runBuild(work)
}

// server installs a Node.js server's dependencies for the servers' platform, after
// its own build script, if it has one, has run with all of them on this one.
func server(cpu string) func(work string) (string, error) {
	return func(work string) (string, error) {
		built, err := hasBuildScript(work)
		if err != nil {
			return "", err
		}
		if built {
			if err := runBuild(work); err != nil {
				return "", err
			}
		}
		// https://docs.npmjs.com/cli/v11/commands/npm-ci
		if err := install(work, "--omit=dev", "--os=linux", "--cpu="+cpu, "--libc=glibc"); err != nil {
			return "", err
		}
		notes := filepath.Join(work, "node_modules/.package-lock.json") // npm's own
		if err := errors.Join(ignoreAbsent(os.Remove(notes)), removeNpmSettings(work)); err != nil {
			return "", err
		}
		return work, checkAddOns(work, cpu)
	}
}

// removeNpmSettings removes the folder's own and its workspaces': they may hold a
// registry's token.
func removeNpmSettings(work string) error {
	return filepath.WalkDir(work, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return fs.SkipDir
		case !entry.IsDir() && entry.Name() == ".npmrc":
			return os.Remove(path) //nolint:gosec // of a copy that nobody else knows
		}
		return nil
	})
}

func hasBuildScript(work string) (bool, error) {
	data, err := os.ReadFile(filepath.Join(work, "package.json"))
	if err != nil {
		return false, err
	}
	var manifest struct{ Scripts struct{ Build string } }
	if err := json.Unmarshal(data, &manifest); err != nil {
		return false, fmt.Errorf("package.json: %w", err)
	}
	return manifest.Scripts.Build != "", nil
}

func runBuild(work string) error {
	if err := install(work, "--include=dev"); err != nil {
		return err
	}
	return npm(work, "run", "build")
}

// install removes what was installed before.
func install(work string, options ...string) error {
	return npm(work, append([]string{"ci", "--no-audit", "--no-fund"}, options...)...)
}

// npm shows what npm printed only if it fails.
func npm(work string, args ...string) error {
	cmd := exec.Command("npm", append(args, "--loglevel=error")...) //nolint:gosec // the commands above
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// checkAddOns refuses a package all of whose native add-ons are for other
// processors than the servers': it was compiled here. A package that brings many
// chooses among them when it is loaded.
func checkAddOns(work, cpu string) error {
	fits := map[string]bool{} // by package
	err := filepath.WalkDir(filepath.Join(work, "node_modules"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && filepath.Ext(path) == ".node" {
			name := packageOf(path)
			fits[name] = fits[name] || isFor(path, cpu)
		}
		return ignoreAbsent(err)
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(fits)) {
		if !fits[name] {
			return fmt.Errorf("%s is native code, compiled for this machine and not for the servers (linux-%s): build on a machine like them, or choose an api.instanceType like this one", name, cpu)
		}
	}
	return nil
}

// packageOf is the name of the package that a file below node_modules belongs to.
func packageOf(path string) string {
	inside := path[strings.LastIndex(path, "node_modules/")+len("node_modules/"):]
	parts := strings.Split(inside, "/")
	if strings.HasPrefix(inside, "@") {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// isFor tells whether a file is Linux's machine code for a processor.
func isFor(path, cpu string) bool {
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // it was only read
	return file.Machine == map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x64": elf.EM_X86_64}[cpu]
}
