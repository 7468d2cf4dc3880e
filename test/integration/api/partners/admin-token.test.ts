import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { checkAdminToken } from '../../../../api/http/admin-token';
import { ADMIN_ROUTES } from '../../../../api/routes';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../../support/harness';
import { asAdmin } from '../../../support/partners';
import { expectProblem } from '../../../support/problems';

let h: Harness;
beforeAll(async () => {
  // The throttle counts in the process, which other tests share; so the wrong tries have an address of their own.
  h = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => h.close());

describe('admin routes', () => {
  it('all return 401 without the admin token', async () => {
    expect(ADMIN_ROUTES.length).toBeGreaterThan(5);
    const own = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
    for (const [n, { method, path }] of ADMIN_ROUTES.entries()) {
      // Each from an address of its own: wrong tokens are counted by address.
      const headers = { 'x-forwarded-for': `192.0.2.${n}` };
      expectProblem(
        await own.client.request(method, path.replaceAll(/:\w+/g, 'x'), { headers }),
        401,
        'ADMIN_TOKEN_INVALID',
      );
    }
    await own.close();
  });

  it('are not served under /v1', async () => {
    expect((await h.client.get('/v1/admin/partners')).status).toBe(404);
  });

  it('refuse a partner’s key', async () => {
    const { liveKey } = await h.partner();
    expect((await h.client.get('/admin/partners', liveKey)).body.code).toBe('ADMIN_TOKEN_INVALID');
  });

  it('are off without ADMIN_TOKEN', async () => {
    const off = await startHarness({ workers: false, env: { ADMIN_TOKEN: '' } });
    expect((await asAdmin(off.client, 'GET', '/partners')).status).toBe(404);
    await off.close();
  });

  it('log that a wrong token was sent, without it and without the address', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
    await expect(checkAdminToken({ ...h.ctx, log }, 'guessed', '192.0.2.7')).rejects.toThrow('ADMIN_TOKEN_INVALID');
    expect(lines).toEqual([expect.stringContaining('a wrong admin token was sent')]);
    expect(lines.join()).not.toMatch(/guessed|192\.0/);
    await checkAdminToken({ ...h.ctx, log }, ADMIN_TOKEN, '192.0.2.7');
    expect(lines).toHaveLength(1);
  });

  it('throttle wrong tokens of one address', async () => {
    const withToken = (token: string, address = '192.0.2.8') =>
      h.client.request('GET', '/admin/partners', {
        headers: { 'x-admin-token': token, 'x-forwarded-for': address },
      });
    let answer = await withToken('wrong');
    for (let tries = 0; answer.status === 401 && tries < 20; tries += 1) answer = await withToken(`wrong-${tries}`);
    expect(answer).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await withToken(ADMIN_TOKEN)).status).toBe(429);
    expect((await withToken(ADMIN_TOKEN, '192.0.2.9')).status).toBe(200);
  });
});
