/** What differs between deployments of the one build. */
export interface Config {
  apiUrl: string; // no slash at the end
  region: string; // of the server that gave us the page
}

/** Reads /config.json, which the server's boot writes. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch('/config.json', { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`/config.json: ${response.status}`);
  const { apiUrl, region } = (await response.json()) as Partial<Config>;
  if (typeof apiUrl !== 'string' || !/^https?:\/\//.test(apiUrl)) throw new Error('/config.json: no apiUrl');
  return { apiUrl: apiUrl.replace(/\/+$/, ''), region: typeof region === 'string' ? region : '' };
}
