// The page as a user meets it, with the API in memory.
import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createApi } from '../src/api';
import { App } from '../src/App';
import { API, FakeServer, refusal } from './fakeServer';

const dune = { id: 1, title: 'Dune', desc: 'Sand.', price: 9.99, cover: null };
const emma = { id: 2, title: 'Emma', desc: '', price: 5, cover: '/covers/emma.jpg' };

let server: FakeServer;
beforeEach(() => {
  server = new FakeServer();
  server.books = [dune, emma];
});

const open = (region = 'us-east-1') => render(<App api={createApi(API)} region={region} />);
const titles = () => screen.queryAllByRole('heading', { level: 2 }).map((h) => h.textContent);
const button = (name: string | RegExp) => screen.findByRole('button', { name });
const dialog = async () => within(await screen.findByRole('dialog'));

describe('the list', () => {
  test('shows that it is loading, then the books', async () => {
    open();
    expect(screen.getByText('Loading the books…')).toBeTruthy();
    await screen.findByText('Dune', { selector: 'h2' });
    expect(titles()).toEqual(['Dune', 'Emma']);
    expect(screen.getByText('$9.99')).toBeTruthy();
    expect(screen.getByText('Served from us-east-1')).toBeTruthy();
  });

  test('says when there is nothing', async () => {
    server.books = [];
    open();
    await screen.findByText('There are no books yet.');
  });

  test('says when it failed, and tries again', async () => {
    server.instead.set('GET /books', () => refusal(500, 'internal'));
    open();
    const again = await button('Try again');
    server.instead.clear();
    await userEvent.click(again);
    await screen.findByText('Dune', { selector: 'h2' });
  });

  test('comes by itself when the server recovers', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    server.instead.set('GET /books', () => refusal(503, 'database_unavailable'));
    open();
    await button('Try again');
    server.instead.clear();
    await act(() => vi.advanceTimersByTimeAsync(18_000));
    await screen.findByText('Dune', { selector: 'h2' });
  });

  test.each([
    ['another region serves', (server: FakeServer) => (server.region = 'us-west-2'), () => {}],
    ['an outage is over', (server: FakeServer) => (server.ready = false), (server: FakeServer) => (server.ready = true)],
  ])('is read again when %s', async (_what, begin, end) => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    open();
    await screen.findByText('Emma', { selector: 'h2' });
    expect(server.requests.filter((r) => r === 'GET /books')).toHaveLength(1);
    server.books = [dune];
    begin(server);
    await act(() => vi.advanceTimersByTimeAsync(30_000));
    end(server);
    await act(() => vi.advanceTimersByTimeAsync(30_000));
    await waitFor(() => expect(titles()).toEqual(['Dune']));
  });

  test('does not lose a book that was added while it was read', async () => {
    open();
    await screen.findByText('Emma', { selector: 'h2' });
    let answerLate = (_response: Response) => {};
    server.instead.set('GET /books', () => new Promise((resolve) => (answerLate = resolve)));
    server.instead.set('PUT /books/1', () => refusal(404, 'not_found')); // has the list read again
    await userEvent.click(await button('Edit “Dune”'));
    await userEvent.click((await dialog()).getByRole('button', { name: 'Save' }));
    await userEvent.click((await dialog()).getByRole('button', { name: 'Cancel' }));
    server.instead.delete('GET /books');
    await userEvent.click(await button('Add a book'));
    const form = await dialog();
    await userEvent.type(form.getByLabelText('Title'), 'Ulysses');
    await userEvent.click(form.getByRole('button', { name: 'Save' }));
    await screen.findByText('“Ulysses” is added.');
    await act(async () => answerLate(new Response(JSON.stringify([dune, emma]))));
    await waitFor(() => expect(server.requests.filter((r) => r === 'GET /books')).toHaveLength(3));
    await waitFor(() => expect(titles()).toEqual(['Dune', 'Emma', 'Ulysses']));
  });

  test('asks a troubled server seldom, and not in step with other pages', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const chance = vi.spyOn(Math, 'random');
    const requestsIn5Minutes = async (random: number) => {
      chance.mockReturnValue(random);
      server = new FakeServer();
      for (const path of ['/books', '/ready']) server.instead.set(`GET ${path}`, () => refusal(503, 'database_unavailable'));
      const page = open();
      await act(() => vi.advanceTimersByTimeAsync(300_000));
      page.unmount();
      return server.requests.length;
    };
    // Twice the first question and 25 more: 38 such pages stay below 2000 requests.
    expect(await requestsIn5Minutes(0)).toBeLessThanOrEqual(52);
    expect(await requestsIn5Minutes(0.99)).toBeLessThan(await requestsIn5Minutes(0));
  });

  test('continues page by page', async () => {
    server.pageSize = 1;
    open();
    await userEvent.click(await button('Show more'));
    await waitFor(() => expect(titles()).toEqual(['Dune', 'Emma']));
    expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull();
  });

  test('names both regions when they differ', async () => {
    open('us-west-2');
    await screen.findByText('Site from us-west-2, data from us-east-1');
  });
});

describe('changing books', () => {
  test('add', async () => {
    open();
    await userEvent.click(await button('Add a book'));
    const form = await dialog();
    await userEvent.type(form.getByLabelText('Title'), 'Ulysses');
    await userEvent.type(form.getByLabelText('Price'), '12,50');
    await userEvent.click(form.getByRole('button', { name: 'Save' }));
    await screen.findByText('“Ulysses” is added.');
    expect(titles()).toEqual(['Dune', 'Emma', 'Ulysses']);
    expect(server.books[2]).toEqual({ id: 3, title: 'Ulysses', desc: '', price: 12.5, cover: null });
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  test('edit', async () => {
    open();
    await userEvent.click(await button('Edit “Dune”'));
    const form = await dialog();
    const title = form.getByLabelText<HTMLInputElement>('Title');
    expect(title.value).toBe('Dune');
    expect(form.getByLabelText<HTMLInputElement>('Price').value).toBe('9.99');
    await userEvent.type(title, ' Messiah{Enter}');
    await screen.findByText('“Dune Messiah” is saved.');
    expect(titles()).toEqual(['Dune Messiah', 'Emma']);
  });

  test('delete, after asking; focus goes on to the heading', async () => {
    open();
    await userEvent.click(await button('Delete “Dune”'));
    await userEvent.click((await dialog()).getByRole('button', { name: 'Delete' }));
    await screen.findByText('“Dune” is deleted.');
    expect(titles()).toEqual(['Emma']);
    await waitFor(() => expect(document.activeElement?.textContent).toBe('Books'));
  });

  test('cancel changes nothing', async () => {
    open();
    await userEvent.click(await button('Delete “Dune”'));
    await userEvent.click((await dialog()).getByRole('button', { name: 'Cancel' }));
    expect(screen.queryByRole('dialog')).toBeNull();
    expect(titles()).toEqual(['Dune', 'Emma']);
  });

  test('a field that is not valid says why and takes the focus', async () => {
    server.instead.set('POST /books', () => refusal(400, 'invalid', { price: 'must be a number' }));
    open();
    await userEvent.click(await button('Add a book'));
    const form = await dialog();
    await userEvent.type(form.getByLabelText('Title'), 'Ulysses');
    await userEvent.click(form.getByRole('button', { name: 'Save' }));
    const problem = await form.findByText('Price must be a number.');
    const price = form.getByLabelText('Price');
    expect(price.getAttribute('aria-invalid')).toBe('true');
    expect(price.getAttribute('aria-describedby')).toContain(problem.id);
    expect(document.activeElement).toBe(price);
    expect(form.getByLabelText<HTMLInputElement>('Title').value).toBe('Ulysses');
  });

  test('no answer is not taken for a failure: the list is read again', async () => {
    server.instead.set('POST /books', () => Promise.reject(new TypeError('network')));
    open();
    await userEvent.click(await button('Add a book'));
    const form = await dialog();
    server.books = [...server.books, { ...dune, id: 3, title: 'Ulysses' }];
    await userEvent.click(form.getByRole('button', { name: 'Save' }));
    await form.findByText(/it may have worked/);
    await waitFor(() => expect(titles()).toContain('Ulysses'));
  });
});

describe('read-only', () => {
  test('is announced, and forms say so and save nothing', async () => {
    server.database = 'read-only';
    open();
    await screen.findByText('Read-only for now.');
    await userEvent.click(await button('Edit “Dune”'));
    const form = await dialog();
    expect(form.getByText(/read-only for now/)).toBeTruthy();
    await userEvent.click(form.getByRole('button', { name: 'Save' }));
    await userEvent.click(form.getByRole('button', { name: 'Cancel' }));
    await userEvent.click(await button('Delete “Dune”'));
    await userEvent.click((await dialog()).getByRole('button', { name: 'Delete' }));
    expect(server.requests.filter((r) => !r.startsWith('GET'))).toEqual([]);
  });

  test('is put down to the region, where that takes no changes', async () => {
    server.writer = false;
    open();
    await screen.findByText(/reached a region that takes no changes/);
  });

  test('is put down to nothing where the database is read-only', async () => {
    server.database = 'read-only';
    open();
    await screen.findByText('Read-only for now.');
    expect(screen.queryByText(/reached a region/)).toBeNull();
  });

  test('of the region, found out while saving: over once it is the writer again', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
    open();
    await user.click(await button('Delete “Dune”'));
    const form = await dialog();
    server.writer = false;
    await user.click(form.getByRole('button', { name: 'Delete' }));
    await screen.findByText(/reached a region that takes no changes/);
    server.writer = true;
    await act(() => vi.advanceTimersByTimeAsync(18_000));
    await user.click(form.getByRole('button', { name: 'Delete' }));
    await screen.findByText('“Dune” is deleted.');
  });

  test('found out while saving: the text is kept, and saved once it is over', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
    open();
    await user.click(await button('Add a book'));
    const form = await dialog();
    await user.type(form.getByLabelText('Title'), 'Ulysses');
    await user.type(form.getByLabelText('Price'), '1');
    server.database = 'read-only';
    await user.click(form.getByRole('button', { name: 'Save' }));
    await screen.findByText('Read-only for now.');
    server.database = 'writable';
    await act(() => vi.advanceTimersByTimeAsync(18_000));
    await waitFor(() => expect(screen.queryByText('Read-only for now.')).toBeNull());
    await user.click(form.getByRole('button', { name: 'Save' }));
    await screen.findByText('“Ulysses” is added.');
  });
});
