// What a book is, and where books are kept.
import { invalid, notFound } from './errors.js';

/**
 * @typedef {{ title: string, desc: string, price: number, cover: string | null }} Book
 * @typedef {import('./database.js').Database} Database
 */

const MAX_PRICE = 99_999_999.99;

/**
 * The book in a request's body; throws naming every field that is not valid.
 * @param {any} body
 * @returns {Book}
 */
export function parseBook(body) {
  /** @type {Record<string, string>} */
  const problems = {};
  /** @param {string} field @param {number} max */
  const text = (field, max) => {
    const value = body[field] ?? '';
    if (typeof value !== 'string') problems[field] = 'must be text';
    else if (value.trim().length > max) problems[field] = `must be at most ${max} characters`;
    else return value.trim();
    return '';
  };

  const title = text('title', 255);
  if (!title && !problems.title) problems.title = 'is required';
  const desc = text('desc', 2000);

  // Forms send numbers as text.
  const price = typeof body.price === 'string' && /^\d+(\.\d+)?$/.test(body.price.trim()) ? Number(body.price) : body.price;
  if (price === undefined || price === null || price === '') problems.price = 'is required';
  else if (typeof price !== 'number') problems.price = 'must be a number';
  else if (price < 0 || price > MAX_PRICE) problems.price = `must be from 0 to ${MAX_PRICE}`;
  else if (Number(price.toFixed(2)) !== price) problems.price = 'must have at most two decimals';

  const cover = text('cover', 1024);
  if (cover && !isAddress(cover)) problems.cover = 'must be a web address (https://…) or a path (/…), without spaces or accents';

  if (Object.keys(problems).length > 0) throw invalid(problems);
  return { title, desc, price, cover: cover || null };
}

/**
 * Other characters than ASCII's are percent-encoded in an address (RFC 3986).
 * @param {string} text
 */
function isAddress(text) {
  if (/^\/(?![/\\])[!-~]*$/.test(text)) return true;
  return /^https?:\/\/[!-~]+$/i.test(text) && URL.canParse(text);
}

/**
 * The id in a request's path.
 * @param {string} text
 */
export function parseId(text) {
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Infinity;
  if (id > 2_147_483_647) throw notFound();
  return id;
}

/**
 * The page a request asks for.
 * @param {any} query
 */
export function parsePage({ after = '0', limit = '100' }) {
  /** @type {Record<string, string>} */
  const problems = {};
  if (!/^\d{1,10}$/.test(after)) problems.after = 'must be the id of a book';
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > 500) problems.limit = 'must be from 1 to 500';
  if (Object.keys(problems).length > 0) throw invalid(problems);
  return { after: Number(after), limit: Number(limit) };
}

/** The table of books. */
export class Books {
  /** @param {Database} database */
  constructor(database) {
    this.database = database;
  }

  /** @param {{ after: number, limit: number }} page */
  async list({ after, limit }) {
    // One more than asked tells whether there is a next page. The limit is a checked
    // number: MySQL 8 refuses one that mysql2 has bound (it sends a double).
    const rows = await this.database.read(
      'SELECT id, title, `desc`, price, cover FROM books WHERE id > ? ORDER BY id LIMIT ' + (limit + 1),
      [after],
    );
    const books = rows.slice(0, limit);
    return { books, next: rows.length > limit ? books[limit - 1].id : undefined };
  }

  /** @param {Book} book */
  async add(book) {
    const { insertId } = await this.database.write('INSERT INTO books (title, `desc`, price, cover) VALUES (?, ?, ?, ?)', [
      book.title,
      book.desc,
      book.price,
      book.cover,
    ]);
    return { id: insertId, ...book };
  }

  /** @param {number} id @param {Book} book */
  async replace(id, book) {
    const { affectedRows } = await this.database.write(
      'UPDATE books SET title = ?, `desc` = ?, price = ?, cover = ? WHERE id = ?',
      [book.title, book.desc, book.price, book.cover, id],
    );
    if (affectedRows === 0) throw notFound();
    return { id, ...book };
  }

  /** @param {number} id */
  async remove(id) {
    const { affectedRows } = await this.database.write('DELETE FROM books WHERE id = ?', [id]);
    if (affectedRows === 0) throw notFound();
  }
}
