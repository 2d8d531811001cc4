package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// comparison is of all the rows of the former database with the present one's.
// Rows that only the present one has are its own since, and not looked for.
type comparison struct {
	former, present *sql.Conn
	schema          string
	rows            int // Compared at a time.
	progress        io.Writer
}

const header = `-- Rows of the former primary that the present writer lacks or has otherwise.
-- An INSERT is of a write that was lost, or of a row deleted since. Where a row
-- differs, either was changed last: nothing is run until you choose. Review all,
-- make the last line COMMIT, and run it on the present writer.
SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00';
START TRANSACTION;
`

const footer = "ROLLBACK;\n"

// run writes the script, if there is anything to put into it.
func (c comparison) run(ctx context.Context, out io.Writer) (found bool, err error) {
	tables, err := readTables(ctx, c.former, c.schema)
	if err != nil {
		return false, err
	}
	successors, err := readTables(ctx, c.present, c.schema)
	if err != nil {
		return false, err
	}
	if len(tables) == 0 {
		return false, fmt.Errorf("-schema: the former database has no table in %s, or none that this user may read", c.schema)
	}
	script := &script{out: out}
	var problems []error
	for _, t := range parentsFirst(tables) {
		if reason := t.incomparable(successors[t.name]); reason != "" {
			problems = append(problems, fmt.Errorf("%s: not compared: %s", t.name, reason))
			continue
		}
		counted, err := c.compareTable(ctx, t, script)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", t.name, err))
			if errors.Is(err, errTooLong) {
				continue
			}
			break
		}
		_, _ = fmt.Fprintf(c.progress, "%s: %d rows, %d of them in the old database only, %d different\n", t.name, counted.rows, counted.missing, counted.different)
	}
	script.end()
	return script.begun, errors.Join(append(problems, script.err)...)
}

// counts is what was found in a table.
type counts struct{ rows, missing, different int }

// compareTable goes along the primary key, some rows at a time: first by a sum
// over them, then, where that differs, row by row.
func (c comparison) compareTable(ctx context.Context, t *table, script *script) (counts, error) {
	var total counts
	var after []string
	for {
		upto, err := c.chunkEnd(ctx, t, after)
		if upto == nil || err != nil {
			return total, err
		}
		condition := between(names(t.key), after, upto)
		old, err := sumOf(ctx, c.former, t, condition)
		if err != nil {
			return total, err
		}
		present, err := sumOf(ctx, c.present, t, condition)
		if err != nil {
			return total, err
		}
		total.rows += old.rows
		if old != present {
			found, err := c.compareRows(ctx, t, condition, script)
			if err != nil {
				return total, err
			}
			total.missing += found.missing
			total.different += found.different
		}
		after = upto
	}
}

// chunkEnd is the key of the former database's last row to compare next, none if
// there are no more.
func (c comparison) chunkEnd(ctx context.Context, t *table, after []string) ([]string, error) {
	from := fmt.Sprintf("SELECT %s FROM %s", strings.Join(literals(t.key), ", "), quoteName(t.name))
	if after != nil {
		from += " WHERE " + beyond(names(t.key), after)
	}
	ascending, descending := strings.Join(names(t.key), ", "), strings.Join(names(t.key), " DESC, ")+" DESC"
	ends, err := rowsOf(ctx, c.former, fmt.Sprintf("%s ORDER BY %s LIMIT 1 OFFSET %d", from, ascending, c.rows-1))
	if err == nil && len(ends) == 0 {
		ends, err = rowsOf(ctx, c.former, fmt.Sprintf("%s ORDER BY %s LIMIT 1", from, descending))
	}
	if err != nil || len(ends) == 0 {
		return nil, err
	}
	return ends[0], nil
}

var errTooLong = errors.New("not compared: a row, written down, is longer than the server's max_allowed_packet")

// sum is the same for the same rows, and else almost never.
type sum struct {
	rows, summed int
	high, low    uint64
}

func sumOf(ctx context.Context, conn *sql.Conn, t *table, condition string) (s sum, err error) {
	half := func(start int) string {
		return fmt.Sprintf("BIT_XOR(CAST(CONV(SUBSTRING(d, %d, 16), 16, 10) AS UNSIGNED))", start)
	}
	text := fmt.Sprintf("SELECT COUNT(*), COUNT(d), %s, %s FROM (SELECT SHA2(CONCAT(%s), 256) AS d FROM %s WHERE %s) AS digests", //nolint:gosec // names are quoted, and values are the server's own literals
		half(1), half(17), strings.Join(literals(t.columns), ", ',', "), quoteName(t.name), condition)
	err = conn.QueryRowContext(ctx, text).Scan(&s.rows, &s.summed, &s.high, &s.low)
	if err == nil && s.rows != s.summed {
		err = errTooLong
	}
	return s, err
}

// compareRows compares a chunk row by row.
func (c comparison) compareRows(ctx context.Context, t *table, condition string, script *script) (counts, error) {
	var found counts
	// The key's values come first, to tell rows apart.
	text := fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s", strings.Join(literals(slices.Concat(t.key, t.columns)), ", "),
		quoteName(t.name), condition, strings.Join(names(t.key), ", "))
	old, err := rowsOf(ctx, c.former, text)
	if err != nil {
		return found, err
	}
	present, err := rowsOf(ctx, c.present, text)
	if err != nil {
		return found, err
	}
	keyOf := func(row []string) string { return strings.Join(row[:len(t.key)], ",") }
	byKey := map[string][]string{}
	for _, row := range present {
		byKey[keyOf(row)] = row
	}
	for _, row := range old {
		successor, there := byKey[keyOf(row)]
		switch {
		case !there:
			found.missing++
			script.insert(t, row[len(t.key):])
		case !slices.Equal(row, successor):
			found.different++
			script.choose(t, row[:len(t.key)], row[len(t.key):], successor[len(t.key):])
		}
	}
	return found, nil
}

// lines keeps a literal on one line: what is commented out must stay so. QUOTE
// leaves line ends as they are, and doubles backslashes.
var lines = strings.NewReplacer("\n", `\n`, "\r", `\r`)

// rowsOf is the rows of a query for strings.
func rowsOf(ctx context.Context, conn *sql.Conn, text string) (all [][]string, err error) {
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make([]string, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i := range row {
			row[i] = lines.Replace(row[i])
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func sortedNames(tables map[string]*table) []string { return slices.Sorted(maps.Keys(tables)) }

// script is the SQL to review. Values are literals, one for each column.
type script struct {
	out   io.Writer
	begun bool
	err   error
}

func (s *script) printf(format string, args ...any) {
	if !s.begun {
		s.begun = true
		s.printf("%s", header)
	}
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.out, format, args...)
	}
}

func (s *script) end() {
	if s.begun {
		s.printf("%s", footer)
	}
}

func (s *script) insert(t *table, values []string) {
	s.printf("%s\n", insertion(t, values))
}

func insertion(t *table, values []string) string {
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s);", quoteName(t.name), strings.Join(names(t.columns), ", "), strings.Join(values, ", "))
}

// choose offers, commented out, to put the old values back where the new ones
// are still as they were found; and, since two writers may have given the same
// number to two rows, to keep both.
func (s *script) choose(t *table, key, old, present []string) {
	var was, is, where []string
	for i, c := range t.key {
		where = append(where, c.quoted()+" = "+key[i])
	}
	for i, c := range t.columns {
		if old[i] != present[i] {
			was = append(was, c.quoted()+" = "+old[i])
			is = append(is, c.equals(present[i]))
		}
	}
	s.printf("-- %s %s differs: put the old values back, or leave the new ones\n", quoteName(t.name), strings.Join(where, " AND "))
	s.printf("-- UPDATE %s SET %s WHERE %s;\n", quoteName(t.name), strings.Join(was, ", "), strings.Join(slices.Concat(where, is), " AND "))
	if i := slices.IndexFunc(t.columns, func(c column) bool { return c.autoIncrement }); i >= 0 {
		anew := *t
		anew.columns = slices.Delete(slices.Clone(t.columns), i, i+1)
		s.printf("-- or, if these are two rows: %s\n", insertion(&anew, slices.Delete(slices.Clone(old), i, i+1)))
	}
}
