// Whether this region may write. One public DNS record names the region that
// does; the switch by which operators move the traffic moves it too.
import { Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {{ askEvery: number, timeout: number, believe: number }} Timings */

/** @type {Timings} in milliseconds */
const TIMINGS = {
  askEvery: 5_000,
  timeout: 2_000,
  believe: 30_000, // how long an answer counts that no other follows
};

/**
 * Lets writes pass while the record names this region. Without an answer it lets
 * none pass: a region that is cut off cannot know that another has taken over,
 * and who cannot resolve this zone does not find the API either.
 *
 * Once the record's answer changes, the last write passes within its TTL plus
 * `askEvery` and twice `timeout`; if DNS fails just then, TTL plus `believe`.
 * What was sent before ends within the time of a statement (driver.js).
 */
export class Fence {
  /** @type {string | undefined} */ #writer;
  #askedAt = -Infinity;
  /** @type {boolean | undefined} Told last. */ #told;
  /** @type {AbortController | undefined} */ #watch;

  /**
   * @param {object} parts
   * @param {() => Promise<string>} parts.ask The region that the record names.
   * @param {string} parts.region This one.
   * @param {import('pino').BaseLogger} parts.log
   * @param {Partial<Timings>} [parts.timings]
   * @param {() => number} [parts.now]
   */
  constructor({ ask, region, log, timings, now = () => performance.now() }) {
    this.ask = ask;
    this.region = region;
    this.log = log;
    this.timings = { ...TIMINGS, ...timings };
    this.now = now;
  }

  get mayWrite() {
    return this.#writer === this.region && this.now() - this.#askedAt < this.timings.believe;
  }

  /** Follows the record from now on. */
  start() {
    const { signal } = (this.#watch = new AbortController());
    (async () => {
      while (!signal.aborted) {
        await this.refresh();
        await sleep(this.timings.askEvery, undefined, { signal, ref: false });
      }
    })().catch(() => {}); // the abort
  }

  stop() {
    this.#watch?.abort();
  }

  async refresh() {
    const askedAt = this.now(); // an answer is as old as its question, at most
    /** @type {unknown} */ let reason;
    try {
      this.#writer = await this.ask();
      this.#askedAt = askedAt;
    } catch (error) {
      reason = error;
    }
    const { mayWrite } = this;
    if (mayWrite === this.#told) return;
    this.#told = mayWrite;
    this.log[reason ? 'error' : 'info']({ writer: this.#writer, err: reason }, `this region may ${mayWrite ? '' : 'not '}write`);
  }
}

/** For a system of one region. */
export const noFence = { mayWrite: true };

/**
 * Asks the system's name servers, as they are configured at the moment.
 * @param {string} name
 * @param {{ timeout?: number, servers?: string[] }} [options]
 * @returns {() => Promise<string>}
 */
export function recordReader(name, { timeout = TIMINGS.timeout, servers } = {}) {
  return async () => {
    const resolver = new Resolver({ timeout, tries: 1 });
    if (servers) resolver.setServers(servers);
    const records = await resolver.resolveTxt(name);
    if (records.length !== 1) throw new Error(`${name} has ${records.length} TXT records: want one, the writing region`);
    return records[0].join('');
  };
}
