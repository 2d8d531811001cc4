//go:build boot

package boot

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// database is a MariaDB server that stands in for an RDS instance: one address in
// its VPC, TLS required, a master user without the right to write when it is
// read-only, and replication by global transaction ids.
//
// MySQL 8.4 differs in its authentication (caching_sha2_password), in how its
// transaction ids read, and in the words of replication (REPLICA, not SLAVE). What
// the application meets is the same: error 1290 for a write to a replica.
type database struct {
	world   *world
	stack   *stack
	folder  string
	address string
	id      int

	process *exec.Cmd
}

// newDatabase makes the instance of a region, empty and running.
func (w *world) newDatabase(s *stack, id int) (*database, error) {
	d := &database{world: w, stack: s, id: id, address: s.host("", 250), folder: filepath.Join(w.work, "databases", s.region)}
	if err := overlay(d.folder, w.work+"/database/upper:"+w.work+"/base"); err != nil {
		return nil, err
	}
	if err := run("mkdir "+d.file("data"), "ip -n world addr add "+d.address+"/16 dev br-"+s.region); err != nil {
		return nil, err
	}
	if err := w.authority.write(d.endpoint(), d.file("server.pem"), d.file("server.key")); err != nil {
		return nil, err
	}
	if err := run("chroot "+d.file("")+" mariadb-install-db --user=mysql --datadir=/data --skip-test-db",
		"chown -R root:root "+d.file("data")); err != nil {
		return nil, err
	}
	w.names.set(s.region, "A", d.endpoint(), d.address)
	return d, d.start()
}

func (d *database) file(name string) string { return filepath.Join(d.folder, "root", name) }

func (d *database) endpoint() string {
	id, _ := d.stack.only("AWS::RDS::DBInstance")
	return d.stack.attribute(id, "Endpoint.Address")
}

func (d *database) start() error {
	d.process = exec.Command("nsenter", "--net=/run/netns/world", "chroot", d.file(""), "mariadbd",
		"--no-defaults", "--user=root", "--datadir=/data", "--socket=/data/socket", "--pid-file=/data/pid",
		"--bind-address="+d.address, "--port=3306", "--skip-name-resolve",
		"--ssl-ca=/etc/ssl/certs/ca-certificates.crt", "--ssl-cert=/server.pem", "--ssl-key=/server.key", "--require-secure-transport=ON",
		"--log-bin", "--log-slave-updates", "--gtid-strict-mode", "--gtid-domain-id=1", fmt.Sprintf("--server-id=%d", d.id),
		"--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2")
	if err := d.process.Start(); err != nil {
		return err
	}
	var err error
	for range 150 {
		if _, err = d.sql("SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// kill ends it as a lost machine does.
func (d *database) kill() {
	d.process.Process.Kill()
	d.process.Wait()
}

// sql runs statements as the root of its own machine.
func (d *database) sql(statements string) (string, error) {
	client := exec.Command("chroot", d.file(""), "mariadb", "--no-defaults", "--socket=/data/socket", "--batch", "--skip-column-names")
	client.Stdin = strings.NewReader(statements)
	out, err := client.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("database in %s: %w: %s", d.stack.region, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// setPassword makes the master user, or changes its password.
func (d *database) setPassword(username, password, schema string) error {
	_, err := d.sql(fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %[3]s; CREATE USER IF NOT EXISTS '%[1]s'@'%%'; "+
		"ALTER USER '%[1]s'@'%%' IDENTIFIED BY '%[2]s'; GRANT ALL ON %[3]s.* TO '%[1]s'@'%%'; GRANT CREATE USER ON *.* TO '%[1]s'@'%%';", username, password, schema))
	return err
}

// replicate makes it a read-only copy of another.
func (d *database) replicate(source *database) error {
	const user, password = "replication", "only-in-this-test"
	if _, err := source.sql("CREATE USER IF NOT EXISTS " + user + "@'%' IDENTIFIED BY '" + password + "'; GRANT REPLICATION SLAVE ON *.* TO " + user + "@'%'"); err != nil {
		return err
	}
	if _, err := d.sql(fmt.Sprintf("SET GLOBAL read_only=ON; STOP ALL SLAVES; CHANGE MASTER TO MASTER_HOST='%s', MASTER_USER='%s', MASTER_PASSWORD='%s', "+
		"MASTER_SSL=1, MASTER_SSL_VERIFY_SERVER_CERT=0, MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; START SLAVE", source.address, user, password)); err != nil {
		return err
	}
	return d.caughtUp(source)
}

// caughtUp waits until the copy has all that its source has now.
func (d *database) caughtUp(source *database) error {
	position, err := source.sql("SELECT @@gtid_binlog_pos")
	if err != nil {
		return err
	}
	reached, err := d.sql("SELECT MASTER_GTID_WAIT('" + position + "', 30)")
	if err == nil && reached != "0" {
		status, _ := d.sql("SHOW ALL SLAVES STATUS\\G")
		err = fmt.Errorf("the replica does not catch up with %s: %s", position, status)
	}
	return err
}

// promote makes it a writer of its own, as PromoteReadReplica does.
func (d *database) promote() error {
	_, err := d.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=OFF")
	return err
}

// failOver moves it to another address, as Multi-AZ does: the endpoint's name
// follows, and the old address is gone without a word to those connected.
func (d *database) failOver() error {
	old := d.address
	if err := run("ip -n world addr del " + old + "/16 dev br-" + d.stack.region); err != nil {
		return err
	}
	d.kill()
	d.address = d.stack.host("", 251)
	if err := run("ip -n world addr add " + d.address + "/16 dev br-" + d.stack.region); err != nil {
		return err
	}
	d.world.names.set(d.stack.region, "A", d.endpoint(), d.address)
	return d.start()
}
