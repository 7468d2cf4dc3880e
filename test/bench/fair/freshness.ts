import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from '../http';
import { submitted } from '../events';

const POLL_MS = 1;
const PAUSE_MS = 15;
/** Few enough that most polls read a cached row. */
const USERS = 50;
/** A sample that takes longer than this counts with this duration. */
const MAX_WAIT_MS = 60_000;

export interface Sampler {
  client: HttpClient;
  key: string;
  /** Time between two reads of `/resolve`. */
  pollMs: number;
  /** Events sent so far for each sampled user. */
  sent: number[];
  next: number;
}

export function createSampler(client: HttpClient, key: string, pollMs = POLL_MS): Sampler {
  return { client, key, pollMs, sent: Array.from({ length: USERS }, () => 0), next: 0 };
}

/** Submits one event and returns the time in ms until `/resolve` counts it. */
async function sample(sampler: Sampler): Promise<number> {
  const { client, key, sent, pollMs } = sampler;
  const user = sampler.next++ % USERS;
  const userExternalId = `sampled-${user}`;
  const event = JSON.stringify({ ...submitted(sampler.next, USERS), userExternalId });
  const question = JSON.stringify({ userExternalId });
  const startedAt = performance.now();
  const { status } = await client.post('/v1/events', key, event);
  if (status !== 202) throw new Error(`POST /v1/events returned ${status}`);
  sent[user]! += 1;
  for (;;) {
    const { body } = await client.post('/v1/resolve', key, question);
    const ms = performance.now() - startedAt;
    if (body['eventCount'] === sent[user] || ms > MAX_WAIT_MS) return ms;
    await delay(pollMs);
  }
}

/** Samples the freshness of a partner's single events, one at a time, until `isDone` returns true. */
export async function sampleFreshness(sampler: Sampler, isDone: () => boolean): Promise<number[]> {
  const samples: number[] = [];
  while (!isDone()) {
    samples.push(await sample(sampler));
    await delay(PAUSE_MS);
  }
  return samples;
}
