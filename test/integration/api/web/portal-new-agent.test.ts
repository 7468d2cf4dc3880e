import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { VisitedPage } from '../../../support/browser-session';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarnessForPeople } from '../../../support/people';
import { baseOf, type LoggedIn, logInMember } from '../../../support/portal-session';

let mir: Harness;
let partner: TestPartner;
let manager: LoggedIn;
beforeAll(async () => {
  mir = await sharedHarnessForPeople();
  partner = await mir.partner({ name: 'Harbour Market' });
  manager = await logInMember(mir, partner, 'AGENT_MANAGER');
});
afterAll(() => mir.close());

const open = (path: string): Promise<VisitedPage> => manager.browser.get(baseOf(partner) + path);
/** Selects and text areas, which the session does not fill in. */
const AGENT = {
  name: 'Nightly report',
  type: 'SERVICE_ACCOUNT',
  preset: 'STANDARD',
  allowedEventTypes: 'mir.transaction.*\nmir.account.*',
};

describe('the page that registers agents', () => {
  it('registers one agent if a form is submitted twice, and another one if it was changed', async () => {
    const form = await open('/agents/new');
    const named = async (name: string): Promise<number> =>
      (await mir.client.post('/v1/agents/find', partner.liveKey, { name })).body.data.length;
    const first = await manager.browser.submit(form, { ...AGENT, name: 'Twice' });
    expect(first.root.querySelector('#api-key')).not.toBeNull();
    const again = await manager.browser.submit(form, { ...AGENT, name: 'Twice' });
    expect(again.text).toContain('This form was submitted before');
    expect(again.root.querySelector('#api-key')).toBeNull();
    expect(await named('Twice')).toBe(1);
    const other = await manager.browser.submit(form, { ...AGENT, name: 'Other' });
    expect([other.status, await named('Other')]).toEqual([422, 0]);
    const registered = await manager.browser.submit(other, { ...AGENT, name: 'Other' });
    expect([registered.status, await named('Other')]).toEqual([200, 1]);
  });

  it('shows the key once, which works, with the lifetime and owner of the form', async () => {
    await mir.client.request('PUT', '/v1/agents/policy', { key: partner.liveKey, body: { ownerRequired: true } });
    const form = await open('/agents/new');
    expect(form.text).toMatch(/Owner\s*Required/);
    const fields = { ...AGENT, expiresInSeconds: '90 days', rateLimitPerMinute: '600' };
    const missing = await manager.browser.submit(form, { ...fields, idleTimeoutSeconds: 'soon', preset: 'READ_ONLY' });
    expect(missing.text).toMatch(/Please fix 1 problem.*Enter an idle time/);
    const unowned = await manager.browser.submit(form, fields);
    expect(unowned.text).toMatch(/requires an owner/);
    const owner = { 'owner.name': 'Ada Ops', 'owner.email': 'ada@harbour.example' };
    const created = await manager.browser.submit(unowned, { ...fields, ...owner });
    expect(created.headers.get('cache-control')).toBe('no-store');
    const key = created.root.querySelector('#api-key')!.text;
    expect((await mir.client.get('/v1/events', key)).status).toBe(200);
    const { data } = (await mir.client.get('/v1/agents?limit=1', partner.liveKey)).body;
    expect(data[0]).toMatchObject({
      name: 'Nightly report',
      owner: { name: 'Ada Ops' },
      allowedEventTypes: ['mir.transaction.*', 'mir.account.*'],
      rateLimitPerMinute: 600,
    });
    expect(Date.parse(data[0].expiresAt) - Date.parse(data[0].createdAt)).toBe(90 * 86_400_000);
  });
});
