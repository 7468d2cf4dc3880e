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

/** Writes the file through which the CLI and the demo find this stack. */
export function writeStackFile(dataDir: string, stack: StackFile): void {
  writePrivateJson(join(dataDir, 'stack.json'), stack);
}

/** Reads a data folder's stack file, or returns null if the folder has no stack file. The stack may have been killed in the meantime. */
export function readStackFile(dataDir: string): StackFile | null {
  return readJson(join(dataDir, 'stack.json'), Stack);
}

export function removeStackFile(dataDir: string): void {
  rmSync(join(dataDir, 'stack.json'), { force: true });
}
