import { beforeAll, describe, expect, it } from '@jest/globals';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import type { OwnStore } from '../../../support/own-store';
import { confirmedAccount, logIn, signedInAs, anonymousSession, startHarnessForPeople } from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';
import { succeeds, waitUntil } from '../../../support/wait-until';

const { closeAtEnd, ownMongo, ownRedis } = faultEnvironment();
let h: Harness;
let mongo: OwnStore;
let redis: OwnStore;

beforeAll(async () => {
  [mongo, redis] = await Promise.all([ownMongo(), ownRedis()]);
  h = await startHarnessForPeople({ workers: false, env: { MONGO_URL: mongo.url, REDIS_URL: redis.url } });
  closeAtEnd(h);
});

async function logInWithNewAccount(email: string): Promise<BrowserSession> {
  await confirmedAccount(h, email);
  const webSession = anonymousSession(h);
  await logIn(webSession, email);
  return webSession;
}

const countPasswordHashes = async (): Promise<number> =>
  (await h.ctx.metrics.passwordHashes.get()).values.reduce((sum, { value }) => sum + value, 0);

describe('pages during an outage', () => {
  it('rejects logins without hashing a password while Redis is down, and keeps sessions valid', async () => {
    const ana = await logInWithNewAccount('ana@example.org');
    await redis.stop();
    const before = await countPasswordHashes();
    expect(before).toBeGreaterThan(0);
    const response = await logIn(anonymousSession(h), 'ana@example.org');
    expect(response.status).toBe(503);
    expect(response.text).toContain('This isn’t available right now');
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect(await countPasswordHashes()).toBe(before);
    expect(signedInAs(await ana.get('/outbox'))).toBe('ana@example.org');
    await redis.restart();
    await waitUntil('Redis responds', () => succeeds(h.ctx.queueLink.client.ping()));
  });

  it('shows that the database is down, and does not leave a partial sign-up', async () => {
    const bea = await logInWithNewAccount('bea@example.org');
    const visitor = anonymousSession(h);
    const form = await visitor.get('/signup');
    await mongo.stop();
    const page = await bea.get('/outbox');
    expect(page.status).toBe(503);
    expect(page.text).toContain('The database did not respond');
    expect((await visitor.submit(form, { email: 'new@example.org' })).status).toBe(503);
    await mongo.restart();
    await waitUntil('MongoDB responds', () => succeeds(h.ctx.store.ping(1_000)));
    expect(await h.ctx.store.identities.byEmail('new@example.org')).toBeNull();
    expect(signedInAs(await bea.get('/outbox'))).toBe('bea@example.org');
  });
});
