import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from './private-file';
import { type Cli, runCli } from './run-cli';

const CHECK_TIMEOUT_MS = 10_000;
const UNAUTHORIZED = 401;
const CREATE = ['partners', 'create', '--name', 'Demo shop', '--website', 'https://demo.example'];
// Includes the origin from the Partner Guide, so the guide's examples work with the demo key.
const TERMS = ['--contact-email', 'demo@demo.example', '--plan', 'ENTERPRISE', '--origin', 'https://harbour.example'];

const DemoPartner = z.object({ partnerId: z.string(), liveApiKey: z.string(), testApiKey: z.string() });
export type DemoPartner = z.infer<typeof DemoPartner>;

interface Options {
  dataDir: string;
  url: string;
  cli: Cli;
}

/** Returns the demo partner, creating it through the CLI if it does not exist in the database. */
export async function demoPartner(options: Options): Promise<DemoPartner> {
  const file = join(options.dataDir, 'demo-partner.json');
  const kept = readJson(file, DemoPartner);
  // If the same data folder is used with a different MONGO_URL, the API does not recognize the saved keys.
  if (kept !== null && (await isKnown(options.url, kept.liveApiKey))) return kept;
  const created = DemoPartner.parse(await runCli(options.cli, [...CREATE, ...TERMS]));
  writePrivateJson(file, created);
  return created;
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
