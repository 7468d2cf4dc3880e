import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness, TestPartner } from '../../../support/harness';
import { type OwnStore, ownStores } from '../../../support/own-stores';
import { loggedIn, PASSWORD, startHarnessForPeople } from '../../../support/people';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
// First of all ends, before its cache.
afterAll(() => mir.close());
const { ownRedis } = ownStores();
let cache: OwnStore;
let partner: TestPartner;
beforeAll(async () => {
  cache = await ownRedis();
  mir = await startHarnessForPeople({ env: { CACHE_REDIS_URL: cache.url } });
  partner = await mir.partner();
});

async function invite(userExternalId: string): Promise<string> {
  const { body } = await mir.client.post('/v1/partners/link/invite', partner.liveKey, { userExternalId });
  return new URL(body.url).pathname;
}
const swept = (): Promise<void> =>
  waitUntil('the sweep has told the cache', async () => {
    return (await mir.ctx.store.cacheOutbox.model.countDocuments()) === 0;
  });

describe('account pages while the cache is down', () => {
  it('while the cache is away neither the press nor the page opened again says that it is connected', async () => {
    const webSession = await loggedIn(mir, 'waiting@example.org');
    const path = await invite('waiting');
    const consent = await webSession.get(path);
    await cache.stop();
    try {
      const pressed = await webSession.submit(consent, { decision: 'connect' });
      expect([pressed.status, pressed.text.startsWith('Not finished yet')]).toEqual([202, true]);
      const again = await webSession.get(path);
      expect([again.status, again.text.startsWith('Not finished yet')]).toEqual([202, true]);
    } finally {
      await cache.startAgain();
    }
    await swept();
    expect((await webSession.get(path)).text).toContain('Connected to');
  });

  it('while the cache is away a deleted identity is told that platforms may see its history for a moment', async () => {
    const webSession = await loggedIn(mir, 'leaving@example.org');
    await webSession.submit(await webSession.get(await invite('leaving')), { decision: 'connect' });
    const page = await webSession.get('/account/delete');
    await cache.stop();
    try {
      const done = await webSession.submit(page, { password: PASSWORD });
      expect(done.text).toContain('Your MIR account is deleted. Part of our system is unavailable');
    } finally {
      await cache.startAgain();
    }
    await swept();
  });
});
