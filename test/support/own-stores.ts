import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { startMongo, startRedis } from '../../deploy/local/stores';
import type { StoreServer } from '../../deploy/local/store-server';

/** A store server that only one test uses, so the test may stop, kill or freeze the server. */
export interface OwnStore {
  url: string;
  /** Shuts down gracefully. */
  stop(): Promise<void>;
  /** Sends SIGKILL. */
  kill(): Promise<void>;
  /** Restarts the server with the same port and files. */
  restart(): Promise<void>;
  /** Sends SIGSTOP. Connections stay open, but the server does not respond. */
  freeze(): void;
  thaw(): void;
}

/** Returns functions that start a store. The stores stop after the last test, even if tests fail. */
export function ownStores(): {
  ownRedis: (args?: readonly string[]) => Promise<OwnStore>;
  ownMongo: () => Promise<OwnStore>;
} {
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(ends.map((end) => end()));
  });

  const own = async (start: (dataDir: string, port?: number) => Promise<StoreServer>): Promise<OwnStore> => {
    const dataDir = mkdtempSync(join(tmpdir(), 'mir-fault-'));
    let server = await start(dataDir);
    const { url, port } = server;
    let running = true;
    const end = async (way: 'stop' | 'kill'): Promise<void> => {
      if (!running) return;
      running = false;
      if (way === 'stop') process.kill(server.pid, 'SIGCONT');
      await server[way]();
    };
    ends.push(async () => {
      await end('kill');
      rmSync(dataDir, { recursive: true, force: true });
    });
    return {
      url,
      stop: () => end('stop'),
      kill: () => end('kill'),
      restart: async () => {
        server = await start(dataDir, port);
        running = true;
      },
      freeze: () => void process.kill(server.pid, 'SIGSTOP'),
      thaw: () => void process.kill(server.pid, 'SIGCONT'),
    };
  };

  return {
    ownRedis: (args = []) =>
      own((dataDir, port) => startRedis({ dataDir, args, ...(port === undefined ? {} : { port }) })),
    ownMongo: () => own((dataDir, port) => startMongo({ dataDir, ...(port === undefined ? {} : { port }) })),
  };
}
