// `npm run test:db`: the real server.js against a real MariaDB, over verified TLS.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import http from 'node:http';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MariaDb, freePort, missing } from './mariadb.js';

if (missing) throw new Error(missing);

const db = new MariaDb();
const dune = { title: 'Dune 🐛', desc: "It's \\ sand; -- \"quoted\"", price: 9.99, cover: null };
/** @type {Api[]} */ let apis = [];

before(async () => {
  await db.create();
  await db.sql(`CREATE DATABASE books; CREATE USER app IDENTIFIED BY 'first' REQUIRE SSL; GRANT ALL ON books.* TO app`);
});
afterEach(async () => {
  for (const api of apis) await api.stop();
  apis = [];
});
after(() => db.remove());

/** A server.js process. */
class Api {
  /** @type {any[]} */ log = [];
  url = '';
  /** @type {import('node:child_process').ChildProcess | undefined} */ process;
  code = Promise.resolve(0);

  /** @param {Record<string, string>} [env] */
  static async start(env = {}) {
    const api = new Api();
    apis.push(api);
    const port = await freePort();
    api.url = `http://127.0.0.1:${port}`;
    const child = spawn(process.execPath, [fileURLToPath(new URL('../../server.js', import.meta.url))], {
      env: {
        PATH: process.env.PATH, PORT: String(port),
        DB_HOST: '127.0.0.1', DB_PORT: String(db.port), DB_NAME: 'books', DB_USERNAME: 'app', DB_PASSWORD: 'first',
        DB_CA_FILE: db.caFile, DB_TLS_NAME: 'db.test', AWS_REGION: 'us-east-1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    api.process = child;
    api.code = new Promise((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) api.log.push(JSON.parse(line));
    });
    await until(() => api.get('/health').then((r) => r.status === 200, () => false));
    return api;
  }

  /** @param {string} path */
  get = (path) => this.send('GET', path);

  /** @param {string} method @param {string} path @param {any} [body] */
  async send(method, path, body) {
    const response = await fetch(this.url + path, {
      method,
      headers: body && { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
  }

  /** @param {string} state */
  async ready(state) {
    await until(async () => {
      const { status, body } = await this.get('/ready');
      return status === 200 && body.database === state;
    });
  }

  async stop() {
    this.process?.kill('SIGTERM');
    return this.code;
  }
}

/** @param {() => Promise<boolean>} condition */
async function until(condition, ms = 20_000) {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${condition}`);
    await sleep(50);
  }
}

test('several servers starting at once migrate once, on the writable side only', async () => {
  await db.sql('SET GLOBAL read_only = 1');
  const standby = await Api.start();
  await standby.ready('read-only');
  assert.equal((await standby.get('/books')).body.code, 'not_migrated');
  assert.equal((await standby.send('POST', '/books', dune)).body.code, 'read_only');

  await db.sql('SET GLOBAL read_only = 0');
  const servers = await Promise.all([Api.start(), Api.start(), Api.start()]);
  for (const api of [standby, ...servers]) await api.ready('writable');
  const runs = [standby, ...servers].flatMap((api) => api.log.filter((line) => line.msg === 'schema migrated'));
  assert.equal(runs.length, 1);
});

test('books are added, listed, changed and deleted', async () => {
  const api = await Api.start();
  await api.ready('writable');
  const { status, body: book } = await api.send('POST', '/books', dune);
  assert.equal(status, 201);
  assert.deepEqual((await api.get('/books')).body, [{ id: book.id, ...dune }]);

  const changed = { ...dune, price: 0.1, cover: '/covers/dune.jpg' };
  assert.equal((await api.send('PUT', `/books/${book.id}`, changed)).status, 200);
  assert.equal((await api.send('PUT', `/books/${book.id}`, changed)).status, 200, 'changing nothing is no error');
  assert.deepEqual((await api.get('/books')).body, [{ id: book.id, ...changed }]);

  await api.send('POST', '/books', dune);
  const page = await api.get('/books?limit=1');
  assert.equal(page.body.length, 1);
  assert.equal(page.headers.get('link'), `</books?after=${book.id}&limit=1>; rel="next"`);

  for (const { id } of (await api.get('/books')).body) assert.equal((await api.send('DELETE', `/books/${id}`)).status, 204);
  assert.equal((await api.send('DELETE', `/books/${book.id}`)).status, 404);
  assert.deepEqual((await api.get('/books')).body, []);
});

test('read-only: reads go on, writes are refused; promoted: they work again', async () => {
  const api = await Api.start();
  await api.ready('writable');
  await db.sql('SET GLOBAL read_only = 1');
  const refused = await api.send('POST', '/books', dune);
  assert.equal(refused.status, 503);
  assert.equal(refused.body.code, 'read_only');
  assert.equal(refused.headers.get('retry-after'), '30');
  assert.equal((await api.get('/books')).status, 200);
  assert.equal((await api.get('/ready')).body.database, 'read-only');
  await db.sql('SET GLOBAL read_only = 0');
  assert.equal((await api.send('POST', '/books', dune)).status, 201, 'at once, without waiting for a probe');
});

test('a user who may write to a read-only database still does not', async () => {
  await db.sql("CREATE USER boss IDENTIFIED BY 'boss'; GRANT ALL ON *.* TO boss; SET GLOBAL read_only = 1");
  const api = await Api.start({ DB_USERNAME: 'boss', DB_PASSWORD: 'boss' });
  await api.ready('read-only');
  const { body: before } = await api.get('/books');
  assert.equal((await api.send('POST', '/books', dune)).body.code, 'read_only');
  assert.deepEqual((await api.get('/books')).body, before);
  await db.sql('SET GLOBAL read_only = 0');
});

test('a region that cannot learn who writes refuses writes, and reads go on', async () => {
  const api = await Api.start({ WRITER_NAME: 'writer.invalid' });
  await api.ready('read-only');
  const refused = await api.send('POST', '/books', dune);
  assert.equal(refused.status, 503);
  assert.equal(refused.body.code, 'not_writer');
  assert.equal((await api.get('/books')).status, 200);
  assert.equal((await api.get('/ready')).body.writer, false);
});

for (const [what, lock, release] of [
  ['a row', 'START TRANSACTION; SELECT * FROM books.books FOR UPDATE', 'ROLLBACK'],
  ['the table', 'LOCK TABLES books.books WRITE', 'UNLOCK TABLES'], // as a schema change does, by a metadata lock
]) {
  test(`a write that waits for ${what} is given up, and not carried out later`, async () => {
    const api = await Api.start();
    await api.ready('writable');
    const { body: book } = await api.send('POST', '/books', dune);
    const other = await db.connect();
    try {
      for (const statement of lock.split('; ')) await other.query(statement);
      const start = Date.now();
      const refused = await api.send('PUT', `/books/${book.id}`, { ...dune, title: 'Late' });
      assert.equal(refused.body?.code, 'busy');
      assert.ok(Date.now() - start < 5_000, `${Date.now() - start} ms`);
      await other.query(release);
    } finally {
      other.destroy();
    }
    assert.equal((await api.get('/books')).body.find((/** @type {any} */ b) => b.id === book.id).title, dune.title);
  });
}

for (const [how, signal] of /** @type {[string, NodeJS.Signals][]} */ ([['stopped', 'SIGTERM'], ['killed', 'SIGKILL']])) {
  test(`a database that is ${how} and started again`, async () => {
    const api = await Api.start();
    await api.ready('writable');
    await Promise.all(Array.from({ length: 8 }, () => api.get('/books')));
    await db.stop(signal);
    const answers = await Promise.all([api.get('/books'), api.send('POST', '/books', dune)]);
    assert.deepEqual(answers.map((a) => a.body.code), ['database_unavailable', 'database_unavailable']);
    assert.equal((await api.get('/health')).status, 200);
    await db.start();
    assert.equal((await api.send('POST', '/books', dune)).status, 201, 'the first request after it is back');
    await api.ready('writable');
    assert.equal(api.process?.exitCode, null);
  });
}

test('a database that goes silent is given up in time, and used again', async () => {
  const api = await Api.start();
  await api.ready('writable');
  await api.get('/books');
  db.freeze();
  const start = Date.now();
  assert.equal((await api.get('/books')).status, 503);
  assert.ok(Date.now() - start < 15_000, `${Date.now() - start} ms`);
  db.thaw();
  assert.equal((await api.get('/books')).status, 200);
  await api.ready('writable');
});

test('a rotated password is read from the secret', async () => {
  let password = 'first';
  const secrets = http.createServer((req, res) => {
    req.resume();
    res.setHeader('Content-Type', 'application/x-amz-json-1.1');
    res.end(JSON.stringify({ SecretString: JSON.stringify({ username: 'app', password }) }));
  });
  const port = await freePort();
  await new Promise((resolve) => secrets.listen(port, '127.0.0.1', () => resolve(undefined)));
  try {
    const api = await Api.start({
      DB_USERNAME: '', DB_PASSWORD: '', DB_SECRET_ID: 'books/db',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${port}`, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x',
    });
    await api.ready('writable');
    password = 'second';
    await sleep(5_000); // the secret is read every 5 s at most
    await db.sql(`ALTER USER app IDENTIFIED BY 'second'`);
    await db.stop();
    await db.start(); // no connection of before is left
    assert.equal((await api.send('POST', '/books', dune)).status, 201);
    const text = JSON.stringify(api.log);
    assert.ok(!text.includes('first') && !text.includes('second'), 'no password in the log');
  } finally {
    secrets.close();
    secrets.closeAllConnections();
    await db.sql(`ALTER USER app IDENTIFIED BY 'first'`);
  }
});

for (const [what, env] of /** @type {[string, Record<string, string>][]} */ ([
  ['of another authority', { DB_CA_FILE: join(db.dir, 'other.pem') }],
  ['of another name', { DB_TLS_NAME: 'other.test' }],
  ["that RDS's authorities have not signed", { DB_CA_FILE: '' }],
])) {
  test(`a certificate ${what} is refused`, async () => {
    const api = await Api.start(env);
    assert.equal((await api.get('/books')).body.code, 'database_unavailable');
    assert.equal((await api.get('/ready')).body.database, 'unreachable');
    assert.match(JSON.stringify(api.log), /certificate|altnames/i);
  });
}

test('SIGTERM ends what is under way, then the process', async () => {
  const api = await Api.start();
  await api.ready('writable');
  const agent = new http.Agent({ keepAlive: true });
  const port = Number(new URL(api.url).port);
  // A request whose body is still on its way when the signal comes.
  const answer = new Promise((resolve, reject) => {
    const request = http.request({ port, agent, method: 'POST', path: '/books', headers: { 'Content-Type': 'application/json' } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    request.on('error', reject);
    request.write('{"title":');
    setTimeout(() => api.process?.kill('SIGTERM'), 200);
    setTimeout(() => request.end('"Late","price":1}'), 800);
  });
  assert.equal(await answer, 201);
  const start = Date.now();
  assert.equal(await api.code, 0);
  assert.ok(Date.now() - start < 5_000, 'without waiting for the kept-alive connection');
  agent.destroy();
});
