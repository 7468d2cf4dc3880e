import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import {
  earlierSignUp,
  logIn,
  loggedIn,
  PASSWORD,
  signUpAndConfirm,
  anonymousSession,
  startHarnessForPeople,
} from '../../../support/people';
import type { BrowserSession } from '../../../support/browser-session';

let h: Harness;
let people = 0;
let email: string;
let ana: BrowserSession;

beforeAll(async () => {
  h = await startHarnessForPeople();
});
afterAll(() => h.close());
beforeEach(() => {
  email = `person-${(people += 1)}@example.org`;
  ana = anonymousSession(h);
});

describe('guessing', () => {
  const hashes = async (): Promise<number> =>
    (await h.ctx.metrics.passwordHashes.get()).values.reduce((sum, { value }) => sum + value, 0);

  it('of a password ends in 429 after ten tries of an address, and no further password is checked', async () => {
    await signUpAndConfirm(h, ana, email);
    const statuses: number[] = [];
    for (let n = 0; n < 10; n += 1)
      statuses.push((await logIn(anonymousSession(h), email, `wrong password ${n}`)).status);
    expect(statuses).toEqual(Array.from({ length: 10 }, () => 422));
    const before = await hashes();
    const answers = await Promise.all(Array.from({ length: 20 }, () => logIn(anonymousSession(h), email)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 429));
    expect(Number(answers[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await hashes()).toBe(before);
  });

  it('of a stranger does not keep a person out who was logged in here before', async () => {
    const own = await loggedIn(h, email);
    await own.submit(await own.get('/account'), {}, { action: '/logout' });
    for (let n = 0; n < 10; n += 1) await logIn(anonymousSession(h), email, `wrong password ${n}`);
    expect((await logIn(anonymousSession(h), email)).status).toBe(429);
    expect((await logIn(own, email)).path).toBe('/account');
    expect((await logIn(anonymousSession(h), email)).status).toBe(429);
  });

  it('in a browser in which the person was logged in before ends in 429 as well', async () => {
    const own = await loggedIn(h, email);
    await own.submit(await own.get('/account'), {}, { action: '/logout' });
    for (let n = 0; n < 10; n += 1) expect((await logIn(own, email, `wrong password ${n}`)).status).toBe(422);
    expect((await logIn(own, email)).status).toBe(429);
  });

  it('of an address that was signed up by a stranger but never confirmed gives the stranger no tries of their own', async () => {
    const stranger = anonymousSession(h);
    await earlierSignUp(h, email, PASSWORD);
    expect((await logIn(stranger, email)).text).toContain('not confirmed yet');
    for (let n = 0; n < 10; n += 1) await logIn(anonymousSession(h), email, `wrong password ${n}`);
    expect((await logIn(stranger, email)).status).toBe(429);
  });

  it('many at once by one caller gets no more tries than one after the other', async () => {
    const form = await ana.get('/login');
    const before = await hashes();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => ana.submit(form, { email: `guess-${n}-${email}`, password: PASSWORD })),
    );
    const rejected = answers.filter(({ status }) => status === 429);
    expect(rejected).toHaveLength(30);
    expect((await hashes()) - before).toBe(30);
  });

  it('right in the end is no longer held against the person', async () => {
    await signUpAndConfirm(h, ana, email);
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 4; n += 1)
        expect((await logIn(anonymousSession(h), email, 'wrong password')).status).toBe(422);
      expect((await logIn(anonymousSession(h), email)).path).toBe('/account');
    }
  });

  it.each(['/signup', '/forgot', '/verify/resend'])(
    '%s sends an address no more than five mails an hour',
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
