// The HTTP contract, over real HTTP, with the table of books kept in memory.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createApp } from '../src/app.js';
import { Books } from '../src/books.js';
import { notWriter, readOnly, uncertain, unavailable } from '../src/errors.js';
import { quietLog } from './fakes.js';

const SITE = 'https://site.example';
const dune = { title: 'Dune', desc: 'Sand.', price: 9.99, cover: 'https://covers.example/dune.jpg' };

/** @type {{ sql: string, values: any[] }[]} */ let asked;
/** @type {() => any} */ let answer;
/** @type {{ state: any, migrated: boolean, fence: { mayWrite: boolean } }} */
const database = { state: 'writable', migrated: true, fence: { mayWrite: true } };
const ask = async (/** @type {string} */ sql, /** @type {any[]} */ values) => {
  asked.push({ sql, values });
  return answer();
};
const log = quietLog();
const config = { region: 'us-east-1', version: '1.2.3', siteOrigins: [SITE] };
const books = new Books(/** @type {any} */ ({ read: ask, write: ask }));
const server = http.createServer(createApp({ books, database, config, log }));
/** @type {string} */ let base;

before(async () => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  base = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
});
after(() => server.close());
beforeEach(() => {
  asked = [];
  log.lines.length = 0;
  Object.assign(database, { state: 'writable', migrated: true, fence: { mayWrite: true } });
});

/** @param {string} method @param {string} path @param {any} [body] @param {Record<string, string>} [headers] */
async function call(method, path, body, headers = {}) {
  const response = await fetch(base + path, {
    method,
    headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

describe('books', () => {
  test('are listed', async () => {
    answer = () => [{ id: 1, ...dune }];
    const { status, body, headers } = await call('GET', '/books');
    assert.equal(status, 200);
    assert.deepEqual(body, [{ id: 1, ...dune }]);
    assert.equal(headers.get('link'), null);
    assert.equal(headers.get('cache-control'), 'no-store');
  });

  test('are listed page by page', async () => {
    answer = () => [4, 5, 6].map((id) => ({ id, ...dune }));
    const { body, headers } = await call('GET', '/books?after=3&limit=2');
    assert.deepEqual(body.map((/** @type {any} */ b) => b.id), [4, 5]);
    assert.equal(headers.get('link'), '</books?after=5&limit=2>; rel="next"');
    assert.deepEqual(asked[0].values, [3]);
  });

  test('are added', async () => {
    answer = () => ({ insertId: 7 });
    const { status, body } = await call('POST', '/books', { ...dune, title: '  Dune ', price: '9.99', id: 99 });
    assert.equal(status, 201);
    assert.deepEqual(body, { id: 7, ...dune });
    assert.deepEqual(asked[0].values, ['Dune', 'Sand.', 9.99, dune.cover]);
  });

  test('of any language are let through by a firewall that ends bodies at 8 KB', async () => {
    answer = () => ({ insertId: 7, affectedRows: 1 });
    // Three bytes are the most that one of a string's characters takes in UTF-8.
    const largest = { title: '書'.repeat(255), desc: '書'.repeat(2000), price: 99999999.99, cover: '/' + 'x'.repeat(1023) };
    const body = JSON.stringify(largest);
    const left = 8192 - Buffer.byteLength(body);
    assert.ok(left > 0, `${-left} bytes too many`);
    assert.equal((await call('POST', '/books', body)).status, 201);
    assert.equal((await call('PUT', '/books/7', body + ' '.repeat(left))).status, 200);
  });

  test('are changed', async () => {
    answer = () => ({ affectedRows: 1 });
    const { status, body } = await call('PUT', '/books/7', { title: 'Dune', price: 0 });
    assert.equal(status, 200);
    assert.deepEqual(body, { id: 7, title: 'Dune', desc: '', price: 0, cover: null });
  });

  test('are deleted', async () => {
    answer = () => ({ affectedRows: 1 });
    const { status, body } = await call('DELETE', '/books/7');
    assert.equal(status, 204);
    assert.equal(body, '');
    assert.deepEqual(asked[0].values, [7]);
  });
});

describe('a field that is not valid is named', () => {
  for (const [field, change, reason] of /** @type {[string, any, RegExp][]} */ ([
    ['title', { title: undefined }, /required/],
    ['title', { title: '   ' }, /required/],
    ['title', { title: 7 }, /text/],
    ['title', { title: 'x'.repeat(256) }, /255/],
    ['desc', { desc: 'x'.repeat(2001) }, /2000/],
    ['desc', { desc: {} }, /text/],
    ['price', { price: undefined }, /required/],
    ['price', { price: '' }, /required/],
    ['price', { price: 'cheap' }, /number/],
    ['price', { price: '0x10' }, /number/],
    ['price', { price: -1 }, /from 0/],
    ['price', { price: 1e9 }, /from 0/],
    ['price', { price: 1.005 }, /decimals/],
    ['cover', { cover: 'javascript:alert(1)' }, /address/],
    ['cover', { cover: '//elsewhere.example/x.png' }, /address/],
    ['cover', { cover: '/' + 'x'.repeat(1024) }, /1024/],
    ['cover', { cover: '/表紙.jpg' }, /accents/],
    ['cover', { cover: 'https://covers.example/表紙.jpg' }, /accents/],
  ])) {
    test(`${field} ${JSON.stringify(change)?.slice(0, 40)}`, async () => {
      for (const [method, path] of [['POST', '/books'], ['PUT', '/books/1']]) {
        const { status, body } = await call(method, path, { ...dune, ...change });
        assert.equal(status, 400);
        assert.equal(body.code, 'invalid');
        assert.deepEqual(Object.keys(body.fields), [field]);
        assert.match(body.fields[field], reason);
      }
      assert.equal(asked.length, 0);
    });
  }

  test('all at once', async () => {
    const { body } = await call('POST', '/books', {});
    assert.deepEqual(Object.keys(body.fields), ['title', 'price']);
  });

  test('in a query too', async () => {
    for (const query of ['limit=0', 'limit=501', 'limit=1&limit=2', 'after=-1']) {
      assert.equal((await call('GET', `/books?${query}`)).status, 400, query);
    }
  });
});

describe('refused', () => {
  for (const [what, method, path, body, headers, status, code] of /** @type {[string, string, string, any, any, number, string][]} */ ([
    ['an unknown path', 'GET', '/nothing', undefined, {}, 404, 'not_found'],
    ['an id that is no number', 'DELETE', '/books/abc', undefined, {}, 404, 'not_found'],
    ['an id no column can hold', 'DELETE', '/books/9999999999', undefined, {}, 404, 'not_found'],
    ['a path that cannot be decoded', 'DELETE', '/books/%E0%A4%A', undefined, {}, 400, 'bad_request'],
    ['broken JSON', 'POST', '/books', '{"title":', {}, 400, 'not_json'],
    ['a list', 'POST', '/books', '[]', {}, 400, 'invalid'],
    ['another type', 'POST', '/books', 'title=x', { 'Content-Type': 'text/plain' }, 415, 'not_json'],
    ['a body over 8 KB, as the firewall has it', 'POST', '/books', JSON.stringify(dune).padEnd(8193), {}, 413, 'too_large'],
  ])) {
    test(what, async () => {
      const got = await call(method, path, body, headers);
      assert.equal(got.status, status);
      assert.equal(got.body.code, code);
      assert.equal(asked.length, 0);
    });
  }

  test('a book that is not there', async () => {
    answer = () => ({ affectedRows: 0 });
    assert.equal((await call('PUT', '/books/7', dune)).status, 404);
    assert.equal((await call('DELETE', '/books/7')).status, 404);
  });
});

describe('trouble with the database', () => {
  for (const [error, code, retryAfter] of /** @type {[Error, string, string][]} */ ([
    [readOnly(), 'read_only', '30'],
    [notWriter(), 'not_writer', '30'],
    [unavailable(), 'database_unavailable', '5'],
    [uncertain(), 'outcome_unknown', '5'],
  ])) {
    test(`${code} is a 503 that says when to try again`, async () => {
      answer = () => Promise.reject(error);
      const { status, body, headers } = await call('POST', '/books', dune, { Origin: SITE });
      assert.equal(status, 503);
      assert.equal(body.code, code);
      assert.equal(headers.get('retry-after'), retryAfter);
      assert.match(headers.get('access-control-expose-headers') ?? '', /Retry-After/);
    });
  }

  test('an unexpected error tells the client nothing and the log everything', async () => {
    answer = () => Promise.reject(new Error('secret detail'));
    const { status, body } = await call('GET', '/books');
    assert.equal(status, 500);
    assert.deepEqual(body, { code: 'internal', message: 'Something went wrong here.' });
    assert.ok(log.lines.some((/** @type {any} */ line) => line.level === 'error' && line.err.message === 'secret detail'));
  });
});

describe('health', () => {
  test('the process is alive whatever the database does', async () => {
    database.state = 'unreachable';
    assert.equal((await call('GET', '/health')).status, 200);
  });

  for (const [state, migrated, status, word] of /** @type {[string, boolean, number, string][]} */ ([
    ['writable', true, 200, 'ready'],
    ['writable', false, 503, 'migrating'],
    ['read-only', false, 200, 'ready'],
    ['unreachable', false, 503, 'unavailable'],
    ['unknown', false, 503, 'unavailable'],
  ])) {
    test(`${state}, ${migrated ? '' : 'not '}migrated: ${status}`, async () => {
      Object.assign(database, { state, migrated });
      const got = await call('GET', '/ready');
      assert.equal(got.status, status);
      assert.deepEqual(got.body, { status: word, database: state, writer: true, region: 'us-east-1', version: '1.2.3' });
    });
  }

  test('a region that may not write serves, and says so', async () => {
    Object.assign(database, { state: 'read-only', fence: { mayWrite: false } });
    const { status, body } = await call('GET', '/ready');
    assert.equal(status, 200);
    assert.deepEqual(body, { status: 'ready', database: 'read-only', writer: false, region: 'us-east-1', version: '1.2.3' });
  });

  test('checks stay out of the log, requests do not', async () => {
    await call('GET', '/health');
    await call('GET', '/?token=x');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const requests = log.lines.filter((/** @type {any} */ line) => line.message === 'request' && line.level === 'info');
    assert.deepEqual(requests.map((/** @type {any} */ { method, path, status }) => [method, path, status]), [['GET', '/', 200]]);
  });
});

describe('another origin', () => {
  test('the site may', async () => {
    const { status, headers } = await call('OPTIONS', '/books/1', undefined, { Origin: SITE, 'Access-Control-Request-Method': 'PUT' });
    assert.equal(status, 204);
    assert.equal(headers.get('access-control-allow-origin'), SITE);
    assert.match(headers.get('access-control-allow-methods') ?? '', /PUT/);
    assert.equal(headers.get('vary'), 'Origin');
  });

  test('others may not', async () => {
    for (const origin of ['https://other.example', 'null', `${SITE}.other.example`]) {
      const { headers } = await call('GET', '/', undefined, { Origin: origin });
      assert.equal(headers.get('access-control-allow-origin'), null, origin);
    }
  });
});
