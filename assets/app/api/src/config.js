// The settings the server takes from its environment. README.md has the table.
import { readFileSync } from 'node:fs';

/**
 * @typedef {{ ca: string | string[], servername?: string } | undefined} Tls
 * @typedef {object} Config
 * @property {number} port
 * @property {string} logLevel
 * @property {string} version
 * @property {string} region
 * @property {string} [writerName]
 * @property {string[]} siteOrigins
 * @property {string} [secretId]
 * @property {{ host: string, port: number, name: string, username?: string, password?: string, tls: Tls }} database
 */

/** A set of unusable settings: `problems` has one line for each. */
export class ConfigError extends Error {
  /** @param {string[]} problems */
  constructor(problems) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

/**
 * @param {Record<string, string | undefined>} env
 * @param {{ version: string, rdsAuthorities: string[] }} defaults
 * @returns {Config}
 */
export function readConfig(env, { version, rdsAuthorities }) {
  /** @type {string[]} */
  const problems = [];
  /** @param {string} name @param {string} reason */
  const required = (name, reason = 'required') => {
    if (!env[name]) problems.push(`${name}: ${reason}`);
    return env[name] ?? '';
  };
  /** @param {string} name @param {number} fallback */
  const port = (name, fallback) => {
    const text = env[name] || String(fallback);
    const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (value < 1 || value > 65535) problems.push(`${name}: must be a port from 1 to 65535 (got "${text}")`);
    return value;
  };

  const host = required('DB_HOST');
  const secretId = env.DB_SECRET_ID || undefined;
  if (secretId) {
    required('AWS_REGION', 'required with DB_SECRET_ID');
  } else {
    required('DB_USERNAME', 'required unless DB_SECRET_ID is set');
    required('DB_PASSWORD', 'required unless DB_SECRET_ID is set');
  }

  const writerName = env.WRITER_NAME || undefined;
  if (writerName) {
    if (!/^([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/i.test(writerName)) {
      problems.push(`WRITER_NAME: must be a full domain name (got "${writerName}")`);
    }
    if (!secretId) required('AWS_REGION', 'required with WRITER_NAME');
  }

  const siteOrigins = (env.SITE_ORIGIN ?? '').split(',').map((s) => s.trim()).filter(Boolean);
  for (const origin of siteOrigins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      problems.push(`SITE_ORIGIN: must be scheme://host[:port] with no path (got "${origin}")`);
    }
  }

  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
  const logLevel = env.LOG_LEVEL || 'info';
  if (!levels.includes(logLevel)) problems.push(`LOG_LEVEL: must be one of ${levels.join(', ')} (got "${logLevel}")`);

  const config = {
    port: port('PORT', 80),
    logLevel,
    version: env.APP_VERSION || version,
    region: env.AWS_REGION || 'local',
    writerName,
    siteOrigins,
    secretId,
    database: {
      host,
      port: port('DB_PORT', 3306),
      name: required('DB_NAME'),
      // Half a pair would be worse than none: the secret brings both.
      ...(env.DB_USERNAME && env.DB_PASSWORD ? { username: env.DB_USERNAME, password: env.DB_PASSWORD } : {}),
      tls: readTls(env, host, rdsAuthorities, problems),
    },
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/**
 * @param {Record<string, string | undefined>} env
 * @param {string} host
 * @param {string[]} rdsAuthorities
 * @param {string[]} problems
 * @returns {Tls}
 */
function readTls(env, host, rdsAuthorities, problems) {
  if (env.DB_TLS && env.DB_TLS !== 'on' && env.DB_TLS !== 'off') {
    problems.push(`DB_TLS: must be on or off (got "${env.DB_TLS}")`);
  }
  if (env.DB_TLS === 'off') {
    if (['localhost', '127.0.0.1', '::1'].includes(host)) return undefined;
    problems.push(`DB_TLS: off is only for a database on this machine (DB_HOST is "${host}")`);
  }
  /** @type {string | string[]} */
  let ca = rdsAuthorities;
  if (env.DB_CA_FILE) {
    try {
      ca = readFileSync(env.DB_CA_FILE, 'utf8');
    } catch (error) {
      problems.push(`DB_CA_FILE: ${/** @type {Error} */ (error).message}`);
    }
  }
  // The usual host is an alias in a private zone, which RDS's certificate does not
  // carry: then the chain is verified, and the name only where we are told it.
  const servername = env.DB_TLS_NAME || (host.endsWith('.rds.amazonaws.com') ? host : undefined);
  return { ca, servername };
}
