import { beforeAll, describe, expect, it } from '@jest/globals';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness, TestPartner } from '../../../support/harness';
import type { OwnStore } from '../../../support/own-store';
import { loggedIn, PASSWORD, startHarnessForPeople } from '../../../support/people';
import { waitUntil } from '../../../support/wait-until';

const { closeAtEnd, ownRedis } = faultEnvironment();
let mir: Harness;
let cache: OwnStore;
let partner: TestPartner;
beforeAll(async () => {
  cache = await ownRedis();
  mir = await startHarnessForPeople({ env: { CACHE_REDIS_URL: cache.url } });
  closeAtEnd(mir);
  partner = await mir.partner();
});

async function invite(userExternalId: string): Promise<string> {
  const { body } = await mir.client.post('/v1/partners/link/invite', partner.liveKey, { userExternalId });
  return new URL(body.url).pathname;
}
const waitForSweep = (): Promise<void> =>
  waitUntil('the sweep has updated the cache', async () => {
    return (await mir.ctx.store.cacheOutbox.model.countDocuments()) === 0;
  });

describe('account pages while the cache is down', () => {
  it('does not show a new connection as complete before the cache is updated', async () => {
    const webSession = await loggedIn(mir, 'waiting@example.org');
    const path = await invite('waiting');
    const consent = await webSession.get(path);
    await cache.stop();
    try {
      const submitted = await webSession.submit(consent, { decision: 'connect' });
      expect([submitted.status, submitted.text.startsWith('Not finished yet')]).toEqual([202, true]);
      const reopened = await webSession.get(path);
      expect([reopened.status, reopened.text.startsWith('Not finished yet')]).toEqual([202, true]);
    } finally {
      await cache.restart();
    }
    await waitForSweep();
    expect((await webSession.get(path)).text).toContain('Connected to');
  });

  it('warns a person who deletes their account that platforms may still see the history for a short time', async () => {
    const webSession = await loggedIn(mir, 'leaving@example.org');
    await webSession.submit(await webSession.get(await invite('leaving')), { decision: 'connect' });
    const page = await webSession.get('/account/delete');
    await cache.stop();
    try {
      const done = await webSession.submit(page, { password: PASSWORD });
      expect(done.text).toContain('Your MIR account has been deleted. Part of our system is unavailable');
    } finally {
      await cache.restart();
    }
    await waitForSweep();
  });
});
