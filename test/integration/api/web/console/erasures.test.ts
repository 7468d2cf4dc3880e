import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Tenant, tenantOf } from '../../../../../shared/domain/ids';
import type { BrowserSession, VisitedPage } from '../../../../support/browser-session';
import type { Harness } from '../../../../support/harness';
import { startHarnessForPeople } from '../../../../support/people';
import { rawCollection } from '../../../../support/raw-collection';
import { insertDoneErasure, insertErasure } from '../../../../support/records';
import { operatorBrowser } from '../../../../support/staff';

const HOUR_MS = 3_600_000;

let h: Harness;
let browser: BrowserSession;
let tenant: Tenant;
beforeAll(async () => {
  h = await startHarnessForPeople({ workers: false });
  ({ browser } = await operatorBrowser(h, 'VIEWER'));
});
afterAll(() => h.close());
beforeEach(async () => {
  await h.ctx.store.erasures.model.deleteMany({});
  const { partnerId } = await h.partner({ name: 'Harbour Market' });
  tenant = tenantOf(partnerId, 'live');
});

const rows = ({ root }: VisitedPage): string[] =>
  root.querySelectorAll('tbody tr').map((row) => row.structuredText.replace(/\s+/g, ' ').trim());
const tiles = ({ root }: VisitedPage): string[] => root.querySelectorAll('.figure').map(({ text }) => text);

describe('the erasures of all partners in the console', () => {
  it('lists running ones, oldest first, with what each waits for', async () => {
    const [queued, stored, unqueued] = await Promise.all([
      insertErasure(h, tenant, { ageMs: HOUR_MS }),
      insertErasure(h, tenant, { ageMs: 2 * HOUR_MS, eventsErased: 40 }),
      insertErasure(h, tenant, { ageMs: 61_000 }),
    ]);
    await h.ctx.erasureQueue.add(queued._id);
    await h.ctx.erasureQueue.add(stored._id);
    const receivedAt = new Date(stored.erasedAt.getTime() - 1);
    await rawCollection(h.ctx.store.events.model).insertMany([
      { _id: 'evt_erasure_1', tenant, userRef: stored.userRef, receivedAt },
    ]);
    const openChunks = h.ctx.keys.openChunks(tenant);
    await h.ctx.queueLink.client.zadd(openChunks, queued.erasedAt.getTime() - 1, 'cerasure1');
    const page = await browser.get('/console/erasures');
    expect(rows(page)).toEqual([
      expect.stringMatching(/^Harbour Market, live .*Late 2 hours Stored events to be deleted 40$/),
      expect.stringMatching(/^Harbour Market, live .*Late 1 hour Events of the partner that are still queued 0$/),
      expect.stringMatching(/^Harbour Market, live .*Running 1 minute A worker that picks it up 0$/),
    ]);
    expect(tiles(page)).toEqual(['3', '2', '0']);
    expect(rows(await browser.get('/console'))).toContainEqual(expect.stringMatching(/^Late erasures .* 2 Open/));
    await h.ctx.queueLink.client.del(openChunks);
    expect(rows(await browser.get('/console/erasures'))[1]).toContain('The last check of dead letters and caches');
    for (const { userRef } of [queued, stored, unqueued]) expect(page.html).not.toContain(userRef);
  });

  it('lists finished ones', async () => {
    await insertDoneErasure(h, tenant);
    await insertErasure(h, tenant);
    const page = await browser.get('/console/erasures?state=DONE');
    expect(rows(page)).toEqual([expect.stringMatching(/^Harbour Market, live .*1 minute 12$/)]);
  });

  it('shows how far one is, and never whose events it deletes', async () => {
    const erasure = await insertErasure(h, tenant, { eventsErased: 3 });
    await h.ctx.erasureQueue.add(erasure._id);
    await rawCollection(h.ctx.store.events.model).insertMany(
      [1, 2].map((n) => ({
        _id: `evt_erasure_left_${n}`,
        tenant,
        userRef: erasure.userRef,
        receivedAt: new Date(erasure.erasedAt.getTime() - n),
      })),
    );
    const { text, html, root } = await browser.get(`/console/erasures/${erasure._id}`);
    expect(text).toContain('3 deleted, 2 left.');
    expect(text).toContain('A worker deletes the events in pages');
    expect(root.querySelector('noscript')!.innerHTML).toContain('http-equiv="refresh"');
    expect(html).not.toContain(erasure.userRef);
    expect((await browser.get('/console/erasures/ers_live_none')).status).toBe(404);
  });

  it('follows one until it is done', async () => {
    const { _id } = await insertDoneErasure(h, tenant);
    const page = await browser.get(`/console/erasures/${_id}`);
    expect(page.text).toContain('The partner was notified');
    expect(page.root.querySelector('noscript')).toBeNull();
    const { html } = await browser.get(`/console/erasures/${_id}/live`, { 'hx-request': 'true' });
    expect(html).toContain('12 deleted');
    expect(html.trimEnd().endsWith('event: last\ndata:')).toBe(true);
    expect((await browser.get('/console/erasures/ers_live_none/live')).status).toBe(404);
  });
});
