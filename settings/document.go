package settings

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// document is a settings file while it is read: where its fields stand and what
// is wrong with them. goccy's own decoder is not used because it stops at the
// first key or value that does not fit.
type document struct {
	file     string
	lines    map[string]int  // Line of each key and list item in the file, by field path.
	unsound  map[string]bool // Field paths with a problem: nothing more is said of them or of what they contain.
	problems Problems
}

// decode sets a field, and the fields within it, to the value of a YAML node.
// Fields that the file does not name keep their value, which is the default.
func (d *document) decode(path string, node ast.Node, field reflect.Value) {
	switch field.Kind() {
	case reflect.Struct:
		keys, fields := fieldsOf(field)
		for key, value := range d.entries(path, node) {
			if i := slices.Index(keys, key); i >= 0 {
				d.decode(join(path, key), value, fields[i])
			} else {
				d.report(join(path, key), "one of the keys "+strings.Join(keys, ", "), "an unknown key")
			}
		}
	case reflect.Map:
		field.Set(reflect.MakeMap(field.Type()))
		for key, value := range d.entries(path, node) {
			entry := reflect.New(field.Type().Elem()).Elem()
			d.decode(join(path, key), value, entry)
			field.SetMapIndex(reflect.ValueOf(key), entry)
		}
	case reflect.Slice:
		field.SetZero()
		for path, value := range d.items(path, node) {
			item := reflect.New(field.Type().Elem()).Elem()
			d.decode(path, value, item)
			field.Set(reflect.Append(field, item))
		}
	default:
		if want := decodeScalar(node, field.Addr().Interface()); want != "" {
			d.reject(path, want, describe(node))
		}
	}
}

// decodeScalar sets a field to a scalar's value or says what it wants instead.
// It goes by the text in the file: to YAML 010 is 8, and 012 no account.
func decodeScalar(node ast.Node, field any) (want string) {
	text, err := node.GetToken().Value, error(nil)
	switch field := field.(type) {
	case *string:
		switch node := node.(type) {
		case *ast.StringNode:
			*field = node.Value
			if isDigits(node) {
				return "text in quotes: without them YAML reads a number"
			}
		case *ast.LiteralNode:
			*field = node.Value.Value
		case *ast.IntegerNode, *ast.FloatNode:
			return "text in quotes: without them YAML reads a number"
		case *ast.BoolNode:
			return "text in quotes: without them YAML reads true or false"
		default:
			return "text"
		}
	case *bool:
		node, ok := node.(*ast.BoolNode)
		if !ok {
			return "true or false"
		}
		*field = node.Value
	case *int:
		_, ok := node.(*ast.IntegerNode)
		if *field, err = strconv.Atoi(text); !ok || err != nil || strconv.Itoa(*field) != text {
			return "a whole number"
		}
	case *float64:
		if *field, err = strconv.ParseFloat(text, 64); err != nil || !slices.Contains(numbers, node.Type()) {
			return "a number"
		}
	case *time.Duration:
		if *field, err = time.ParseDuration(text); err != nil {
			return "a duration such as 10s"
		}
	default:
		panic(fmt.Sprintf("settings: no YAML form for a %T", field))
	}
	return ""
}

var numbers = []ast.NodeType{ast.IntegerType, ast.FloatType}

// isDigits tells whether a text stands without quotes and is a number to other
// readers of YAML, though not to this one: 089 is no octal.
func isDigits(node *ast.StringNode) bool {
	return node.Token.Type == token.StringType && strings.Trim(node.Value, "0123456789") == ""
}

// fieldsOf lists a struct's YAML keys and fields.
func fieldsOf(v reflect.Value) (keys []string, fields []reflect.Value) {
	for i := range v.NumField() {
		keys = append(keys, v.Type().Field(i).Tag.Get("yaml"))
		fields = append(fields, v.Field(i))
	}
	return keys, fields
}

// entries yields a mapping's keys and values and notes where they stand. A key
// without a value, such as one whose entries are commented out, is an empty
// mapping.
func (d *document) entries(path string, node ast.Node) iter.Seq2[string, ast.Node] {
	return func(yield func(string, ast.Node) bool) {
		mapping, ok := node.(ast.MapNode)
		if !ok {
			d.rejectUnlessNull(path, node, "keys with values")
			return
		}
		first := map[string]int{}
		for entry := mapping.MapRange(); entry.Next(); {
			name := entry.Key().GetToken()
			key, line := name.Value, name.Position.Line
			d.lines[join(path, key)] = line
			if other, doubled := first[key]; doubled {
				d.report(join(path, key), "the key once", fmt.Sprintf("it on line %d, too", other))
			}
			first[key] = line
			yield(key, entry.Value())
		}
	}
}

// items is entries for a list; it yields whole paths.
func (d *document) items(path string, node ast.Node) iter.Seq2[string, ast.Node] {
	return func(yield func(string, ast.Node) bool) {
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			d.rejectUnlessNull(path, node, "a list")
			return
		}
		for i, item := range list.Values {
			path := index(path, i)
			d.lines[path] = item.GetToken().Position.Line
			yield(path, item)
		}
	}
}

func (d *document) rejectUnlessNull(path string, node ast.Node, want string) {
	if node.Type() != ast.NullType {
		d.reject(path, want, describe(node))
	}
}

// describe is how a problem shows what a node has.
func describe(node ast.Node) string {
	switch node := node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode:
		if isDigits(node) {
			return node.Value
		}
		return show(node.Value)
	case *ast.LiteralNode:
		return show(node.Value.Value)
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "keys with values"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode: // For which settings have no use.
		return "a YAML " + strings.ToLower(node.Type().String())
	}
	return node.GetToken().Value
}

// show is how a problem shows a value: on one line, and of a long text the start.
func show(value any) string {
	switch value.(type) {
	case string, []string:
		return fmt.Sprintf("%.100q", value)
	}
	return fmt.Sprint(value)
}

// join is the path of a key, in quotes if it would break the line.
func join(path, key string) string {
	if quoted := strconv.Quote(key); quoted != `"`+key+`"` || key == "" {
		key = quoted
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// parent cuts the last key or index off a path.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// has tells whether the file names a field.
func (d *document) has(path string) bool { return d.lines[path] > 0 }

// sound tells whether no problem is known of fields or of what contains them.
func (d *document) sound(paths ...string) bool {
	for _, path := range paths {
		for ; path != ""; path = parent(path) {
			if d.unsound[path] {
				return false
			}
		}
	}
	return !d.unsound[""]
}

// soundWithin tells whether no problem is known of fields, of what contains them
// or of what they contain.
func (d *document) soundWithin(paths ...string) bool {
	for _, path := range paths {
		for unsound := range d.unsound {
			if strings.HasPrefix(unsound, path) {
				return false
			}
		}
	}
	return d.sound(paths...)
}

// check reports a field that is not ok, unless a problem of it is known.
func (d *document) check(path string, value any, ok bool, want string) {
	if ok || !d.sound(path) {
		return
	}
	got := show(value)
	switch v := reflect.ValueOf(value); {
	case v.Kind() == reflect.Slice && v.Len() == 0, !d.has(path) && v.IsZero():
		got = "nothing"
	case !d.has(path):
		got += ", the default"
	}
	d.reject(path, want, got)
}

// reject reports a field and remembers it as unsound.
func (d *document) reject(path, want, got string) {
	d.unsound[path] = true
	d.report(path, want, got)
}

// report adds a problem, on the line of the field or of what would contain it.
func (d *document) report(path, want, got string) {
	known := path
	for known != "" && !d.has(known) {
		known = parent(known)
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: d.lines[known], Path: path, Want: want, Got: got})
}
