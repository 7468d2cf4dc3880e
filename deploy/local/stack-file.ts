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

/** Describes a running `npm start` for the CLI and the demo. */
export type StackFile = z.infer<typeof Stack>;

/** Writes the file that the CLI and the demo use to find this stack. */
export function writeStackFile(dataDir: string, stack: StackFile): void {
  writePrivateJson(join(dataDir, 'stack.json'), stack);
}

/**
 * Returns the contents of a data folder's stack file, or null if the folder does not have one. The stack may no longer
 * be running.
 */
export function readStackFile(dataDir: string): StackFile | null {
  return readJson(join(dataDir, 'stack.json'), Stack);
}

export function removeStackFile(dataDir: string): void {
  rmSync(join(dataDir, 'stack.json'), { force: true });
}
