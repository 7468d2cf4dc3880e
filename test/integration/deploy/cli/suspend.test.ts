import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { anEvent } from '../../../support/builders';
import { cli, cliAt, typing } from '../../../support/cli';
import { growTree } from '../../../support/grow-tree';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { auditOf, statusWith } from '../../../support/partners';

const REASON = ['--reason', 'stolen key'];

let h: Harness;
beforeAll(async () => {
  // Without workers, submitted events stay queued.
  h = await startHarness({ workers: false });
});
afterAll(() => h.close());

const mir = (...args: string[]) => cli(h.env, 'partners', 'suspend', ...args);
const atTerminal = (typed: string, ...args: string[]) => {
  const terminal = typing(typed);
  return { terminal, result: cliAt(terminal, h.env, 'partners', 'suspend', ...args) };
};

async function expectUnchanged({ partnerId, liveKey }: TestPartner): Promise<void> {
  expect(await statusWith(h.client, liveKey)).toBe(200);
  expect(await auditOf(h.ctx, partnerId)).toEqual([]);
}

describe('mir partners suspend', () => {
  it('shows what would be affected with --preview, and changes nothing', async () => {
    const partner = await h.partner({ name: 'Preview Market' });
    const { partnerId, liveKey, testKey } = partner;
    const tree = await growTree(h.ctx.store, tenantOf(partnerId, 'live'), 4);
    const { agents } = h.ctx.store;
    await agents.model.updateOne({ _id: tree[2]!.agentId }, { $set: { status: 'SUSPENDED' } });
    await agents.model.updateOne({ _id: tree[3]!.agentId }, { $set: { status: 'REVOKED', key: null } });
    const submit = async (key: string, events: number): Promise<void> => {
      const body = { events: Array.from({ length: events }, () => anEvent()) };
      expect((await h.client.post('/v1/events', key, body)).status).toBe(202);
    };
    await submit(liveKey, 3);
    await submit(liveKey, 4);
    await submit(testKey, 2);
    const other = await h.partner();
    await submit(other.liveKey, 5);

    const preview = await mir(partnerId, '--preview', '--json');
    expect(preview).toMatchObject({ code: 0, err: '' });
    expect(preview.json()).toEqual({
      partnerId,
      name: 'Preview Market',
      suspended: false,
      environments: [
        { env: 'live', keys: 4, agents: 3, queuedEvents: 7, isLowerBound: false },
        { env: 'test', keys: 1, agents: 0, queuedEvents: 2, isLowerBound: false },
      ],
    });
    const { out } = await mir(partnerId, '--preview');
    expect(out).toMatch(
      /Preview Market[^]*live\W+4\W+3\W+7[^]*test\W+1\W+0\W+2[^]*Not affected: events that are already/,
    );
    await expectUnchanged(partner);
  });

  it('stops counting queued events at 20,000, and says so', async () => {
    const { partnerId, liveKey } = await h.partner();
    const events = Array.from({ length: 5_000 }, () => anEvent());
    for (let n = 0; n < 5; n += 1) expect((await h.client.post('/v1/events', liveKey, { events })).status).toBe(202);
    const { environments } = (await mir(partnerId, '--preview', '--json')).json();
    expect(environments[0]).toEqual({ env: 'live', keys: 1, agents: 0, queuedEvents: 20_000, isLowerBound: true });
    expect((await mir(partnerId, '--preview')).out).toContain('at least 20000');
  });

  it('suspends after the operator has typed the name, and audits the reason', async () => {
    const { partnerId, liveKey } = await h.partner({ name: 'Typed Market' });
    const { terminal, result } = atTerminal('Typed Market\n', partnerId, ...REASON);
    expect(await result).toMatchObject({ code: 0, out: `Suspended ${partnerId}. All its keys are now rejected.\n` });
    expect((await result).err).toMatch(/Typed Market[^]*keys rejected/);
    expect(terminal.questions).toEqual(["To suspend Typed Market, type the partner's name: "]);
    expect(await statusWith(h.client, liveKey)).toBe(403);
    expect(await auditOf(h.ctx, partnerId)).toMatchObject([
      { action: 'partner.suspended', reason: 'stolen key', actor: { kind: 'OPERATOR', via: 'CLI' } },
    ]);
  });

  it('changes nothing if the typed text is not the name', async () => {
    const partner = await h.partner({ name: 'Harbour Market' });
    for (const typed of ['', 'yes', 'harbour market', partner.partnerId, 'Harbour']) {
      const { result } = atTerminal(typed, partner.partnerId, ...REASON);
      expect(await result).toMatchObject({ code: 1, out: '', err: expect.stringContaining('nothing was changed') });
    }
    await expectUnchanged(partner);
  });

  it('does not ask with --yes, and prints the partner with --json', async () => {
    const { partnerId, liveKey } = await h.partner();
    const suspended = await mir(partnerId, ...REASON, '--yes', '--json');
    expect(suspended).toMatchObject({ code: 0, err: '' });
    expect(suspended.json()).toMatchObject({ partnerId, suspended: true });
    expect(await statusWith(h.client, liveKey)).toBe(403);
  });

  it('lists every problem of the command line and changes nothing', async () => {
    const partner = await h.partner();
    const { partnerId } = partner;
    const both = await mir(partnerId);
    expect(both).toMatchObject({ code: 2, out: '' });
    expect(both.err).toMatch(/add --reason <text>\nerror: cannot ask for confirmation without a terminal; add --yes\n/);
    expect((await mir(partnerId, ...REASON)).err).toMatch(/^error: cannot ask for confirmation [^\n]*\n\(add --help/);
    expect((await mir(partnerId, '--yes')).err).toMatch(/^error: [^\n]*add --reason <text>\n\(add --help/);
    const { terminal, result } = atTerminal('x', partnerId);
    expect(await result).toMatchObject({ code: 2, err: expect.stringContaining('--reason') });
    expect(terminal.questions).toEqual([]);
    const long = await mir(partnerId, '--yes', '--reason', 'x'.repeat(501));
    expect(long).toMatchObject({ code: 1, out: '', err: expect.stringContaining('VALIDATION_FAILED') });
    await expectUnchanged(partner);
  });

  it.each([['--preview'], [...REASON, '--yes']])('returns NOT_FOUND for an unknown partner: %s', async (...args) => {
    expect(await mir('prt_none', ...args)).toMatchObject({ code: 1, err: expect.stringMatching(/^NOT_FOUND: /) });
  });
});
