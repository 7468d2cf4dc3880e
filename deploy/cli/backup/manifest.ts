import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const OWNER_ONLY = 0o600;
const FILE = 'manifest.json';

const part = z.object({
  name: z.string(),
  count: z.number().int().min(0),
  bytes: z.number().int().min(0),
  /** Hash of the uncompressed content. */
  sha256: z.string(),
});
export type Part = z.infer<typeof part>;

const manifestSchema = z.object({
  format: z.literal(1),
  createdAt: z.iso.datetime(),
  /** How the dump obtained a consistent view of the collections. */
  consistency: z.enum(['SNAPSHOT_READS', 'TRANSACTION']),
  pepperFingerprint: z.string(),
  collections: z.array(part),
  queue: part,
});
export type Manifest = z.infer<typeof manifestSchema>;

/** Writes the manifest. Call this last, because a folder without a manifest counts as an incomplete backup. */
export function writeManifest(folder: string, manifest: Manifest): void {
  const file = join(folder, FILE);
  writeFileSync(`${file}.tmp`, `${JSON.stringify(manifest, null, 2)}\n`, { mode: OWNER_ONLY });
  renameSync(`${file}.tmp`, file);
}

/** Reads the manifest. Throws a readable error if the folder does not contain a complete backup. */
export function readManifest(folder: string): Manifest {
  let text: string;
  try {
    text = readFileSync(join(folder, FILE), 'utf8');
  } catch {
    throw new Error(`${folder} does not contain a complete backup: ${FILE}, which is written last, is missing.`);
  }
  const parsed = manifestSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new Error(`${join(folder, FILE)} is not a backup manifest that this version of MIR can read`);
}
