import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from './private-file';

const SECRET_BYTES = 32;
const Secrets = z.object({ ADMIN_TOKEN: z.string(), SUBJECT_PEPPER: z.string() });

/** Returns the data folder's secrets, generating them on the first start. Values in the environment take precedence. */
export function loadSecrets(dataDir: string, env: NodeJS.ProcessEnv): z.infer<typeof Secrets> {
  const file = join(dataDir, 'secrets.json');
  let kept = readJson(file, Secrets);
  if (kept === null) {
    kept = { ADMIN_TOKEN: newSecret(), SUBJECT_PEPPER: newSecret() };
    writePrivateJson(file, kept);
  }
  return {
    ADMIN_TOKEN: env['ADMIN_TOKEN'] || kept.ADMIN_TOKEN,
    SUBJECT_PEPPER: env['SUBJECT_PEPPER'] || kept.SUBJECT_PEPPER,
  };
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}
