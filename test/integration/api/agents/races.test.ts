import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { killSubtree } from '../../../../api/agents/kill-subtree';
import { type ApiClient, type TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';
import { approverKey, eventStatus, register, spawn, statusWith, type TestAgent } from '../../../support/agents';
import { startTwoApis, type TwoApis } from './two-apis';

/** For a longer run, set `RACE_CLIENTS=200 RACE_ROUNDS=50`. */
const CLIENTS = Number(process.env['RACE_CLIENTS'] ?? 40);
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 3);
const ACTIONS_PER_CLIENT = 3;
const TIMEOUT_MS = 120_000 + ROUNDS * CLIENTS * 1_000;

let apis: TwoApis;
let h: Harness;
let secondApi: TwoApis['secondApi'];
let partner: TestPartner;
let approver: string;
beforeAll(async () => {
  apis = await startTwoApis({ workers: true, policy: { approval: { fromDepth: 3 } } });
  ({ harness: h, secondApi, partner } = apis);
  approver = await approverKey(h.client, partner);
});
afterAll(() => apis.close());

interface Tree {
  root: TestAgent;
  /** The root's child whose subtree is killed. */
  killed: TestAgent;
  /** Three children of `killed`. The last child is suspended. */
  children: TestAgent[];
  /** Another child of the root. It must survive the kill. */
  spared: TestAgent;
  /** Approval IDs for pending spawns below the children. */
  approvals: string[];
}

async function createTree(): Promise<Tree> {
  const { client } = h;
  const { liveKey } = partner;
  const root = await register(client, liveKey);
  const [killed, spared] = [await spawn(client, liveKey, root.id), await spawn(client, liveKey, root.id)];
  // Depth 2 is the deepest level that does not need approval.
  const children = [];
  for (let n = 0; n < 3; n += 1) children.push(await spawn(client, liveKey, killed.id));
  const approvals: string[] = [];
  for (let n = 0; n < Math.ceil(CLIENTS / 6); n += 1) {
    const { body } = await client.post(`/v1/agents/${children[n % 3]!.id}/spawn`, liveKey, { name: 'Pending' });
    approvals.push(body.approvalId);
  }
  await client.post(`/v1/agents/${children[2]!.id}/suspend`, liveKey, {});
  return { root, killed, children, spared, approvals };
}

type Action = (client: ApiClient, tree: Tree, n: number) => Promise<TestResponse>;

/** Actions that could leave an active agent or a valid key below the killed agent if they race with the kill. */
const ACTIONS: Record<string, Action> = {
  spawn: (client, { killed }) => client.post(`/v1/agents/${killed.id}/spawn`, partner.liveKey, { name: 'Racer' }),
  spawnAsItself: (client, { killed }, n) =>
    client.post(`/v1/agents/${killed.id}/spawn`, killed.key, { name: 'Racer' }, { 'idempotency-key': `n${n % 5}` }),
  requestApproval: (client, { children }, n) =>
    client.post(`/v1/agents/${children[n % 2]!.id}/spawn`, partner.liveKey, { name: 'Pending' }),
  rotate: (client, { children }, n) => client.post(`/v1/agents/${children[n % 3]!.id}/key/rotate`, partner.liveKey, {}),
  rotateByRoot: (client, { root, children }, n) =>
    client.post(`/v1/agents/${children[n % 3]!.id}/key/rotate`, root.key, {}),
  rotateKilled: (client, { killed }) => client.post(`/v1/agents/${killed.id}/key/rotate`, partner.liveKey, {}),
  reactivate: (client, { children }) => client.post(`/v1/agents/${children[2]!.id}/reactivate`, partner.liveKey, {}),
  update: (client, { children }, n) =>
    client.request('PATCH', `/v1/agents/${children[n % 3]!.id}`, { key: partner.liveKey, body: { name: `Name ${n}` } }),
  approve: (client, { approvals }, n) =>
    client.post(`/v1/agents/approvals/${approvals[n % approvals.length]}/approve`, approver, {}),
  event: (client, { children }, n) =>
    client.post('/v1/events', children[n % 3]!.key, { userExternalId: 'u', eventType: 'mir.session.started' }),
};
const NAMES = Object.keys(ACTIONS);

interface ActionResult {
  name: string;
  status: number;
  detail: string | undefined;
  afterKill: boolean;
}

async function race(
  tree: Tree,
  round: number,
): Promise<{ keys: string[]; results: ActionResult[]; cascadeId: string }> {
  const keys = [tree.killed, ...tree.children].map(({ key }) => key);
  const results: ActionResult[] = [];
  const kill = { done: false, cascadeId: '' };
  const killAfter = Math.floor((CLIENTS * ACTIONS_PER_CLIENT * round) / ROUNDS);
  const order = { tenant: `${partner.partnerId}:live`, agentId: tree.killed.id, rootId: tree.root.id } as const;
  const startKill = async (): Promise<void> => {
    const caller = { actor: { kind: 'PARTNER', partnerId: partner.partnerId }, reason: 'race', requestId: `r${round}` };
    const cascade = await killSubtree(h.ctx, { ...order, ...caller } as Parameters<typeof killSubtree>[1]);
    kill.cascadeId = cascade._id;
    kill.done = true;
  };
  let killing: Promise<void> | null = killAfter === 0 ? startKill() : null;
  const run = async (clientNo: number): Promise<void> => {
    for (let n = 0; n < ACTIONS_PER_CLIENT || !kill.done; n += 1) {
      const name = NAMES[(clientNo + n * 7 + round) % NAMES.length]!;
      const afterKill = kill.done;
      const { status, body } = await ACTIONS[name]!((clientNo % 2 ? h : secondApi).client, tree, clientNo + n);
      results.push({ name, status, detail: body.detail as string | undefined, afterKill });
      if (body.apiKey) keys.push(body.apiKey as string);
      if (killing === null && results.length >= killAfter) killing = startKill();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, clientNo) => run(clientNo)));
  await killing;
  return { keys, results, cascadeId: kill.cascadeId };
}

/** Returns the status of each key. Checks 20 keys at a time to stay below the limit on concurrent MongoDB reads. */
async function statusesOf(client: ApiClient, keys: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  for (let from = 0; from < keys.length; from += 20) {
    const page = keys.slice(from, from + 20).map((key) => statusWith(client, key));
    statuses.push(...(await Promise.all(page)));
  }
  return statuses;
}

describe('the kill switch under concurrent changes', () => {
  it(
    `leaves no valid keys below the killed agent and never returns a 5xx (${CLIENTS} clients, ${ROUNDS} rounds)`,
    async () => {
      const succeeded = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round += 1) {
        const tree = await createTree();
        const { keys, results, cascadeId } = await race(tree, round);
        expect(results.filter(({ status }) => status >= 500)).toEqual([]);
        for (const { name, status } of results) {
          if (status < 300) succeeded.set(name, (succeeded.get(name) ?? 0) + 1);
        }
        const late = results.filter(({ afterKill, status }) => afterKill && status < 300);
        // A replayed spawn may return the child that the original request created before the kill.
        expect(late.filter(({ name, status }) => name !== 'spawnAsItself' || status !== 200)).toEqual([]);
        for (const { client } of [h, secondApi]) {
          expect(new Set(await statusesOf(client, keys))).toEqual(new Set([401]));
          expect(await eventStatus(client, tree.spared.key)).toBe(202);
          expect(await statusWith(client, tree.root.key)).toBe(200);
        }
        await waitUntil('the cascade is closed', async () => {
          const cascade = await h.ctx.store.cascades.byId(cascadeId);
          return cascade?.status === 'CLOSED';
        });
        const left = await h.ctx.store.agents.model.countDocuments({
          $or: [{ _id: tree.killed.id }, { ancestors: tree.killed.id }],
          $and: [{ $or: [{ key: { $ne: null } }, { status: { $ne: 'REVOKED' } }] }],
        });
        expect(left).toBe(0);
      }
      if (ROUNDS >= 5) expect([...succeeded.keys()].sort()).toEqual([...NAMES].sort());
    },
    TIMEOUT_MS,
  );

  it(
    'leaves exactly one valid key after concurrent rotations, suspensions and reactivations on two processes',
    async () => {
      const { id, key } = await register(h.client, partner.liveKey);
      const actions = ['key/rotate', 'suspend', 'reactivate'];
      const responses = await Promise.all(
        Array.from({ length: Math.min(CLIENTS, 60) }, (_, n) =>
          (n % 2 ? h : secondApi).client.post(`/v1/agents/${id}/${actions[n % 3]}`, partner.liveKey, {}),
        ),
      );
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
      await h.client.post(`/v1/agents/${id}/reactivate`, partner.liveKey, {});
      const keys = [key, ...responses.flatMap(({ body }) => (body.apiKey ? [body.apiKey as string] : []))];
      for (const { client } of [h, secondApi]) {
        const statuses = await statusesOf(client, keys);
        expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      }
    },
    TIMEOUT_MS,
  );
});
