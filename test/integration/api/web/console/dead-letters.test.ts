import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OPERATORS } from '../../../../../shared/store/members';
import type { BrowserSession, VisitedPage } from '../../../../support/browser-session';
import { anEvent } from '../../../../support/builders';
import { makeDeadLetter } from '../../../../support/dead-letters';
import { type Harness, startHarness, type TestPartner } from '../../../../support/harness';
import { auditOf } from '../../../../support/partners';
import { deadLetters } from '../../../../support/route-fixtures';
import { PASSWORD } from '../../../../support/people';
import { operatorBrowser } from '../../../../support/staff';

const PATH = '/console/dead-letters';

let h: Harness;
let partner: TestPartner;
let onCall: BrowserSession;
beforeAll(async () => {
  h = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
  partner = await h.partner();
  ({ browser: onCall } = await operatorBrowser(h, 'ON_CALL'));
});
afterAll(() => h.close());

/** Returns a dead letter with events that contain private words. */
async function failedEvents(): Promise<string> {
  const event = anEvent({ userExternalId: 'u-private', metadata: { note: 'private words' } });
  const { body } = await h.client.post('/v1/events', partner.liveKey, { events: [event, event, event] });
  const [job] = await h.ctx.queues.events.getJobs(['waiting', 'prioritized']);
  expect(body.accepted).toBe(3);
  await makeDeadLetter(h, job!.id!);
  return job!.id!;
}

const stateOf = (id: string): Promise<string> => h.ctx.queues.events.getJobState(id);
const idsIn = ({ root }: VisitedPage): (string | undefined)[] =>
  root.querySelectorAll('main tbody a').map((link) => link.getAttribute('href')?.slice(PATH.length + 1));

describe('the list of dead letters', () => {
  it('says what to do when there is none', async () => {
    expect((await onCall.get(PATH)).text).toMatch(/No dead letters.*The runbook/);
  });

  it('names the partner and the failure, but shows no content, and filters by queue', async () => {
    const id = await failedEvents();
    const page = await onCall.get(PATH);
    expect(page.text).toMatch(/3 events of .* \(live\)/);
    expect(page.text).toContain('Internal error');
    expect(page.html).not.toMatch(/private|failed by the test/);
    expect(idsIn(page)).toContain(id);
    expect(idsIn(await onCall.get(`${PATH}?queue=events`))).toContain(id);
    expect(idsIn(await onCall.get(`${PATH}?queue=bulk-events`))).toEqual([]);
  });

  it('has pages', async () => {
    await deadLetters(h, 30);
    const first = await onCall.get(PATH);
    const second = await onCall.get(first.root.querySelector('.next-page a')!.getAttribute('href')!);
    expect(idsIn(first)).toHaveLength(25);
    expect(idsIn(second).filter((id) => idsIn(first).includes(id))).toEqual([]);
    expect(idsIn(second).length).toBeGreaterThanOrEqual(6);
  });

  it('offers nothing to change to roles without the right', async () => {
    const { browser: viewer } = await operatorBrowser(h, 'VIEWER');
    const [id] = await deadLetters(h, 1);
    for (const path of [PATH, `${PATH}/${id}`]) {
      const { root, text } = await viewer.get(path);
      expect([path, root.querySelectorAll('main form').length]).toEqual([path, 0]);
      expect(text).toContain('On-call');
    }
  });
});

describe('a dead letter', () => {
  it('shows the shape of its payload without its content, and what to do', async () => {
    const id = await failedEvents();
    const page = await onCall.get(`${PATH}/${id}`);
    expect(page.text).toMatch(/Search the logs of the workers for the ID/);
    expect(page.root.querySelector('main pre')!.text).toContain('list(3) of');
    expect(page.html).not.toMatch(/private|failed by the test/);
  });

  it('lists the fields that cannot be read', async () => {
    const [id] = await deadLetters(h, 1);
    const { text } = await onCall.get(`${PATH}/${id}`);
    expect(text).toContain('Fields that this version can’t read');
    expect(text).toContain('Unreadable job');
  });

  it('gives 404 once it is gone', async () => {
    expect((await onCall.get(`${PATH}/c0123`)).status).toBe(404);
  });
});

describe('a replay', () => {
  it('queues one dead letter again, in the name of the operator', async () => {
    const id = await failedEvents();
    const done = await onCall.submit(await onCall.get(`${PATH}/${id}`), {}, { action: `${PATH}/${id}/replay` });
    expect(done.text).toContain('1 dead letter queued again');
    expect(await stateOf(id)).not.toBe('failed');
    const [entry] = await auditOf(h.ctx, id);
    const actor = { kind: 'OPERATOR', via: 'CONSOLE', name: 'Member ON_CALL' };
    expect(entry).toMatchObject({ action: 'dead-letter.replayed', actor });
  });

  it('queues the selected dead letters again and no others, and counts those that are gone', async () => {
    const [first, second, gone, kept] = (await deadLetters(h, 4)) as [string, string, string, string];
    const page = await onCall.get(PATH);
    await h.ctx.queues.events.remove(gone);
    const fields = { 'selected-0': first, 'selected-1': second, 'selected-2': gone };
    const done = await onCall.submit(page, fields, { action: `${PATH}/replay` });
    expect(done.text).toMatch(/2 dead letters queued again\. 1 dead letter had already been replayed/);
    expect(await Promise.all([first, second, kept].map(stateOf))).toEqual([
      expect.not.stringMatching('failed'),
      expect.not.stringMatching('failed'),
      'failed',
    ]);
  });

  it('selects everything on the page without a script', async () => {
    await deadLetters(h, 2);
    const page = await onCall.get(PATH);
    expect(page.root.querySelectorAll('input[checked]')).toHaveLength(0);
    const link = page.root.querySelectorAll('main a').find(({ text }) => text.includes('Select all'))!;
    const all = await onCall.get(link.getAttribute('href')!.replaceAll('&amp;', '&'));
    expect(all.root.querySelectorAll('input[checked]').length).toBe(idsIn(all).length);
  });

  it('needs a selection of at most one page', async () => {
    const [id] = await deadLetters(h, 1);
    const page = await onCall.get(PATH);
    const nothing = await onCall.submit(page, {}, { action: `${PATH}/replay` });
    expect([nothing.status, nothing.text]).toEqual([422, expect.stringContaining('Select the dead letters to replay')]);
    const form_token = page.root.querySelector('input[name=form_token]')!.getAttribute('value')!;
    const many = Object.fromEntries(Array.from({ length: 26 }, (_, n) => [`selected-${n}`, id!]));
    const { status } = await onCall.post(`${PATH}/replay`, { ...many, form_token }, { origin: 'https://mir.example' });
    expect(status).toBe(400);
    expect(await stateOf(id!)).toBe('failed');
  });
});

describe('a drop', () => {
  it('needs a reason and the typed end of the ID, and records both decision and reason', async () => {
    const id = await failedEvents();
    const action = `${PATH}/${id}/drop`;
    const page = await onCall.get(action);
    expect(page.text).toMatch(/3 events of .* will not be stored/);
    const wrong = await onCall.submit(page, { reason: ' ', typed: 'x' }, { action });
    expect(wrong.root.querySelectorAll('.error').map((error) => error.id)).toEqual(['reason-error', 'typed-error']);
    expect([wrong.status, await stateOf(id)]).toEqual([422, 'failed']);
    const done = await onCall.submit(wrong, { reason: 'Sent again', typed: id.slice(-6) }, { action });
    expect(done.text).toContain('The dead letter is dropped');
    expect(await stateOf(id)).toBe('unknown');
    const [entry] = await auditOf(h.ctx, id);
    expect(entry).toMatchObject({ action: 'dead-letter.dropped', reason: 'Sent again', before: { events: 3 } });
  });

  it('needs a recent log-in, and drops after the confirmation', async () => {
    const [id] = await deadLetters(h, 1);
    const { memberId, browser } = await operatorBrowser(h, 'ADMIN');
    const page = await browser.get(`${PATH}/${id}/drop`);
    const { staffId } = (await h.ctx.store.members.model.findOne({ _id: memberId, organization: OPERATORS }).lean())!;
    const old = new Date(Date.now() - 24 * 3_600_000);
    await h.ctx.store.staffSessions.model.updateMany({ userId: staffId }, { confirmedAt: old });
    const fields = { reason: 'Sent again', typed: id!.slice(-6) };
    const late = await browser.submit(page, fields, { action: `${PATH}/${id}/drop` });
    expect([late.status, await stateOf(id!)]).toEqual([403, 'failed']);
    expect((await browser.submit(late, { password: PASSWORD })).text).toContain('The dead letter is dropped');
    const [entry] = await auditOf(h.ctx, id!);
    expect(entry).toMatchObject({ action: 'dead-letter.dropped', reason: 'Sent again' });
  });
});
