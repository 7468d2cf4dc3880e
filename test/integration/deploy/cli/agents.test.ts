import type { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { type GrownAgent, growTree } from '../../../support/grow-tree';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { auditOf, statusWith } from '../../../support/partners';
import { cli, cliAt, typing } from '../../../support/cli';

const REASON = ['--reason', 'drill'];

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await startHarness({ workers: false });
  partner = await h.partner();
});
afterAll(() => h.close());

const mir = (...args: string[]) => cli(h.env, 'agents', ...args);
const createTree = (size: number, env: 'live' | 'test' = 'live') =>
  growTree(h.ctx.store, tenantOf(partner.partnerId, env), size, () => ({ name: 'Order bot' }));
const linesOf = (text: string): string[] => text.trimEnd().split('\n');

describe('mir agents', () => {
  it('prints each agent below its parent, with its status, depth and last activity', async () => {
    const tree = await createTree(12);
    const { agents } = h.ctx.store;
    const seen = new Date('2026-11-01T10:00:00.000Z');
    await agents.recordActivity([[tree[1]!.agentId, seen]]);
    await agents.model.updateOne({ _id: tree[2]!.agentId }, { $set: { status: 'SUSPENDED' } });
    const { code, out, err } = await mir('tree', tree[0]!.agentId);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const [root, ...below] = linesOf(out);
    expect(root).toBe(`Order bot  ACTIVE  depth 0  last active never  ${tree[0]!.agentId}`);
    const lineOf = ({ agentId }: GrownAgent) => below.find((line) => line.endsWith(agentId));
    expect(lineOf(tree[1]!)).toContain('  Order bot  ACTIVE  depth 1  last active 2026-11-01T10:00:00.000Z');
    expect(lineOf(tree[2]!)).toContain('SUSPENDED');
    for (const agent of tree.slice(1)) expect(lineOf(agent)).toMatch(new RegExp(`^ {${agent.depth * 2}}Order bot`));
    expect(below.at(-1)).toBe('12 shown.');
  });

  it('prints the same agents as the API, one per line, for `tree --json` with each filter', async () => {
    const tree = await createTree(40);
    await h.ctx.store.agents.model.updateOne({ _id: tree[3]!.agentId }, { $set: { status: 'SUSPENDED' } });
    for (const [args, query] of [
      [[], ''],
      [['--max-depth', '2'], '&maxDepth=2'],
      [['--status', 'SUSPENDED'], '&status=SUSPENDED'],
    ] as const) {
      const { out } = await mir('tree', tree[0]!.agentId, '--json', ...args);
      const path = `/v1/agents/tree?limit=500&rootAgentId=${tree[0]!.agentId}${query}`;
      const { body } = await h.client.get(path, partner.liveKey);
      expect(body.data.length).toBeGreaterThan(0);
      expect(linesOf(out).map((line) => JSON.parse(line) as unknown)).toEqual(body.data);
    }
  });

  it('prints all trees of a partner in the selected environment', async () => {
    const [one, two] = [await createTree(3, 'test'), await createTree(3, 'test')];
    const { out } = await mir('tree', '--partner', partner.partnerId, '--env', 'test');
    for (const { agentId } of [...one, ...two]) expect(out).toContain(agentId);
    expect(out).toMatch(/\n6 shown\.\n$/);
  });

  it('lists agents page by page, and filters them by status or type', async () => {
    const other = await h.partner();
    const tree = await growTree(h.ctx.store, tenantOf(other.partnerId, 'live'), 5);
    await h.ctx.store.agents.model.updateOne({ _id: tree[4]!.agentId }, { $set: { status: 'SUSPENDED' } });
    const list = (...args: string[]) => mir('list', '--partner', other.partnerId, '--json', ...args);
    const first = (await list('--limit', '3')).json();
    const rest = (await list('--limit', '3', '--cursor', first.nextCursor)).json();
    const ids = [...first.data, ...rest.data].map(({ agentId }: GrownAgent) => agentId);
    expect(ids.toSorted()).toEqual(tree.map(({ agentId }) => agentId).toSorted());
    expect((await list('--status', 'SUSPENDED')).json().data).toMatchObject([{ agentId: tree[4]!.agentId }]);
    expect((await list('--type', 'AI_AGENT')).json().data).toEqual([]);
    expect((await mir('list', '--partner', other.partnerId)).out).toContain(tree[0]!.agentId);
  });

  it("shows any partner's agent with its ancestry, but not its key hash", async () => {
    const tree = await createTree(20);
    const leaf = tree.find(({ depth }) => depth === 2)!;
    const shown = (await mir('show', leaf.agentId, '--json')).json();
    expect(shown).toMatchObject({ agentId: leaf.agentId, partnerId: partner.partnerId, env: 'live', depth: 2 });
    expect(shown.ancestry.map(({ agentId }: GrownAgent) => agentId)).toEqual([
      tree[0]!.agentId,
      leaf.parentId,
      leaf.agentId,
    ]);
    const { out } = await mir('show', leaf.agentId);
    const { key } = (await h.ctx.store.agents.byIds([leaf.agentId]))[0]!;
    expect(out).toContain(key!.prefix);
    expect(out + JSON.stringify(shown)).not.toContain(key!.hash);
  });

  it('strips control characters from agent names', async () => {
    const tenant = tenantOf(partner.partnerId, 'live');
    const [agent] = await growTree(h.ctx.store, tenant, 1, () => ({ name: 'evil\u001b[2J\nbot\u202e' }));
    const { out } = await mir('tree', agent!.agentId);
    expect(linesOf(out)[0]).toContain('evil�[2J�bot�');
  });
});

describe('mir agents suspend and reactivate', () => {
  it('suspends only the agent, or also its descendants, and reactivates both', async () => {
    const tree = await createTree(10);
    const [root, leaf] = [tree[0]!, tree.at(-1)!];
    const statuses = () => Promise.all([root, leaf].map(({ key }) => statusWith(h.client, key)));
    const suspend = (...args: string[]) => mir('suspend', root.agentId, '--yes', ...REASON, ...args);
    const reactivate = () => mir('reactivate', root.agentId, ...REASON);
    expect(await suspend()).toMatchObject({ code: 0, out: expect.stringContaining(`Suspended ${root.agentId}.`) });
    expect(await statuses()).toEqual([403, 200]);
    expect((await suspend('--include-descendants', '--json')).json()).toMatchObject({ status: 'SUSPENDED' });
    expect(await statuses()).toEqual([403, 403]);
    expect((await mir('reactivate', leaf.agentId, ...REASON)).out).toContain('it is still SUSPENDED');
    expect(await reactivate()).toMatchObject({ code: 0, out: expect.stringContaining('Its key works again') });
    expect(await statuses()).toEqual([200, 200]);
    expect(await auditOf(h.ctx, root.agentId)).toMatchObject([
      { action: 'agent.suspended', reason: 'drill', actor: { kind: 'OPERATOR', via: 'CLI' } },
      { action: 'agent.suspended' },
      { action: 'agent.reactivated', reason: 'drill' },
    ]);
  });

  it('shows what a suspension would affect, and asks for the agent ID', async () => {
    const tree = await createTree(10);
    const id = tree[0]!.agentId;
    expect((await mir('suspend', id, '--preview', '--json')).json()).toMatchObject({ affected: 1, env: 'live' });
    const all = ['--include-descendants', ...REASON];
    expect((await mir('suspend', id, '--preview', ...all)).out).toMatch(/agents to suspend\W+10[^]*Not affected:/);
    const wrong = await cliAt(typing('no'), h.env, 'agents', 'suspend', id, ...all);
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('nothing was changed') });
    expect(await statusWith(h.client, tree[0]!.key)).toBe(200);
    expect((await cliAt(typing(id), h.env, 'agents', 'suspend', id, ...all)).code).toBe(0);
    expect(await statusWith(h.client, tree.at(-1)!.key)).toBe(403);
  });
});

describe('mir agents kill', () => {
  it('prints the result of an API dry run with --preview, without changing anything', async () => {
    const tree = await createTree(30);
    const preview = (await mir('kill', tree[0]!.agentId, '--preview', '--json')).json();
    const path = `/v1/agents/${tree[0]!.agentId}/revoke-descendants`;
    const { name } = (await h.ctx.store.partners.get(partner.partnerId))!;
    const dryRun = await h.client.post(path, partner.liveKey, { dryRun: true });
    const owner = { partnerId: partner.partnerId, partner: name, env: 'live', agentId: tree[0]!.agentId };
    expect(preview).toEqual({ ...dryRun.body, ...owner, name: preview.first[0].name });
    expect(preview).toMatchObject({ affected: 30, activeLastHour: 0 });
    expect(preview.first).toHaveLength(20);
    const { out } = await mir('kill', tree[0]!.agentId, '--preview');
    expect(out).toMatch(/environment\W+live[^]*agents to revoke\W+30[^]*and 10 more[^]*Not affected:/);
    for (const shown of [name, preview.first[19].agentId]) expect(out).toContain(shown);
    expect(await statusWith(h.client, tree.at(-1)!.key)).toBe(200);
  });

  it('kills agents with --no-wait even if no worker is running, and exits with code 1 if a wait times out', async () => {
    const tree = await createTree(10);
    const started = await mir(
      'kill',
      tree[0]!.agentId,
      '--confirm',
      tree[0]!.agentId,
      ...REASON,
      '--no-wait',
      '--json',
    );
    expect(started).toMatchObject({ code: 0, err: expect.stringContaining('In force since') });
    expect(started.json()).toMatchObject({ status: 'RUNNING', agentId: tree[0]!.agentId });
    expect(await statusWith(h.client, tree.at(-1)!.key)).toBe(401);
    const waited = await mir('kill', tree[0]!.agentId, '--confirm', tree[0]!.agentId, ...REASON, '--wait-seconds', '0');
    expect(waited).toMatchObject({ code: 1, err: expect.stringContaining('RUNNING') });
    const { cascadeId } = started.json();
    expect((await mir('cascade', cascadeId, '--json')).json()).toMatchObject({ cascadeId, status: 'RUNNING' });
    // Without an ID, the command lists all open cascades, as the MirCascadeStuck runbook section requires.
    const open = (await mir('cascade', '--json')).json();
    expect(open).toMatchObject({ open: 1, data: [{ cascadeId, partnerId: partner.partnerId, env: 'live' }] });
    expect((await mir('cascade')).out).toContain(cascadeId);
    expect((await mir('cascade', cascadeId)).out).not.toContain('quarantined agents');
    const parked = Array.from({ length: 25 }, (_, n) => `agt_live_parked${n}`);
    const { cascades } = h.ctx.store;
    await cascades.model.updateOne({ _id: cascadeId }, { $set: { status: 'PARTIAL', parked, parkedCount: 30 } });
    expect((await mir('cascade', cascadeId, '--json')).json()).toMatchObject({ parked: 30, parkedAgents: parked });
    const { out } = await mir('cascade', cascadeId);
    expect(out).toMatch(/quarantined agents[^]*agt_live_parked0[^]*agt_live_parked19[^]*and 10 more/);
    expect(out).not.toContain('agt_live_parked20');
  });

  it('asks for the agent ID, and does not change anything if the input does not match', async () => {
    const tree = await createTree(5);
    const other = tree[1]!.agentId;
    for (const typed of ['', 'yes', other, tree[0]!.agentId.toUpperCase()]) {
      const terminal = typing(typed);
      const result = await cliAt(terminal, h.env, 'agents', 'kill', tree[0]!.agentId, ...REASON);
      expect(result).toMatchObject({ code: 1, out: '', err: expect.stringContaining('nothing was changed') });
      expect(terminal.questions).toHaveLength(1);
    }
    expect(await statusWith(h.client, tree[0]!.key)).toBe(200);
    expect(await auditOf(h.ctx, tree[0]!.agentId)).toEqual([]);
  });

  it('shows a preview, follows the cascade after confirmation, and exits once every key is deleted', async () => {
    await h.startWorkers();
    const tree = await createTree(60);
    const terminal = typing(`${tree[0]!.agentId}\n`);
    const drill = ['--reason', 'drill', '--json'];
    const result = await cliAt(terminal, h.env, 'agents', 'kill', tree[0]!.agentId, ...drill);
    expect(result.code).toBe(0);
    expect(result.err).toMatch(/agents to revoke\W+60/);
    expect(result.json()).toMatchObject({ status: 'CLOSED', affected: 60, revoked: 60, audited: 60, parked: 0 });
    expect(String((terminal.screen as PassThrough).read())).toContain('60/60');
    expect(await h.ctx.store.agents.model.countDocuments({ rootId: tree[0]!.agentId, key: { $ne: null } })).toBe(0);
    expect(await auditOf(h.ctx, tree[0]!.agentId)).toMatchObject([
      { action: 'agent.subtree.killed', reason: 'drill', actor: { kind: 'OPERATOR', via: 'CLI' } },
      { action: 'agent.revoked', reason: 'drill', actor: { kind: 'OPERATOR', via: 'CLI' } },
    ]);
  });

  it('prints progress to stderr and only JSON to stdout when a script runs the command', async () => {
    const tree = await createTree(25);
    const inner = tree.find(({ depth }) => depth === 1)!;
    const result = await mir('kill', inner.agentId, '--confirm', inner.agentId, ...REASON, '--json');
    expect(result.code).toBe(0);
    const { affected, status } = result.json();
    expect(status).toBe('CLOSED');
    expect((await mir('cascade')).out).not.toContain(result.json().cascadeId);
    expect(result.err).toContain(`${affected} of ${affected} revoked`);
    expect(await statusWith(h.client, tree[0]!.key)).toBe(200);
  });

  it('reports a completed kill in one line', async () => {
    const [root] = await createTree(3);
    const { code, out } = await mir('kill', root!.agentId, '--confirm', root!.agentId, ...REASON);
    expect([code, out]).toEqual([0, expect.stringMatching(/^Killed agt_\w+: 3 agents revoked \(csc_\w+\)\.\n$/)]);
  });

  it.each([
    [['tree'], 2, /agentId or --partner/],
    [['tree', 'agt_live_none'], 1, /^NOT_FOUND: /],
    [['tree', '--partner', 'prt_none'], 1, /^NOT_FOUND: /],
    [['tree', 'agt_live_none', '--partner', 'prt_none'], 2, /agentId or --partner/],
    [['tree', 'agt_live_none', '--max-depth', '33'], 2, /from 0 to 32/],
    [['list'], 2, /--partner/],
    [['list', '--partner', 'prt_none'], 1, /^NOT_FOUND: /],
    [['list', '--partner', 'prt_none', '--status', 'DEAD'], 2, /PENDING_APPROVAL/],
    [['show', 'agt_live_none'], 1, /^NOT_FOUND: /],
    [['kill', 'agt_live_none'], 2, /--reason[^]*--confirm agt_live_none/],
    [['kill', 'agt_live_none', '--confirm', 'agt_live_other', ...REASON], 2, /does not match/],
    [['kill', 'agt_live_none', '--confirm', 'agt_live_none', ...REASON], 1, /^NOT_FOUND: /],
    [['suspend', 'agt_live_none'], 2, /--reason[^]*--yes/],
    [['suspend', 'agt_live_none', '--yes', ...REASON], 1, /^NOT_FOUND: /],
    [['reactivate', 'agt_live_none'], 2, /--reason/],
    [['reactivate', 'agt_live_none', ...REASON], 1, /^NOT_FOUND: /],
    [['kill', 'agt_live_none', '--preview'], 1, /^NOT_FOUND: /],
    [['cascade', 'csc_none'], 1, /^NOT_FOUND: /],
  ])('rejects %j with exit code %i, and prints the reason to stderr', async (args, code, why) => {
    const result = await mir(...args);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toMatch(why);
  });
});
