// Rescue compares the database of a former primary with the present writer's and
// prints, as SQL to review, the rows that only the former has or that differ:
// writes it took and never replicated. It changes neither database.
//
// Its exit status is diff's: 0 for nothing to rescue, 1 for something, 2 for trouble.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/go-sql-driver/mysql"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	found, err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "rescue:", err)
	}
	switch {
	case err != nil:
		os.Exit(2)
	case found:
		os.Exit(1)
	}
}

// side is one of the two databases.
type side struct {
	endpoint string // Name that its certificate carries.
	at       string // Where it is reached, host:port.
	password string
}

// run prints the script to out and what it finds to progress, and returns
// whether there is anything to rescue.
func run(ctx context.Context, args []string, getenv func(string) string, out, progress io.Writer) (bool, error) {
	flags := flag.NewFlagSet("rescue", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(progress, "usage: DB_PASSWORD=… rescue -old ENDPOINT -new ENDPOINT -schema NAME [flags] >rescue.sql")
		flags.PrintDefaults()
	}
	var former, present side
	flags.StringVar(&former.endpoint, "old", "", "former primary's `endpoint`")
	flags.StringVar(&former.at, "old-at", "", "`host:port` that leads to it, such as a tunnel's (default its endpoint, port 3306)")
	flags.StringVar(&present.endpoint, "new", "", "present writer's `endpoint`")
	flags.StringVar(&present.at, "new-at", "", "`host:port` that leads to it (default its endpoint, port 3306)")
	schema := flags.String("schema", "", "`name` of the database")
	user := flags.String("user", "admin", "`name` of a user of both; the password is $DB_PASSWORD, the former's $OLD_DB_PASSWORD where that is another")
	authority := flags.String("ca", "", "PEM `file` of the certificates' authority, of RDS global-bundle.pem (default the system's)")
	rows := flags.Int("rows", 1000, "rows compared at a time")
	if err := flags.Parse(args); err != nil {
		return false, flag.ErrHelp // it has said why
	}
	for name, value := range map[string]string{"-old": former.endpoint, "-new": present.endpoint, "-schema": *schema, "DB_PASSWORD": getenv("DB_PASSWORD")} {
		if value == "" {
			return false, fmt.Errorf("%s: required", name)
		}
	}
	if flags.NArg() > 0 {
		return false, fmt.Errorf("want flags only (got %q)", flags.Arg(0))
	}
	if *rows < 1 {
		return false, fmt.Errorf("-rows: want 1 or more (got %d)", *rows)
	}
	present.password = getenv("DB_PASSWORD")
	if former.password = getenv("OLD_DB_PASSWORD"); former.password == "" {
		former.password = present.password // a replica has its source's
	}
	authorities, err := readAuthorities(*authority)
	if err != nil {
		return false, err
	}

	c := comparison{rows: *rows, schema: *schema, progress: progress}
	for _, s := range []struct {
		side
		conn **sql.Conn
	}{{former, &c.former}, {present, &c.present}} {
		db, err := s.open(*user, *schema, authorities)
		if err != nil {
			return false, err
		}
		defer func() { _ = db.Close() }()
		if *s.conn, err = readOnly(ctx, db); err != nil {
			return false, fmt.Errorf("%s: %w", s.endpoint, err)
		}
	}
	buffered := bufio.NewWriter(out)
	found, err := c.run(ctx, buffered)
	return found, errors.Join(err, buffered.Flush())
}

func readAuthorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return x509.SystemCertPool()
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("-ca: no certificate in %s", file)
	}
	return pool, nil
}

func (s side) open(user, schema string, authorities *x509.CertPool) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = user, s.password, schema
	config.Net, config.Addr = "tcp", s.at
	if s.at == "" {
		config.Addr = net.JoinHostPort(s.endpoint, "3306")
	}
	config.TLS = &tls.Config{RootCAs: authorities, ServerName: s.endpoint, MinVersion: tls.VersionTLS12}
	config.Timeout = 10 * time.Second
	config.Logger = &mysql.NopLogger{} // errors are returned too
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.endpoint, err)
	}
	return sql.OpenDB(connector), nil
}

// readOnly is a connection on which the server refuses every write, and on which
// both servers tell the same value in the same words.
func readOnly(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"SET SESSION TRANSACTION READ ONLY",
		"SET NAMES utf8mb4",
		"SET SESSION sql_mode = '', time_zone = '+00:00'",
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return conn, nil
}
