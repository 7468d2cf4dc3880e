import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from './private-file';
import { awaitExit, identify } from '../../shared/process/process-identity';

// A guard gives a server that lost its parent 10 s before it kills it.
const FORMER_SERVER_TIMEOUT_MS = 15_000;
const Identity = z.object({ pid: z.number(), born: z.string() });

/** A running store server. */
export interface StoreServer {
  url: string;
  description: string;
  port: number;
  /** The server's own process, not a wrapper's. */
  pid: number;
  /** Resolves when the process is gone, for whatever reason. */
  exited: Promise<void>;
  /** Stops in good order and waits for the end. */
  stop(): Promise<void>;
  /** kill -9 of the server itself, and waits for the end. */
  kill(): Promise<void>;
}

export interface StartOptions {
  dataDir: string;
  /** Used as it is. Default: a free one. */
  port?: number;
  env?: NodeJS.ProcessEnv;
  /** Where downloaded servers are kept. Default: `.cache/stores` of the project. */
  cacheDir?: string;
  onProgress?: (line: string) => void;
}

/** Waits for a server that still closes these files: its parent may have been killed a moment ago. */
export async function awaitFormerServer(dataDir: string, store: string): Promise<void> {
  const former = readJson(recordFile(dataDir, store), Identity);
  if (former === null || (await awaitExit(former, FORMER_SERVER_TIMEOUT_MS))) return;
  throw new Error(`${join(dataDir, store)} is in use by a running server (process ${former.pid})`);
}

/** Notes which process has the files open. */
export function recordServer(dataDir: string, store: string, pid: number): void {
  const identity = identify(pid);
  if (identity !== null) writePrivateJson(recordFile(dataDir, store), identity);
}

function recordFile(dataDir: string, store: string): string {
  return join(dataDir, `${store}.process.json`);
}
