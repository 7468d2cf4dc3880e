import { expect } from '@jest/globals';
import type { Harness, TestPartner } from './harness';
import { waitUntil } from './wait-until';

interface Signals {
  linked: boolean;
  eventCount: number;
}

/** Resolves a user. The returned `source` is `cache` or `store`. */
export async function resolveUser(
  { client }: Harness,
  { liveKey }: TestPartner,
  userExternalId: string,
): Promise<Signals & { source: string | null }> {
  const { status, headers, body } = await client.post('/v1/resolve', liveKey, { userExternalId });
  expect(status).toBe(200);
  return { linked: body.linked, eventCount: body.eventCount, source: headers.get('x-signals-source') };
}

/** Resolves a user until the signals come from the cache. Every response must contain the expected signals. */
export async function expectFromCache(
  harness: Harness,
  partner: TestPartner,
  userExternalId: string,
  expected: Partial<Signals>,
): Promise<void> {
  await waitUntil('the signals come from the cache', async () => {
    const { source, ...signals } = await resolveUser(harness, partner, userExternalId);
    expect(signals).toMatchObject(expected);
    return source === 'cache';
  });
}
