package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// table is what must be known of a table to compare its rows.
type table struct {
	name    string
	columns []column
	key     []column // In the primary key's order.
	parents []string // Tables that its foreign keys refer to.
}

// column is one that is not generated.
type column struct {
	name          string
	dataType      string // As in information_schema.
	autoIncrement bool
}

// readTables is the tables of a schema by name.
func readTables(ctx context.Context, conn *sql.Conn, schema string) (map[string]*table, error) {
	tables := map[string]*table{}
	keys := map[string]map[int]column{}
	err := query(ctx, conn, `
		SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.EXTRA LIKE '%auto_increment%', COALESCE(k.ORDINAL_POSITION, 0)
		FROM information_schema.TABLES t
		JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
		LEFT JOIN information_schema.KEY_COLUMN_USAGE k ON k.TABLE_SCHEMA = c.TABLE_SCHEMA AND k.TABLE_NAME = c.TABLE_NAME
			AND k.COLUMN_NAME = c.COLUMN_NAME AND k.CONSTRAINT_NAME = 'PRIMARY'
		WHERE t.TABLE_SCHEMA = ? AND t.TABLE_TYPE = 'BASE TABLE' AND COALESCE(c.GENERATION_EXPRESSION, '') = ''
		ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION`,
		func(scan func(...any) error) error {
			var name string
			var c column
			var position int
			if err := scan(&name, &c.name, &c.dataType, &c.autoIncrement, &position); err != nil {
				return err
			}
			if tables[name] == nil {
				tables[name], keys[name] = &table{name: name}, map[int]column{}
			}
			tables[name].columns = append(tables[name].columns, c)
			if position > 0 {
				keys[name][position] = c
			}
			return nil
		}, schema)
	if err != nil {
		return nil, err
	}
	for name, key := range keys {
		for position := range len(key) {
			tables[name].key = append(tables[name].key, key[position+1])
		}
	}
	err = query(ctx, conn, `
		SELECT DISTINCT TABLE_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE
		WHERE TABLE_SCHEMA = ? AND REFERENCED_TABLE_SCHEMA = TABLE_SCHEMA ORDER BY 1, 2`,
		func(scan func(...any) error) error {
			var child, parent string
			if err := scan(&child, &parent); err != nil {
				return err
			}
			tables[child].parents = append(tables[child].parents, parent)
			return nil
		}, schema)
	return tables, err
}

// query calls each for every row.
func query(ctx context.Context, conn *sql.Conn, text string, each func(scan func(...any) error) error, args ...any) error {
	rows, err := conn.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// parentsFirst orders tables so that a row comes after those it refers to.
func parentsFirst(tables map[string]*table) []*table {
	var ordered []*table
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] || tables[name] == nil {
			return
		}
		seen[name] = true
		for _, parent := range tables[name].parents {
			visit(parent)
		}
		ordered = append(ordered, tables[name])
	}
	for _, name := range sortedNames(tables) {
		visit(name)
	}
	return ordered
}

// unordered is types whose values MySQL does not sort as it compares them with a literal.
var unordered = []string{"enum", "set", "float", "double", "json"}

// incomparable says why a table cannot be compared with its successor, if so.
func (t *table) incomparable(successor *table) string {
	switch {
	case successor == nil:
		return "the new database has no such table"
	case !slices.Equal(t.columns, successor.columns):
		return "its columns are not the same in both"
	case len(t.key) == 0:
		return "it has no primary key"
	case !slices.Equal(t.key, successor.key):
		return "its primary key is not the same in both"
	}
	for _, c := range t.key {
		if slices.Contains(unordered, c.dataType) {
			return fmt.Sprintf("its primary key has a column of type %s", c.dataType)
		}
	}
	return ""
}

// quoted is the column's name in SQL.
func (c column) quoted() string { return quoteName(c.name) }

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// literal is an SQL expression for the column's value as an SQL literal: the
// server knows best how to write down what it stores. It is NULL where that is
// too long for the server.
func (c column) literal() string {
	name := c.quoted()
	value := "QUOTE(CAST(" + name + " AS CHAR))"
	switch c.dataType {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year":
		value = "CAST(" + name + " AS CHAR)"
	case "float", "double": // as a double, with all its digits
		value = "CAST(" + name + " + 0e0 AS CHAR)"
	case "bit":
		value = "CAST(" + name + " + 0 AS CHAR)"
	case "tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary", "vector",
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geomcollection", "geometrycollection":
		value = "CONCAT('X''', HEX(" + name + "), '''')"
	}
	return "IF(" + name + " IS NULL, 'NULL', " + value + ")"
}

// equals is the condition that the column has a literal's value.
func (c column) equals(literal string) string {
	if c.dataType == "json" { // no text is equal to it
		literal = "CAST(" + literal + " AS JSON)"
	}
	return c.quoted() + " <=> " + literal
}

func literals(columns []column) []string {
	expressions := make([]string, len(columns))
	for i, c := range columns {
		expressions[i] = c.literal()
	}
	return expressions
}

func names(columns []column) []string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = c.quoted()
	}
	return quoted
}

// between is the condition of the rows whose key is beyond after, which may be
// nil, and not beyond upto. MySQL finds a range by an index only in conditions on
// single columns, hence neither (a, b) > (1, 2) nor an OR alone.
func between(key []string, after, upto []string) string {
	condition := fmt.Sprintf("%s <= %s AND %s", key[0], upto[0], compare(key, upto, "<", "<="))
	if after != nil {
		condition = beyond(key, after) + " AND " + condition
	}
	return condition
}

func beyond(key, after []string) string {
	return fmt.Sprintf("%s >= %s AND %s", key[0], after[0], compare(key, after, ">", ">"))
}

// compare is the row comparison of key with values, by single columns.
func compare(key, values []string, operator, last string) string {
	if len(key) == 1 {
		return key[0] + " " + last + " " + values[0]
	}
	return fmt.Sprintf("(%s %s %s OR %s = %s AND %s)", key[0], operator, values[0], key[0], values[0], compare(key[1:], values[1:], operator, last))
}
