import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError, type Api, type Book, type Draft } from './api';
import { BookCard } from './BookCard';
import { BookForm } from './BookForm';
import { DeleteDialog } from './DeleteDialog';
import { retryDelay } from './retryDelay';
import { useSystem } from './useSystem';

type Listing = { status: 'loading' } | { status: 'failed' } | { status: 'ready'; books: Book[]; next?: string };

type Open = { what: 'add' } | { what: 'edit' | 'delete'; book: Book } | undefined;

export function App({ api, region }: { api: Api; region: string }) {
  const [listing, setListing] = useState<Listing>({ status: 'loading' });
  const [open, setOpen] = useState<Open>();
  const [notice, setNotice] = useState('');
  const [loadingMore, setLoadingMore] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const deleted = useRef(false);
  const changes = useRef(0);
  const { system, markReadOnly } = useSystem(api);
  const readOnly = system?.database === 'read-only';

  const load = useCallback(async () => {
    const before = changes.current;
    try {
      const page = await api.list();
      if (changes.current !== before) return void load(); // it may be older than what the page shows
      setListing({ status: 'ready', ...page });
    } catch {
      // Books already on the page are better than none.
      setListing((old) => (old.status === 'ready' ? old : { status: 'failed' }));
    }
  }, [api]);

  const retry = useCallback(() => {
    setListing({ status: 'loading' });
    void load();
  }, [load]);

  useEffect(() => void load(), [load]);

  // What the page shows may be from before: of another region, or of before an outage.
  const serving = system && `${system.ready} ${system.database} ${system.region}`;
  const served = useRef(serving);
  useEffect(() => {
    if (served.current && system?.ready) void load();
    served.current = serving;
  }, [serving, system?.ready, load]);

  useEffect(() => {
    if (listing.status !== 'failed') return;
    const timer = setInterval(load, retryDelay());
    return () => clearInterval(timer);
  }, [listing.status, load]);

  useEffect(() => {
    if (open || !deleted.current) return;
    deleted.current = false;
    heading.current?.focus(); // the button that opened the dialog has gone
  }, [open]);

  useEffect(() => {
    if (!notice) return;
    const timer = setTimeout(() => setNotice(''), 6_000);
    return () => clearTimeout(timer);
  }, [notice]);

  async function more(path: string) {
    setLoadingMore(true);
    try {
      const page = await api.list(path);
      setListing((old) => (old.status === 'ready' ? { status: 'ready', books: merge(old.books, page.books), next: page.next } : old));
    } catch {
      setNotice('More books could not be loaded. Try again in a moment.');
    } finally {
      setLoadingMore(false);
    }
  }

  function change(update: (books: Book[]) => Book[]) {
    changes.current++;
    setListing((old) => (old.status === 'ready' ? { ...old, books: update(old.books) } : old));
  }

  /** Runs a write; what it throws is for the dialog to show. */
  async function write<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ApiError) {
        if (error.code === 'read_only' || error.code === 'not_writer') markReadOnly(error.code === 'read_only');
        // The list may not be what we think it is.
        if (['not_found', 'no_answer', 'outcome_unknown'].includes(error.code)) void load();
      }
      throw error;
    }
  }

  async function save(draft: Draft) {
    if (open?.what === 'edit') {
      const { id } = open.book;
      const book = await write(() => api.replace(id, draft));
      change((books) => merge(books, [book]));
      setNotice(`“${book.title}” is saved.`);
    } else {
      const book = await write(() => api.add(draft));
      change((books) => merge(books, [book]));
      setNotice(`“${book.title}” is added.`);
    }
    setOpen(undefined);
  }

  async function remove(book: Book) {
    await write(() => api.remove(book.id));
    change((books) => books.filter(({ id }) => id !== book.id));
    setNotice(`“${book.title}” is deleted.`);
    deleted.current = true;
    setOpen(undefined);
  }

  return (
    <>
      <header className="top">
        <h1 tabIndex={-1} ref={heading}>
          Books
        </h1>
        <button type="button" className="primary" onClick={() => setOpen({ what: 'add' })} disabled={listing.status !== 'ready'}>
          Add a book
        </button>
      </header>

      <div role="status" className="banners">
        {readOnly && (
          <p className="banner">
            <strong>Read-only for now.</strong> You can look at the books, but not change them
            {!system.writer && ': you have reached a region that takes no changes at the moment'}. This page notices by itself when that
            is over.
          </p>
        )}
        {system && !system.ready && listing.status === 'ready' && (
          <p className="banner">
            <strong>The server is having trouble.</strong> What you see may be out of date, and changes may fail.
          </p>
        )}
      </div>

      <main>
        {listing.status === 'loading' && <Loading />}
        {listing.status === 'failed' && (
          <div className="empty" role="alert">
            <p>The books could not be loaded. This page tries again by itself.</p>
            <button type="button" onClick={retry}>
              Try again
            </button>
          </div>
        )}
        {listing.status === 'ready' && listing.books.length === 0 && (
          <div className="empty">
            <p>There are no books yet.</p>
          </div>
        )}
        {listing.status === 'ready' && listing.books.length > 0 && (
          <ul className="books" aria-label="Books">
            {listing.books.map((book) => (
              <BookCard
                key={book.id}
                book={book}
                onEdit={() => setOpen({ what: 'edit', book })}
                onDelete={() => setOpen({ what: 'delete', book })}
              />
            ))}
          </ul>
        )}
        {listing.status === 'ready' && listing.next !== undefined && (
          <p className="more">
            <button type="button" onClick={() => void more(listing.next!)} disabled={loadingMore}>
              {loadingMore ? 'Loading…' : 'Show more'}
            </button>
          </p>
        )}
      </main>

      <footer>{servedFrom(region, system?.region)}</footer>

      <div role="status" className={notice ? 'notice shown' : 'notice'}>
        {notice}
      </div>

      {(open?.what === 'add' || open?.what === 'edit') && (
        <BookForm
          book={open.what === 'edit' ? open.book : undefined}
          readOnly={readOnly}
          onSave={save}
          onClose={() => setOpen(undefined)}
        />
      )}
      {open?.what === 'delete' && (
        <DeleteDialog book={open.book} readOnly={readOnly} onDelete={remove} onClose={() => setOpen(undefined)} />
      )}
    </>
  );
}

function Loading() {
  return (
    <>
      <p role="status" className="hidden">
        Loading the books…
      </p>
      <ul className="books" aria-hidden="true">
        {[1, 2, 3].map((n) => (
          <li key={n} className="card ghost" />
        ))}
      </ul>
    </>
  );
}

/** Books by id, those of `news` replacing older ones. */
function merge(books: Book[], news: Book[]): Book[] {
  const byId = new Map([...books, ...news].map((book) => [book.id, book]));
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

function servedFrom(site: string, api: string | undefined): string {
  if (site && api && site !== api) return `Site from ${site}, data from ${api}`;
  const region = api || site;
  return region ? `Served from ${region}` : '';
}
