import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from './private-file';

const Stack = z.object({
  pid: z.number(),
  url: z.string(),
  mongoUrl: z.string(),
  redisUrl: z.string(),
  keyspace: z.string().default('mir'),
  metricsUrl: z.string(),
  workerUrls: z.array(z.string()),
  startedAt: z.string(),
});

/** Where a running `npm start` is reached; the CLI and the demo read it. */
export type StackFile = z.infer<typeof Stack>;

/** Tells others where this stack is reached. */
export function writeStackFile(dataDir: string, stack: StackFile): void {
  writePrivateJson(join(dataDir, 'stack.json'), stack);
}

/** What the stack on this data folder told of itself; null when there is none. It may have been killed since. */
export function readStackFile(dataDir: string): StackFile | null {
  return readJson(join(dataDir, 'stack.json'), Stack);
}

/** Takes the file away when the stack stops. */
export function removeStackFile(dataDir: string): void {
  rmSync(join(dataDir, 'stack.json'), { force: true });
}
