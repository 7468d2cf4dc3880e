import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { checkAdminToken } from '../../../../api/http/admin-token';
import { ADMIN_ROUTES } from '../../../../api/routes';
import { ADMIN_TOKEN, type Harness, startHarness } from '../../../support/harness';
import { asAdmin } from '../../../support/partners';
import { expectProblem } from '../../../support/problems';

let h: Harness;
beforeAll(async () => {
  // All tests in a process share the throttle. TRUST_PROXY_HOPS lets wrong tokens come from unused IP addresses.
  h = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => h.close());

describe('admin routes', () => {
  it('returns 401 on every admin route without the admin token', async () => {
    expect(ADMIN_ROUTES.length).toBeGreaterThan(5);
    const own = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
    for (const [n, { method, path }] of ADMIN_ROUTES.entries()) {
      // Use a new IP address for each request, because wrong tokens are counted per IP address.
      const headers = { 'x-forwarded-for': `192.0.2.${n}` };
      expectProblem(
        await own.client.request(method, path.replaceAll(/:\w+/g, 'x'), { headers }),
        401,
        'ADMIN_TOKEN_INVALID',
      );
    }
    await own.close();
  });

  it('returns 404 for admin routes under /v1', async () => {
    expect((await h.client.get('/v1/admin/partners')).status).toBe(404);
  });

  it('rejects a partner’s key on admin routes', async () => {
    const { liveKey } = await h.partner();
    expect((await h.client.get('/admin/partners', liveKey)).body.code).toBe('ADMIN_TOKEN_INVALID');
  });

  it('returns 404 on admin routes when ADMIN_TOKEN is not set', async () => {
    const withoutToken = await startHarness({ workers: false, env: { ADMIN_TOKEN: '' } });
    expect((await asAdmin(withoutToken.client, 'GET', '/partners')).status).toBe(404);
    await withoutToken.close();
  });

  it('logs and counts each attempt with a wrong admin token, but not the token or the IP address', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
    const rejected = async () => (await h.ctx.metrics.operatorLogInsRejected.get()).values[0]!.value;
    const before = await rejected();
    await expect(checkAdminToken({ ...h.ctx, log }, 'guessed', '192.0.2.7')).rejects.toThrow('ADMIN_TOKEN_INVALID');
    expect(lines).toEqual([expect.stringContaining('incorrect admin token')]);
    expect(lines.join()).not.toMatch(/guessed|192\.0/);
    await checkAdminToken({ ...h.ctx, log }, ADMIN_TOKEN, '192.0.2.7');
    expect(lines).toHaveLength(1);
    expect(await rejected()).toBe(before + 1);
  });

  it('throttles wrong admin tokens by IP address', async () => {
    const withToken = (token: string, address = '192.0.2.8') =>
      h.client.request('GET', '/admin/partners', {
        headers: { 'x-admin-token': token, 'x-forwarded-for': address },
      });
    let response = await withToken('wrong');
    for (let tries = 0; response.status === 401 && tries < 20; tries += 1) response = await withToken(`wrong-${tries}`);
    expect(response).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await withToken(ADMIN_TOKEN)).status).toBe(429);
    expect((await withToken(ADMIN_TOKEN, '192.0.2.9')).status).toBe(200);
  });
});
