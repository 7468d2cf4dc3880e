import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { HOUR_MS, hourOf } from '../../../../shared/domain/usage';
import { cli } from '../../../support/cli';
import { type Harness, startHarness } from '../../../support/harness';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ workers: false });
});
afterAll(() => h.close());
const mir = (...args: string[]) => cli(h.env, 'partners', 'usage', ...args);

describe('mir partners usage', () => {
  it('shows the events and requests of one environment, as tables or JSON', async () => {
    const { partnerId, liveKey } = await h.partner();
    const hour = hourOf(Date.now()) - 1;
    const counts = { 'in:events': 4, 'out:events:202:': 3, 'out:events:429:RATE_LIMITED': 1, rejected: 2 };
    await h.ctx.store.usage.putRequests(tenantOf(partnerId, 'live'), [{ hour, counts }]);
    await h.client.post('/v1/resolve', liveKey, { userExternalId: 'u' });
    await h.ctx.usage.flush();
    const shown = await mir(partnerId);
    expect(shown).toMatchObject({ code: 0, err: '' });
    const row = (...cells: (string | number)[]) => new RegExp(cells.join('\\s+│\\s+'));
    expect(shown.out).toMatch(row('total', 'events', 4, 3, 0, 1, 0, 0));
    expect(shown.out).toMatch(row('total', 'signals', 1, 1, 0, 0, 0, 0));
    expect(shown.out).toMatch(row('total', 0, 0, 0, 0, 0, 2));
    expect(shown.out).toMatch(row('RATE_LIMITED', 429, 1));
    const from = new Date(hour * HOUR_MS).toISOString();
    const { data } = (await mir(partnerId, '--from', from, '--bucket', 'hour', '--json')).json();
    expect(data).toMatchObject([{ from, requests: [{ group: 'events', total: 4 }] }, { requests: [{ total: 1 }] }]);
    expect((await mir(partnerId, '--environment', 'test')).out).toMatch(/^Usage in test .*\nNone\.$/m);
  });

  it('lists all problems of its options, and rejects unknown partners', async () => {
    const { partnerId } = await h.partner();
    const wrong = await mir(partnerId, '--from', 'yesterday', '--to', 'now');
    expect(wrong.code).toBe(1);
    expect(wrong.err).toMatch(/^VALIDATION_FAILED: .*\n {2}from: .*\n {2}to: /);
    expect(await mir('prt_unknown')).toMatchObject({ code: 1, err: expect.stringMatching(/^NOT_FOUND: /) });
    expect(await mir(partnerId, '--bucket', 'week')).toMatchObject({ code: 2 });
  });
});
