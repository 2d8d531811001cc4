// Package application packs what the servers run, the bundled application or
// somebody's own, into the archives that they unpack at boot.
package application

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"warm-standby/settings"
)

// Part is one of a deployment's archives. Paths are relative to the
// project's folder, in which the commands run.
type Part struct {
	Folder  string // Its source.
	Archive string // The .tar.gz, or the .zip of a Lambda function.

	target   string                                       // What is built for, where that matters.
	leaveOut func(name string) bool                       // Files and folders that are not for the servers.
	build    func(work string) (result string, err error) // Builds a copy of the source; the result is packed.
}

// Of is the parts of a deployment's application, web and API.
func Of(deployment string, s *settings.Settings) (web, api Part) {
	own := filepath.Join(".build/application", deployment)
	web = Part{Folder: s.Application.Web, Archive: filepath.Join(own, "web.tar.gz"), leaveOut: notForTheWeb, build: asItIs}
	if web.Folder == "" {
		web.Folder, web.Archive = "assets/app/web", "assets/app/dist/web.tar.gz"
		web.leaveOut, web.build = notOfTheBundle, site
	}
	cpu := s.Api.CPU()
	api = Part{Folder: s.Application.Api.Folder, Archive: filepath.Join(own, "api.tar.gz"), leaveOut: private, target: cpu, build: server(cpu)}
	if api.Folder == "" {
		// It has no add-ons: one archive serves either processor.
		api.Folder, api.Archive, api.leaveOut, api.target = "assets/app/api", "assets/app/dist/api.tar.gz", notOfTheBundle, ""
	}
	return web, api
}

// Rotation is the function that rotates the database's password: the bundled API's
// own driver and fence, whatever application a deployment has.
func Rotation() Part {
	return Part{Folder: "assets/app/api", Archive: "assets/app/dist/rotation.zip", leaveOut: notOfTheRotation, build: server("arm64")}
}

// Parts is all archives that a deployment needs.
func Parts(deployment string, s *settings.Settings) []Part {
	web, api := Of(deployment, s)
	if s.Database.RotationDays == 0 {
		return []Part{web, api}
	}
	return []Part{web, api, Rotation()}
}

// private is what never leaves the machine: other copies of what is built, the
// source's history, and files that by custom hold secrets.
func private(name string) bool {
	return name == "node_modules" || name == ".git" || name == ".env" || strings.HasPrefix(name, ".env.")
}

// notForTheWeb goes further: whatever is packed, anyone can read.
func notForTheWeb(name string) bool {
	return private(name) || strings.HasPrefix(name, ".") && name != ".well-known" // RFC 8615.
}

// notOfTheBundle spares servers a replacement when only a test or the rotation has
// changed.
func notOfTheBundle(name string) bool {
	return private(name) || name == "test" || name == "dist" || name == "rotation.js"
}

// notOfTheRotation leaves out what serves requests.
func notOfTheRotation(name string) bool {
	return private(name) || name == "test" || name == "migrations" || name == "server.js"
}

// Current tells whether the archive is there and made from what the source now
// holds. Content decides, not time: a fresh checkout needs no build.
func (p Part) Current() (bool, error) {
	if _, err := os.Stat(p.Archive); err != nil {
		return false, ignoreAbsent(err)
	}
	recorded, err := os.ReadFile(p.record())
	if err != nil {
		return false, ignoreAbsent(err)
	}
	fingerprint, err := p.Fingerprint()
	return string(recorded) == fingerprint, err
}

// record is the file beside the archive with the fingerprint of its source.
func (p Part) record() string {
	return strings.TrimSuffix(strings.TrimSuffix(p.Archive, ".tar.gz"), ".zip") + ".source"
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
