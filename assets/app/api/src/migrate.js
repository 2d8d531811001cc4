// Brings the schema up to date, once however many servers start together.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Umzug } from 'umzug';

/** @typedef {import('./driver.js').Connection} Connection */

const LOCK_SECONDS = 60;

/**
 * Runs what is pending, one file of migrations/ after the other. A file holds one
 * statement that can be repeated, because MySQL cannot roll back a change of schema.
 * @param {Connection} connection Not shared: the lock belongs to it.
 * @returns {Promise<string[]>} What was run.
 */
export async function migrate(connection) {
  const lock = "CONCAT('migrate.', LEFT(DATABASE(), 50))"; // 64 characters at most
  const [[{ got }]] = /** @type {any} */ (await connection.query(`SELECT GET_LOCK(${lock}, ?) AS got`, [LOCK_SECONDS]));
  if (got !== 1) throw new Error(`another server has been migrating for ${LOCK_SECONDS} s`);
  try {
    await connection.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name VARCHAR(255) NOT NULL PRIMARY KEY, run_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)',
    );
    const umzug = new Umzug({
      context: connection,
      logger: undefined,
      migrations: {
        glob: ['*.sql', { cwd: fileURLToPath(new URL('../migrations/', import.meta.url)) }],
        resolve: ({ name, path }) => ({
          name,
          up: async () => void (await connection.query(await readFile(/** @type {string} */ (path), 'utf8'))),
        }),
      },
      storage: {
        async executed() {
          const [rows] = /** @type {any} */ (await connection.query('SELECT name FROM schema_migrations ORDER BY name'));
          return rows.map((/** @type {{ name: string }} */ row) => row.name);
        },
        async logMigration({ name }) {
          await connection.query('INSERT INTO schema_migrations (name) VALUES (?)', [name]);
        },
        async unlogMigration() {
          throw new Error('migrations only go forward');
        },
      },
    });
    return (await umzug.up()).map(({ name }) => name);
  } finally {
    await connection.query(`DO RELEASE_LOCK(${lock})`);
  }
}
