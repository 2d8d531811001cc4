// Uses the booted site with Debian's Chromium, as a user would.
//
//   node browse.js primary    everything the site does; leaves the book KEPT behind
//   node browse.js standby    the site on a read-only copy that holds KEPT
//   node browse.js promoted   the same, until the copy is promoted under the open page:
//                             prints READY when it may be, and waits 60 s for the page to notice
//
// One line a step on stdout. A failure is one line on stderr, SCENARIO-failed.png
// and exit code 1; a mistake in the environment is exit code 2.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const KEPT = 'Kept across regions';
const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const NOTICED_WITHIN_MS = 60_000;
const SCENARIOS = { primary, standby, promoted };

const [scenario] = process.argv.slice(2);
const env = readEnvironment({
  SITE: "the site's origin, https://threetier.example.com",
  API: "the API's origin, https://api.example.com",
  REGION: 'the region that must be serving',
  RESOLVE: "where both names lead: Chromium's --host-resolver-rules, MAP threetier.example.com 10.0.0.5, MAP …",
  CA_SPKI: "the key to trust: base64 of the SHA-256 of a served certificate's SubjectPublicKeyInfo; several with commas",
  SCREENSHOTS: 'the folder for the pictures',
});

let stepName = 'start Chromium';
let pictures = 0;
/** What no step has accounted for: errors on the console, requests to other hosts. @type {string[]} */
const surprises = [];
/** The last response of each address. @type {Map<string, import('playwright-core').Response>} */
const responses = new Map();
/** @type {import('playwright-core').Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let page;

try {
  mkdirSync(env.SCREENSHOTS, { recursive: true });
  browser = await startBrowser();
  page = await openPage();
  await SCENARIOS[scenario]();
} catch (error) {
  const message = stripVTControlCharacters(error.message).split('\n').map((line) => line.trim()).filter(Boolean).join(' | ');
  console.error(`failed: ${scenario}: ${stepName}: ${[message.slice(0, 500), ...surprises].join('; ')}`);
  await page?.screenshot({ path: join(env.SCREENSHOTS, `${scenario}-failed.png`), timeout: 5_000 }).catch(() => {});
  process.exitCode = 1;
} finally {
  await browser?.close();
}

/** Playwright gives it an empty profile, no network traffic of its own, and ends it with this process. */
function startBrowser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox', // refuses to run as root otherwise
      '--disable-gpu',
      '--disable-quic',
      // Nothing but the two names exists: what else is asked for fails, and is seen to.
      `--host-resolver-rules=${env.RESOLVE}, MAP * ~NOTFOUND`,
      `--ignore-certificate-errors-spki-list=${env.CA_SPKI}`,
    ],
  });
}

async function openPage() {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    colorScheme: 'light',
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(30_000);
  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (/^https?:$/.test(protocol) && origin !== env.SITE && origin !== env.API) surprises.push(`request to ${request.url()}`);
  });
  context.on('response', (response) => responses.set(response.url(), response));
  context.on('console', (message) => {
    if (message.type() === 'error') surprises.push(`console: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => surprises.push(`uncaught: ${error.error().message}`));
  return context.newPage();
}

async function primary() {
  const unique = `Dune ${Date.now().toString(36)}`;
  const changed = `${unique}, revised`;

  await step('the page loads, and shows the books or that there are none', async () => {
    await openSite();
    const listed = await (await responses.get(`${env.API}/books`)).json();
    if (listed.length === 0) await page.getByText('There are no books yet.').waitFor();
    assert.equal(await page.getByRole('list', { name: 'Books' }).getByRole('listitem').count(), listed.length);
    await picture('list');
  });

  await step('it names the region', servedFromRegion);

  await step('names with a hash are kept for a year, pages are asked for each time', async () => {
    const assets = [...responses.keys()].filter((url) => url.startsWith(`${env.SITE}/assets/`));
    assert.deepEqual([...new Set(assets.map((url) => url.split('.').at(-1)))].sort(), ['css', 'js']);
    for (const url of assets) {
      const headers = await headersOf(url);
      assert.match(headers['cache-control'], /max-age=31536000.*immutable/, url);
      assert.match(headers['content-encoding'] ?? 'none', /gzip|br|zstd/, `${url} is not compressed`);
    }
    for (const path of ['/', '/config.json']) {
      assert.match((await headersOf(env.SITE + path))['cache-control'], /no-cache|no-store/, path);
    }
  });

  await step('security headers are there', async () => {
    const headers = await headersOf(`${env.SITE}/`);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['referrer-policy'], 'strict-origin-when-cross-origin');
    assert.doesNotMatch(headers.server ?? '', /\d/, 'the server tells its version');
  });

  await step('an address inside the site leads to the page, a missing file does not', async () => {
    assert.equal((await page.goto(`${env.SITE}/shelves/1?by=title`)).status(), 200);
    await loaded();
    const missing = await page.evaluate((url) => fetch(url).then((r) => r.status), `${env.SITE}/assets/none-00000000.js`);
    assert.equal(missing, 404);
    await expectSurprise(/status of 404/);
    await openSite();
  });

  await step('a book without a title is refused, and says so at the field', async () => {
    await page.getByRole('button', { name: 'Add a book' }).click();
    await picture('add');
    await accessible();
    await page.getByLabel('Price').fill('9.99');
    await save();
    await page.getByText('Title is required.').waitFor();
    assert.equal(await focused(), 'Title');
    assert.equal(await page.getByLabel('Price').inputValue(), '9.99', 'what was typed is gone');
    await expectSurprise(/status of 400/);
    await picture('add-refused');
    await accessible();
  });

  await step('it is added once it has one', async () => {
    await page.getByLabel('Title').fill(unique);
    await page.getByLabel('Description').fill('Spice, sand and a boy who sees too far ahead.');
    await page.getByLabel('Cover').fill('/favicon.svg');
    await save();
    await page.getByText(`“${unique}” is added.`).waitFor();
    await card(unique).getByText('$9.99').waitFor();
    await page.waitForFunction((cover) => cover.naturalWidth > 0, await card(unique).locator('img').elementHandle());
    assert.equal(await page.getByRole('dialog').count(), 0);
    await picture('added');
  });

  await step('it is still there after a reload', async () => {
    await openSite();
    await card(unique).waitFor();
  });

  await step('it is edited', async () => {
    await card(unique).getByRole('button', { name: 'Edit' }).click();
    assert.equal(await page.getByLabel('Title').inputValue(), unique);
    await page.getByLabel('Title').fill(changed);
    await page.getByLabel('Price').fill('12.50');
    await picture('edit');
    await save();
    await card(changed).getByText('$12.50').waitFor();
    assert.equal(await focused(), `Edit “${changed}”`);
    await openSite();
    await card(changed).getByText('$12.50').waitFor();
  });

  await step('it is deleted, after asking', async () => {
    await card(changed).getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog', { name: `Delete “${changed}”?` });
    await picture('delete');
    await accessible();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await card(changed).getByRole('button', { name: 'Delete' }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await card(changed).waitFor({ state: 'detached' });
    assert.equal(await focused(), 'Books', 'the heading of the list');
    await openSite();
    assert.equal(await card(changed).count(), 0);
  });

  await step('a book is added by keyboard alone', async () => {
    const before = await card(KEPT).count();
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Add a book');
    await page.keyboard.press('Enter');
    assert.equal(await focused(), 'Title');
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.equal(await focused(), 'Add a book');
    await page.keyboard.press('Enter');
    await page.keyboard.type(KEPT);
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Description');
    await page.keyboard.type('Written in one region, read in the other.');
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Price');
    await page.keyboard.type('7');
    await page.keyboard.press('Enter');
    await page.getByText(`“${KEPT}” is added.`).waitFor();
    assert.equal(await card(KEPT).count(), before + 1);
    assert.equal(await focused(), 'Add a book');
  });

  await step('the page is accessible, light and dark, on a desk and on a phone', async () => {
    for (const [width, height] of [[1280, 800], [320, 640]]) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await accessible();
        await picture(`${width}-${colorScheme}`);
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `${width} px wide, the page is ${overflow} px wider`);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: 'light' });
  });

  await step('an API that cannot be reached is said so, and got over', async () => {
    const api = (/** @type {URL} */ url) => url.origin === env.API;
    await page.route(api, (route) => route.abort('connectionrefused'));
    await page.goto(env.SITE);
    const again = page.getByRole('button', { name: 'Try again' });
    await again.waitFor();
    await picture('no-api');
    await accessible();
    await page.unroute(api);
    await again.click();
    await card(KEPT).first().waitFor();
    await expectSurprise(/ERR_CONNECTION_REFUSED/);
  });

  await step('a page that cannot start says so', async () => {
    await page.route('**/config.json', (route) => route.abort('connectionrefused'));
    await page.goto(env.SITE);
    const again = page.getByRole('button', { name: 'Try again' });
    await again.waitFor();
    await picture('no-start');
    await accessible();
    await page.unroute('**/config.json');
    await again.click();
    await loaded();
    await expectSurprise(/config\.json|Failed to fetch/);
  });
}

async function standby() {
  await openReadOnly();

  await step('forms say that nothing can be saved, and send nothing', async () => {
    await card(KEPT).first().getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('dialog').getByText(/read-only for now|takes no changes/).waitFor();
    responses.clear();
    await save({ force: true }); // it is aria-disabled
    await page.getByLabel('Title').press('Enter');
    await picture('edit');
    await accessible();
    await page.keyboard.press('Escape');
    await card(KEPT).first().getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByText(/read-only for now|takes no changes/).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click({ force: true });
    await picture('delete');
    await accessible();
    await page.keyboard.press('Escape');
    const written = [...responses.values()].filter((r) => !['GET', 'OPTIONS'].includes(r.request().method()));
    assert.deepEqual(written.map((r) => r.url()), []);
  });

  await step('a page that has not noticed is refused readably, and loses nothing', async () => {
    const ready = `${env.API}/ready`;
    await page.route(ready, (route) =>
      route.fulfill({ json: { database: 'writable', region: env.REGION }, headers: { 'Access-Control-Allow-Origin': env.SITE } }),
    );
    await openSite();
    assert.equal(await banner().count(), 0);
    await page.getByRole('button', { name: 'Add a book' }).click();
    await page.getByLabel('Title').fill('Too early');
    await page.getByLabel('Price').fill('1');
    const [response] = await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), save()]);
    assert.equal(response.status(), 503);
    assert.match((await response.json()).code, /^(read_only|not_writer)$/);
    assert.match(await response.headerValue('retry-after'), /^\d+$/);
    await page.getByRole('dialog').getByText(/read-only for now|takes no changes/).waitFor();
    await banner().waitFor();
    assert.equal(await page.getByLabel('Title').inputValue(), 'Too early');
    await expectSurprise(/status of 503/);
    await page.unroute(ready);
    await openSite();
    assert.equal(await card('Too early').count(), 0);
  });
}

async function promoted() {
  const unique = `After the promotion ${Date.now().toString(36)}`;
  await openReadOnly();

  await step('a book is typed in while it cannot be saved', async () => {
    await page.getByRole('button', { name: 'Add a book' }).click();
    await page.getByLabel('Title').fill(unique);
    await page.getByLabel('Price').fill('3.20');
    await page.getByRole('dialog').getByText(/read-only for now|takes no changes/).waitFor();
  });

  console.log('READY');
  await step('the page notices the promotion by itself', async () => {
    await banner().waitFor({ state: 'detached', timeout: NOTICED_WITHIN_MS });
    await page.getByRole('dialog').getByText(/read-only for now|takes no changes/).waitFor({ state: 'detached' });
    await picture('noticed');
    // The server it asked last may have been in between; what it said is no mistake of the page.
    surprises.splice(0, surprises.length, ...surprises.filter((s) => !/status of 503.*\/ready\)$/.test(s)));
  });

  await step('the book is saved', async () => {
    await save();
    await page.getByText(`“${unique}” is added.`).waitFor();
    await openSite();
    await card(unique).waitFor();
    await card(KEPT).first().waitFor();
    await servedFromRegion();
    await picture('saved');
  });
}

async function openReadOnly() {
  await step('the page says that it is read-only', async () => {
    await openSite();
    await banner().waitFor();
    await picture('list');
    await accessible();
  });
  await step('the other region’s book is listed', () => card(KEPT).first().waitFor());
  await step('it names the region', servedFromRegion);
}

async function openSite() {
  assert.equal((await page.goto(`${env.SITE}/`)).status(), 200);
  await loaded();
}

/** Until the books are there, and what the system is like is known. */
async function loaded() {
  await page.getByRole('heading', { level: 1, name: 'Books' }).waitFor();
  await page.getByRole('list', { name: 'Books' }).or(page.getByText('There are no books yet.')).waitFor();
  await page.waitForFunction((ready) => performance.getEntriesByName(ready).length > 0, `${env.API}/ready`);
}

function card(title) {
  return page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
}

function banner() {
  return page.getByText('Read-only for now.');
}

function save(options) {
  return page.getByRole('dialog').getByRole('button', { name: 'Save' }).click(options);
}

function servedFromRegion() {
  return page.getByText(`Served from ${env.REGION}`, { exact: true }).waitFor();
}

function headersOf(url) {
  return responses.get(url).allHeaders();
}

/** The name of the element with the focus. */
function focused() {
  return page.evaluate(() => {
    const element = document.activeElement;
    return element?.labels?.[0]?.textContent ?? element?.getAttribute('aria-label') ?? element?.textContent;
  });
}

/** axe finds nothing to complain about. */
async function accessible() {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, impact, help, nodes }) => `${id} (${impact}): ${help}: ${nodes.map((n) => n.target).join(', ')}`);
  assert.ok(found.length === 0, found.join('; '));
}

async function picture(name) {
  const number = String(++pictures).padStart(2, '0');
  await page.screenshot({ path: join(env.SCREENSHOTS, `${scenario}-${number}-${name}.png`), animations: 'disabled' });
}

/** Takes what the step has brought about on purpose out of the surprises. @param {RegExp} pattern */
async function expectSurprise(pattern) {
  const rest = surprises.filter((text) => !pattern.test(text));
  assert.notEqual(rest.length, surprises.length, `nothing matching ${pattern} was reported`);
  surprises.splice(0, surprises.length, ...rest);
}

async function step(name, work) {
  stepName = name;
  const start = performance.now();
  await work();
  assert.ok(surprises.length === 0, 'unexpected');
  console.log(`ok: ${scenario}: ${name} (${Math.round(performance.now() - start)} ms)`);
}

function readEnvironment(variables) {
  const problems = [];
  if (!Object.hasOwn(SCENARIOS, scenario ?? '')) problems.push(`usage: node browse.js ${Object.keys(SCENARIOS).join('|')}`);
  for (const [name, what] of Object.entries(variables)) {
    if (!process.env[name]) problems.push(`${name} is not set: ${what}`);
  }
  for (const name of ['SITE', 'API']) {
    const value = process.env[name];
    if (value && (!URL.canParse(value) || new URL(value).origin !== value)) problems.push(`${name}: want an origin, https://host (got "${value}")`);
  }
  if (!existsSync(CHROMIUM)) problems.push(`${CHROMIUM} is not installed (Debian: apt-get install chromium)`);
  if (problems.length > 0) {
    console.error(problems.join('\n'));
    process.exit(2);
  }
  return Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
}
