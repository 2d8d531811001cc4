// mysql2, set up so that nothing waits for long.
import net from 'node:net';
import mysql from 'mysql2/promise';

export const TIMEOUTS = {
  connect: 3_000, // TCP, TLS and log-in together
  query: 5_000,
  lock: 2, // seconds, for a table's metadata and then for a row; both within `query`, or a statement given up here could still be carried out later
};

/**
 * @typedef {import('./credentials.js').Login} Login
 * @typedef {import('mysql2/promise').Connection} Connection
 * @typedef {object} Driver
 * @property {(login: Login) => import('mysql2/promise').Pool} createPool
 * @property {(login: Login) => Promise<Connection>} connect A connection of its own, for probing and migrating.
 */

/**
 * @param {import('./config.js').Config['database']} database
 * @returns {Driver}
 */
export function mysqlDriver({ host, port, name, tls }) {
  /** @param {Login} login @returns {import('mysql2/promise').ConnectionOptions} */
  const options = ({ username, password }) => ({
    // mysql2 compares the certificate with `host`, so that is the name on it, and
    // the stream below says where to connect.
    host: tls?.servername ?? host,
    port,
    stream: () => net.connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 }),
    database: name,
    user: username,
    password,
    connectTimeout: TIMEOUTS.connect,
    charset: 'utf8mb4',
    timezone: 'Z',
    decimalNumbers: true,
    ...(tls && { ssl: { ca: tls.ca, minVersion: 'TLSv1.2', verifyIdentity: tls.servername !== undefined } }),
  });

  return {
    createPool(login) {
      const pool = mysql.createPool({
        ...options(login),
        connectionLimit: 10,
        queueLimit: 500,
        maxIdle: 5,
        idleTimeout: 60_000,
      });
      // The pool listens for a connection's first error only; a second would end the process.
      pool.on('connection', (connection) => {
        connection.on('error', () => {});
        connection.query(`SET SESSION lock_wait_timeout = ${TIMEOUTS.lock}, innodb_lock_wait_timeout = ${TIMEOUTS.lock}`);
      });
      return pool;
    },
    async connect(login) {
      const connection = await mysql.createConnection(options(login));
      connection.on('error', () => {});
      return connection;
    },
  };
}
