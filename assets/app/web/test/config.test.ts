import { expect, test, vi } from 'vitest';
import { loadConfig } from '../src/config';

const answer = (body: string, status = 200) => vi.stubGlobal('fetch', async () => new Response(body, { status }));

test('the API is where the config says, without a slash at the end', async () => {
  answer('{"apiUrl":"https://api.example/","region":"us-west-2"}');
  expect(await loadConfig()).toEqual({ apiUrl: 'https://api.example', region: 'us-west-2' });
});

test.each([
  ['missing', 'no', 404],
  ['the page itself, from a fallback', '<!doctype html>', 200],
  ['without an address', '{"region":"us-west-2"}', 200],
  ['with something else', '{"apiUrl":"javascript:alert(1)"}', 200],
])('refused: %s', async (_what, body, status) => {
  answer(body, status);
  await expect(loadConfig()).rejects.toThrow();
});
