import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { messageOf } from '../../shared/errors';
import { failureOf } from './error-facts';
import { readJson, writePrivateJson } from './private-file';

const CLI_TIMEOUT_MS = 60_000;
const CHECK_TIMEOUT_MS = 10_000;
const UNAUTHORIZED = 401;
const CREATE = ['partners', 'create', '--name', 'Demo shop', '--website', 'https://demo.example'];
// With the origin of the Partner Guide's examples, so that they run with the demo key as well.
const TERMS = [
  '--contact-email',
  'demo@demo.example',
  '--plan',
  'ENTERPRISE',
  '--origin',
  'https://harbour.example',
  '--json',
];

const DemoPartner = z.object({ partnerId: z.string(), liveApiKey: z.string(), testApiKey: z.string() });
export type DemoPartner = z.infer<typeof DemoPartner>;

interface Options {
  dataDir: string;
  url: string;
  /** The compiled CLI. */
  cli: string;
  env: NodeJS.ProcessEnv;
}

/** The partner of the first steps, created through the CLI when this store does not know it yet. */
export async function demoPartner(options: Options): Promise<DemoPartner> {
  const file = join(options.dataDir, 'demo-partner.json');
  const kept = readJson(file, DemoPartner);
  // Another MONGO_URL on the same data folder means a store that never heard of the kept keys.
  if (kept !== null && (await isKnown(options.url, kept.liveApiKey))) return kept;
  const created = await create(options);
  writePrivateJson(file, created);
  return created;
}

async function create({ cli, env }: Options): Promise<DemoPartner> {
  if (!existsSync(cli)) throw new Error(`${cli} is not built`);
  try {
    const options = { env, timeout: CLI_TIMEOUT_MS };
    const { stdout } = await promisify(execFile)(process.execPath, [cli, ...CREATE, ...TERMS], options);
    return DemoPartner.parse(JSON.parse(stdout.slice(stdout.indexOf('{'), stdout.lastIndexOf('}') + 1)));
  } catch (error) {
    throw new Error(failureOf(error).stderr || messageOf(error), { cause: error });
  }
}

async function isKnown(url: string, apiKey: string): Promise<boolean> {
  const response = await fetch(`${url}/v1/resolve`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ userExternalId: 'u-1' }),
    signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
  });
  await response.body?.cancel();
  return response.status !== UNAUTHORIZED;
}
