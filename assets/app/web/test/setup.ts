import { cleanup } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

// jsdom knows the element, not what it does; the browser's own part is the end-to-end test's.
HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
  this.open = false;
};

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});
