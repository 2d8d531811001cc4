// The HTTP side: routes, and what every answer has in common.
import express from 'express';
import { ApiError, invalid, notFound } from './errors.js';
import { parseBook, parseId, parsePage } from './books.js';

const QUIET = new Set(['/health', '/ready']);
// Refused for where it came, not for what it was: operators count these lines.
const REFUSED = new Set(['not_writer', 'read_only']);

/**
 * @param {object} parts
 * @param {import('./books.js').Books} parts.books
 * @param {Pick<import('./database.js').Database, 'state' | 'migrated' | 'fence'>} parts.database
 * @param {Pick<import('./config.js').Config, 'region' | 'version' | 'siteOrigins'>} parts.config
 * @param {import('pino').BaseLogger} parts.log
 * @param {() => boolean} [parts.stopping]
 */
export function createApp({ books, database, config, log, stopping = () => false }) {
  const { region, version } = config;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');

  app.use(logRequests(log));
  app.use((_req, res, next) => {
    res.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
    if (stopping()) res.set('Connection', 'close');
    next();
  });
  app.use(cors(config.siteOrigins));

  app.get('/', (_req, res) => void res.json({ name: 'books-api', region, version }));
  app.get('/health', (_req, res) => void res.json({ status: 'ok' }));
  app.get('/ready', (_req, res) => {
    const ready = database.state === 'read-only' || (database.state === 'writable' && database.migrated);
    const status = ready ? 'ready' : database.state === 'writable' ? 'migrating' : 'unavailable';
    res.status(ready ? 200 : 503).json({ status, database: database.state, writer: database.fence.mayWrite, region, version });
  });

  app.get('/books', async (req, res) => {
    const page = parsePage(req.query);
    const { books: list, next } = await books.list(page);
    if (next !== undefined) res.set('Link', `</books?after=${next}&limit=${page.limit}>; rel="next"`);
    res.json(list);
  });
  app.post('/books', ...jsonBody, async (req, res) => {
    res.status(201).json(await books.add(parseBook(req.body)));
  });
  app.put('/books/:id', ...jsonBody, async (req, res) => {
    res.json(await books.replace(parseId(req.params.id), parseBook(req.body)));
  });
  app.delete('/books/:id', async (req, res) => {
    await books.remove(parseId(req.params.id));
    res.status(204).end();
  });

  app.use(() => {
    throw notFound();
  });
  app.use(answerErrors(log));
  return app;
}

/**
 * A firewall before the server refuses bodies over 8 KB in its own way. Books fit:
 * at three bytes a character, title and desc are 6765 bytes, and a cover is ASCII.
 * @type {express.RequestHandler<any>[]}
 */
const jsonBody = [
  express.json({ limit: '8kb' }),
  (req, _res, next) => {
    if (req.body === undefined) throw new ApiError(415, 'not_json', 'Send JSON (Content-Type: application/json).');
    if (Array.isArray(req.body)) throw invalid({ body: 'must be an object' });
    next();
  },
];

/**
 * Lets the site's pages, and no others, read the answers.
 * @param {string[]} origins
 * @returns {express.RequestHandler}
 */
function cors(origins) {
  return (req, res, next) => {
    res.vary('Origin');
    const allowed = req.headers.origin !== undefined && origins.includes(req.headers.origin);
    if (allowed) {
      res.set({
        'Access-Control-Allow-Origin': req.headers.origin,
        'Access-Control-Expose-Headers': 'Link, Retry-After',
      });
    }
    if (req.method === 'OPTIONS' && req.headers['access-control-request-method']) {
      if (allowed) {
        res.set({
          'Access-Control-Allow-Methods': 'GET, POST, PUT, DELETE',
          'Access-Control-Allow-Headers': 'Content-Type',
          'Access-Control-Max-Age': '600',
        });
      }
      res.status(204).end();
      return;
    }
    next();
  };
}

/**
 * @param {import('pino').BaseLogger} log
 * @returns {express.RequestHandler}
 */
function logRequests(log) {
  return (req, res, next) => {
    const start = performance.now();
    res.on('close', () => {
      const { method, path } = req;
      log[QUIET.has(path) ? 'debug' : 'info'](
        {
          method,
          path,
          status: res.writableFinished ? res.statusCode : 499, // the client left
          ms: Math.round(performance.now() - start),
          trace: req.get('X-Amzn-Trace-Id'),
        },
        'request',
      );
    });
    next();
  };
}

/**
 * @param {import('pino').BaseLogger} log
 * @returns {express.ErrorRequestHandler}
 */
function answerErrors(log) {
  return (error, req, res, next) => {
    const answer = toApiError(error);
    if (answer.status >= 500) {
      const { method, path } = req;
      const level = answer.status === 500 ? 'error' : 'warn';
      const event = REFUSED.has(answer.code) ? 'write refused' : 'request failed';
      log[level]({ method, path, code: answer.code, err: answer.cause ?? answer }, event);
    }
    if (res.headersSent) return next(error);
    if (answer.retryAfter !== undefined) res.set('Retry-After', String(answer.retryAfter));
    res.status(answer.status).json({ code: answer.code, message: answer.message, fields: answer.fields });
  };
}

/** @param {any} error */
function toApiError(error) {
  if (error instanceof ApiError) return error;
  // What express and its parsers throw about the request.
  if (error.type === 'entity.too.large') return new ApiError(413, 'too_large', 'The request is too large.');
  if (error.type === 'entity.parse.failed') return new ApiError(400, 'not_json', 'The body is not valid JSON.');
  if (error.status >= 400 && error.status < 500) return new ApiError(error.status, 'bad_request', 'The request cannot be understood.');
  return new ApiError(500, 'internal', 'Something went wrong here.', { cause: error });
}
