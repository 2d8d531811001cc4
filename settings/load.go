package settings

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads, defaults and validates a settings file. Its error, if any, is a
// Problems with everything that is wrong.
func Load(path string) (*Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Problems{unreadable(path, err)}
	}
	return parse(path, data)
}

// unreadable says why there is no file to read and which others there are.
func unreadable(path string, err error) Problem {
	problem := Problem{File: path, Want: "a settings file", Got: fmt.Sprintf("%q", err)}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		problem.Got = "a directory"
	}
	if errors.Is(err, fs.ErrNotExist) {
		problem.Got = "no such file"
		if files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.yaml")); len(files) > 0 {
			for i, file := range files {
				files[i] = strings.TrimSuffix(filepath.Base(file), ".yaml")
			}
			problem.Want = "one of the deployments that exist: " + strings.Join(files, ", ")
		}
	}
	return problem
}

// parse is Load on a file's content.
func parse(file string, data []byte) (*Settings, error) {
	root, problem := syntax(data)
	if problem != nil {
		problem.File = file
		return nil, Problems{*problem}
	}
	d := &document{file: file, lines: map[string]int{"": root.GetToken().Position.Line}, unsound: map[string]bool{}}
	s := defaults()
	d.decode("", root, reflect.ValueOf(&s).Elem())
	if !d.sound("") {
		return nil, d.problems // No mapping: that every key is missing need not be said.
	}
	d.validate(&s)
	if len(d.problems) > 0 {
		slices.SortStableFunc(d.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, d.problems
	}
	if !d.has("failover.healthPath") {
		s.Failover.HealthPath = s.Api.HealthPath
	}
	s.Application.Web = d.resolve(s.Application.Web)
	s.Application.Api.Folder = d.resolve(s.Application.Api.Folder)
	return &s, nil
}

// maxBytes bounds what the YAML parser, which recurses, is given.
const maxBytes = 64 << 10

// syntax parses the one YAML document of a file. Doubled keys are let through:
// the parser would stop at the first.
func syntax(data []byte) (ast.Node, *Problem) {
	if len(data) > maxBytes {
		return nil, &Problem{Want: fmt.Sprintf("a settings file of at most %d bytes", maxBytes), Got: fmt.Sprint(len(data))}
	}
	// What Windows editors write: the parser would take the mark for a part of
	// the first key, and miscount lines.
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		problem := &Problem{Line: 1, Want: "well-formed YAML", Got: fmt.Sprintf("%q", err)}
		if located := yaml.Error(nil); errors.As(err, &located) && located.GetToken() != nil {
			at := located.GetToken().Position
			problem.Line, problem.Got = at.Line, fmt.Sprintf("%q at column %d", located.GetMessage(), at.Column)
		}
		return nil, problem
	}
	docs := slices.DeleteFunc(file.Docs, func(doc *ast.DocumentNode) bool {
		return doc.Body == nil || doc.Body.Type() == ast.DirectiveType
	})
	switch len(docs) {
	case 0:
		return nil, &Problem{Want: "a deployment's settings", Got: "an empty file"}
	case 1:
		return docs[0].Body, nil
	}
	return nil, &Problem{Line: docs[1].Body.GetToken().Position.Line, Want: "one YAML document", Got: "a second one"}
}
