import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BrowserSession, VisitedPage } from '../../../../support/browser-session';
import type { Harness, TestPartner } from '../../../../support/harness';
import { startHarnessForPeople } from '../../../../support/people';
import { insertDelivery, insertEndpoint } from '../../../../support/records';
import { operatorBrowser } from '../../../../support/staff';

const HOUR_MS = 3_600_000;

let h: Harness;
let browser: BrowserSession;
let partner: TestPartner;
beforeAll(async () => {
  h = await startHarnessForPeople({ workers: false });
  ({ browser } = await operatorBrowser(h, 'VIEWER'));
});
afterAll(() => h.close());
beforeEach(async () => {
  await h.ctx.store.webhooks.model.deleteMany({});
  partner = await h.partner({ name: 'Harbour Market' });
});

const rows = ({ root }: VisitedPage): string[] =>
  root.querySelectorAll('tbody tr').map((row) => row.structuredText.replace(/\s+/g, ' ').trim());
const ago = (ms: number): Date => new Date(Date.now() - ms);
const failed = (responseCode: number | null, error?: string) => ({
  attempts: 1,
  attemptLog: [{ at: ago(60_000), responseCode, durationMs: 5, ...(error !== undefined && { error }) }],
});

describe('the webhook endpoints of all partners in the console', () => {
  it('lists those that fail, longest first, with the last failure in words', async () => {
    const recent = await insertEndpoint(h, partner, { failingSince: ago(HOUR_MS) });
    const other = await h.partner({ name: 'Quay Books' });
    const long = await insertEndpoint(h, other, {
      failingSince: ago(2 * HOUR_MS),
      url: 'https://quay.example/hooks',
    });
    await insertDelivery(h, recent, { status: 'PENDING', ...failed(503) });
    await insertDelivery(h, recent, { status: 'PENDING', createdAt: ago(HOUR_MS) });
    await insertDelivery(h, long, failed(null, 'HOST_NOT_FOUND'));
    await insertEndpoint(h, partner);
    await insertEndpoint(h, partner, { failingSince: ago(HOUR_MS), disabledAt: ago(1), disabledReason: 'FAILING' });
    // Receivers of kills have pages of their own.
    const { slot: _slot, ...receiver } = await insertEndpoint(h, partner);
    await h.ctx.store.webhooks.model.updateOne(
      { _id: receiver._id },
      { $set: { format: 'MIR', failingSince: ago(HOUR_MS) } },
    );
    const page = await browser.get('/console/webhooks');
    expect(rows(page)).toEqual([
      expect.stringMatching(/^quay\.example Quay Books, live 2 hours ago The name of the server was not found.* 0$/),
      expect.stringMatching(
        /^hooks\.harbour\.example Harbour Market, live 1 hour ago The server has an error of its own \(503\).* 2$/,
      ),
    ]);
    expect(page.html).not.toContain('secret-path');
    expect(rows(await browser.get('/console'))).toContainEqual(expect.stringMatching(/^Failing webhooks .* 2 Open/));
  });

  it('lists those that are disabled, and who disabled them', async () => {
    await insertEndpoint(h, partner, { disabledAt: ago(HOUR_MS), disabledReason: 'REQUESTED' });
    await insertEndpoint(h, partner, { disabledAt: ago(2 * HOUR_MS), disabledReason: 'FAILING' });
    expect(rows(await browser.get('/console/webhooks?state=DISABLED'))).toEqual([
      expect.stringContaining('Disabled by the partner'),
      expect.stringContaining('Disabled by MIR'),
    ]);
    expect((await browser.get('/console/webhooks')).text).toContain('No webhook endpoint fails');
  });

  it('shows one with its messages, without its path, and where the partner can repair it', async () => {
    const endpoint = await insertEndpoint(h, partner, { failingSince: ago(HOUR_MS) });
    await insertDelivery(h, endpoint, { type: 'agent.suspended', ...failed(410) });
    await insertDelivery(h, endpoint, { status: 'DELIVERED', ...failed(204) });
    const base = `/console/webhooks/${partner.partnerId}`;
    const page = await browser.get(`${base}/live/${endpoint._id}`);
    expect(rows(page).toSorted()).toEqual([
      expect.stringMatching(/^agent\.suspended.*Failed.*The address is gone \(410\)/),
      expect.stringMatching(/^link\.confirmed.*Delivered.*Accepted \(204\)/),
    ]);
    expect(page.text).toContain(`/portal/${partner.partnerId}/live/webhooks/view?webhook=${endpoint._id}`);
    expect(page.html).not.toContain('secret-path');
    for (const path of [`${base}/test/${endpoint._id}`, `${base}/live/whk_none`, `${base}/all/${endpoint._id}`]) {
      expect((await browser.get(path)).status).toBe(404);
    }
  });
});
