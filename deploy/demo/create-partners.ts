import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { messageOf } from '../../shared/errors';
import { failureOf } from '../local/error-facts';
import type { Profile } from './profiles';
import type { SimulatedPartner } from './send';

const CLI_TIMEOUT_MS = 60_000;
// High enough for the demo to measure the pipeline rather than the limits.
const EVENTS_PER_MINUTE = 10_000_000;
const REQUESTS_PER_MINUTE = 1_000_000;

const createdSchema = z.object({ partnerId: z.string(), liveApiKey: z.string(), testApiKey: z.string() });

/** Creates a new partner through the CLI, so earlier runs on the same database do not affect the counts. */
export async function createPartner(cli: string, profile: Profile, env: 'live' | 'test'): Promise<SimulatedPartner> {
  const { name, website, contactEmail } = profile;
  const who = ['--name', name, '--website', website, '--contact-email', contactEmail, '--plan', 'ENTERPRISE'];
  const limits = ['--events-per-minute', `${EVENTS_PER_MINUTE}`, '--requests-per-minute', `${REQUESTS_PER_MINUTE}`];
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [cli, 'partners', 'create', ...who, ...limits, '--json'],
      { timeout: CLI_TIMEOUT_MS },
    );
    const json = stdout.slice(stdout.indexOf('{'), stdout.lastIndexOf('}') + 1);
    const { partnerId, liveApiKey, testApiKey } = createdSchema.parse(JSON.parse(json));
    return { name, partnerId, apiKey: env === 'live' ? liveApiKey : testApiKey };
  } catch (error) {
    throw new Error(`Could not create partner ${name}: ${failureOf(error).stderr || messageOf(error)}`, {
      cause: error,
    });
  }
}
