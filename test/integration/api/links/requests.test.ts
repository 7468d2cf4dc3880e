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

describe('POST /partners/link/invite and /partners/link/code', () => {
  it('an invite is told once and kept only as a hash', async () => {
    const answer = await post('/v1/partners/link/invite', { userExternalId: 'u-1', accountLabel: 'a•••', state: 's' });
    expect(answer.status).toBe(201);
    const { url, inviteId, expiresAt, userRef } = answer.body;
    const token = String(url).slice(String(url).lastIndexOf('/') + 1);
    expect(url).toBe(`${mir.ctx.config.publicUrl}/link/${token}`);
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now());
    const row = await mir.ctx.store.linkRequests.byTokenHash(hashOfToken(token)!);
    expect(row).toMatchObject({ _id: inviteId, userRef, kind: 'INVITE', status: 'OPEN' });
    expect(JSON.stringify(row)).not.toContain(token);
    expect(JSON.stringify(row)).not.toContain('u-1');
  });

  it('a code has 40 bits, lives ten minutes and is found however it is typed', async () => {
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

  it('a new code replaces the last one of the same user', async () => {
    const first = (await post('/v1/partners/link/code', { userExternalId: 'u-3' })).body.code;
    const second = (await post('/v1/partners/link/code', { userExternalId: 'u-3' })).body.code;
    const kindOf = async (code: string) =>
      (await findRequest(mir.ctx, hashOfCode(mir.ctx, code), null, new Date())).kind;
    expect([await kindOf(first), await kindOf(second)]).toEqual(['REJECTED', 'OPEN']);
  });

  it('a return URL is taken only from a registered origin', async () => {
    const wish = (returnUrl: string) => post('/v1/partners/link/invite', { userExternalId: 'u-4', returnUrl });
    expect((await wish('https://harbour.example/settings?tab=mir')).status).toBe(201);
    for (const foreign of [
      'https://evil.example/',
      'http://harbour.example/',
      'https://harbour.example.evil.example/',
      'https://harbour.example:8443/',
      'https://user:pw@harbour.example/',
    ]) {
      const { status: code, body } = await wish(foreign);
      expect([code, body.code]).toEqual([422, 'RETURN_URL_NOT_ALLOWED']);
    }
    expect((await wish('javascript:alert(1)')).body.code).toBe('VALIDATION_FAILED');
  });

  it('open invites of one user are bounded', async () => {
    const wish = { userExternalId: 'u-5' };
    for (let n = 0; n < MAX_OPEN_REQUESTS_PER_USER; n += 1) {
      expect((await post('/v1/partners/link/invite', wish)).status).toBe(201);
    }
    const { status: code, body } = await post('/v1/partners/link/invite', wish);
    expect([code, body.code]).toEqual([409, 'TOO_MANY_LINK_REQUESTS']);
  });

  it('the status says what is pending, and that and since when a user is linked', async () => {
    expect((await status('u-6')).body).toEqual({ linked: false, linkedAt: null, pending: null });
    const { body } = await post('/v1/partners/link/code', { userExternalId: 'u-6' });
    expect((await status('u-6')).body.pending).toEqual({ kind: 'CODE', expiresAt: body.expiresAt });
    await linkUser(mir, partner, 'u-6', await newPerson(mir));
    const linked = (await status('u-6')).body;
    expect(linked).toMatchObject({ linked: true });
    expect(Date.parse(linked.linkedAt)).toBeLessThanOrEqual(Date.now());
  });

  it("another partner's status, and test's, know nothing of it", async () => {
    const other = await mir.partner();
    await invite(mir, partner, 'u-7');
    for (const key of [other.liveKey, partner.testKey]) {
      expect((await status('u-7', key)).body).toEqual({ linked: false, linkedAt: null, pending: null });
    }
  });

  it.each(['\u202e', '\u200b', '\u2066'])(
    'a label with %j, which could disguise the words beside it, is refused',
    async (mark) => {
      const wish = { userExternalId: 'u-8', accountLabel: `ana${mark}k` };
      expect((await post('/v1/partners/link/invite', wish)).status).toBe(422);
    },
  );

  it('every wrong field is named', async () => {
    const { status: code, body } = await post('/v1/partners/link/invite', {
      userExternalId: '',
      accountLabel: 'a\u0000b',
      returnUrl: 'no url',
      expiresInSeconds: MAX_INVITE_SECONDS + 1,
      more: 1,
    });
    expect(code).toBe(422);
    const paths = body.errors.map(({ path }: { path: string }) => path).sort();
    expect(paths).toEqual(['accountLabel', 'expiresInSeconds', 'more', 'returnUrl', 'userExternalId']);
  });

  it('where people have no pages, nobody is given a link or a code that leads nowhere', async () => {
    const closed = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
    try {
      const { liveKey } = await closed.partner();
      for (const path of ['/v1/partners/link/invite', '/v1/partners/link/code']) {
        const answer = await closed.client.post(path, liveKey, { userExternalId: 'u-9' });
        expect([answer.status, answer.body.code]).toEqual([503, 'LINKING_UNAVAILABLE']);
      }
      expect(await closed.ctx.store.linkRequests.model.countDocuments()).toBe(0);
    } finally {
      await closed.close();
    }
  });
});
