import { randomBytes } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import { UNKNOWN_INVITES } from '../../../../api/web/links/link-by-invite';
import type { Harness } from '../../../support/harness';
import { confirmedAccount, earlierSignUp, logIn, loggedIn, PASSWORD, anonymousSession } from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';
import { invite } from '../../../support/link';
import { beforeEachVisitor } from './visitors';

let h: Harness;
let email: string;
let ana: BrowserSession;
beforeEachVisitor((visitor) => {
  ({ h, email, session: ana } = visitor);
});

describe('login throttling', () => {
  const hashes = async (): Promise<number> =>
    (await h.ctx.metrics.passwordHashes.get()).values.reduce((sum, { value }) => sum + value, 0);

  it('returns 429 after ten wrong passwords for an email address, and does not check any more passwords', async () => {
    await confirmedAccount(h, email);
    const statuses: number[] = [];
    for (let n = 0; n < 10; n += 1)
      statuses.push((await logIn(anonymousSession(h), email, `wrong password ${n}`)).status);
    expect(statuses).toEqual(Array.from({ length: 10 }, () => 422));
    const before = await hashes();
    const responses = await Promise.all(Array.from({ length: 20 }, () => logIn(anonymousSession(h), email)));
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 429));
    expect(Number(responses[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await hashes()).toBe(before);
  });

  it('lets a person log in from a known browser while strangers guess passwords for the account', async () => {
    const own = await loggedIn(h, email);
    await own.submit(await own.get('/account'), {}, { action: '/logout' });
    for (let n = 0; n < 10; n += 1) await logIn(anonymousSession(h), email, `wrong password ${n}`);
    expect((await logIn(anonymousSession(h), email)).status).toBe(429);
    expect((await logIn(own, email)).path).toBe('/account');
    expect((await logIn(anonymousSession(h), email)).status).toBe(429);
  });

  it('returns 429 after ten wrong passwords from a known browser, too', async () => {
    const own = await loggedIn(h, email);
    await own.submit(await own.get('/account'), {}, { action: '/logout' });
    for (let n = 0; n < 10; n += 1) expect((await logIn(own, email, `wrong password ${n}`)).status).toBe(422);
    expect((await logIn(own, email)).status).toBe(429);
  });

  it('does not treat a browser as known after a login to an account that was never confirmed', async () => {
    const stranger = anonymousSession(h);
    await earlierSignUp(h, email, PASSWORD);
    expect((await logIn(stranger, email)).text).toContain('not confirmed yet');
    for (let n = 0; n < 10; n += 1) await logIn(anonymousSession(h), email, `wrong password ${n}`);
    expect((await logIn(stranger, email)).status).toBe(429);
  });

  it("limits a client's concurrent guesses as strictly as its sequential guesses", async () => {
    const form = await ana.get('/login');
    const before = await hashes();
    const responses = await Promise.all(
      Array.from({ length: 60 }, (_, n) => ana.submit(form, { email: `guess-${n}-${email}`, password: PASSWORD })),
    );
    const rejected = responses.filter(({ status }) => status === 429);
    expect(rejected).toHaveLength(30);
    expect((await hashes()) - before).toBe(30);
  });

  it('resets the count of wrong passwords after a successful login', async () => {
    await confirmedAccount(h, email);
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 4; n += 1)
        expect((await logIn(anonymousSession(h), email, 'wrong password')).status).toBe(422);
      expect((await logIn(anonymousSession(h), email)).path).toBe('/account');
    }
  });

  it.each(['/signup', '/forgot', '/verify/resend'])(
    'sends at most five emails per hour to an address from %s',
    async (path) => {
      const send = async () => {
        const webSession = anonymousSession(h);
        return (await webSession.submit(await webSession.get(path), { email })).status;
      };
      const statuses = [];
      for (let n = 0; n < 6; n += 1) statuses.push(await send());
      expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    },
  );
});

describe('invitation throttling', () => {
  const openUnknown = (session: BrowserSession) => session.get(`/link/${randomBytes(32).toString('base64url')}`);

  it(`looks up at most ${UNKNOWN_INVITES.points} unknown tokens per minute from one address`, async () => {
    const lookups = jest.spyOn(h.ctx.store.linkRequests, 'byTokenHash');
    const pages = await Promise.all(Array.from({ length: UNKNOWN_INVITES.points + 20 }, () => openUnknown(ana)));
    const looked = lookups.mock.calls.length;
    lookups.mockRestore();
    expect(looked).toBe(UNKNOWN_INVITES.points);
    expect(pages.filter(({ status }) => status === 404)).toHaveLength(UNKNOWN_INVITES.points);
    const rejected = pages.filter(({ status }) => status === 429);
    expect(rejected).toHaveLength(20);
    expect(Number(rejected[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await openUnknown(anonymousSession(h))).status).toBe(404);
  });

  it('does not count invitations that exist, or texts that cannot be tokens', async () => {
    const partner = await h.partner();
    const { token } = await invite(h, partner, 'often-opened');
    for (let n = 0; n <= UNKNOWN_INVITES.points; n += 1) {
      expect((await ana.get(`/link/${token}`)).status).toBe(200);
      expect((await ana.get('/link/not-a-token')).status).toBe(404);
    }
    expect((await openUnknown(ana)).status).toBe(404);
  });
});
