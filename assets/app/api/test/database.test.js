// How the API follows a database that restarts, moves, rotates and is promoted.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Credentials, parseLogin } from '../src/credentials.js';
import { Database } from '../src/database.js';
import { FakeServer, mysqlError, quietLog } from './fakes.js';

/** @type {FakeServer} */ let server;
/** @type {Database} */ let database;
/** @type {ReturnType<typeof quietLog>} */ let log;
let migrations = 0;
/** @type {() => Promise<string[]>} */ let migrate;
let now = 0;
let secret = 'old';
/** @type {string | undefined} */ let previousSecret;
let secretReads = 0;
/** @type {{ mayWrite: boolean }} */ let fence;

beforeEach(() => {
  server = new FakeServer();
  log = quietLog();
  migrations = secretReads = 0;
  now = 0;
  secret = 'old';
  previousSecret = undefined;
  fence = { mayWrite: true };
  migrate = async () => {
    migrations++;
    return ['001'];
  };
  const credentials = new Credentials({
    login: { username: 'app', password: 'old' },
    readSecret: async (stage) => {
      secretReads++;
      const password = stage === 'AWSCURRENT' ? secret : previousSecret;
      return password ? { username: 'app', password } : undefined;
    },
    now: () => now,
  });
  database = new Database({
    driver: server.driver(),
    credentials,
    migrate: () => migrate(),
    fence,
    log,
    timings: { retryAfter: 1, acquire: 50, migration: 30, retirePool: 1 },
  });
});

const read = () => database.read('SELECT', []);
const write = () => database.write('INSERT', []);

describe('read-only', () => {
  beforeEach(() => {
    server.readOnly = true;
  });

  test('reads go on, writes are refused without being sent, nothing is migrated', async () => {
    await database.probe();
    assert.equal(database.state, 'read-only');
    await read();
    await assert.rejects(write(), { status: 503, code: 'read_only', retryAfter: 30 });
    assert.deepEqual(server.log, ['SELECT']);
    assert.equal(migrations, 0);
  });

  test('a write right after the promotion works, once the schema is migrated', async () => {
    await database.probe();
    await assert.rejects(write(), { code: 'read_only' });
    server.readOnly = false;
    await write();
    assert.equal(migrations, 1);
    assert.equal(database.state, 'writable');
  });

  test('the server refusing by itself counts too', async () => {
    server.readOnly = false;
    for (const errno of [1290, 1836, 1792]) {
      server.execute = () => {
        throw mysqlError('ER_OPTION_PREVENTS_STATEMENT', errno);
      };
      await assert.rejects(write(), { code: 'read_only' });
    }
  });

  test('a pooled connection to the demoted server is not used for long', async () => {
    server.readOnly = false;
    await database.probe();
    await write();
    server.name = 'db-2'; // the name now leads elsewhere, the pool does not
    await write();
    assert.equal(server.pools, 2);
    assert.equal(database.state, 'writable');
  });
});

describe('a region that may not write', () => {
  beforeEach(() => {
    fence.mayWrite = false;
  });

  test('reads from its database, changes nothing in it, however writable', async () => {
    await database.probe();
    assert.equal(database.state, 'read-only');
    await read();
    await assert.rejects(write(), { status: 503, code: 'not_writer', retryAfter: 30 });
    assert.deepEqual(server.log, ['SELECT']);
    assert.equal(migrations, 0);
  });

  test('refuses without asking its database', async () => {
    server.down = mysqlError('ECONNREFUSED', undefined, true);
    await assert.rejects(write(), { code: 'not_writer' });
  });

  test('writes as soon as it may, once the schema is migrated', async () => {
    await database.probe();
    fence.mayWrite = true;
    await write();
    assert.equal(migrations, 1);
    assert.equal(database.state, 'writable');
  });

  test('sends no write that has waited for the schema when it is found out', async () => {
    fence.mayWrite = true;
    migrate = async () => {
      fence.mayWrite = false;
      return [];
    };
    await assert.rejects(write(), { code: 'not_writer' });
    assert.deepEqual(server.log, []);
  });

  test('gives up a migration that is under way', async () => {
    fence.mayWrite = true;
    const started = Promise.withResolvers();
    migrate = () => {
      started.resolve(undefined);
      return new Promise(() => {});
    };
    await database.probe();
    await started.promise;
    fence.mayWrite = false;
    await database.probe();
    await new Promise((resolve) => setImmediate(resolve));
    assert.match(log.lines.at(-1).message, /migration failed/);
    assert.equal(database.migrated, false);
  });
});

describe('migration', () => {
  test('a failed one is tried again, and writes wait meanwhile', async () => {
    const good = migrate;
    migrate = () => Promise.reject(new Error('no'));
    await database.probe();
    await assert.rejects(write(), { status: 503, code: 'not_migrated' });
    migrate = good;
    await write();
    await write();
    assert.equal(migrations, 1);
  });

  test('a write does not wait forever', async () => {
    migrate = () => new Promise(() => {});
    await assert.rejects(write(), { code: 'not_migrated' });
  });

  test('one that hangs is given up when the database moves', async () => {
    const good = migrate;
    const hanging = Promise.withResolvers();
    migrate = () => {
      hanging.resolve(undefined);
      return new Promise(() => {});
    };
    await database.probe();
    await hanging.promise;
    migrate = good;
    server.name = 'db-2';
    await database.probe();
    await write();
    assert.equal(migrations, 1);
  });

  test('a table that is not there yet is a 503', async () => {
    server.execute = () => {
      throw mysqlError('ER_NO_SUCH_TABLE', 1146);
    };
    await assert.rejects(read(), { status: 503, code: 'not_migrated' });
  });
});

describe('losing the database', () => {
  test('is a 503 while it is away, and over when it is back', async () => {
    await write();
    server.down = mysqlError('ECONNREFUSED', undefined, true);
    await assert.rejects(read(), { status: 503, code: 'database_unavailable' });
    await assert.rejects(write(), { code: 'database_unavailable' });
    await database.probe();
    assert.equal(database.state, 'unreachable');
    server.down = undefined;
    await read();
    await write();
    assert.equal(database.state, 'writable');
  });

  test('a read is sent again over a new connection', async () => {
    let calls = 0;
    server.execute = () => {
      if (++calls === 1) throw mysqlError('PROTOCOL_SEQUENCE_TIMEOUT');
      return [];
    };
    assert.deepEqual(await read(), []);
    assert.equal(calls, 2);
  });

  test('a slow server is not given one pool after the other', async () => {
    server.execute = () => {
      throw mysqlError('PROTOCOL_SEQUENCE_TIMEOUT');
    };
    await database.probe();
    for (let i = 0; i < 3; i++) await assert.rejects(read(), { code: 'database_unavailable' });
    assert.equal(server.pools, 1);
  });

  test('waiting too long for a row is a 503: nothing was changed', async () => {
    server.execute = () => {
      throw mysqlError('ER_LOCK_WAIT_TIMEOUT', 1205);
    };
    await assert.rejects(write(), { status: 503, code: 'busy', retryAfter: 1 });
  });

  test('too many requests at once are turned away at once', async () => {
    server.down = new Error('Queue limit reached.');
    await assert.rejects(read(), { status: 503, code: 'busy', retryAfter: 1 });
    assert.equal(database.state, 'unknown', 'and are not taken for a lost database');
  });

  test('a write is not, and says that it may have been made', async () => {
    server.execute = () => {
      throw mysqlError('PROTOCOL_CONNECTION_LOST', undefined, true);
    };
    await assert.rejects(write(), { status: 503, code: 'outcome_unknown' });
    assert.equal(server.log.length, 1);
  });

  test('other errors are not taken for it', async () => {
    server.execute = () => {
      throw mysqlError('ER_PARSE_ERROR', 1064);
    };
    await assert.rejects(read(), { code: 'ER_PARSE_ERROR' });
  });

  test('the changes of state are logged once each', async () => {
    await database.probe();
    await database.probe();
    server.down = mysqlError('ECONNREFUSED', undefined, true);
    await database.probe();
    await database.probe();
    assert.deepEqual(log.lines.filter((/** @type {any} */ l) => l.state).map((/** @type {any} */ l) => l.state), ['writable', 'unreachable']);
  });
});

describe('password rotation', () => {
  test('the secret is read again and the request goes through', async () => {
    server.password = secret = 'new';
    await read();
    await write();
    assert.equal(secretReads, 1);
  });

  test('many requests read it once', async () => {
    server.password = secret = 'new';
    await Promise.all([read(), read(), write(), database.probe()]);
    assert.equal(secretReads, 1);
  });

  test('a secret that has not changed is not read for every request', async () => {
    server.password = 'new';
    await assert.rejects(read(), { code: 'database_unavailable' });
    await assert.rejects(read(), { code: 'database_unavailable' });
    assert.equal(secretReads, 2, 'the current and the previous one');
    now += 5_000;
    secret = 'new';
    await read();
    assert.equal(secretReads, 3);
  });

  test('a replica that has not heard of the new password is read with the one before it', async () => {
    [server.password, secret, previousSecret] = ['first', 'new', 'first'];
    now += 5_000;
    await assert.rejects(read(), { code: 'database_unavailable' }); // the new one is tried first
    now += 5_000;
    await read();
    server.password = 'new'; // replication has caught up
    now += 5_000;
    await database.probe();
    assert.equal(database.state, 'writable');
  });

  test('open connections to the old password are left to finish', async () => {
    await read();
    server.password = secret = 'new';
    await read(); // the pooled connection still works
    assert.equal(secretReads, 0);
  });

  test('Secrets Manager being away is not the end', async () => {
    server.password = 'new';
    database.credentials.readSecret = () => Promise.reject(new Error('timeout'));
    await assert.rejects(read(), { code: 'database_unavailable' });
  });

  test('without a login at start, the secret brings it', async () => {
    database.credentials = new Credentials({ readSecret: async () => ({ username: 'app', password: 'old' }) });
    await read();
  });
});

describe('a secret', () => {
  test('is what RDS writes', () => {
    assert.deepEqual(parseLogin('{"username":"a","password":"b","host":"c"}'), { username: 'a', password: 'b' });
  });

  test('is not quoted when it cannot be used', () => {
    for (const text of ['hunter2', '{"password":"hunter2"}', '']) {
      assert.throws(() => parseLogin(text), (/** @type {Error} */ error) => !error.message.includes('hunter2'));
    }
  });
});
