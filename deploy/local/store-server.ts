import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from './private-file';
import { awaitExit, identify } from '../../shared/process/process-identity';

// Longer than the 10 s after which a guard kills a server whose parent has died.
const FORMER_SERVER_TIMEOUT_MS = 15_000;
const Identity = z.object({ pid: z.number(), born: z.string() });

/** A running store server. */
export interface StoreServer {
  url: string;
  description: string;
  port: number;
  /** The pid of the server itself, not of a wrapper. */
  pid: number;
  /** Resolves when the process exits for any reason. */
  exited: Promise<void>;
  /** Stops the server gracefully and waits for it to exit. */
  stop(): Promise<void>;
  /** Kills the server with SIGKILL and waits for it to exit. */
  kill(): Promise<void>;
}

export interface StartOptions {
  dataDir: string;
  /** Defaults to a free port. */
  port?: number;
  env?: NodeJS.ProcessEnv;
  /** Folder for downloaded servers. Defaults to `.cache/stores` in the project. */
  cacheDir?: string;
  onProgress?: (line: string) => void;
}

/** Waits for a previous server to exit, in case its parent has just been killed. Throws if it keeps running. */
export async function awaitFormerServer(dataDir: string, store: string): Promise<void> {
  const former = readJson(recordFile(dataDir, store), Identity);
  if (former === null || (await awaitExit(former, FORMER_SERVER_TIMEOUT_MS))) return;
  throw new Error(`${join(dataDir, store)} is in use by a running server (process ${former.pid})`);
}

/** Records which process uses a store's files. */
export function recordServer(dataDir: string, store: string, pid: number): void {
  const identity = identify(pid);
  if (identity !== null) writePrivateJson(recordFile(dataDir, store), identity);
}

function recordFile(dataDir: string, store: string): string {
  return join(dataDir, `${store}.process.json`);
}
