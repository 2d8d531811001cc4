import { useCallback, useEffect, useRef, useState } from 'react';
import type { Api, System } from './api';
import { retryDelay } from './retryDelay';

const CALM_MS = 30_000;

/**
 * Follows whether the system can be written to. Undefined until the first answer;
 * asked more often while something is wrong, so that the page notices the end of it.
 */
export function useSystem(api: Api): { system: System | undefined; markReadOnly: (writer: boolean) => void } {
  const [system, setSystem] = useState<System>();
  const askIn = useRef<(ms: number) => void>(() => {});

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;

    async function ask() {
      const answer = await api.system().catch(() => undefined);
      if (ended) return;
      setSystem((old) => answer ?? { database: 'unreachable', writer: true, ready: false, region: old?.region ?? '' });
      askIn.current(answer?.ready && answer.database === 'writable' ? CALM_MS : retryDelay());
    }
    askIn.current = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(ask, ms);
    };

    const askIfSeen = () => {
      if (document.visibilityState === 'visible') askIn.current(0);
    };
    document.addEventListener('visibilitychange', askIfSeen);
    window.addEventListener('online', askIfSeen);
    void ask();
    return () => {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', askIfSeen);
      window.removeEventListener('online', askIfSeen);
    };
  }, [api]);

  /** A write was refused before we had noticed. */
  const markReadOnly = useCallback((writer: boolean) => {
    setSystem((old) => ({ database: 'read-only', writer, ready: true, region: old?.region ?? '' }));
    askIn.current(retryDelay()); // not at once: another server may not have noticed either
  }, []);

  return { system, markReadOnly };
}
