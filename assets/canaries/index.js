// What a canary asks, as the environment tells it:
//   SITE_URL    a page, and the first script or style sheet of its own that it names
//   API_URL     a path of an API that answers 200
//   API_REGION  the region that the API's answer must name, if it is JSON and names one
// It asks with GET alone, and so changes nothing. Whatever is thrown fails the run.

// As long as a visitor would wait.
const TIMEOUT_MS = 10_000;
// A firewall of AWS's common rules refuses requests without a name.
const HEADERS = { 'User-Agent': 'warm-standby-canary' };

/** @param {string} url @returns {Promise<{ type: string, body: string }>} */
async function get(url) {
  const began = Date.now();
  let response, body;
  try {
    response = await fetch(url, { headers: HEADERS, signal: AbortSignal.timeout(TIMEOUT_MS) });
    body = await response.text();
  } catch (error) {
    throw new Error(`${url}: ${error.cause?.code ?? error.name}: ${error.cause?.message ?? error.message}`);
  }
  console.log(`${url}: ${response.status} after ${Date.now() - began} ms`);
  if (response.status !== 200) throw new Error(`${url}: want 200 (got ${response.status}: ${body.slice(0, 200)})`);
  return { type: response.headers.get('Content-Type') ?? '', body };
}

/** @param {string} url */
async function site(url) {
  const page = await get(url);
  if (!page.type.startsWith('text/html')) throw new Error(`${url}: want a page (got ${page.type || 'no type'})`);
  const own = [...page.body.matchAll(/<(?:script|link)\b[^>]*?\b(?:src|href)="([^"]+\.(?:js|css))"/g)]
    .map(([, name]) => new URL(name, url))
    .find((file) => file.origin === new URL(url).origin);
  if (!own) return;
  const file = await get(own.href);
  // Where files are missing, servers of such sites answer with the page.
  if (file.type.startsWith('text/html')) throw new Error(`${own.href}: want a script or style sheet (got a page)`);
}

/** @param {string} url @param {string} [region] */
async function api(url, region) {
  const { body } = await get(url);
  let named;
  try {
    named = JSON.parse(body).region;
  } catch {
    return; // Not JSON: that it answers is all there is to see.
  }
  if (region && named && named !== region) throw new Error(`${url}: want an answer of ${region} (got one of ${named})`);
}

exports.handler = async () => {
  const { SITE_URL, API_URL, API_REGION } = process.env;
  if (!SITE_URL && !API_URL) throw new Error('neither SITE_URL nor API_URL is set');
  if (SITE_URL) await site(SITE_URL);
  if (API_URL) await api(API_URL, API_REGION);
};
