// The lines that operators count: what the templates' metric filters look for is
// what the application writes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import pino from 'pino';
import { createApp } from '../src/app.js';
import { notWriter, readOnly, unavailable } from '../src/errors.js';
import { Fence } from '../src/fence.js';

const { Resources } = JSON.parse(readFileSync(new URL('../../../../test/snapshots/books-us-east-1.json', import.meta.url), 'utf8'));

/** @param {string} metric @returns {string} The text that lines of the API's log must have to be counted. */
function counted(metric) {
  const patterns = /** @type {any[]} */ (Object.values(Resources))
    .filter(({ Type, Properties }) => Type === 'AWS::Logs::MetricFilter' && Properties.MetricTransformations[0].MetricName === metric)
    .map(({ Properties }) => Properties.FilterPattern);
  assert.equal(patterns.length, 1, `filters for ${metric}`);
  // Of CloudWatch's syntax only this is used: a text in quotes, which lines have as it stands.
  const [, text] = /^"([^"\\]+)"$/.exec(patterns[0]) ?? assert.fail(patterns[0]);
  return text;
}

/** A log as server.js has it, and the lines that it wrote. */
function lineLog() {
  /** @type {string[]} */ const lines = [];
  const log = pino({ level: 'info' }, { write: (/** @type {string} */ line) => void lines.push(line) });
  const count = (/** @type {string} */ metric) => lines.filter((line) => line.includes(counted(metric))).length;
  return { log, count };
}

for (const [what, error, refused] of /** @type {[string, Error, number][]} */ ([
  ['a write refused by the fence', notWriter(), 1],
  ['a write refused by a database that is read-only', readOnly(), 1],
  ['a write that found no database', unavailable(), 0],
])) {
  test(`${what} counts ${refused} times`, async () => {
    const { log, count } = lineLog();
    const books = { remove: async () => Promise.reject(error) };
    const database = { state: 'read-only', migrated: true, fence: { mayWrite: false } };
    const config = { region: 'us-east-1', version: '1.2.3', siteOrigins: [] };
    const server = http.createServer(createApp(/** @type {any} */ ({ books, database, config, log })));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    // A visitor's path is in the log too: it must not count.
    for (const path of ['/books/1', '/write refused', '/this region may write']) {
      await fetch(`http://127.0.0.1:${port}${path}`, { method: 'DELETE' });
    }
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual([count('WritesRefused'), count('FenceOpened'), count('FenceClosed')], [refused, 0, 0]);
  });
}

test('the fence counts as it opens and closes', async () => {
  const { log, count } = lineLog();
  let named = 'us-east-1';
  const fence = new Fence({ ask: async () => named, region: 'us-east-1', log });
  for (named of ['us-west-2', 'us-east-1', 'us-east-1', 'us-west-2', 'us-east-1']) await fence.refresh();
  assert.deepEqual([count('FenceOpened'), count('FenceClosed'), count('WritesRefused')], [2, 2, 0]);
});
