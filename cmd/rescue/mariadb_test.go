//go:build mariadb

// With two real servers: make test-db.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

const password = `a'p"w\`

// before is what had replicated; it spans the chunks, keys and types that differ
// in how they are compared or written down.
const before = `
CREATE TABLE books (id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(255) NOT NULL, price DECIMAL(10,2), words INT GENERATED ALWAYS AS (LENGTH(title)));
INSERT INTO books (title, price) SELECT CONCAT('Book ', seq), seq / 100 FROM seq_1_to_57;
CREATE TABLE a_loans (reader CHAR(8), day DATE, book INT NOT NULL, PRIMARY KEY (reader, day), FOREIGN KEY (book) REFERENCES books (id));
INSERT INTO a_loans SELECT CONCAT('r', seq DIV 3), '2026-01-01' + INTERVAL seq MOD 3 DAY, 1 + seq MOD 50 FROM seq_1_to_40;
CREATE TABLE covers (hash BINARY(16) PRIMARY KEY, image BLOB, scale FLOAT, flags BIT(9), seen TIMESTAMP(6) NULL);
INSERT INTO covers SELECT UNHEX(MD5(seq)), UNHEX(SHA1(seq)), seq / 7, seq MOD 512, '2026-01-01 00:00:00' + INTERVAL seq MINUTE FROM seq_1_to_40;
CREATE TABLE ` + "`odd ``name`" + ` (` + "`or``der`" + ` VARCHAR(20) CHARACTER SET latin1 PRIMARY KEY, v TEXT);
INSERT INTO ` + "`odd ``name`" + ` VALUES ('ä', 'x'), ('B', 'y'), ('c', NULL);
CREATE VIEW cheap AS SELECT * FROM books WHERE price < 1;`

func TestRescue(t *testing.T) {
	c := newCluster(t)
	t.Run("nothing is found where nothing differs", func(t *testing.T) {
		_, present := c.pair(t)
		execute(t, present, "INSERT INTO books (title) VALUES ('written since')")
		out, progress, found, err := c.rescue("-rows", "10")
		if err != nil || found || out != "" {
			t.Errorf("want nothing (got %v, %v): %s", found, err, out)
		}
		if !strings.Contains(progress, "books: 57 rows, 0 of them in the old database only, 0 different\n") {
			t.Errorf("want the rows counted, got:\n%s", progress)
		}
	})

	for _, rows := range []string{"1", "7", "1000"} {
		t.Run("lost writes are found, and can be made again, "+rows+" rows at a time", func(t *testing.T) {
			old, present := c.pair(t)
			lost := `
				INSERT INTO books (id, title, price) VALUES (1000, '-- not\na comment\'; DROP TABLE books; "', NULL), (0 + 1001, '本 🐛', 0.10);
				INSERT INTO a_loans VALUES ('zoe', '2026-02-02', 1000), ('aaa', '2026-02-02', 1);
				INSERT INTO covers VALUES (UNHEX(MD5('lost')), X'00FF27', 5592405.5, 511, '2026-03-29 01:30:00.123456');
				INSERT INTO covers (hash, image) VALUES (UNHEX(MD5('empty')), '');
				INSERT INTO ` + "`odd ``name`" + ` VALUES ('zz', 'line one\r\nline two');`
			for range 3 { // more rows in between, as UUIDs have them
				execute(t, present, "INSERT INTO covers (hash) VALUES (UNHEX(MD5(RAND())))")
			}
			execute(t, old, lost)
			out, _, found, err := c.rescue("-rows", rows)
			if err != nil || !found {
				t.Fatalf("want something found (got %v, %v)", found, err)
			}
			if !strings.HasSuffix(out, "\nROLLBACK;\n") {
				t.Errorf("run as it is, the script must change nothing:\n%s", out)
			}
			execute(t, present, out)
			if again, _, found, _ := c.rescue(); !found || again != out {
				t.Error("run as it is, the script has changed something")
			}
			execute(t, present, strings.TrimSuffix(out, "ROLLBACK;\n")+"COMMIT")
			if again, _, found, err := c.rescue(); err != nil || found {
				t.Errorf("after the script is run nothing must be left (%v):\n%s", err, again)
			}
			if got := value(t, present, "SELECT CONCAT(scale + 0e0, ' ', HEX(image), ' ', seen) FROM covers WHERE hash = UNHEX(MD5('lost'))"); got != "5592405.5 00FF27 2026-03-29 01:30:00.123456" {
				t.Errorf("want every digit, got %s", got)
			}
		})
	}

	t.Run("rows that differ are for the reader to choose from", func(t *testing.T) {
		old, present := c.pair(t)
		execute(t, old, `UPDATE books SET title = 'old\nversion', price = NULL WHERE id = 5`)
		execute(t, present, `UPDATE books SET title = 'new version' WHERE id = 5`)
		out, progress, found, err := c.rescue()
		if err != nil || !found || !strings.Contains(progress, "books: 57 rows, 0 of them in the old database only, 1 different\n") {
			t.Fatalf("want one different row (got %v, %v):\n%s", found, err, progress)
		}
		const update = "UPDATE `books` SET `title` = 'old\\nversion', `price` = NULL WHERE `id` = 5 AND `title` <=> 'new version' AND `price` <=> 0.05;"
		const insert = "INSERT INTO `books` (`title`, `price`) VALUES ('old\\nversion', NULL);"
		if !strings.Contains(out, "\n-- "+update+"\n-- or, if these are two rows: "+insert+"\n") {
			t.Errorf("want both ways, commented out:\n%s", out)
		}
		execute(t, present, "UPDATE books SET price = 7 WHERE id = 5; "+update)
		if got := value(t, present, "SELECT title FROM books WHERE id = 5"); got != "new version" {
			t.Errorf("a row that has changed since must stay: got %s", got)
		}
		execute(t, present, "UPDATE books SET price = 0.05 WHERE id = 5; "+update+insert)
		if got := value(t, present, "SELECT COUNT(*) FROM books WHERE title = 'old\nversion' AND price IS NULL"); got != "2" {
			t.Errorf("want both ways to work: got %s", got)
		}
	})

	t.Run("what cannot be compared is trouble, and the rest is compared", func(t *testing.T) {
		old, present := c.pair(t)
		for _, db := range []*sql.DB{old, present} {
			execute(t, db, "CREATE TABLE a_covers (id INT PRIMARY KEY, image LONGBLOB)")
		}
		execute(t, old, "CREATE TABLE log (line TEXT); CREATE TABLE gone (id INT PRIMARY KEY); INSERT INTO a_covers VALUES (1, REPEAT('x', 9 << 20)); INSERT INTO books (title) VALUES ('lost')")
		out, _, found, err := c.rescue()
		for _, want := range []string{
			"a_covers: not compared: a row, written down, is longer than the server's max_allowed_packet",
			"gone: not compared: the new database has no such table",
			"log: not compared: the new database has no such table",
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q (got %v)", want, err)
			}
		}
		if !found || !strings.Contains(out, "'lost'") {
			t.Errorf("want the lost book found:\n%s", out)
		}
	})

	t.Run("its connections cannot write", func(t *testing.T) {
		c.pair(t)
		db, err := side{endpoint: "db.test", at: c.at[0], password: password}.open("admin", "shop", c.pool(t))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		conn, err := readOnly(context.Background(), db)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{"DELETE FROM books", "DROP TABLE books"} {
			if _, err := conn.ExecContext(context.Background(), statement); err == nil || !strings.Contains(err.Error(), "READ ONLY") {
				t.Errorf("%s: want it refused, got %v", statement, err)
			}
		}
	})

	t.Run("a server of another name is not spoken to", func(t *testing.T) {
		_, _, _, err := c.rescue("-new", "other.test")
		if err == nil || !strings.Contains(err.Error(), "other.test: tls: failed to verify certificate") {
			t.Errorf("want the certificate refused, got %v", err)
		}
	})
}

// cluster is two servers whose certificate is db.test's.
type cluster struct {
	dir   string
	at    [2]string
	roots [2]*sql.DB
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "rescue-") // t.TempDir's path is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &cluster{dir: dir}
	c.certify(t)
	for i := range c.at {
		c.start(t, i)
	}
	return c
}

func (c *cluster) start(t *testing.T, i int) {
	t.Helper()
	dir := filepath.Join(c.dir, fmt.Sprint(i))
	socket := filepath.Join(c.dir, fmt.Sprint(i, ".sock"))
	common := []string{"--datadir=" + dir}
	if os.Getuid() == 0 {
		common = append(common, "--user=root") // it asks to be told
	}
	install := slices.Concat(common, []string{"--auth-root-authentication-method=normal", "--skip-test-db"})
	if out, err := exec.Command("mariadb-install-db", install...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.at[i] = listener.Addr().String()
	_, port, _ := net.SplitHostPort(c.at[i])
	_ = listener.Close()
	server := exec.Command("/usr/sbin/mariadbd", slices.Concat([]string{"--no-defaults"}, common, []string{
		"--socket=" + socket, "--bind-address=127.0.0.1", "--port=" + port, "--skip-name-resolve",
		"--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0",
		"--ssl-ca=" + c.dir + "/ca.pem", "--ssl-cert=" + c.dir + "/db.pem", "--ssl-key=" + c.dir + "/db.key",
	})...)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr = "root", "unix", socket
	config.MultiStatements, config.InterpolateParams, config.Logger = true, true, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	c.roots[i] = sql.OpenDB(connector)
	t.Cleanup(func() { _ = c.roots[i].Close() })
	for end := time.Now().Add(20 * time.Second); c.roots[i].Ping() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("MariaDB does not start")
		}
	}
	if _, err := c.roots[i].Exec("CREATE USER admin IDENTIFIED BY ?", password); err != nil {
		t.Fatal(err)
	}
	execute(t, c.roots[i], "GRANT ALL ON *.* TO admin REQUIRE SSL")
}

// pair is both servers with the database as it was before.
func (c *cluster) pair(t *testing.T) (old, present *sql.DB) {
	t.Helper()
	for _, root := range c.roots {
		root.SetMaxOpenConns(1) // for USE
		execute(t, root, "DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; SET time_zone = 'SYSTEM'; "+before)
	}
	return c.roots[0], c.roots[1]
}

func (c *cluster) rescue(more ...string) (out, progress string, found bool, err error) {
	var stdout, stderr bytes.Buffer
	args := append([]string{"-old", "db.test", "-new", "db.test", "-old-at", c.at[0], "-new-at", c.at[1], "-schema", "shop", "-ca", c.dir + "/ca.pem"}, more...)
	found, err = run(context.Background(), args, func(name string) string { return map[string]string{"DB_PASSWORD": password}[name] }, &stdout, &stderr)
	return stdout.String(), stderr.String(), found, err
}

// certify writes an authority and db.test's certificate.
func (c *cluster) certify(t *testing.T) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(c.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		}
	}
	authority := of(1, "Test CA")
	authority.IsCA = true
	for name, certificate := range map[string]*x509.Certificate{"ca.pem": authority, "db.pem": of(2, "db.test")} {
		der, err := x509.CreateCertificate(rand.Reader, certificate, authority, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		write(name, "CERTIFICATE", der)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write("db.key", "PRIVATE KEY", der)
}

func (c *cluster) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	pool, err := readAuthorities(c.dir + "/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func execute(t *testing.T, db *sql.DB, statements string) {
	t.Helper()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func value(t *testing.T, db *sql.DB, query string) (s string) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}
