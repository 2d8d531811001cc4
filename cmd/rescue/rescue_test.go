package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestArgumentsThatCannotBeMeant(t *testing.T) {
	noCertificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCertificate, []byte("-----BEGIN-----"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{"-old", "a.example.com", "-new", "b.example.com", "-schema", "books"}
	for _, tt := range []struct {
		name, password string
		args           []string
		want           string
	}{
		{"no old", "x", good[2:], "-old: required"},
		{"no new", "x", slices.Concat(good[:2], good[4:]), "-new: required"},
		{"no schema", "x", good[:4], "-schema: required"},
		{"no password", "", good, "DB_PASSWORD: required"},
		{"no rows", "x", slices.Concat(good, []string{"-rows", "0"}), "-rows: want 1 or more (got 0)"},
		{"no flag", "x", slices.Concat(good, []string{"books"}), `want flags only (got "books")`},
		{"no such authority", "x", slices.Concat(good, []string{"-ca", "/nonexistent"}), "-ca: open /nonexistent: no such file or directory"},
		{"no authority", "x", slices.Concat(good, []string{"-ca", noCertificate}), "-ca: no certificate in " + noCertificate},
		{"nothing there", "x", slices.Concat(good, []string{"-old-at", "127.0.0.1:1"}), "a.example.com: dial tcp 127.0.0.1:1: connect: connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := run(context.Background(), tt.args, func(name string) string {
				return map[string]string{"DB_PASSWORD": tt.password}[name]
			}, io.Discard, io.Discard)
			if err == nil || err.Error() != tt.want {
				t.Errorf("want %q (got %v)", tt.want, err)
			}
		})
	}
	if _, err := run(context.Background(), []string{"-nonsense"}, os.Getenv, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("an unknown flag: want the usage (got %v)", err)
	}
}

func TestRangesOfKeys(t *testing.T) {
	for _, tt := range []struct {
		key, after, upto []string
		want             string
	}{
		{[]string{"a"}, nil, []string{"9"}, "a <= 9 AND a <= 9"},
		{[]string{"a"}, []string{"5"}, []string{"9"}, "a >= 5 AND a > 5 AND a <= 9 AND a <= 9"},
		{
			[]string{"a", "b", "c"},
			[]string{"1", "2", "3"},
			[]string{"4", "5", "6"},
			"a >= 1 AND (a > 1 OR a = 1 AND (b > 2 OR b = 2 AND c > 3)) AND a <= 4 AND (a < 4 OR a = 4 AND (b < 5 OR b = 5 AND c <= 6))",
		},
	} {
		if got := between(tt.key, tt.after, tt.upto); got != tt.want {
			t.Errorf("beyond %v, up to %v\n got: %s\nwant: %s", tt.after, tt.upto, got, tt.want)
		}
	}
}

func TestTablesThatCannotBeCompared(t *testing.T) {
	id, title := column{name: "id", dataType: "int"}, column{name: "title", dataType: "varchar"}
	kind := column{name: "kind", dataType: "enum"}
	books := func(key ...column) *table { return &table{name: "books", columns: []column{id, kind, title}, key: key} }
	for _, tt := range []struct {
		old, successor *table
		want           string
	}{
		{books(id), books(id), ""},
		{books(id), nil, "no such table"},
		{books(id), &table{columns: []column{id}, key: []column{id}}, "columns"},
		{books(), books(), "no primary key"},
		{books(id), books(title), "key is not the same"},
		{books(kind), books(kind), "type enum"},
	} {
		if got := tt.old.incomparable(tt.successor); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("want %q (got %q)", tt.want, got)
		}
	}
}

func TestParentsComeFirst(t *testing.T) {
	tables := map[string]*table{
		"a_lines":    {name: "a_lines", parents: []string{"orders", "items"}},
		"items":      {name: "items", parents: []string{"items"}}, // of itself
		"orders":     {name: "orders", parents: []string{"zcustomers"}},
		"zcustomers": {name: "zcustomers", parents: []string{"orders"}}, // of each other
	}
	var order []string
	for _, table := range parentsFirst(tables) {
		order = append(order, table.name)
	}
	if got := strings.Join(order, " "); got != "zcustomers orders items a_lines" {
		t.Errorf("got %s", got)
	}
}
