import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMongo, startRedis } from '../../deploy/local/stores';
import type { StoreServer } from '../../deploy/local/store-server';

/** A store server that only one test uses, so the test may stop, kill or freeze the server. */
export interface OwnStore {
  url: string;
  /** Contains the server's files and log. */
  dataDir: string;
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

/** A store that its owner must end. */
export interface OpenedStore extends OwnStore {
  /** The server, with its version and origin. */
  description: string;
  /** Returns whether the server runs. It may also have exited by itself. */
  isRunning(): boolean;
  /** Kills the server and deletes its files. */
  end(): Promise<void>;
}

export interface OwnRedisOptions {
  args?: readonly string[];
  /** The environment that determines which server is used. Evaluated at each start. */
  env?: () => NodeJS.ProcessEnv;
  dataDir?: string;
}

async function open(
  chosenDir: string | undefined,
  start: (dataDir: string, port?: number) => Promise<StoreServer>,
): Promise<OpenedStore> {
  const dataDir = chosenDir ?? mkdtempSync(join(tmpdir(), 'mir-fault-'));
  mkdirSync(dataDir, { recursive: true });
  let server = await start(dataDir);
  const { url, port, description } = server;
  let running = true;
  const watch = (): void => {
    const watched = server;
    void watched.exited.then(() => {
      if (watched === server) running = false;
    });
  };
  watch();
  const end = async (way: 'stop' | 'kill'): Promise<void> => {
    if (!running) return;
    running = false;
    if (way === 'stop') process.kill(server.pid, 'SIGCONT');
    await server[way]();
  };
  return {
    url,
    dataDir,
    description,
    isRunning: () => running,
    stop: () => end('stop'),
    kill: () => end('kill'),
    restart: async () => {
      server = await start(dataDir, port);
      running = true;
      watch();
    },
    freeze: () => void process.kill(server.pid, 'SIGSTOP'),
    thaw: () => void process.kill(server.pid, 'SIGCONT'),
    end: async () => {
      await end('kill');
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const portOption = (port: number | undefined): { port?: number } => (port === undefined ? {} : { port });

/** Starts a Redis server, by default in a new folder. */
export function openOwnRedis({ args = [], env, dataDir }: OwnRedisOptions = {}): Promise<OpenedStore> {
  return open(dataDir, (folder, port) =>
    startRedis({ dataDir: folder, args, ...portOption(port), ...(env ? { env: env() } : {}) }),
  );
}

/** Starts a MongoDB server, by default in a new folder. */
export function openOwnMongo({
  env = process.env,
  dataDir,
}: { env?: NodeJS.ProcessEnv; dataDir?: string } = {}): Promise<OpenedStore> {
  return open(dataDir, (folder, port) => startMongo({ dataDir: folder, env, ...portOption(port) }));
}
