import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { appendEntries, sealAll } from '../../../support/audit-entries';
import { type Harness, startHarness } from '../../../support/harness';
import { cli } from '../../../support/cli';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ workers: false });
});
afterAll(() => h.close());
const mir = (...args: string[]) => cli(h.env, 'audit', ...args);

async function createChain(count: number) {
  const { partnerId } = await h.partner();
  const chain = tenantOf(partnerId, 'live');
  await appendEntries(h.ctx.store, chain, count);
  await sealAll(h.ctx.store, chain);
  return { partnerId, chain };
}

describe('mir audit', () => {
  it("lists a partner's entries page by page in the selected environment", async () => {
    const { partnerId } = await createChain(3);
    const first = (await mir('list', '--partner', partnerId, '--limit', '2', '--json')).json();
    expect(first.data).toHaveLength(2);
    const rest = ['--limit', '2', '--cursor', first.nextCursor, '--json'];
    expect((await mir('list', '--partner', partnerId, ...rest)).json().data).toHaveLength(1);
    expect((await mir('list', '--partner', partnerId)).out).toContain('AGENT_SUSPENDED');
    expect((await mir('list', '--partner', partnerId, '--env', 'test')).out).toBe('None.\n');
    expect((await mir('list', '--partner', partnerId, '--actor', 'AGENT')).out).toBe('None.\n');
  });

  it('reports an intact chain and the hash of its head', async () => {
    const { partnerId, chain } = await createChain(4);
    const { hash } = (await h.ctx.store.auditHeads.get(chain))!;
    const verdict = await mir('verify', '--partner', partnerId, '--json');
    expect(verdict).toMatchObject({ code: 0, err: '' });
    expect(verdict.json()).toMatchObject({ intact: true, entries: 4, headHash: hash, nextCursor: null });
    expect((await mir('verify', '--partner', partnerId)).out).toContain(hash);
  });

  it('exits with code 1 for a broken chain, and reports where the chain breaks', async () => {
    const { partnerId, chain } = await createChain(4);
    await h.ctx.store.audit.model.deleteOne({ chain, seq: 2 });
    const verdict = await mir('verify', '--partner', partnerId, '--json');
    expect(verdict.code).toBe(1);
    expect(verdict.json()).toMatchObject({ intact: false, firstBroken: { seq: 2, reason: 'ENTRY_MISSING' } });
    expect(verdict.err).toContain('broken');
  });

  it('exports every entry as one line of JSON, without any other output', async () => {
    const { partnerId } = await createChain(5);
    const { code, out, err } = await mir('export', '--partner', partnerId);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([5, 4, 3, 2, 1]);
  });

  it("verifies the operator's own chain with --registry", async () => {
    await appendEntries(h.ctx.store, 'registry', 2);
    await sealAll(h.ctx.store, 'registry');
    expect((await mir('verify', '--registry', '--json')).json()).toMatchObject({ intact: true, entries: 2 });
  });

  it.each([
    [['verify'], 2, /--partner/],
    [['list', '--partner', 'prt_none'], 1, /^NOT_FOUND: /],
    [['list', '--partner', 'prt_none', '--registry'], 2, /cannot be used/],
    [['export', '--partner', 'prt_none', '--env', 'prod'], 2, /live, test/],
  ])('rejects %j with exit code %i, and prints the reason to stderr', async (args, code, why) => {
    const result = await mir(...args);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toMatch(why);
  });

  it('names the invalid filter in the error message', async () => {
    const { partnerId } = await createChain(1);
    const result = await mir('list', '--partner', partnerId, '--from', 'yesterday');
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(result.err).toMatch(/VALIDATION_FAILED[^]*from: /);
  });
});
