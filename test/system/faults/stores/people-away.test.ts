import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import { type OwnStore, ownStores } from '../../../support/own-stores';
import { confirmedAccount, logIn, signedInAs, anonymousSession, startHarnessForPeople } from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';
import { waitUntil } from '../../../support/wait-until';

let h: Harness;
// First of all ends, before the stores.
afterAll(() => h.close());
const { ownMongo, ownRedis } = ownStores();
let mongo: OwnStore;
let redis: OwnStore;

beforeAll(async () => {
  [mongo, redis] = await Promise.all([ownMongo(), ownRedis()]);
  h = await startHarnessForPeople({ workers: false, env: { MONGO_URL: mongo.url, REDIS_URL: redis.url } });
});

/** A person with a confirmed address, logged in. */
async function loggedIn(email: string): Promise<BrowserSession> {
  await confirmedAccount(h, email);
  const webSession = anonymousSession(h);
  await logIn(webSession, email);
  return webSession;
}

const hashes = async (): Promise<number> =>
  (await h.ctx.metrics.passwordHashes.get()).values.reduce((sum, { value }) => sum + value, 0);

describe('pages during an outage of MongoDB', () => {
  it('while tries cannot be counted nobody is let in and no password is looked at; sessions go on', async () => {
    const ana = await loggedIn('ana@example.org');
    await redis.stop();
    const before = await hashes();
    const answer = await logIn(anonymousSession(h), 'ana@example.org');
    expect(answer.status).toBe(503);
    expect(answer.text).toContain('This does not work at the moment');
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect(await hashes()).toBe(before);
    expect(signedInAs(await ana.get('/outbox'))).toBe('ana@example.org');
    await redis.startAgain();
    await waitUntil('Redis answers', () =>
      h.ctx.queueLink.client.ping().then(
        () => true,
        () => false,
      ),
    );
  });

  it('while the store is away a page says so, in words, and a sign-up is not half done', async () => {
    const bea = await loggedIn('bea@example.org');
    const stranger = anonymousSession(h);
    const form = await stranger.get('/signup');
    await mongo.stop();
    const page = await bea.get('/outbox');
    expect(page.status).toBe(503);
    expect(page.text).toContain('The database did not respond');
    expect((await stranger.submit(form, { email: 'new@example.org' })).status).toBe(503);
    await mongo.startAgain();
    await waitUntil('the store answers', () =>
      h.ctx.store.ping(1_000).then(
        () => true,
        () => false,
      ),
    );
    expect(await h.ctx.store.identities.byEmail('new@example.org')).toBeNull();
    expect(signedInAs(await bea.get('/outbox'))).toBe('bea@example.org');
  });
});
