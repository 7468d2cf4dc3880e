import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/errors';
import type { StoreServer } from './store-server';

const RESTARTS_MAX = 5;
const RESTARTS_WINDOW_MS = 60_000;
const RESTART_DELAY_MS = 250;

export interface KeptServer {
  url: string;
  description: string;
  /** Resolves with the reason when the server has died too many times or cannot be restarted. */
  gaveUp: Promise<string>;
  stop(): Promise<void>;
}

/** Starts a store server and restarts it on the same port whenever it dies. */
export async function keepAlive(
  name: string,
  start: (port?: number) => Promise<StoreServer>,
  onProgress: (line: string) => void,
): Promise<KeptServer> {
  let current = await start();
  const { url, description, port } = current;
  const stopping = new AbortController();
  const stopRequested = new Promise<'stop'>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve('stop'));
  });

  const watch = async (): Promise<string | null> => {
    let deaths: number[] = [];
    for (;;) {
      if ((await Promise.race([current.exited, stopRequested])) === 'stop') return null;
      deaths = [...deaths.filter((at) => Date.now() - at < RESTARTS_WINDOW_MS), Date.now()];
      if (deaths.length > RESTARTS_MAX) return `${name} died ${deaths.length} times within a minute`;
      onProgress(`${name} died; restarting it on port ${port}`);
      await delay(RESTART_DELAY_MS);
      if (stopping.signal.aborted) return null;
      try {
        await current.stop();
        current = await start(port);
      } catch (error) {
        return `${name} died and cannot be restarted: ${messageOf(error)}`;
      }
    }
  };

  const watching = watch();
  return {
    url,
    description,
    gaveUp: new Promise((resolve) => void watching.then((reason) => reason !== null && resolve(reason))),
    async stop() {
      stopping.abort();
      await watching;
      await current.stop();
    },
  };
}
