// The environment is read once, and everything wrong with it is said at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, readConfig } from '../src/config.js';

const defaults = { version: '1.0.0', rdsAuthorities: ['rds'] };
const good = { DB_HOST: 'book.rds.internal', DB_NAME: 'books', DB_USERNAME: 'app', DB_PASSWORD: 'x' };

test('defaults', () => {
  const config = readConfig(good, defaults);
  assert.equal(config.port, 80);
  assert.equal(config.database.port, 3306);
  assert.equal(config.version, '1.0.0');
  assert.deepEqual(config.siteOrigins, []);
  assert.deepEqual(config.database.tls, { ca: ['rds'], servername: undefined });
});

test('the name on the certificate is verified where it is known', () => {
  const name = (/** @type {any} */ env) => readConfig({ ...good, ...env }, defaults).database.tls?.servername;
  const endpoint = 'books-1.abc.us-east-1.rds.amazonaws.com';
  assert.equal(name({ DB_HOST: endpoint }), endpoint);
  assert.equal(name({ DB_TLS_NAME: endpoint }), endpoint);
});

test('the record that names the writing region is optional', () => {
  assert.equal(readConfig(good, defaults).writerName, undefined);
  const WRITER_NAME = 'writer.api.example.com';
  assert.equal(readConfig({ ...good, WRITER_NAME, AWS_REGION: 'us-east-1' }, defaults).writerName, WRITER_NAME);
});

test('the secret alone is enough', () => {
  const { DB_HOST, DB_NAME } = good;
  const config = readConfig({ DB_HOST, DB_NAME, DB_SECRET_ID: 'books/db', AWS_REGION: 'us-east-1' }, defaults);
  assert.equal(config.secretId, 'books/db');
  assert.equal(config.database.password, undefined);
});

for (const [what, env, problems] of /** @type {[string, Record<string, string>, RegExp[]][]} */ ([
  ['nothing set', { DB_HOST: '', DB_NAME: '', DB_USERNAME: '', DB_PASSWORD: '' }, [/^DB_HOST/, /^DB_USERNAME/, /^DB_PASSWORD/, /^DB_NAME/]],
  ['ports', { PORT: '0', DB_PORT: 'x' }, [/^PORT: .*"0"/, /^DB_PORT: .*"x"/]],
  ['a secret of no region', { DB_SECRET_ID: 's' }, [/^AWS_REGION/]],
  ['a writer of no region', { WRITER_NAME: 'writer.api.example.com' }, [/^AWS_REGION/]],
  ['a writer of no domain', { WRITER_NAME: 'writer', AWS_REGION: 'us-east-1' }, [/^WRITER_NAME: .*"writer"/]],
  ['an origin with a path', { SITE_ORIGIN: 'https://a.example,https://b.example/' }, [/^SITE_ORIGIN: .*b\.example/]],
  ['no TLS to another machine', { DB_TLS: 'off' }, [/^DB_TLS: .*book\.rds\.internal/]],
  ['no such TLS', { DB_TLS: 'yes' }, [/^DB_TLS: .*"yes"/]],
  ['no such CA', { DB_CA_FILE: '/nonexistent' }, [/^DB_CA_FILE/]],
  ['no such level', { LOG_LEVEL: 'loud' }, [/^LOG_LEVEL/]],
])) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => readConfig({ ...good, ...env }, defaults),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.problems.length, problems.length, error.message);
        for (const problem of problems) assert.ok(error.problems.some((line) => problem.test(line)), `${problem}: ${error.message}`);
        return true;
      },
    );
  });
}
