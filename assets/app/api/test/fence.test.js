// Who may write, by the record and by the age of its answer.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Fence, recordReader } from '../src/fence.js';
import { quietLog } from './fakes.js';

describe('a fence', () => {
  /** @type {string | Error} */ let answer;
  /** @type {ReturnType<typeof quietLog>} */ let log;
  /** @type {Fence} */ let fence;
  let now = 0;
  let takes = 0; // how long an answer takes

  beforeEach(() => {
    answer = 'us-east-1';
    log = quietLog();
    now = takes = 0;
    fence = new Fence({
      ask: async () => {
        now += takes;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      region: 'us-east-1',
      log,
      timings: { askEvery: 5, believe: 30_000 },
      now: () => now,
    });
  });

  test('lets nothing pass before the first answer', async () => {
    assert.equal(fence.mayWrite, false);
    answer = new Error('no answer');
    await fence.refresh();
    assert.equal(fence.mayWrite, false);
  });

  for (const [named, may] of /** @type {[string, boolean][]} */ ([
    ['us-east-1', true],
    ['us-west-2', false],
    ['', false],
    ['us-east-1 us-west-2', false],
  ])) {
    test(`when the record names "${named}": ${may ? 'passes' : 'refuses'}`, async () => {
      answer = named;
      await fence.refresh();
      assert.equal(fence.mayWrite, may);
    });
  }

  test('follows the record, and logs each change once', async () => {
    for (const named of ['us-east-1', 'us-east-1', 'us-west-2', 'us-west-2', 'us-east-1']) {
      answer = named;
      await fence.refresh();
      assert.equal(fence.mayWrite, named === 'us-east-1');
    }
    assert.deepEqual(log.lines.map((/** @type {any} */ line) => line.message), [
      'this region may write', 'this region may not write', 'this region may write',
    ]);
  });

  test('believes an answer for 30 s of silence and no longer, from the question on', async () => {
    takes = 1_000;
    await fence.refresh(); // asked at 0, answered at 1000
    answer = new Error('timeout');
    takes = 0;
    now = 29_999;
    await fence.refresh();
    assert.equal(fence.mayWrite, true);
    now = 30_000;
    assert.equal(fence.mayWrite, false, 'by itself, whether or not it is asked again');
    await fence.refresh();
    assert.equal(log.lines.at(-1).level, 'error');
    answer = 'us-east-1';
    await fence.refresh();
    assert.equal(fence.mayWrite, true);
  });

  test('asks again by itself, after a failure too, until it is stopped', async () => {
    answer = new Error('no answer');
    fence.start();
    const until = async (/** @type {boolean} */ may) => {
      while (fence.mayWrite !== may) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    await until(false);
    answer = 'us-east-1';
    await until(true);
    answer = 'us-west-2';
    await until(false);
    fence.stop();
    answer = 'us-east-1';
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(fence.mayWrite, false);
  });
});

describe('the record', () => {
  const server = dgram.createSocket('udp4');
  /** @type {string[][] | 'NXDOMAIN' | 'silence'} */ let records;
  /** @type {() => Promise<string>} */ let ask;

  before(async () => {
    server.on('message', (query, from) => {
      if (records !== 'silence') server.send(txtAnswer(query, records === 'NXDOMAIN' ? undefined : records), from.port, from.address);
    });
    await new Promise((resolve) => server.bind(0, '127.0.0.1', () => resolve(undefined)));
    ask = recordReader('writer.api.example.com', { timeout: 100, servers: [`127.0.0.1:${server.address().port}`] });
  });
  after(() => server.close());

  test('is read over DNS, anew each time', async () => {
    for (const region of ['us-east-1', 'us-west-2']) {
      records = [[region]];
      assert.equal(await ask(), region);
    }
    records = [['us-', 'east-1']];
    assert.equal(await ask(), 'us-east-1', 'whatever strings it is made of');
  });

  test('must be one', async () => {
    records = [['us-east-1'], ['us-west-2']];
    await assert.rejects(ask(), /writer\.api\.example\.com has 2 TXT records/);
    records = 'NXDOMAIN';
    await assert.rejects(ask(), { code: 'ENOTFOUND' });
  });

  test('is given up when no answer comes', async () => {
    records = 'silence';
    await assert.rejects(ask(), { code: 'ETIMEOUT' });
  });
});

/**
 * A DNS message that answers one question (RFC 1035, section 4.1).
 * @param {Buffer} query @param {string[][]} [records] None: there is no such name.
 */
function txtAnswer(query, records) {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(records ? 0x8180 : 0x8183, 2);
  header.writeUInt16BE(records?.length ?? 0, 6);
  header.writeUInt16BE(0, 10); // no additional records
  const end = query.indexOf(0, 12) + 5; // the name, its type and class
  const answers = (records ?? []).map((strings) => {
    const data = Buffer.concat(strings.map((s) => Buffer.concat([Buffer.from([s.length]), Buffer.from(s)])));
    const fixed = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 10, 0, data.length]); // the name again, TXT, IN, 10 s
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([header, query.subarray(12, end), ...answers]);
}
