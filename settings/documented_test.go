package settings

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A setting's default is stated in settings.go and in example.yaml, and set in
// rules.go. These tests hold the three together.

// setting is a field of the settings, or of what they hold.
type setting struct {
	path          string   // With * for a region.
	group, field  string   // Its struct and name in Go.
	text          string   // How documentation writes the default.
	sub           []string // Paths below it that share its comment.
	holdsSettings bool     // It has no default of its own.
}

// allSettings lists the fields below v, which has its default.
func allSettings(path string, v reflect.Value) (all []setting) {
	keys, fields := fieldsOf(v)
	for i, field := range fields {
		s := setting{path: join(path, keys[i]), group: v.Type().Name(), field: v.Type().Field(i).Name, text: "none"}
		switch value := field.Interface().(type) {
		case time.Duration, bool, int, float64:
			s.text = fmt.Sprint(value)
		case string:
			if value != "" {
				s.text = value
			}
		case ByRole[bool]:
			s.text = fmt.Sprintf("%t on the primary, %t on the standby", value.Primary, value.Standby)
			s.sub = []string{".primary", ".standby"}
		case ByRole[Limits]:
			s.text = fmt.Sprintf("%d to %d on the primary, %d to %d on the standby", value.Primary.Min, value.Primary.Max, value.Standby.Min, value.Standby.Max)
			s.sub = []string{".primary.min", ".primary.max", ".standby.min", ".standby.max"}
		default:
			switch field.Kind() {
			case reflect.Struct:
				s.holdsSettings = true
				all = append(all, allSettings(s.path, field)...)
			case reflect.Map:
				if entry := reflect.New(field.Type().Elem()).Elem(); entry.Kind() == reflect.Struct {
					all = append(all, allSettings(s.path+".*", entry)...)
				}
			}
		}
		if follows := followed[s.path]; follows != "" {
			s.text = follows
		}
		all = append(all, s)
	}
	return all
}

// followed is what the defaults follow that are known only with the file.
var followed = map[string]string{
	"application.api.start": "package.json's scripts.start, else node server.js",
	"failover.healthPath":   "api.healthPath",
}

func defaultSettings() []setting {
	s := defaults()
	return allSettings("", reflect.ValueOf(&s).Elem())
}

var documentedDefault = regexp.MustCompile(`Default: (.+?)\.( |$)`)

// checkDocumented wants a setting's comment to call it required or to state the
// default that it has.
func checkDocumented(t *testing.T, where string, s setting, comment string) {
	t.Helper()
	stated := documentedDefault.FindStringSubmatch(comment)
	switch {
	case stated == nil && !strings.Contains(comment, "Required"):
		t.Errorf("%s: %s: want its default, or that it is required (got %q)", where, s.path, comment)
	case stated != nil && stated[1] != s.text && !strings.HasPrefix(stated[1], s.text+", "):
		t.Errorf("%s: %s: want the default %q, as the code has it (got %q)", where, s.path, s.text, stated[1])
	}
}

func TestCommentsStateTheDefaults(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "settings.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		if group, ok := node.(*ast.TypeSpec); ok {
			if fields, ok := group.Type.(*ast.StructType); ok {
				for _, field := range fields.Fields.List {
					comments[group.Name.Name+"."+field.Names[0].Name] = strings.TrimSpace(field.Comment.Text())
				}
			}
		}
		return true
	})
	for _, s := range defaultSettings() {
		if !s.holdsSettings {
			checkDocumented(t, "settings.go", s, comments[s.group+"."+s.field])
		}
	}
}

func TestExampleNamesAndExplainsEveryKey(t *testing.T) {
	const path = "../deployments/example.yaml"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root, problem := syntax(data)
	if problem != nil {
		t.Fatal(problem)
	}
	d := &document{lines: map[string]int{}, unsound: map[string]bool{}}
	s := defaults()
	d.decode("", root, reflect.ValueOf(&s).Elem())

	text := strings.Split(string(data), "\n")
	commentAbove := func(line int) (comment string) {
		for i := line - 2; i >= 0 && strings.HasPrefix(strings.TrimSpace(text[i]), "#"); i-- {
			comment = strings.TrimLeft(text[i], "# ") + " " + comment
		}
		return strings.TrimSpace(comment)
	}
	for _, s := range defaultSettings() {
		for _, region := range []string{"us-east-1", "us-west-2"} {
			path := strings.ReplaceAll(s.path, "*", region)
			for _, sub := range append([]string{""}, s.sub...) {
				if !d.has(path + sub) {
					t.Errorf("%s%s is missing", path, sub)
				}
			}
			if comment := commentAbove(d.lines[path]); s.holdsSettings && comment == "" {
				t.Errorf("%s: want a comment above it", path)
			} else if !s.holdsSettings {
				checkDocumented(t, "example.yaml", s, comment)
			}
		}
	}
}
