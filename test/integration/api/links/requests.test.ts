import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_INVITE_SECONDS } from '../../../../shared/domain/link';
import { findRequest, hashOfCode, hashOfToken } from '../../../../api/links/find-link-request';
import { MAX_OPEN_REQUESTS_PER_USER } from '../../../../api/links/create-link-request';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { invite, linkUser, newPerson } from '../../../support/link';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  partner = await mir.partner({ allowedReturnOrigins: ['https://harbour.example'] });
});
afterAll(() => mir.close());

const post = (path: string, body: unknown, key = partner.liveKey) => mir.client.post(path, key, body);
const status = (id: string, key = partner.liveKey) =>
  mir.client.get(`/v1/partners/link/status?userExternalId=${id}`, key);

describe('POST /v1/partners/link/invite and /v1/partners/link/code', () => {
  it('returns an invitation URL and stores only the hash of its token', async () => {
    const response = await post('/v1/partners/link/invite', {
      userExternalId: 'u-1',
      accountLabel: 'a•••',
      state: 's',
    });
    expect(response.status).toBe(201);
    const { url, inviteId, expiresAt, userRef } = response.body;
    const token = String(url).slice(String(url).lastIndexOf('/') + 1);
    expect(url).toBe(`${mir.ctx.config.publicUrl}/link/${token}`);
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now());
    const row = await mir.ctx.store.linkRequests.byTokenHash(hashOfToken(token)!);
    expect(row).toMatchObject({ _id: inviteId, userRef, kind: 'INVITE', status: 'OPEN' });
    expect(JSON.stringify(row)).not.toContain(token);
    expect(JSON.stringify(row)).not.toContain('u-1');
  });

  it('issues a 40-bit link code that is valid for ten minutes, and ignores case and spacing in the code', async () => {
    const { status: created, body } = await post('/v1/partners/link/code', { userExternalId: 'u-2' });
    expect(created).toBe(201);
    expect(body.code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
    const lifeMs = Date.parse(body.expiresAt) - Date.now();
    expect(lifeMs).toBeLessThanOrEqual(10 * 60_000);
    expect(lifeMs).toBeGreaterThan(9 * 60_000);
    const plain = String(body.code).replace('-', '');
    for (const typed of [body.code, plain, plain.toLowerCase(), ` ${plain.slice(0, 3)} ${plain.slice(3)} `]) {
      const found = await findRequest(mir.ctx, hashOfCode(mir.ctx, typed), null, new Date());
      expect(found).toMatchObject({ kind: 'OPEN', request: { kind: 'CODE' } });
    }
    const row = await mir.ctx.store.linkRequests.model.findOne({ kind: 'CODE' }).lean();
    expect(JSON.stringify(row)).not.toContain(plain);
  });

  it("replaces a user's previous link code with the new code", async () => {
    const first = (await post('/v1/partners/link/code', { userExternalId: 'u-3' })).body.code;
    const second = (await post('/v1/partners/link/code', { userExternalId: 'u-3' })).body.code;
    const kindOf = async (code: string) =>
      (await findRequest(mir.ctx, hashOfCode(mir.ctx, code), null, new Date())).kind;
    expect([await kindOf(first), await kindOf(second)]).toEqual(['REJECTED', 'OPEN']);
  });

  it('accepts a return URL only from a registered origin', async () => {
    const inviteTo = (returnUrl: string) => post('/v1/partners/link/invite', { userExternalId: 'u-4', returnUrl });
    expect((await inviteTo('https://harbour.example/settings?tab=mir')).status).toBe(201);
    for (const foreign of [
      'https://evil.example/',
      'http://harbour.example/',
      'https://harbour.example.evil.example/',
      'https://harbour.example:8443/',
      'https://user:pw@harbour.example/',
    ]) {
      const { status: code, body } = await inviteTo(foreign);
      expect([code, body.code]).toEqual([422, 'RETURN_URL_NOT_ALLOWED']);
    }
    expect((await inviteTo('javascript:alert(1)')).body.code).toBe('VALIDATION_FAILED');
  });

  it('limits the number of open invitations per user', async () => {
    const invitation = { userExternalId: 'u-5' };
    for (let n = 0; n < MAX_OPEN_REQUESTS_PER_USER; n += 1) {
      expect((await post('/v1/partners/link/invite', invitation)).status).toBe(201);
    }
    const { status: code, body } = await post('/v1/partners/link/invite', invitation);
    expect([code, body.code]).toEqual([409, 'TOO_MANY_LINK_REQUESTS']);
  });

  it('returns the pending request as the link status and, after confirmation, the time of the link', async () => {
    expect((await status('u-6')).body).toEqual({ linked: false, linkedAt: null, pending: null });
    const { body } = await post('/v1/partners/link/code', { userExternalId: 'u-6' });
    expect((await status('u-6')).body.pending).toEqual({ kind: 'CODE', expiresAt: body.expiresAt });
    await linkUser(mir, partner, 'u-6', await newPerson(mir));
    const linked = (await status('u-6')).body;
    expect(linked).toMatchObject({ linked: true });
    expect(Date.parse(linked.linkedAt)).toBeLessThanOrEqual(Date.now());
  });

  it('hides pending requests from other partners and environments', async () => {
    const other = await mir.partner();
    await invite(mir, partner, 'u-7');
    for (const key of [other.liveKey, partner.testKey]) {
      expect((await status('u-7', key)).body).toEqual({ linked: false, linkedAt: null, pending: null });
    }
  });

  it.each([
    ['a control character', '\u0085'],
    ['a right-to-left override', '\u202e'],
    ['an isolate', '\u2066'],
    ['a zero-width space', '\u200b'],
    ['an Arabic letter mark', '\u061c'],
    ['a tag character', '\u{e0041}'],
    ['a Hangul filler', '\u3164'],
    ['a line separator', '\u2028'],
    ['a no-break space', '\u00a0'],
    ['a private-use character', '\ue000'],
    ['a noncharacter', '\ufffe'],
    ['a lone surrogate', '\ud800'],
    ['a quotation mark', '"'],
    ['an apostrophe', "'"],
    ['a typographic quotation mark', '”'],
    ['a typographic apostrophe', '’'],
    ['a low quotation mark', '„'],
    ['an angle quotation mark', '»'],
    ['a backtick', '`'],
    ['a prime', '″'],
  ])('rejects a label with %s, which could disguise the surrounding text', async (_, mark) => {
    for (const accountLabel of [`ana${mark}k`, `ana${mark}`, mark]) {
      const { status: code, body } = await post('/v1/partners/link/invite', { userExternalId: 'u-8', accountLabel });
      const paths = body.errors.map(({ path }: { path: string }) => path);
      expect([code, ...new Set(paths)]).toEqual([422, 'accountLabel']);
    }
  });

  it.each(['h•••r@harbour.example', 'Zoë (work) – 2', 'ירון 42', '山田 太郎', '+1 555 ••• 17', '🦊'])(
    'accepts the label %s',
    async (accountLabel) => {
      const { status: code } = await post('/v1/partners/link/code', {
        userExternalId: `u-${accountLabel}`,
        accountLabel,
      });
      expect(code).toBe(201);
    },
  );

  it('reports every invalid field', async () => {
    const { status: code, body } = await post('/v1/partners/link/invite', {
      userExternalId: '',
      accountLabel: 'a\u0000b',
      returnUrl: 'not a URL',
      expiresInSeconds: MAX_INVITE_SECONDS + 1,
      more: 1,
    });
    expect(code).toBe(422);
    const paths = body.errors.map(({ path }: { path: string }) => path).sort();
    expect(paths).toEqual(['accountLabel', 'expiresInSeconds', 'more', 'returnUrl', 'userExternalId']);
  });

  it('returns 503 and creates nothing when the pages for people are unavailable', async () => {
    const withoutPages = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
    try {
      const { liveKey } = await withoutPages.partner();
      for (const path of ['/v1/partners/link/invite', '/v1/partners/link/code']) {
        const response = await withoutPages.client.post(path, liveKey, { userExternalId: 'u-9' });
        expect([response.status, response.body.code]).toEqual([503, 'LINKING_UNAVAILABLE']);
      }
      expect(await withoutPages.ctx.store.linkRequests.model.countDocuments()).toBe(0);
    } finally {
      await withoutPages.close();
    }
  });
});
