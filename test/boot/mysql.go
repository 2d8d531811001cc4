//go:build boot

package boot

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"database/sql/driver"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlServer is the MySQL that RDS runs, for what MariaDB lacks: two passwords of one
// user. It takes the place of the primary's database for a while.
type mysqlServer struct {
	world   *world
	region  *region
	address string
	process *exec.Cmd
}

// rdsMaster is what RDS for MySQL 8.4 lets its master user do, but for SET_USER_ID,
// which MySQL 8.4 has no more:
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
const rdsMaster = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, CREATE TEMPORARY TABLES, " +
	"LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, " +
	"CREATE ROLE, DROP ROLE, APPLICATION_PASSWORD_ADMIN, ROLE_ADMIN, XA_RECOVER_ADMIN"

// startMySQL starts one with the master user, its password and its schema; an
// fs.ErrNotExist says that there is none.
func (w *world) startMySQL() (*mysqlServer, error) {
	if _, err := os.Stat(w.work + "/mysql"); err != nil {
		return nil, err
	}
	m := &mysqlServer{world: w, region: w.primary, address: w.primary.host("", 252)}
	folder := filepath.Join(w.work, "databases", "mysql")
	root := filepath.Join(folder, "root")
	if err := overlay(folder, w.work+"/mysql/upper:"+w.work+"/base"); err != nil {
		return nil, err
	}
	if err := run("ip -n world addr add " + m.address + "/16 dev br-" + m.region.region); err != nil {
		return nil, err
	}
	if err := w.authority.write(m.region.database.endpoint(), filepath.Join(root, "server.pem"), filepath.Join(root, "server.key")); err != nil {
		return nil, err
	}
	username, schema := w.master()
	setup := fmt.Sprintf("CREATE DATABASE %[2]s;\nCREATE USER '%[1]s'@'%%' IDENTIFIED BY '%[3]s';\nGRANT %[4]s ON *.* TO '%[1]s'@'%%' WITH GRANT OPTION;\n",
		username, schema, w.apis.secret.password(current), rdsMaster)
	if err := os.WriteFile(filepath.Join(root, "setup.sql"), []byte(setup), 0o600); err != nil {
		return nil, err
	}
	// With a host name of its own, by which the API knows one server from another.
	m.process = exec.Command("nsenter", "--net=/run/netns/world", "unshare", "--uts", "sh", "-c", `echo mysql >/proc/sys/kernel/hostname && exec chroot "$@"`, "sh",
		root, "mysqld", "--no-defaults", "--user=root", "--datadir=/data", "--socket=/data/socket", "--pid-file=/data/pid", "--init-file=/setup.sql",
		"--bind-address="+m.address, "--port=3306", "--skip-name-resolve", "--mysqlx=OFF", "--secure-file-priv=NULL", "--performance-schema=OFF",
		"--ssl-ca=/etc/ssl/certs/ca-certificates.crt", "--ssl-cert=/server.pem", "--ssl-key=/server.key", "--require-secure-transport=ON",
		"--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2")
	if err := m.process.Start(); err != nil {
		return nil, err
	}
	var err error
	for range 150 {
		if err = m.login(w.apis.secret.password(current)); err == nil {
			return m, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, err
}

// login is an error unless the password is taken.
func (m *mysqlServer) login(password string) error {
	config := mysql.NewConfig()
	config.User, config.DBName = m.world.master()
	config.Passwd, config.Net, config.Addr = password, "tcp", m.address+":3306"
	config.TLS = &tls.Config{RootCAs: m.world.authority.pool(), ServerName: m.region.database.endpoint(), MinVersion: tls.VersionTLS12}
	config.DialFunc = dial
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	var connection driver.Conn
	if connection, err = connector.Connect(context.Background()); err != nil {
		return err
	}
	return connection.Close()
}

// takeOver leads the endpoint's name here, and those who are connected, too.
func (m *mysqlServer) takeOver() error {
	m.world.names.set(m.region.region, "A", m.region.database.endpoint(), m.address)
	_, err := m.region.database.sql("KILL USER admin")
	return err
}

// handBack leads the name to the database of before, which is given a new password,
// for it has heard of none; MySQL is gone.
func (m *mysqlServer) handBack() error {
	m.world.names.set(m.region.region, "A", m.region.database.endpoint(), m.region.database.address)
	m.process.Process.Kill()
	m.process.Wait()
	return m.world.setPassword(rand.Text())
}
