import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { startMongo, startRedis } from '../../deploy/local/stores';
import type { StoreServer } from '../../deploy/local/store-server';

/** A store server of a test's own, which it may stop, kill and freeze. */
export interface OwnStore {
  url: string;
  /** Ends in good order. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again on its port and files. */
  startAgain(): Promise<void>;
  /** Keeps its connections but answers nothing. */
  freeze(): void;
  thaw(): void;
}

/** Starters of stores that end with the test file, whatever becomes of its tests. */
export function ownStores(): {
  ownRedis(args?: readonly string[]): Promise<OwnStore>;
  ownMongo(): Promise<OwnStore>;
} {
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(ends.map((end) => end()));
  });

  const own = async (start: (dataDir: string, port?: number) => Promise<StoreServer>): Promise<OwnStore> => {
    const dataDir = mkdtempSync(join(tmpdir(), 'mir-fault-'));
    let server = await start(dataDir);
    const { url, port } = server;
    let runs = true;
    const end = async (way: 'stop' | 'kill'): Promise<void> => {
      if (!runs) return;
      runs = false;
      process.kill(server.pid, 'SIGCONT');
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
      startAgain: async () => {
        server = await start(dataDir, port);
        runs = true;
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
