import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { IdentityId } from '../../../../shared/domain/ids';
import type { AuditDoc } from '../../../../shared/store/audit';
import { anEvent } from '../../../support/builders';
import { type CliResult, cli, cliAt, cliReading, typing } from '../../../support/cli';
import type { Harness, TestPartner } from '../../../support/harness';
import { linkUser } from '../../../support/link';
import { auditOf } from '../../../support/partners';
import { confirmedAccount, logIn, PASSWORD, startHarnessForPeople, anonymousSession } from '../../../support/people';
import { resolveUser } from '../../../support/resolve-user';
import { tempDirs } from '../../../support/temp-dirs';

const REASON = ['--reason', 'ticket 12', '--as', 'Ana Diaz'];
const ACTOR = { kind: 'OPERATOR', via: 'CLI', name: 'Ana Diaz' };

const { tempDir } = tempDirs();
let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await startHarnessForPeople();
  partner = await h.partner();
});
afterAll(() => h.close());

const mir = (...args: string[]): Promise<CliResult> => cli(h.env, 'people', ...args);
const find = (email: string, ...args: string[]): Promise<CliResult> =>
  cliReading(`${email}\n`, h.env, 'people', 'find', ...REASON, ...args);

let people = 0;
/** Creates an account with a link in each environment. */
async function newLinked(): Promise<{ email: string; accountId: IdentityId; users: [string, string] }> {
  people += 1;
  const email = `person-${people}@example.org`;
  await confirmedAccount(h, email);
  const accountId = (await h.ctx.store.identities.byEmail(email))!._id as IdentityId;
  const users: [string, string] = [`live-${people}`, `test-${people}`];
  for (const [n, key] of [partner.liveKey, partner.testKey].entries()) {
    const event = anEvent({ userExternalId: users[n]!, metadata: { note: `of ${users[n]}` } });
    expect((await h.client.post('/v1/events', key, event)).status).toBe(202);
    await linkUser(h, partner, users[n]!, accountId, key);
  }
  await h.drained();
  return { email, accountId, users };
}

const linksOf = async (accountId: IdentityId): Promise<string[]> =>
  (await h.ctx.store.memberships.ofIdentity(accountId)).flatMap(({ members }) => members.map(({ linkId }) => linkId));

/** Returns the entries of the registry's chain about a target. */
const registryOf = async (target: string): Promise<AuditDoc[]> =>
  (await auditOf(h.ctx, target)).filter(({ chain }) => chain === 'registry');

async function expectNoAddressInAudit(): Promise<void> {
  const entries = JSON.stringify(await h.ctx.store.audit.model.find().lean());
  expect(entries).toContain('person.looked-up');
  expect(entries).not.toContain('@example.org');
}

describe('mir people find', () => {
  it('shows the account of an address, in any case, with its links, and audits the lookup', async () => {
    const { email, accountId } = await newLinked();
    const found = await find(` ${email.toUpperCase()} `, '--json');
    expect(found).toMatchObject({ code: 0, err: '' });
    const { links, ...facts } = found.json();
    expect(facts).toEqual({ exists: true, accountId, confirmed: true, createdAt: expect.any(String) });
    expect(links).toMatchObject([{ partnerId: partner.partnerId }, { partnerId: partner.partnerId }]);
    expect(links.map(({ env }: { env: string }) => env).toSorted()).toEqual(['live', 'test']);
    expect(links.map(({ linkId }: { linkId: string }) => linkId).toSorted()).toEqual(
      (await linksOf(accountId)).toSorted(),
    );
    expect(await registryOf(accountId)).toMatchObject([
      { action: 'person.looked-up', reason: 'ticket 12', actor: ACTOR, after: { exists: true } },
    ]);
    const shown = await find(email);
    expect(shown.out).toMatch(/links\W+2[^]*lnk_/);
    expect(found.out + shown.out).not.toContain(email);
    await expectNoAddressInAudit();
  });

  it('audits the lookup of an unknown address without the address', async () => {
    const before = (await registryOf('none')).length;
    const found = await find('nobody@example.org', '--json');
    expect(found.code).toBe(0);
    expect(found.json()).toEqual({ exists: false, accountId: null, confirmed: false, createdAt: null, links: [] });
    expect((await find('nobody@example.org')).out).toBe('No MIR account has this email address.\n');
    const entries = await registryOf('none');
    expect(entries).toHaveLength(before + 2);
    expect(entries.at(-1)).toMatchObject({ action: 'person.looked-up', after: { exists: false } });
    await expectNoAddressInAudit();
  });

  it('asks for the address at a terminal', async () => {
    const { email, accountId } = await newLinked();
    const terminal = typing(email);
    const found = await cliAt(terminal, h.env, 'people', 'find', ...REASON, '--json');
    expect(found.json()).toMatchObject({ accountId });
    expect(terminal.questions).toEqual(['Type the email address: ']);
  });

  it.each<[string, string, RegExp]>([
    ['no address', '', /^error: cannot ask for the email address without a terminal/],
    ['an invalid address', 'ana', /^error: Enter a full email address/],
    ['two addresses', 'a@example.org\nb@example.org', /^error: standard input must contain only one line/],
  ])('rejects %s without an audit entry', async (_case, stdin, why) => {
    const before = await h.ctx.store.audit.model.countDocuments({ chain: 'registry' });
    const result = await cliReading(stdin, h.env, 'people', 'find', ...REASON);
    expect(result).toMatchObject({ code: 2, out: '', err: expect.stringMatching(why) });
    expect(result.err).not.toContain('example.org\n');
    expect(await h.ctx.store.audit.model.countDocuments({ chain: 'registry' })).toBe(before);
  });

  it('never accepts the address as an argument', async () => {
    expect(await mir('find', 'ana@example.org', ...REASON)).toMatchObject({ code: 2, out: '' });
  });
});

describe('mir people export', () => {
  const comparable = (text: string): unknown => {
    const { exportedAt, ...rest } = JSON.parse(text) as { exportedAt: string };
    expect(exportedAt).toMatch(/^\d{4}-/);
    return rest;
  };

  it("prints the person's own export, and audits it", async () => {
    const { email, accountId } = await newLinked();
    const session = anonymousSession(h);
    await logIn(session, email);
    const own = (await session.get('/account/export')).html;
    expect(own).toContain(`of live-${people}`);
    for (const args of [[], ['--json']]) {
      const exported = await mir('export', accountId, ...REASON, ...args);
      expect(exported).toMatchObject({ code: 0, err: '' });
      expect(comparable(exported.out)).toEqual(comparable(own));
    }
    expect(await registryOf(accountId)).toMatchObject([
      { action: 'person.exported', reason: 'ticket 12', actor: ACTOR },
      { action: 'person.exported', reason: 'ticket 12', actor: ACTOR },
    ]);
  });

  it('writes a new file that only the operator can read', async () => {
    const { accountId } = await newLinked();
    const file = join(tempDir(), 'export.json');
    const exported = await mir('export', accountId, ...REASON, '--output', file);
    expect(exported).toMatchObject({ code: 0, err: '', out: `Exported ${accountId} to ${file}.\n` });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(comparable(readFileSync(file, 'utf8'))).toEqual(comparable((await mir('export', accountId, ...REASON)).out));
    const other = `${file}.2`;
    const asJson = await mir('export', accountId, ...REASON, '--output', other, '--json');
    expect(asJson.json()).toEqual({ accountId, file: other });
  });

  it('refuses an existing file, and does not audit an export that did not happen', async () => {
    const { accountId } = await newLinked();
    const file = join(tempDir(), 'export.json');
    writeFileSync(file, 'mine');
    chmodSync(file, 0o644);
    const result = await mir('export', accountId, ...REASON, '--output', file);
    expect(result).toMatchObject({ code: 1, out: '', err: expect.stringContaining('choose another name') });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    const missing = await mir('export', accountId, ...REASON, '--output', join(tempDir(), 'none', 'export.json'));
    expect(missing).toMatchObject({ code: 1, out: '', err: expect.stringContaining('ENOENT') });
    expect(await registryOf(accountId)).toEqual([]);
  });

  it('leaves no file behind for an unknown account', async () => {
    const file = join(tempDir(), 'export.json');
    const result = await mir('export', 'idn_none', ...REASON, '--output', file);
    expect(result).toMatchObject({ code: 1, err: expect.stringMatching(/^NOT_FOUND: MIR account/) });
    expect(existsSync(file)).toBe(false);
  });
});

describe('mir people unlink', () => {
  it('removes one link immediately, and audits it for the partner and in the registry', async () => {
    const { email, accountId, users } = await newLinked();
    const { links } = (await find(email, '--json')).json();
    const { linkId } = links.find(({ env }: { env: string }) => env === 'live');
    expect((await resolveUser(h, partner, users[0])).linked).toBe(true);
    const unlinked = await mir('unlink', accountId, '--link', linkId, ...REASON, '--json');
    expect(unlinked).toMatchObject({ code: 0, err: '' });
    expect(unlinked.json()).toEqual({ linkId, cacheState: 'done' });
    expect(await resolveUser(h, partner, users[0])).toMatchObject({ linked: false, eventCount: 1 });
    expect(await linksOf(accountId)).toHaveLength(1);
    const entries = await auditOf(h.ctx, linkId);
    const made = entries.filter(({ actor }) => actor.kind === 'OPERATOR');
    expect(made.toSorted((a, b) => a.action.localeCompare(b.action))).toMatchObject([
      { action: 'link.removed', chain: `${partner.partnerId}:live`, reason: 'UNLINKED', actor: ACTOR },
      { action: 'person.unlinked', chain: 'registry', reason: 'ticket 12', actor: ACTOR },
    ]);
    expect(JSON.stringify(entries)).not.toContain(accountId);

    const again = await mir('unlink', accountId, '--link', linkId, ...REASON);
    expect(again).toMatchObject({ code: 1, err: expect.stringMatching(/^NOT_FOUND: This account has no such link/) });
    expect(await auditOf(h.ctx, linkId)).toHaveLength(entries.length);
  });

  it("does not remove another person's link", async () => {
    const [one, two] = [await newLinked(), await newLinked()];
    const [linkId] = await linksOf(two.accountId);
    const result = await mir('unlink', one.accountId, '--link', linkId!, ...REASON);
    expect(result).toMatchObject({ code: 1, err: expect.stringMatching(/^NOT_FOUND: /) });
    expect(await linksOf(two.accountId)).toContain(linkId);
  });
});

describe('mir people delete', () => {
  const exists = async (accountId: string): Promise<boolean> => (await h.ctx.store.identities.get(accountId)) !== null;

  it('deletes the account after the operator has typed its ID', async () => {
    const { email, accountId, users } = await newLinked();
    const session = anonymousSession(h);
    expect((await logIn(session, email)).path).toBe('/account');
    const linkIds = await linksOf(accountId);
    const terminal = typing(`${accountId}\n`);
    const deleted = await cliAt(terminal, h.env, 'people', 'delete', accountId, ...REASON);
    expect(deleted).toMatchObject({ code: 0, out: `Deleted ${accountId}.\n` });
    expect(deleted.err).toMatch(/links\W+2[^]*This is permanent/);
    expect(terminal.questions).toEqual(["To delete this MIR account, type the account's ID: "]);
    expect(await exists(accountId)).toBe(false);
    expect(await linksOf(accountId)).toEqual([]);
    expect(await h.ctx.auth.logIn(email, PASSWORD)).toBe('WRONG');
    expect(await resolveUser(h, partner, users[0])).toMatchObject({ linked: false, eventCount: 1 });
    expect((await session.get('/account')).path).toMatch(/^\/login/);

    expect(await registryOf(accountId)).toMatchObject([
      { action: 'person.deleted', reason: 'ticket 12', actor: ACTOR },
    ]);
    const removals = (await Promise.all(linkIds.map((linkId) => auditOf(h.ctx, linkId))))
      .flat()
      .filter(({ action }) => action === 'link.removed');
    // As after the person's own deletion, nothing shows that the links belonged to one person.
    expect(removals.map(({ actor, reason }) => [actor, reason])).toEqual([
      [{ kind: 'IDENTITY' }, 'IDENTITY_DELETED'],
      [{ kind: 'IDENTITY' }, 'IDENTITY_DELETED'],
    ]);
    expect(new Set(removals.map(({ requestId }) => requestId)).size).toBe(2);
    await expectNoAddressInAudit();
  });

  it('changes nothing if the typed text is not the ID', async () => {
    const { email, accountId } = await newLinked();
    for (const typed of ['', 'yes', email]) {
      const result = await cliAt(typing(typed), h.env, 'people', 'delete', accountId, ...REASON);
      expect(result).toMatchObject({ code: 1, out: '', err: expect.stringContaining('nothing was changed') });
    }
    expect(await exists(accountId)).toBe(true);
    expect(await registryOf(accountId)).toEqual([]);
  });

  it('does not ask with --yes', async () => {
    const { accountId } = await newLinked();
    const deleted = await mir('delete', accountId, ...REASON, '--yes', '--json');
    expect(deleted).toMatchObject({ code: 0, err: '' });
    expect(deleted.json()).toEqual({ accountId, cacheState: 'done' });
    expect(await exists(accountId)).toBe(false);
    const again = await mir('delete', accountId, ...REASON, '--yes');
    expect(again).toMatchObject({ code: 1, err: expect.stringMatching(/^NOT_FOUND: MIR account not found/) });
  });

  it('needs --yes without a terminal', async () => {
    const { accountId } = await newLinked();
    const result = await mir('delete', accountId, ...REASON);
    expect(result).toMatchObject({ code: 2, out: '', err: expect.stringContaining('without a terminal; add --yes') });
    expect(await exists(accountId)).toBe(true);
  });
});

describe('mir people', () => {
  it.each<[string[], RegExp]>([
    [['find'], /^error: .*add --reason <text>\n/],
    [['export', 'idn_none'], /^error: .*add --reason <text>\n/],
    [['unlink', 'idn_none'], /^error: .*add --link <linkId>\nerror: .*add --reason <text>\n/],
    [['delete', 'idn_none'], /^error: .*add --reason <text>\nerror: .*add --yes\n/],
  ])('lists everything that is missing: %j', async (args, why) => {
    expect(await mir(...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(why) });
  });

  it.each([['export'], ['unlink', '--link', 'lnk_none'], ['delete', '--yes']])(
    'rejects a reason that is too long: %s',
    async (name, ...options) => {
      const result = await mir(name, 'idn_none', ...options, '--reason', 'x'.repeat(501));
      expect(result).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^VALIDATION_FAILED: /) });
    },
  );

  it('uses $USER@host as the name of the operator by default', async () => {
    const { email, accountId } = await newLinked();
    await cliReading(email, { ...h.env, USER: 'bea' }, 'people', 'find', '--reason', 'ticket 13');
    const [entry] = await registryOf(accountId);
    expect(entry!.actor).toMatchObject({ kind: 'OPERATOR', via: 'CLI', name: expect.stringMatching(/^bea@./) });
  });
});
