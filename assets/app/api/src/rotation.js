// A new password for the database's user, in the four steps that Secrets Manager
// calls one after the other, each as often as it likes:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
import { randomBytes } from 'node:crypto';
import { parseLogin } from './credentials.js';

/**
 * @typedef {import('@aws-sdk/client-secrets-manager').SecretsManager} SecretsManager
 * @typedef {import('./credentials.js').Login} Login
 * @typedef {import('./driver.js').Connection} Connection
 * @typedef {{ Step: string, SecretId: string, ClientRequestToken: string }} Call
 */

const REFUSED = 'ER_ACCESS_DENIED_ERROR';
const NOT_SQL = 'ER_PARSE_ERROR';

/**
 * Changes the password where this region's database is the writer, and only there:
 * a rotation anywhere else would change a database that nobody uses and give all
 * regions a password that the writer does not know.
 */
export class Rotation {
  /**
   * @param {object} parts
   * @param {Pick<SecretsManager, 'describeSecret' | 'getSecretValue' | 'putSecretValue' | 'updateSecretVersionStage'>} parts.secrets
   * @param {Pick<import('./driver.js').Driver, 'connect'>} parts.driver
   * @param {() => Promise<string>} parts.ask The region that writes (fence.js).
   * @param {string} parts.region This one.
   */
  constructor({ secrets, driver, ask, region }) {
    this.secrets = secrets;
    this.driver = driver;
    this.ask = ask;
    this.region = region;
  }

  /** @param {Call} call @returns {Promise<string>} What was done. */
  async run({ Step, SecretId, ClientRequestToken: version }) {
    const stages = (await this.#versions(SecretId))[version];
    if (!stages) throw new Error(`the secret has no version ${version}`);
    if (stages.includes('AWSCURRENT')) return 'this version is the current one already';
    if (!stages.includes('AWSPENDING')) throw new Error(`version ${version} is not the pending one`);
    switch (Step) {
      case 'createSecret':
        await this.#mustWrite(SecretId, version);
        return this.#create(SecretId, version);
      case 'setSecret':
        await this.#mustWrite(SecretId, version);
        return this.#set(SecretId, version);
      case 'testSecret': // changes nothing; Secrets Manager also tries a new schedule by it
        return this.#test(SecretId, version);
      case 'finishSecret':
        await this.#mustWrite(SecretId, version);
        return this.#finish(SecretId, version);
    }
    throw new Error(`there is no step ${Step}`);
  }

  /**
   * No answer means no, as for the API's writes.
   * @param {string} SecretId @param {string} version
   */
  async #mustWrite(SecretId, version) {
    const writer = await this.ask().catch((error) => {
      throw new Error(`refused: it cannot be known which region writes (${error.code ?? error.message})`);
    });
    if (writer === this.region) return;
    // A version that stays pending would block the schedule's deploy on the way home.
    await this.secrets.updateSecretVersionStage({ SecretId, VersionStage: 'AWSPENDING', RemoveFromVersionId: version });
    throw new Error(`refused: ${writer} is the region that writes, not ${this.region}`);
  }

  /** @param {string} SecretId @returns {Promise<Record<string, string[]>>} Stages by version. */
  async #versions(SecretId) {
    return (await this.secrets.describeSecret({ SecretId })).VersionIdsToStages ?? {};
  }

  /** @param {string} SecretId @param {string} VersionStage @param {string} [VersionId] */
  async #read(SecretId, VersionStage, VersionId) {
    try {
      return (await this.secrets.getSecretValue({ SecretId, VersionStage, VersionId })).SecretString ?? '';
    } catch (/** @type {any} */ error) {
      if (error.name === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }

  /** @param {string} SecretId @param {string} version */
  async #create(SecretId, version) {
    if (await this.#read(SecretId, 'AWSPENDING', version)) return 'the pending password is there already';
    const current = (await this.#read(SecretId, 'AWSCURRENT')) ?? '';
    parseLogin(current);
    await this.secrets.putSecretValue({
      SecretId,
      ClientRequestToken: version,
      // 40 letters, digits, - and _: at most 41 characters are allowed, without / " @
      // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
      SecretString: JSON.stringify({ ...JSON.parse(current), password: randomBytes(30).toString('base64url') }),
      VersionStages: ['AWSPENDING'],
    });
    return 'a new password is pending';
  }

  /**
   * The login that the database takes is the current one; the one before it after the
   * database was restored, or its password was set to an older one.
   * @param {string} SecretId @param {string} version
   */
  async #set(SecretId, version) {
    const pending = parseLogin((await this.#read(SecretId, 'AWSPENDING', version)) ?? '');
    const already = await this.#connect(pending);
    if (already) {
      already.destroy();
      return 'the database has the pending password already';
    }
    for (const stage of ['AWSCURRENT', 'AWSPREVIOUS']) {
      const text = await this.#read(SecretId, stage);
      if (text === undefined) continue;
      const login = parseLogin(text);
      if (login.username !== pending.username) throw new Error('the user of the secret is not the one that was pending');
      const connection = await this.#connect(login);
      if (!connection) continue;
      try {
        return await change(connection, login.password, pending.password);
      } finally {
        connection.destroy();
      }
    }
    throw new Error('the database takes neither the pending, the current nor the previous password');
  }

  /** @param {string} SecretId @param {string} version */
  async #test(SecretId, version) {
    const connection = await this.#connect(parseLogin((await this.#read(SecretId, 'AWSPENDING', version)) ?? ''));
    if (!connection) throw new Error('the database refuses the pending password');
    connection.destroy();
    return 'the database takes the pending password';
  }

  /**
   * One call moves the label: Secrets Manager takes AWSPENDING away and labels the old
   * version AWSPREVIOUS by itself.
   * @param {string} SecretId @param {string} version
   */
  async #finish(SecretId, version) {
    const versions = Object.entries(await this.#versions(SecretId));
    const current = versions.find(([, stages]) => stages.includes('AWSCURRENT'))?.[0];
    await this.secrets.updateSecretVersionStage({
      SecretId,
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: version,
      RemoveFromVersionId: current,
    });
    return 'the pending password is the current one';
  }

  /** @param {Login} login @returns {Promise<Connection | undefined>} None if the login is refused. */
  async #connect(login) {
    try {
      return await this.driver.connect(login);
    } catch (/** @type {any} */ error) {
      if (error.code === REFUSED) return undefined;
      throw withoutStatement(error);
    }
  }
}

/**
 * Has the database take a new password and, until the next change, the old one: the
 * servers, the secret's copy and the replica may follow in any order.
 * https://dev.mysql.com/doc/refman/8.4/en/password-management.html#dual-passwords
 * @param {Connection} connection @param {string} old The one logged in with. @param {string} password
 */
async function change(connection, old, password) {
  const user = 'ALTER USER CURRENT_USER() IDENTIFIED BY ?';
  try {
    const [[{ ro }]] = /** @type {any} */ (await connection.query('SELECT @@global.read_only OR @@global.innodb_read_only AS ro'));
    if (ro !== 0) throw new Error('the database is read-only');
    try {
      // What is retained is the first of two passwords, and the old one may be the
      // second: a rotation that was given up may have left another as the first.
      await connection.query(user, [old]);
      await connection.query(`${user} RETAIN CURRENT PASSWORD`, [password]);
      return 'the database takes the pending password, and the current one';
    } catch (/** @type {any} */ error) {
      if (error.code !== NOT_SQL) throw error;
      await connection.query('SET PASSWORD = PASSWORD(?)', [password]); // a MariaDB, which keeps one only
      return 'the database takes the pending password';
    }
  } catch (error) {
    throw withoutStatement(error);
  }
}

/**
 * What Lambda logs of an error is all of it, and mysql2's carry the statement.
 * @param {any} error
 */
const withoutStatement = (error) => new Error(`the database: ${error.code ?? error.message}`);
