// The database's user name and password, and how to learn of a rotation.

/**
 * @typedef {{ username: string, password: string }} Login
 * @typedef {{ login: Login, version: number }} Versioned
 * @typedef {(stage: 'AWSCURRENT' | 'AWSPREVIOUS') => Promise<Login | undefined>} SecretReader None where no version has the stage.
 */

// A wrong password must not turn every request into a call to Secrets Manager.
const MIN_INTERVAL_MS = 5_000;

/** Holds the login and reads it again from the secret when it was refused. */
export class Credentials {
  /** @type {Versioned | undefined} */ #current;
  /** @type {Promise<boolean> | undefined} */ #reading;
  #lastRead = -Infinity;

  /**
   * @param {{ login?: Login, readSecret?: SecretReader, now?: () => number }} options
   *   Without `readSecret` the login never changes.
   */
  constructor({ login, readSecret, now = () => performance.now() }) {
    this.readSecret = readSecret;
    this.now = now;
    if (login) this.#current = { login, version: 1 };
  }

  /** @returns {Promise<Versioned>} */
  async current() {
    if (!this.#current) await this.refreshed(0);
    if (!this.#current) throw new Error('the database secret has not been read yet');
    return this.#current;
  }

  /**
   * Whether there is a newer login than the one that was refused.
   * @param {number} refusedVersion
   */
  async refreshed(refusedVersion) {
    if (this.#current && this.#current.version > refusedVersion) return true;
    if (!this.readSecret) return false;
    if (!this.#reading) {
      if (this.now() - this.#lastRead < MIN_INTERVAL_MS) return false;
      this.#lastRead = this.now();
      this.#reading = this.#read().finally(() => (this.#reading = undefined));
    }
    return this.#reading;
  }

  /**
   * The previous login is for a replica that lags behind the secret, or was promoted
   * before it had heard of the current one.
   */
  async #read() {
    const old = this.#current;
    for (const stage of /** @type {const} */ (['AWSCURRENT', 'AWSPREVIOUS'])) {
      const login = await /** @type {SecretReader} */ (this.readSecret)(stage);
      if (!login || (old?.login.username === login.username && old.login.password === login.password)) continue;
      this.#current = { login, version: (old?.version ?? 0) + 1 };
      return true;
    }
    return false;
  }
}

/**
 * Reads the login from the region's own Secrets Manager.
 * @param {string} secretId
 * @param {string} region
 * @returns {SecretReader}
 */
export function secretReader(secretId, region) {
  /** @type {Promise<import('@aws-sdk/client-secrets-manager').SecretsManager> | undefined} */
  let client;
  return async (stage) => {
    // Loaded when first needed: it is most of the start-up time.
    client ??= import('@aws-sdk/client-secrets-manager').then(
      ({ SecretsManager }) =>
        new SecretsManager({
          region,
          maxAttempts: 2,
          requestHandler: { connectionTimeout: 2_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
        }),
    );
    try {
      const { SecretString } = await (await client).getSecretValue({ SecretId: secretId, VersionStage: stage });
      return parseLogin(SecretString ?? '');
    } catch (/** @type {any} */ error) {
      if (stage === 'AWSPREVIOUS' && error.name === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  };
}

/**
 * @param {string} text The secret, in the form RDS and its rotation use.
 * @returns {Login}
 */
export function parseLogin(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the secret.
  }
  if (typeof value?.username !== 'string' || typeof value?.password !== 'string') {
    throw new Error('the database secret must be JSON with a username and a password');
  }
  return { username: value.username, password: value.password };
}
