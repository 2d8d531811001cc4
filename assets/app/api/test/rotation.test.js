// The steps of a rotation, as Secrets Manager calls them: in order, twice, after a
// failure, and where nothing may be rotated.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Rotation } from '../src/rotation.js';
import { mysqlError } from './fakes.js';

const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'];

/** A secret with its versions and stages, as Secrets Manager keeps them. */
class FakeSecret {
  /** @type {Record<string, string>} */ values = { v0: login('first') };
  /** @type {Record<string, string | undefined>} Version by stage. */ stages = { AWSCURRENT: 'v0' };

  /** As RotateSecret does before it calls the first step. @param {string} version */
  begin(version) {
    this.stages.AWSPENDING = version;
  }

  async describeSecret() {
    /** @type {Record<string, string[]>} */ const versions = {};
    for (const [stage, version] of Object.entries(this.stages)) if (version) (versions[version] ??= []).push(stage);
    return { VersionIdsToStages: versions };
  }

  /** @param {any} input */
  async getSecretValue({ VersionStage, VersionId }) {
    const version = this.stages[VersionStage];
    const value = version && (!VersionId || VersionId === version) && this.values[version];
    if (!value) throw Object.assign(new Error('no such version'), { name: 'ResourceNotFoundException' });
    return { SecretString: value };
  }

  /** @param {any} input */
  async putSecretValue({ ClientRequestToken, SecretString, VersionStages }) {
    assert.deepEqual(VersionStages, ['AWSPENDING']);
    assert.equal(this.values[ClientRequestToken], undefined, 'a version is written once');
    this.values[ClientRequestToken] = SecretString;
  }

  /** @param {any} input */
  async updateSecretVersionStage({ VersionStage, MoveToVersionId, RemoveFromVersionId }) {
    if (VersionStage === 'AWSPENDING') {
      assert.deepEqual([RemoveFromVersionId, MoveToVersionId], [this.stages.AWSPENDING, undefined]);
      delete this.stages.AWSPENDING;
      return;
    }
    assert.equal(VersionStage, 'AWSCURRENT');
    assert.equal(RemoveFromVersionId, this.stages.AWSCURRENT);
    this.stages = { AWSCURRENT: MoveToVersionId, AWSPREVIOUS: RemoveFromVersionId };
  }

  /** @param {string} version */
  password(version) {
    return JSON.parse(this.values[version] ?? '{}').password;
  }
}

/** @param {string} password */
const login = (password) => JSON.stringify({ username: 'admin', password, note: 'kept' });

/** A MySQL server whose user has up to two passwords, or a MariaDB with one. */
class FakeMysql {
  first = 'first';
  /** @type {string | undefined} */ second;
  keepsTwo = true;
  readOnly = false;
  /** @type {Error | undefined} */ down;
  /** @type {Error | undefined} Thrown by each change. */ refusal;
  changes = 0;
  open = 0;

  /** @param {{ password: string }} login @returns {Promise<any>} */
  async connect({ password }) {
    if (this.down) throw this.down;
    if (![this.first, this.second].includes(password)) throw mysqlError('ER_ACCESS_DENIED_ERROR', 1045, true);
    this.open++;
    return {
      query: async (/** @type {string} */ sql, /** @type {string[]} */ values) => {
        if (sql.startsWith('SELECT')) return [[{ ro: this.readOnly ? 1 : 0 }]];
        if (this.refusal) throw this.refusal;
        if (!this.keepsTwo && sql === 'ALTER USER CURRENT_USER() IDENTIFIED BY ?') return [{}]; // MariaDB says yes and does nothing
        if (sql.includes('RETAIN')) {
          if (!this.keepsTwo) throw Object.assign(mysqlError('ER_PARSE_ERROR', 1064), { sql: `… '${values[0]}' …` });
          this.second = this.first;
        }
        this.first = values[0];
        this.changes++;
        return [{}];
      },
      destroy: () => this.open--,
    };
  }
}

/** @type {FakeSecret} */ let secret;
/** @type {FakeMysql} */ let mysql;
/** @type {() => Promise<string>} */ let ask;
/** @type {Rotation} */ let rotation;

beforeEach(() => {
  secret = new FakeSecret();
  mysql = new FakeMysql();
  ask = async () => 'us-east-1';
  rotation = new Rotation({ secrets: /** @type {any} */ (secret), driver: mysql, ask: () => ask(), region: 'us-east-1' });
});

/** @param {string} Step @param {string} version */
const run = (Step, version) => rotation.run({ Step, SecretId: 'books/database', ClientRequestToken: version });

/** @param {string} version @param {string[]} [steps] */
async function rotate(version, steps = STEPS) {
  secret.begin(version);
  for (const step of steps) await run(step, version);
}

describe('a rotation', () => {
  test('makes a new password the current one; the old one is still taken', async () => {
    await rotate('v1');
    assert.deepEqual(secret.stages, { AWSCURRENT: 'v1', AWSPREVIOUS: 'v0' });
    assert.match(secret.password('v1'), /^[A-Za-z0-9_-]{40}$/);
    assert.deepEqual(JSON.parse(secret.values.v1 ?? ''), { username: 'admin', password: secret.password('v1'), note: 'kept' });
    assert.deepEqual([mysql.first, mysql.second], [secret.password('v1'), 'first']);
    assert.equal(mysql.open, 0, 'connections are closed');
  });

  test('repeats each step without another change', async () => {
    secret.begin('v1');
    for (const step of STEPS) for (let i = 0; i < 2; i++) await run(step, 'v1');
    assert.equal(mysql.changes, 2); // the old one again, then the new one
    for (const step of STEPS) assert.equal(await run(step, 'v1'), 'this version is the current one already');
    assert.equal(mysql.first, secret.password('v1'));
  });

  test('keeps the current password when one before it was given up half-way', async () => {
    await rotate('v1', ['createSecret', 'setSecret']);
    await rotate('v2', ['createSecret', 'setSecret']);
    assert.deepEqual([mysql.first, mysql.second], [secret.password('v2'), 'first']);
    await rotate('v2');
    assert.deepEqual(secret.stages, { AWSCURRENT: 'v2', AWSPREVIOUS: 'v0' });
  });

  test('finds a database that was restored to the password before', async () => {
    await rotate('v1');
    [mysql.first, mysql.second] = ['first', undefined];
    await rotate('v2');
    assert.equal(mysql.first, secret.password('v2'));
  });

  test('works with a server that keeps one password only', async () => {
    mysql.keepsTwo = false;
    await rotate('v1');
    assert.deepEqual([mysql.first, mysql.second], [secret.password('v1'), undefined]);
  });
});

describe('where another region writes', () => {
  for (const [what, answer, message, stillPending] of /** @type {const} */ ([
    ['the record names it', async () => 'us-west-2', 'refused: us-west-2 is the region that writes, not us-east-1', false],
    [
      'nobody answers',
      () => Promise.reject(Object.assign(new Error('queryTxt ETIMEOUT'), { code: 'ETIMEOUT' })),
      'refused: it cannot be known which region writes (ETIMEOUT)',
      true, // it may be tried again
    ],
  ])) {
    test(`${what}: nothing is begun`, async () => {
      ask = answer;
      secret.begin('v1');
      await assert.rejects(run('createSecret', 'v1'), { message });
      assert.deepEqual([Object.keys(secret.values), mysql.changes], [['v0'], 0]);
      assert.equal(secret.stages.AWSPENDING === 'v1', stillPending);
    });

    test(`${what}: nothing goes on`, async () => {
      for (const step of ['setSecret', 'finishSecret']) {
        ask = async () => 'us-east-1';
        await rotate(`before ${step}`, STEPS.slice(0, STEPS.indexOf(step)));
        const { changes } = mysql;
        ask = answer;
        await assert.rejects(run(step, `before ${step}`), { message });
        assert.equal(secret.stages.AWSCURRENT, 'v0');
        assert.equal(mysql.changes, changes);
      }
      assert.equal(mysql.second, 'first', 'and the current password is still taken');
    });
  }

  test('a new schedule can be tried before the record is there', async () => {
    ask = () => Promise.reject(new Error('queryTxt ENOTFOUND'));
    secret.begin('v1');
    secret.values.v1 = login('first'); // Secrets Manager makes this version itself
    assert.equal(await run('testSecret', 'v1'), 'the database takes the pending password');
  });

  test('a database that is read-only is not changed', async () => {
    mysql.readOnly = true;
    await assert.rejects(rotate('v1'), { message: 'the database: the database is read-only' });
    assert.deepEqual([mysql.changes, mysql.open, secret.stages.AWSCURRENT], [0, 0, 'v0']);
  });
});

describe('a rotation that fails', () => {
  test('says which version is not to be rotated', async () => {
    await assert.rejects(run('setSecret', 'v1'), { message: 'the secret has no version v1' });
    await rotate('v1');
    await assert.rejects(run('setSecret', 'v0'), { message: 'version v0 is not the pending one' });
    secret.begin('v2');
    await assert.rejects(run('deleteSecret', 'v2'), { message: 'there is no step deleteSecret' });
  });

  test('leaves the secret as it is if the database does not take the new password', async () => {
    await rotate('v1', ['createSecret']);
    await assert.rejects(run('testSecret', 'v1'), { message: 'the database refuses the pending password' });
    mysql.first = 'another';
    await assert.rejects(run('setSecret', 'v1'), { message: 'the database takes neither the pending, the current nor the previous password' });
    mysql.down = mysqlError('ETIMEDOUT', undefined, true);
    await assert.rejects(run('setSecret', 'v1'), { message: 'the database: ETIMEDOUT' });
    assert.equal(secret.stages.AWSCURRENT, 'v0');
  });

  test('never changes another user than the secret is of', async () => {
    await rotate('v1', ['createSecret']);
    secret.values.v1 = JSON.stringify({ username: 'root', password: 'new' });
    await assert.rejects(run('setSecret', 'v1'), { message: 'the user of the secret is not the one that was pending' });
    assert.equal(mysql.changes, 0);
  });

  test('quotes neither statement nor secret', async () => {
    await rotate('v1', ['createSecret']);
    const password = secret.password('v1');
    mysql.refusal = Object.assign(mysqlError('ER_NOT_VALID_PASSWORD', 1819), { sql: `ALTER USER … '${password}'`, message: `near '${password}'` });
    await assert.rejects(run('setSecret', 'v1'), (/** @type {any} */ error) => {
      assert.equal(error.message, 'the database: ER_NOT_VALID_PASSWORD');
      assert.deepEqual([error.sql, error.cause], [undefined, undefined]);
      return true;
    });
    secret.values.v0 = 'hunter2';
    await assert.rejects(run('setSecret', 'v1'), (/** @type {any} */ error) => !/hunter2/.test(JSON.stringify(error) + error.message));
  });
});
