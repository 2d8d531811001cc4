// A MariaDB of the test's own, on a loopback port, gone when the test ends.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';

const MARIADBD = ['/usr/sbin/mariadbd', '/usr/bin/mariadbd', '/usr/local/sbin/mariadbd'].find((path) => existsSync(path));

/** Why there can be no server here, if so. */
export const missing = MARIADBD ? undefined : 'mariadbd is not installed (Debian: apt-get install mariadb-server)';

const root = userInfo().uid === 0 ? ['--user=root'] : [];

export class MariaDb {
  dir = mkdtempSync(join(tmpdir(), 'books-db-'));
  /** Root's socket, outside TCP and TLS. */
  socket = join(this.dir, 's');
  caFile = join(this.dir, 'ca.pem');
  port = 0;
  /** @type {import('node:child_process').ChildProcess | undefined} */ #process;

  constructor() {
    // Interrupted, too, the test leaves no server running.
    process.once('exit', () => this.#removeNow());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
  }

  /** Makes the data directory, a certificate authority and a certificate for db.test, and starts. */
  async create() {
    const openssl = (/** @type {string[]} */ ...args) => execFileSync('openssl', args, { cwd: this.dir, stdio: 'pipe' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Test CA', '-days', '2');
    openssl('req', ...key, '-keyout', 'db.key', '-out', 'db.csr', '-subj', '/CN=db.test');
    writeFileSync(join(this.dir, 'ext'), 'subjectAltName=DNS:db.test');
    openssl('x509', '-req', '-in', 'db.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'db.pem', '-days', '2', '-extfile', 'ext');
    openssl('req', '-x509', ...key, '-keyout', 'other.key', '-out', 'other.pem', '-subj', '/CN=Other CA', '-days', '2');
    execFileSync('mariadb-install-db', [`--datadir=${this.dir}/data`, '--auth-root-authentication-method=normal', '--skip-test-db', ...root], { stdio: 'pipe' });
    this.port = await freePort();
    await this.start();
  }

  async start() {
    this.#process = spawn(
      /** @type {string} */ (MARIADBD),
      [
        '--no-defaults', `--datadir=${this.dir}/data`, `--socket=${this.socket}`, `--pid-file=${this.dir}/pid`,
        '--bind-address=127.0.0.1', `--port=${this.port}`, ...root,
        '--innodb-buffer-pool-size=32M', '--innodb-log-file-size=8M', '--innodb-flush-log-at-trx-commit=0', '--skip-name-resolve',
        `--ssl-ca=${this.caFile}`, `--ssl-cert=${this.dir}/db.pem`, `--ssl-key=${this.dir}/db.key`,
      ],
      { stdio: 'ignore' },
    );
    for (let i = 0; ; i++) {
      try {
        return await this.sql('SELECT 1');
      } catch (error) {
        if (i > 150 || this.#process.exitCode !== null) throw error;
        await sleep(100);
      }
    }
  }

  /** @param {NodeJS.Signals} signal */
  async stop(signal = 'SIGTERM') {
    const server = this.#process;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const exited = new Promise((resolve) => server.once('exit', resolve));
    server.kill(signal);
    await exited;
  }

  /** Stops answering without closing anything, as a host that is cut off. */
  freeze() {
    this.#process?.kill('SIGSTOP');
  }

  thaw() {
    this.#process?.kill('SIGCONT');
  }

  /** A connection as root. */
  connect() {
    return mysql.createConnection({ socketPath: this.socket, user: 'root', multipleStatements: true });
  }

  /** @param {string} statements As root. @returns {Promise<any>} */
  async sql(statements) {
    const connection = await this.connect();
    try {
      return (await connection.query(statements))[0];
    } finally {
      connection.destroy();
    }
  }

  /** Leaves nothing behind. */
  async remove() {
    await this.stop('SIGKILL');
    this.#removeNow();
  }

  #removeNow() {
    this.#process?.kill('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}
