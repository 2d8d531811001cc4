// Stand-ins shared by the tests.

/** A log that remembers instead of writing. @returns {any} */
export function quietLog() {
  /** @type {any[]} */ const lines = [];
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
  const write = (/** @type {string} */ level) => (/** @type {any} */ fields, /** @type {string} */ message) =>
    lines.push(typeof fields === 'string' ? { level, message: fields } : { level, message, ...fields });
  return { lines, ...Object.fromEntries(levels.map((level) => [level, write(level)])) };
}

/** An error as mysql2 throws it. @param {string} code @param {number} [errno] @param {boolean} [fatal] */
export const mysqlError = (code, errno, fatal = false) => Object.assign(new Error(code), { code, errno, fatal });

/**
 * A database server for Database's driver: state and failures are set by the test.
 */
export class FakeServer {
  name = 'db-1';
  readOnly = false;
  password = 'old';
  /** @type {Error | undefined} Thrown by every connection attempt. */ down;
  /** @type {string[]} */ log = [];
  /** @type {(sql: string) => any} Answers what is not about the server itself. */
  execute = () => ({ affectedRows: 1, insertId: 1 });
  pools = 0;

  /** @returns {import('../src/driver.js').Driver} */
  driver() {
    const connect = async (/** @type {{ password: string }} */ login, keeps = () => {}) => {
      if (this.down) throw this.down;
      if (login.password !== this.password) throw mysqlError('ER_ACCESS_DENIED_ERROR', 1045, true);
      const server = this;
      let dead = false;
      // What a connection leads to is fixed when it is opened.
      const born = this.name;
      return {
        async query() {
          if (dead || server.down) throw mysqlError('PROTOCOL_CONNECTION_LOST', undefined, true);
          return [[{ ro: server.readOnly || born !== server.name ? 1 : 0, server: born }]];
        },
        async execute(/** @type {{ sql: string }} */ { sql }) {
          if (dead || server.down) throw mysqlError('PROTOCOL_CONNECTION_LOST', undefined, true);
          server.log.push(sql);
          return [await server.execute(sql)];
        },
        destroy() {
          dead = true;
        },
        release() {
          if (!dead) keeps.call(this);
        },
      };
    };
    return /** @type {any} */ ({
      connect: (/** @type {any} */ login) => connect(login),
      createPool: (/** @type {any} */ login) => {
        this.pools++;
        /** @type {any[]} */ const free = [];
        return {
          getConnection: async () => free.pop() ?? connect(login, /** @this {any} */ function () { free.push(this); }),
          end: async () => {},
        };
      },
    });
  }
}
