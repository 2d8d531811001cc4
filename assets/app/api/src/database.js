// The database as the API needs it: one that restarts, fails over, changes its
// password, is read-only for a while and is promoted, all under a running server.
import { setTimeout as sleep } from 'node:timers/promises';
import { busy, notMigrated, notWriter, readOnly, unavailable, uncertain } from './errors.js';
import { TIMEOUTS } from './driver.js';
import { noFence } from './fence.js';

/**
 * @typedef {import('./driver.js').Connection} Connection
 * @typedef {import('mysql2/promise').Pool} Pool
 * @typedef {'unknown' | 'writable' | 'read-only' | 'unreachable'} State
 * @typedef {{ pool: Pool, version: number }} Current
 * @typedef {{ probeEvery: number, acquire: number, retryAfter: number, retirePool: number, migration: number }} Timings
 */

/** @type {Timings} in milliseconds */
const TIMINGS = {
  probeEvery: 5_000,
  acquire: 6_000, // waiting for a free connection, a new one included
  retryAfter: 250,
  retirePool: 20_000, // longer than any statement may take
  migration: 8_000, // how long a write waits for the schema
};

const ACCESS_DENIED = new Set(['ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR']);
// 1290, 1836 and 1792: refused because of read_only, innodb_read_only, a read-only transaction.
const READ_ONLY = new Set([1290, 1836, 1792]);
// Server shut down (1053), connection killed (1317 query interrupted, 1927 MariaDB), inactivity (4031).
const LOST = new Set([1053, 1317, 1927, 4031]);
const NO_SUCH_TABLE = 1146;
const LOCK_WAIT = 1205;

/** @param {any} error */
const isTimeout = (error) => error.code === 'PROTOCOL_SEQUENCE_TIMEOUT';
/** @param {any} error */
const isLost = (error) => error.fatal === true || isTimeout(error) || LOST.has(error.errno) || error.code === 'EPIPE';

/** No connection to the right server: nothing was sent. */
class ConnectError extends Error {}

/** Waited too long for a connection of the pool. */
class Late extends Error {}

/** A MySQL database behind a pool that is replaced whenever it may lead to the wrong place. */
export class Database {
  /** @type {State} */ state = 'unknown';
  migrated = false;
  #server = '';
  /** @type {Current | undefined} */ #current;
  /** @type {Promise<void> | undefined} */ #probing;
  /** @type {Promise<void> | undefined} */ #migrating;
  /** @type {AbortController | undefined} */ #watch;
  /** Aborted when what is under way would go to the wrong server. */
  #moved = new AbortController();

  /**
   * @param {object} parts
   * @param {import('./driver.js').Driver} parts.driver
   * @param {import('./credentials.js').Credentials} parts.credentials
   * @param {(connection: Connection) => Promise<string[]>} parts.migrate
   * @param {{ readonly mayWrite: boolean }} [parts.fence] What it does not let pass finds a database that is read-only.
   * @param {import('pino').BaseLogger} parts.log
   * @param {Partial<Timings>} [parts.timings]
   */
  constructor({ driver, credentials, migrate, fence = noFence, log, timings }) {
    this.driver = driver;
    this.credentials = credentials;
    this.migrate = migrate;
    this.fence = fence;
    this.log = log;
    this.timings = { ...TIMINGS, ...timings };
  }

  /** Follows the database's state from now on. */
  start() {
    const { signal } = (this.#watch = new AbortController());
    (async () => {
      while (!signal.aborted) {
        await this.probe();
        await sleep(this.timings.probeEvery, undefined, { signal, ref: false });
      }
    })().catch(() => {}); // the abort
  }

  async stop() {
    this.#watch?.abort();
    await this.#current?.pool.end().catch(() => {});
  }

  /**
   * The rows of a SELECT, asked a second time when the connection broke.
   * @param {string} sql @param {any[]} values @returns {Promise<any[]>}
   */
  async read(sql, values) {
    return this.#twice(async (connection) => {
      const [rows] = await connection.execute({ sql, values, timeout: TIMEOUTS.query });
      return /** @type {any[]} */ (rows);
    });
  }

  /**
   * The result of a statement that changes data. Never sent twice, and never to a
   * read-only database: a privileged user would write there and break replication.
   * @param {string} sql @param {any[]} values @returns {Promise<import('mysql2').ResultSetHeader>}
   */
  async write(sql, values) {
    let sent = false;
    this.#mustBeWriter();
    return this.#twice(
      async (connection) => {
        // Asked on the same connection: it also proves that the connection is alive.
        const { readOnly: refused } = await this.#inspect(connection);
        if ((refused ? 'read-only' : 'writable') !== this.state) await this.probe();
        if (refused) {
          // A connection to a demoted server, while new ones lead to the writable one.
          if (this.state === 'writable') throw new ConnectError('the connection leads to a read-only server');
          throw readOnly();
        }
        await this.#schema();
        this.#mustBeWriter(); // the last moment at which it can be known
        sent = true;
        const [result] = await connection.execute({ sql, values, timeout: TIMEOUTS.query });
        return /** @type {import('mysql2').ResultSetHeader} */ (result);
      },
      () => sent,
    );
  }

  #mustBeWriter() {
    if (!this.fence.mayWrite) throw notWriter();
  }

  /** @param {Connection} connection @returns {Promise<{ readOnly: boolean, server: string }>} */
  async #inspect(connection) {
    const sql = 'SELECT @@global.read_only OR @@global.innodb_read_only AS ro, @@hostname AS server';
    const [[row]] = /** @type {any} */ (await connection.query({ sql, timeout: TIMEOUTS.query }));
    return { readOnly: row.ro !== 0 || !this.fence.mayWrite, server: row.server };
  }

  /** Looks at the database over a new connection, which follows its name wherever that leads now. */
  probe() {
    this.#probing ??= this.#probe().finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  async #probe() {
    /** @type {State} */ let state = 'unreachable';
    let server = this.#server;
    /** @type {unknown} */ let reason;
    try {
      const connection = await this.#connect();
      try {
        const seen = await this.#inspect(connection);
        state = seen.readOnly ? 'read-only' : 'writable';
        server = seen.server;
      } finally {
        connection.destroy();
      }
    } catch (error) {
      reason = error;
    }
    if (state !== this.state || server !== this.#server) {
      this.log[state === 'unreachable' ? 'error' : 'info'](
        { state, was: this.state, server: server || undefined, err: reason },
        `database is ${state}`,
      );
      this.state = state;
      this.#server = server;
      this.migrated = false;
      this.#moved.abort();
      this.#moved = new AbortController();
      this.#migrating = undefined;
      if (state !== 'unreachable') this.#retire();
    }
    if (state === 'writable' && !this.migrated) this.#startMigration();
  }

  /** Resolves when the schema is up to date; bounded. */
  async #schema() {
    if (this.migrated) return;
    this.#startMigration();
    const late = new AbortController();
    await Promise.race([this.#migrating, sleep(this.timings.migration, undefined, { signal: late.signal }).catch(() => {})]);
    late.abort();
    if (!this.migrated) throw notMigrated();
  }

  #startMigration() {
    if (this.#migrating) return;
    const run = this.#migrate().finally(() => {
      if (this.#migrating === run) this.#migrating = undefined;
    });
    this.#migrating = run;
  }

  async #migrate() {
    const { signal } = this.#moved;
    try {
      const connection = await this.#connect();
      try {
        const { readOnly: refused } = await this.#inspect(connection);
        if (refused) return;
        // A migration may take long, so it has no deadline of its own.
        const names = await Promise.race([this.migrate(connection), rejected(signal)]);
        this.migrated = true;
        this.log.info({ migrations: names }, names.length > 0 ? 'schema migrated' : 'schema is up to date');
      } finally {
        connection.destroy();
      }
    } catch (error) {
      this.log.error({ err: error }, 'migration failed; it will be tried again');
    }
  }

  async #connect() {
    for (;;) {
      const { login, version } = await this.credentials.current();
      try {
        return await this.driver.connect(login);
      } catch (error) {
        if (!(await this.#rotated(error, version))) throw error;
      }
    }
  }

  /**
   * Whether it failed for a password that has changed since.
   * @param {any} error @param {number} version Of the login that was used.
   */
  async #rotated(error, version) {
    if (!ACCESS_DENIED.has(error?.code)) return false;
    try {
      if (!(await this.credentials.refreshed(version))) return false;
    } catch (cause) {
      this.log.error({ err: cause }, 'reading the database secret failed');
      return false;
    }
    if (this.#current?.version === version) this.#retire();
    this.log.info('the database login has changed');
    return true;
  }

  /** @returns {Promise<Current>} */
  async #pool() {
    const { login, version } = await this.credentials.current();
    return (this.#current ??= { pool: this.driver.createPool(login), version });
  }

  /** Lets the pool's statements end, and gives new ones a new pool. @param {Pool} [pool] */
  #retire(pool = this.#current?.pool) {
    if (!pool || pool !== this.#current?.pool) return;
    this.#current = undefined;
    sleep(this.timings.retirePool, undefined, { ref: false }).then(() => pool.end().catch(() => {}));
  }

  async #acquire() {
    for (;;) {
      const { pool, version } = await this.#pool().catch((cause) => {
        throw new ConnectError('no login', { cause });
      });
      try {
        return { pool, connection: await withDeadline(pool.getConnection(), this.timings.acquire) };
      } catch (/** @type {any} */ error) {
        if (await this.#rotated(error, version)) continue;
        if (error instanceof Late || error.message === 'Queue limit reached.') throw busy(error);
        throw new ConnectError('no connection', { cause: error });
      }
    }
  }

  /**
   * Runs `work` on a connection, twice when the first was lost and nothing may have been changed.
   * @template T
   * @param {(connection: import('mysql2/promise').PoolConnection) => Promise<T>} work
   * @param {() => boolean} [sent] Whether a change may have been made.
   * @returns {Promise<T>}
   */
  async #twice(work, sent = () => false) {
    for (let last = false; ; last = true) {
      try {
        return await this.#once(work);
      } catch (/** @type {any} */ error) {
        if (READ_ONLY.has(error.errno)) {
          this.probe();
          throw readOnly(error);
        }
        if (error.errno === LOCK_WAIT) throw busy(error);
        if (error.errno === NO_SUCH_TABLE) throw notMigrated(error);
        const gone = error instanceof ConnectError || isLost(error);
        if (!gone) throw error;
        this.probe(); // so that /ready tells at once
        if (sent()) throw uncertain(error);
        if (last) throw unavailable(error);
        await sleep(this.timings.retryAfter);
      }
    }
  }

  /**
   * @template T
   * @param {(connection: import('mysql2/promise').PoolConnection) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #once(work) {
    const { pool, connection } = await this.#acquire();
    try {
      const result = await work(connection);
      connection.release();
      return result;
    } catch (error) {
      const misled = error instanceof ConnectError;
      if (misled || isLost(error)) {
        connection.destroy();
        // Others that were lost are found out by the probe or one by one: a new pool for
        // every slow statement would open more and more connections to a slow server.
        if (misled) this.#retire(pool);
      } else {
        connection.release();
      }
      throw error;
    }
  }
}

/** @param {AbortSignal} signal @returns {Promise<never>} */
const rejected = (signal) =>
  new Promise((_, reject) => {
    const moved = () => reject(new Error('the database has moved or gone'));
    if (signal.aborted) moved();
    signal.addEventListener('abort', moved, { once: true });
  });

/**
 * A connection that comes too late goes back to its pool.
 * @param {Promise<import('mysql2/promise').PoolConnection>} promise @param {number} ms
 */
async function withDeadline(promise, ms) {
  const done = new AbortController();
  const late = sleep(ms, undefined, { signal: done.signal }).then(() => {
    promise.then((connection) => connection.release(), () => {});
    throw new Late(`no connection within ${ms} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    done.abort();
  }
}
