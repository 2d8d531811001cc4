// What goes wrong, as the API answers it.

/** An error with the HTTP answer it deserves. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code For programs; part of the API.
   * @param {string} message For people.
   * @param {{ fields?: Record<string, string>, retryAfter?: number, cause?: unknown }} [details]
   */
  constructor(status, code, message, { fields, retryAfter, cause } = {}) {
    super(message, { cause });
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.retryAfter = retryAfter;
  }
}

/** @param {Record<string, string>} fields The reason for each field refused. */
export const invalid = (fields) =>
  new ApiError(400, 'invalid', `Not valid: ${Object.keys(fields).join(', ')}`, { fields });

export const notFound = () => new ApiError(404, 'not_found', 'There is no such thing here.');

/** @param {unknown} [cause] */
export const readOnly = (cause) =>
  new ApiError(503, 'read_only', 'The system is read-only at the moment. Nothing was changed.', { retryAfter: 30, cause });

export const notWriter = () =>
  new ApiError(503, 'not_writer', 'This region does not take changes at the moment. Nothing was changed.', { retryAfter: 30 });

/** @param {unknown} [cause] */
export const unavailable = (cause) =>
  new ApiError(503, 'database_unavailable', 'The database cannot be reached at the moment.', { retryAfter: 5, cause });

/** @param {unknown} [cause] */
export const busy = (cause) =>
  new ApiError(503, 'busy', 'Too many requests are waiting for the database.', { retryAfter: 1, cause });

/** @param {unknown} [cause] */
export const uncertain = (cause) =>
  new ApiError(503, 'outcome_unknown', 'The database went away while saving. Check whether the change was made.', {
    retryAfter: 5,
    cause,
  });

/** @param {unknown} [cause] */
export const notMigrated = (cause) =>
  new ApiError(503, 'not_migrated', 'The database is being prepared.', { retryAfter: 5, cause });
