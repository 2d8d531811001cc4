import { ApiError } from './api';

const REASONS: Record<string, string> = {
  read_only: 'The system has just become read-only. Nothing was changed.',
  not_writer: 'You have reached a region that takes no changes at the moment. Nothing was changed. Try again in a minute.',
  not_found: 'This book is no longer there. Someone else may have deleted it.',
  database_unavailable: 'The database cannot be reached at the moment. Nothing was changed. Try again in a moment.',
  busy: 'Too many people are at it just now. Nothing was changed. Try again in a moment.',
  not_migrated: 'The system is just starting. Try again in a moment.',
  outcome_unknown: 'The connection broke while saving. Look at the list before you try again: it may have worked.',
  no_answer: 'No answer came. Look at the list before you try again: it may have worked.',
};

/** What to tell the user about a write that failed. */
export function explain(error: unknown): string {
  const reason = error instanceof ApiError ? REASONS[error.code] : undefined;
  return reason ?? 'Something went wrong on the server. Try again in a moment.';
}
