// The API, as the pages use it.

export interface BookData {
  title: string;
  desc: string;
  price: number;
  cover: string | null;
}

export interface Book extends BookData {
  id: number;
}

/** A book as it was typed. */
export type Draft = Record<keyof BookData, string>;

export interface System {
  database: 'writable' | 'read-only' | 'unreachable' | 'unknown';
  writer: boolean; // whether changes are taken in this region
  ready: boolean;
  region: string;
}

export interface Page {
  books: Book[];
  next?: string; // path of the next page
}

/** A refusal. `code` is the API's own, or "no_answer". */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly fields: Partial<Record<keyof BookData, string>> = {},
  ) {
    super(message);
  }
}

export interface Api {
  system(): Promise<System>;
  list(path?: string): Promise<Page>;
  add(draft: Draft): Promise<Book>;
  replace(id: number, draft: Draft): Promise<Book>;
  remove(id: number): Promise<void>;
}

export function createApi(baseUrl: string): Api {
  // The API itself gives up within 20 s.
  async function send(method: string, path: string, body?: unknown): Promise<Response> {
    try {
      return await fetch(baseUrl + path, {
        method,
        headers: body === undefined ? undefined : { 'Content-Type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(25_000),
      });
    } catch {
      throw noAnswer();
    }
  }

  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await send(method, path, body);
    if (response.ok) return response;
    const answer = await response.json().catch(() => undefined);
    if (typeof answer?.code !== 'string') throw noAnswer();
    throw new ApiError(answer.code, answer.message, answer.fields);
  }

  return {
    async system() {
      const response = await send('GET', '/ready');
      const answer = await response.json().catch(() => undefined);
      if (typeof answer?.database !== 'string') throw noAnswer();
      return { database: answer.database, writer: answer.writer, ready: response.ok, region: answer.region };
    },
    async list(path = '/books') {
      const response = await call('GET', path);
      const next = /<([^>]+)>; rel="next"/.exec(response.headers.get('Link') ?? '')?.[1];
      return { books: (await response.json()) as Book[], next };
    },
    async add(draft) {
      return (await call('POST', '/books', fromDraft(draft))).json();
    },
    async replace(id, draft) {
      return (await call('PUT', `/books/${id}`, fromDraft(draft))).json();
    },
    async remove(id) {
      await call('DELETE', `/books/${id}`);
    },
  };
}

const noAnswer = () => new ApiError('no_answer', 'The server did not answer.');

/** The API takes prices as text, and says what is wrong with them. */
const fromDraft = (draft: Draft) => ({ ...draft, price: draft.price.trim().replace(/^(\d+),(\d{1,2})$/, '$1.$2') });
