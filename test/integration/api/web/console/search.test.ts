import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../../support/builders';
import type { BrowserSession, VisitedPage } from '../../../../support/browser-session';
import type { Harness, TestPartner } from '../../../../support/harness';
import { insertAgent, type TestAgent } from '../../../../support/insert-agent';
import { auditOf, statusWith } from '../../../../support/partners';
import { sharedHarnessForPeople } from '../../../../support/people';
import { operatorBrowser } from '../../../../support/staff';
import { waitUntil } from '../../../../support/wait-until';

const suffix = randomUUID().slice(0, 8);

let h: Harness;
let onCall: BrowserSession;
let partner: TestPartner;
let root: TestAgent;
let child: TestAgent;
beforeAll(async () => {
  h = await sharedHarnessForPeople();
  ({ browser: onCall } = await operatorBrowser(h, 'ON_CALL'));
  partner = await h.partner({ name: `Quay ${suffix}` });
  const owner = { name: `Ada ${suffix}`, email: `ada-${suffix}@quay.example` };
  root = await insertAgent(h.ctx.store, partner, { name: `Orders bot ${suffix}`, owner });
  child = await insertAgent(h.ctx.store, partner, { name: `Refund bot ${suffix}` }, root);
});
afterAll(() => h.close());

const partnerPath = (): string => `/console/partners/${partner.partnerId}`;
const agentPath = ({ agentId }: TestAgent): string => `/console/agents/${agentId}`;

async function find(text: string): Promise<VisitedPage> {
  return onCall.submit(await onCall.get('/console/search'), { text });
}

/** Returns where the tables of results link to. */
function linksOf({ root: page }: VisitedPage): string[] {
  return [...new Set(page.querySelectorAll('main table a').map((one) => one.getAttribute('href')!))];
}

describe('the search', () => {
  it('finds a partner by its ID or the beginning of its name', async () => {
    for (const text of [partner.partnerId, `Quay ${suffix.slice(0, 6)}`, ` Quay ${suffix} `]) {
      expect(linksOf(await find(text))).toEqual([partnerPath()]);
    }
  });

  it('finds agents by ID, name, owner, address, key and event', async () => {
    const { body } = await h.client.post('/v1/events', root.apiKey, anEvent(), { 'idempotency-key': suffix });
    await h.drained();
    const texts = [root.agentId, root.doc.name, `Ada ${suffix}`, `ADA-${suffix}@quay.example`, root.apiKey];
    for (const text of [...texts, root.doc.key!.prefix, body.results?.[0]?.eventId ?? body.eventId]) {
      expect([text, linksOf(await find(text))]).toEqual([text, expect.arrayContaining([agentPath(root)])]);
    }
    expect((await find(child.agentId)).text).toContain(`below Orders bot ${suffix}`);
  });

  it('finds a key by the whole key, its beginning or its ID, and never shows it', async () => {
    const created = await h.client.post('/v1/keys', partner.liveKey, { name: 'Reports', scopes: ['events:read'] });
    const { apiKey, keyId, prefix } = created.body as Record<'apiKey' | 'keyId' | 'prefix', string>;
    for (const text of [apiKey, prefix, apiKey.slice(0, -4), keyId]) {
      const page = await find(text);
      expect([text, linksOf(page)]).toEqual([text, [partnerPath(), `${partnerPath()}/keys/${keyId}`]]);
      expect(page.html).not.toContain(apiKey.slice(prefix.length, -4));
      expect(page.path).toBe('/console/search');
    }
    await h.client.post(`/v1/keys/${keyId}/revoke`, partner.liveKey, {});
    // The partner's tag in a revoked key still leads to the partner.
    expect(linksOf(await find(apiKey))).toEqual([partnerPath()]);
  });

  it('says what to do if nothing matches or nothing was entered', async () => {
    const mistyped = `${partner.liveKey.slice(0, -1)}${partner.liveKey.endsWith('0') ? '1' : '0'}`;
    expect(linksOf(await find(mistyped))).toEqual([partnerPath()]);
    for (const text of ['prt_none', 'key_none', 'csc_none', 'agt_none', 'mir_live_000000000000_x', `none ${suffix}`]) {
      expect([text, (await find(text)).text]).toEqual([text, expect.stringContaining('Nothing found')]);
    }
    for (const text of [' ', 'x'.repeat(300)]) expect((await find(text)).status).toBe(422);
    expect((await find('a\tb')).status).toBe(422);
  });
});

describe('the page of an agent', () => {
  it('shows its owner, the agents above and directly below it, and its partner', async () => {
    const above = await onCall.get(agentPath(root));
    expect(above.text).toContain(`Ada ${suffix}, ada-${suffix}@quay.example`);
    expect(linksOf(above)).toEqual([agentPath(child)]);
    const below = await onCall.get(agentPath(child));
    const links = below.root.querySelectorAll('main dl a').map((one) => one.getAttribute('href'));
    expect(links).toEqual([partnerPath(), agentPath(root)]);
    expect((await onCall.get('/console/agents/agt_none')).status).toBe(404);
  });

  it('suspends an agent with everything below it, and reactivates it', async () => {
    const own = await insertAgent(h.ctx.store, partner, { name: 'Any bot' });
    const below = await insertAgent(h.ctx.store, partner, { name: 'Any child' }, own);
    const action = `${agentPath(own)}/stop`;
    const form = await onCall.get(action);
    expect(form.text).toContain('Revoke 2 agents');
    const fields = { reason: 'Odd traffic', name: 'Any bot', action: 'suspend' };
    const wrong = await onCall.submit(form, { ...fields, name: 'any bot' });
    expect([wrong.status, await statusWith(h.client, own.apiKey)]).toEqual([422, 200]);
    const suspended = await onCall.submit(form, fields);
    expect(suspended.path).toBe(`${agentPath(own)}?done=suspended`);
    expect(suspended.text).toContain('Agent suspended“Odd traffic”Member ON_CALL');
    expect(await statusWith(h.client, below.apiKey)).toBe(403);
    const reactivate = await onCall.get(`${agentPath(own)}/reactivate`);
    await onCall.submit(reactivate, { reason: 'Explained' });
    expect(await statusWith(h.client, below.apiKey)).toBe(200);
  });

  it('kills an agent, and leads to a report that shows what happened', async () => {
    const own = await insertAgent(h.ctx.store, partner, { name: 'Rogue bot' });
    await insertAgent(h.ctx.store, partner, { name: 'Rogue child' }, own);
    const form = await onCall.get(`${agentPath(own)}/stop`);
    const fields = { reason: 'Prompt injection', name: 'Rogue bot', action: 'revoke' };
    const { path, text } = await onCall.submit(form, fields);
    expect(path).toMatch(/^\/console\/kills\/csc_\w+$/);
    expect(text).toMatch(/Rogue bot is stopped.*Prompt injection.*Member ON_CALL, in the console/);
    expect(await statusWith(h.client, own.apiKey)).toBe(401);
    let report!: VisitedPage;
    await waitUntil('the kill is complete', async () => {
      report = await onCall.get(path);
      return report.text.includes('All keys deleted');
    });
    expect(report.text).toContain('2 of 2');
    const kills = await onCall.get('/console/kills');
    expect(linksOf(kills)).toContain(path);
    expect(kills.text).toMatch(/Latest completed.*Rogue bot/);
    expect((await find(path.split('/').at(-1)!)).path).toBe(path);
    const page = await onCall.get(agentPath(own));
    expect(page.root.querySelector(`main a[href="${path}"]`)).not.toBeNull();
    expect(page.text).not.toContain('Stop…');
    const entries = await auditOf(h.ctx, own.agentId);
    expect(entries[0]).toMatchObject({ action: 'agent.subtree.killed', actor: { via: 'CONSOLE' } });
  });

  it('lists open kills, which a script loads again until they are complete', async () => {
    const own = await insertAgent(h.ctx.store, partner, { name: 'Slow bot' });
    const { body } = await h.client.post(`/v1/agents/${own.agentId}/revoke-descendants`, partner.liveKey, {});
    const { cascades } = h.ctx.store;
    const later = new Date(Date.now() + 3_600_000);
    await waitUntil('the kill is complete', async () => (await cascades.byId(body.cascadeId))!.closedAt !== null);
    const open = { status: 'RUNNING', closedAt: null, nextLookAt: later, affected: 7 } as const;
    await cascades.model.updateOne({ _id: body.cascadeId }, { $set: open });
    const page = await onCall.get('/console/kills');
    expect(page.text).toMatch(/Being carried out.*Slow bot.*1 of 7/);
    expect(page.root.querySelector('[hx-get="/console/kills/list"]')).not.toBeNull();
    await cascades.model.updateOne({ _id: body.cascadeId }, { $set: { status: 'CLOSED', closedAt: new Date() } });
    const part = await onCall.get('/console/kills/list', { 'hx-request': 'true' });
    expect(part.html).toMatch(/^<div><section/);
    expect(part.html).toContain('Slow bot');
  });
});
