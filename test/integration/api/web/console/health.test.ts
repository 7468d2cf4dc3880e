import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readHealth } from '../../../../../api/admin/health/health-report';
import { createCheckRunner, ok } from '../../../../../api/admin/health/finding';
import { runbookOf, wordsOf } from '../../../../../api/web/console/health/health-words';
import { runbook } from '../../../../../api/web/runbook/runbook-page';
import { queueKeys } from '../../../../../shared/queue/bullmq-internals';
import { VERSION } from '../../../../../shared/project';
import type { BrowserSession } from '../../../../support/browser-session';
import { type Harness, startHarness } from '../../../../support/harness';
import { rawCollection } from '../../../../support/raw-collection';
import { deadLetters } from '../../../../support/route-fixtures';
import { operatorBrowser } from '../../../../support/staff';

let h: Harness;
let viewer: BrowserSession;
beforeAll(async () => {
  h = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
  ({ browser: viewer } = await operatorBrowser(h, 'VIEWER'));
});
afterAll(() => h.close());

/** Makes Redis reject reads of dead letters while `work` runs. */
async function withoutDeadLetters<T>(work: () => Promise<T>): Promise<T> {
  const { client } = h.ctx.queueLink;
  const { failed } = queueKeys(h.ctx.keys, h.ctx.queues.events.name);
  await client.rename(failed, `${failed}:kept`);
  await client.hset(failed, 'of', 'another type');
  try {
    return await work();
  } finally {
    await client.del(failed);
    await client.rename(`${failed}:kept`, failed);
  }
}

describe('the health page', () => {
  it('has words for every check, and links to sections of the runbook that exist', async () => {
    const { findings } = await readHealth(h.ctx);
    const checks = [...new Set(findings.map(({ check }) => check))];
    expect(checks).toEqual(expect.arrayContaining(['mongo', 'redis', 'queue events', 'dead letters', 'clocks']));
    expect(checks.filter((check) => wordsOf(check).meaning === '')).toEqual([]);
    const sections = new Set(runbook().headings.map(({ id }) => id));
    const linked = checks.flatMap((check) => [wordsOf(check).runbook, runbookOf(check, findings)].filter(Boolean));
    expect(linked.length).toBeGreaterThan(5);
    expect(linked.filter((id) => !sections.has(id!))).toEqual([]);
  });

  it('shows what passed and what to fix, with this version', async () => {
    await deadLetters(h, 2);
    const { root, text } = await viewer.get('/console/health');
    const problem = root.querySelector('#dead-letters')!.closest('.problem')!;
    expect(problem.text).toMatch(/Dead letters.*Degraded.*jobs that failed permanently: 2/is);
    const links = problem.querySelectorAll('a').map((link) => link.getAttribute('href'));
    expect(links).toEqual(['/console/dead-letters', '/runbook#mirdeadletters']);
    expect(root.querySelector('tbody #transactions')!.text).toContain('stored together or not at all');
    expect(text).toContain(VERSION);
  });

  it('reports a server that rejects a check without the message of its driver', async () => {
    await deadLetters(h, 1);
    const { root, html } = await withoutDeadLetters(() => viewer.get('/console/health'));
    expect(root.querySelector('#dead-letters')!.closest('.problem')!.text).toMatch(
      /Failed.*did not respond, or it rejected the check/s,
    );
    expect(html).not.toMatch(/WRONGTYPE|user_script/);
  });

  it('ends a check at its time limit', async () => {
    const runner = createCheckRunner({ timeoutMs: 20, textOf: (error) => (error as Error).message });
    const late = await runner.checked('slow', 'wait', () => new Promise<never>(() => undefined));
    expect(late).toEqual([
      { check: 'slow', verdict: 'WARN', found: 'the check did not finish within 0.02 s', remedy: 'wait' },
    ]);
    expect(await runner.checked('fast', 'wait', () => Promise.resolve([ok('fast', 'done')]))).toHaveLength(1);
  });

  it('runs the checks once for concurrent readers, and again for a later one', async () => {
    const first = readHealth(h.ctx);
    expect(readHealth(h.ctx)).toBe(first);
    await first;
    expect(readHealth(h.ctx, 60_000)).toBe(first);
    expect(readHealth(h.ctx)).not.toBe(first);
  });
});

describe('the overview', () => {
  /** Returns the count of each thing that needs attention. */
  async function counts(): Promise<Record<string, string>> {
    const { root } = await viewer.get('/console');
    const rows = root.querySelectorAll('main .split tbody tr').filter((row) => row.querySelector('td.num'));
    return Object.fromEntries(
      rows.map((row) => [row.querySelector('th div')!.childNodes[0]!.text, row.querySelector('td.num')!.text.trim()]),
    );
  }

  it('counts failed checks, dead letters and kills that take long', async () => {
    const createdAt = new Date(Date.now() - 10 * 60_000);
    await rawCollection(h.ctx.store.cascades.model).insertOne({
      _id: 'csc_late',
      status: 'RUNNING',
      closedAt: null,
      nextLookAt: createdAt,
      createdAt,
    });
    const dead = (await h.ctx.queues.events.getFailedCount()).toString();
    const found = await counts();
    expect(found).toMatchObject({ 'Dead letters': dead, 'Kills that take long': '1' });
    expect(Number(found['Health checks'])).toBeGreaterThan(0);
    await rawCollection(h.ctx.store.cascades.model).deleteOne({ createdAt });
    expect(await counts()).not.toHaveProperty('Kills that take long');
  });

  it('says which count could not be read, and shows the others', async () => {
    await deadLetters(h, 1);
    const found = await withoutDeadLetters(counts);
    expect(found['Dead letters']).toContain('Could not be read');
    expect(found['Health checks']).toMatch(/^\d+$/);
  });
});
