import { vi } from 'vitest';
import type { Book } from '../src/api';

export const API = 'https://api.example';

/** The API behind `fetch`, in memory. */
export class FakeServer {
  books: Book[] = [];
  database = 'writable';
  writer = true;
  ready = true;
  region = 'us-east-1';
  pageSize = 100;
  /** Answers the next requests instead, by method and path. */
  instead = new Map<string, () => Response | Promise<Response>>();
  requests: string[] = [];

  constructor() {
    vi.stubGlobal('fetch', (url: string, init?: RequestInit) => this.answer(url, init));
  }

  private async answer(url: string, init: RequestInit = {}): Promise<Response> {
    const method = init.method ?? 'GET';
    const { pathname, searchParams, origin } = new URL(url, 'https://site.example');
    if (origin !== API) throw new Error(`unexpected request to ${url}`);
    this.requests.push(`${method} ${pathname}`);
    const instead = this.instead.get(`${method} ${pathname}`);
    if (instead) return instead();
    if (pathname === '/ready') return json(this.ready ? 200 : 503, { database: this.writer ? this.database : 'read-only', writer: this.writer, region: this.region, status: '', version: '' });
    if (method === 'GET') {
      const rest = this.books.filter(({ id }) => id > Number(searchParams.get('after') ?? 0));
      const page = rest.slice(0, this.pageSize);
      return json(200, page, rest.length > page.length ? { Link: `</books?after=${page.at(-1)!.id}>; rel="next"` } : {});
    }
    if (!this.writer) return refusal(503, 'not_writer');
    if (this.database !== 'writable') return refusal(503, 'read_only');
    const id = Number(pathname.split('/')[2] ?? Math.max(0, ...this.books.map((book) => book.id)) + 1);
    this.books = this.books.filter((book) => book.id !== id);
    if (method === 'DELETE') return new Response(null, { status: 204 });
    const draft = JSON.parse(String(init.body));
    const book: Book = { id, ...draft, price: Number(draft.price), cover: draft.cover || null };
    this.books = [...this.books, book].sort((a, b) => a.id - b.id);
    return json(method === 'POST' ? 201 : 200, book);
  }
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });

export const refusal = (status: number, code: string, fields?: Record<string, string>) => json(status, { code, message: code, fields });
