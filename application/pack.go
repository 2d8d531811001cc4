package application

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// code is this package without its tests, as the app is built without them.
//
//go:embed application.go build.go pack.go
var code embed.FS

// Fingerprint is a hash of the source and of the code that builds it, and what it
// is built for.
func (p Part) Fingerprint() (string, error) {
	hash := sha256.New()
	err := errors.Join(
		writeTar(hash, code),
		writeTar(hash, p.source()),
	)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.Folder, err)
	}
	return fmt.Sprintf("%x %s\n", hash.Sum(nil), p.target), nil
}

// source is a folder without what is left out of the archive.
type source struct {
	fs.FS
	leaveOut func(name string) bool
	leftOut  []string // Of what has been read so far; dependencies, which are installed anew, go without saying.
}

func (p Part) source() *source { return &source{FS: os.DirFS(p.Folder), leaveOut: p.leaveOut} }

// ReadDir, Lstat and ReadLink are what a walk asks of a folder.
func (s *source) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.FS, name)
	return slices.DeleteFunc(entries, func(entry fs.DirEntry) bool {
		left := s.leaveOut(entry.Name())
		if left && entry.Name() != "node_modules" {
			s.leftOut = append(s.leftOut, path.Join(name, entry.Name()))
		}
		return left
	}), err
}

func (s *source) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(s.FS, name) }

func (s *source) ReadLink(name string) (string, error) { return fs.ReadLink(s.FS, name) }

// pack writes a folder to the archive, or leaves the archive as it was.
func pack(archive, folder string) (err error) {
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil { //nolint:gosec // no secrets: what is deployed
		return err
	}
	file, err := os.Create(archive + ".new")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreClosed(file.Close()), ignoreAbsent(os.Remove(file.Name()))) }()
	write := writeTarGz
	if filepath.Ext(archive) == ".zip" {
		write = writeZip
	}
	if err := errors.Join(write(file, os.DirFS(folder)), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), archive)
}

func writeTarGz(w io.Writer, folder fs.FS) error {
	out, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	return errors.Join(writeTar(out, folder), out.Close())
}

// writeZip writes a folder's files, without its links (those of node_modules/.bin),
// as a zip whose bytes depend on names and content alone.
func writeZip(w io.Writer, folder fs.FS) error {
	out := zip.NewWriter(w)
	err := fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		header := &zip.FileHeader{Name: path, Method: zip.Deflate}
		header.SetMode(0o644) // as the function's user, who is not the owner, must read it
		content, err := fs.ReadFile(folder, path)
		if err != nil {
			return err
		}
		in, err := out.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = in.Write(content)
		return err
	})
	return errors.Join(err, out.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}

// writeTar writes a folder as a tar whose bytes depend on names, content and
// executability alone.
func writeTar(w io.Writer, folder fs.FS) error {
	out := tar.NewWriter(w)
	err := fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		return writeEntry(out, folder, path, entry)
	})
	return errors.Join(err, out.Close())
}

func writeEntry(out *tar.Writer, folder fs.FS, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatGNU}
	if entry.IsDir() || info.Mode()&0o100 != 0 {
		header.Mode = 0o755
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
		return out.WriteHeader(header)
	case mode.IsRegular():
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	case mode.Type() == fs.ModeSymlink:
		header.Typeflag, header.Mode = tar.TypeSymlink, 0o777
		if header.Linkname, err = fs.ReadLink(folder, name); err != nil {
			return err
		}
		if path.IsAbs(header.Linkname) || !filepath.IsLocal(path.Join(path.Dir(name), header.Linkname)) { //nolint:gosec // nothing is extracted
			return fmt.Errorf("%s is a link out of the folder, to %s: put a copy there", name, header.Linkname)
		}
		return out.WriteHeader(header)
	default:
		return fmt.Errorf("%s is neither file, folder nor link", name)
	}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	file, err := folder.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return errors.Join(err, file.Close())
}
