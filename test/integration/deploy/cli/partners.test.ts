import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { confirmedApplication, submittedApplication } from '../../../support/applications';
import { type Harness, startHarness } from '../../../support/harness';
import { auditOf, statusWith } from '../../../support/partners';
import { cli } from '../../../support/cli';

const CREATE = ['partners', 'create', '--name', 'Demo shop', '--website', 'https://demo.example'];
const TERMS = ['--contact-email', 'demo@demo.example', '--plan', 'ENTERPRISE'];

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ workers: false });
});
afterAll(() => h.close());
const mir = (...args: string[]) => cli(h.env, ...args);

describe('mir partners', () => {
  it('creates a partner whose keys work, and prints only JSON with --json', async () => {
    const created = await mir(...CREATE, ...TERMS, '--events-per-minute', '77', '--json');
    expect(created).toMatchObject({ code: 0, err: '' });
    const { partnerId, liveApiKey, testApiKey, ...more } = created.json();
    expect(more).toEqual({});
    expect(await statusWith(h.client, liveApiKey)).toBe(200);
    expect(await statusWith(h.client, testApiKey)).toBe(200);
    const shown = (await mir('partners', 'show', partnerId, '--json')).json();
    expect(shown).toMatchObject({ partnerId, name: 'Demo shop', plan: 'ENTERPRISE', limits: { eventsPerMinute: 77 } });
    const [entry] = await auditOf(h.ctx, partnerId);
    expect(entry).toMatchObject({ action: 'partner.created', actor: { kind: 'OPERATOR', via: 'CLI' } });
  });

  it('approves an application only once', async () => {
    const about = ['--name', 'Shop', '--website', 'https://shop.example', '--contact-email', 'a@shop.example'];
    const applied = await mir('partners', 'apply', ...about, '--use-case', 'orders', '--json');
    const { applicationId } = applied.json();
    const shown = await mir('applications', 'show', applicationId, '--json');
    expect(shown.json()).toMatchObject({ applicationId, status: 'PENDING', useCase: 'orders', partnerId: null });
    expect((await mir('applications', 'list', '--status', 'PENDING')).out).toContain(applicationId);
    const approved = await mir('partners', 'approve', applicationId, '--plan', 'STANDARD');
    expect(approved.out).toMatch(/live key\s+mir_live_\w+\n\s+test key\s+mir_test_\w+/);
    expect(approved.err).toMatch(/^Warning: a@shop\.example is not confirmed\./);
    const again = await mir('partners', 'approve', applicationId, '--plan', 'STANDARD');
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toMatch(/^CONFLICT: .*APPROVED/);
    const late = await mir('partners', 'reject', applicationId, '--json');
    expect(late).toMatchObject({ code: 1, out: '' });
    expect(JSON.parse(late.err)).toMatchObject({ code: 'CONFLICT' });
  });

  it('shows whether the contact address is confirmed, and approves without a warning if it is', async () => {
    const { applicationId } = await confirmedApplication(h);
    const { addressConfirmedAt } = (await mir('applications', 'show', applicationId, '--json')).json();
    expect(Date.parse(addressConfirmedAt)).toBeGreaterThan(0);
    expect((await mir('applications', 'list')).out).toContain('confirmed');
    const approved = await mir('partners', 'approve', applicationId, '--plan', 'STANDARD', '--json');
    expect(approved).toMatchObject({ code: 0, err: '' });
  });

  it('says that the applicant got no email if email is off', async () => {
    const { applicationId } = await submittedApplication(h);
    const env = { ...h.env, PUBLIC_URL: 'https://mir.example' };
    const approved = await cli(env, 'partners', 'approve', applicationId, '--plan', 'STANDARD');
    expect(approved).toMatchObject({
      code: 0,
      err: 'MIR sent no email, because SMTP_URL is not set. Tell the applicant yourself.\n',
    });
  });

  it('applies changes to the running API before the command exits', async () => {
    const { partnerId, liveKey } = await h.partner();
    expect(await statusWith(h.client, liveKey)).toBe(200);
    const suspended = await mir('partners', 'suspend', partnerId, '--reason', 'stolen', '--yes');
    expect(suspended).toMatchObject({
      code: 0,
      out: `Suspended ${partnerId}. All its keys are now rejected.\n`,
    });
    expect(await statusWith(h.client, liveKey)).toBe(403);
    const unsuspended = await mir('partners', 'unsuspend', partnerId);
    expect(unsuspended.out).toBe(`Unsuspended ${partnerId}. Its keys work again.\n`);
    expect(await statusWith(h.client, liveKey)).toBe(200);
    const { apiKey } = (await mir('partners', 'rotate', partnerId, '--env', 'live', '--json')).json();
    expect(await statusWith(h.client, liveKey)).toBe(401);
    expect(await statusWith(h.client, apiKey)).toBe(200);
  });

  it('updates only the specified fields', async () => {
    const { partnerId } = await h.partner({ allowedReturnOrigins: ['https://old.example'] });
    const update = (...args: string[]) => mir('partners', 'update', partnerId, '--json', ...args);
    const updated = (await update('--requests-per-minute', '9')).json();
    expect(updated.limits).toEqual({ eventsPerMinute: 10_000_000, requestsPerMinute: 9, queueSharePercent: 25 });
    expect(updated.allowedReturnOrigins).toEqual(['https://old.example']);
    const moved = (await update('--origin', 'https://a.example', 'https://b.example')).json();
    expect(moved.allowedReturnOrigins).toEqual(['https://a.example', 'https://b.example']);
    expect((await update('--no-origins')).json().allowedReturnOrigins).toEqual([]);
    expect(await update()).toMatchObject({ code: 1, out: '' });
    const confirmed = await mir('partners', 'update', partnerId, '--requests-per-minute', '8');
    expect(confirmed.out).toBe(`Updated ${partnerId}.\n`);
  });

  it('wraps long text only at spaces, so that IDs can be copied', async () => {
    const about = ['--name', 'Shop', '--website', 'https://shop.example', '--contact-email', 'a@shop.example'];
    const [word, id] = ['a few words of a long use case ', 'x'.repeat(200)];
    const applied = await mir('partners', 'apply', ...about, '--use-case', word.repeat(40) + id, '--json');
    const { out } = await mir('applications', 'show', applied.json().applicationId);
    expect(out).toContain(id);
    const texts = out.split('\n').filter((line) => line.includes('a few words'));
    expect(texts.length).toBeGreaterThan(10);
    for (const text of texts) expect(text.replace(/[\s│]+$/, '').length).toBeLessThan(110);
  });

  it('lists partners page by page', async () => {
    const first = (await mir('partners', 'list', '--limit', '1', '--json')).json();
    expect(first.data).toHaveLength(1);
    const second = (await mir('partners', 'list', '--limit', '1', '--cursor', first.nextCursor, '--json')).json();
    expect(second.data[0].partnerId).not.toBe(first.data[0].partnerId);
  });

  it('strips control characters from stored text', async () => {
    const { partnerId } = await h.partner({ name: 'evil\u001b[2Jshop\u202e' });
    const { out } = await mir('partners', 'show', partnerId);
    expect(out).toContain('evil�[2Jshop�');
  });

  it.each([
    [['partners', 'show', 'prt_none'], 1, /^NOT_FOUND: /],
    [['applications', 'show', 'app_none'], 1, /^NOT_FOUND: /],
    [[...CREATE, '--contact-email', 'not-an-email', '--plan', 'STANDARD'], 1, /VALIDATION_FAILED[^]*contactEmail: /],
    [[...CREATE, '--contact-email', 'a@b.example', '--plan', 'GOLD'], 2, /STANDARD, ENTERPRISE/],
    [CREATE, 2, /--contact-email/],
    [['partners', 'list', '--limit', '0'], 2, /from 1 to 500/],
    [['partners', 'rotate', 'prt_none'], 2, /--env/],
    [['nonsense'], 2, /nonsense/],
    [['partners'], 2, /Usage/],
  ])('rejects %j with exit code %i, and prints the reason to stderr', async (args, code, why) => {
    const result = await mir(...args);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toMatch(why);
  });

  it('shows examples in the help text', async () => {
    const help = await mir('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('mir partners rotate');
    expect((await mir('partners', 'create', '--help')).out).toContain('Example');
  });
});
