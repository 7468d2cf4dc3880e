import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { killSubtree } from '../../../../api/agents/kill-subtree';
import { type ApiClient, type TestAnswer } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { waitUntil } from '../../../support/wait-until';
import {
  allowSpawning,
  eventStatus,
  register,
  spawn,
  startSecondApi,
  statusWith,
  type TestAgent,
} from '../../../support/agents';

/** More of them by `RACE_CLIENTS=200 RACE_ROUNDS=50`. */
const CLIENTS = Number(process.env['RACE_CLIENTS'] ?? 40);
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 5);
const ACTIONS_PER_CLIENT = 3;
const TIMEOUT_MS = 120_000 + ROUNDS * CLIENTS * 1_000;

let h: Harness;
let other: Awaited<ReturnType<typeof startSecondApi>>;
let partner: TestPartner;
beforeAll(async () => {
  h = await sharedHarness();
  other = await startSecondApi(h);
  partner = await h.partner();
  await allowSpawning(h.client, partner, { approval: { fromDepth: 3 } });
});
afterAll(async () => {
  await other.close();
  await h.close();
});

interface Tree {
  root: TestAgent;
  /** What is killed, and three children of it, the last one suspended. */
  killed: TestAgent;
  children: TestAgent[];
  /** Another child of the root, which goes on. */
  spared: TestAgent;
  approvals: string[];
}

async function plantTree(): Promise<Tree> {
  const { client } = h;
  const { liveKey } = partner;
  const root = await register(client, liveKey);
  const [killed, spared] = [await spawn(client, liveKey, root.id), await spawn(client, liveKey, root.id)];
  // Depth 2 is the last that needs no approval.
  const children = [];
  for (let n = 0; n < 3; n += 1) children.push(await spawn(client, liveKey, killed.id));
  const approvals: string[] = [];
  for (let n = 0; n < Math.ceil(CLIENTS / 6); n += 1) {
    const { body } = await client.post(`/v1/agents/${children[n % 3]!.id}/spawn`, liveKey, { name: 'Waits' });
    approvals.push(body.approvalId);
  }
  await client.post(`/v1/agents/${children[2]!.id}/suspend`, liveKey, {});
  return { root, killed, children, spared, approvals };
}

type Action = (client: ApiClient, tree: Tree, n: number) => Promise<TestAnswer>;

/** Everything that could give life to something below the killed agent, by partner and agent keys. */
const ACTIONS: Record<string, Action> = {
  spawn: (client, { killed }) => client.post(`/v1/agents/${killed.id}/spawn`, partner.liveKey, { name: 'Racer' }),
  spawnAsItself: (client, { killed }, n) =>
    client.post(`/v1/agents/${killed.id}/spawn`, killed.key, { name: 'Racer' }, { 'idempotency-key': `n${n % 5}` }),
  ask: (client, { children }, n) =>
    client.post(`/v1/agents/${children[n % 2]!.id}/spawn`, partner.liveKey, { name: 'Asks' }),
  rotate: (client, { children }, n) => client.post(`/v1/agents/${children[n % 3]!.id}/key/rotate`, partner.liveKey, {}),
  rotateByRoot: (client, { root, children }, n) =>
    client.post(`/v1/agents/${children[n % 3]!.id}/key/rotate`, root.key, {}),
  rotateKilled: (client, { killed }) => client.post(`/v1/agents/${killed.id}/key/rotate`, partner.liveKey, {}),
  reactivate: (client, { children }) => client.post(`/v1/agents/${children[2]!.id}/reactivate`, partner.liveKey, {}),
  widen: (client, { children }, n) =>
    client.request('PATCH', `/v1/agents/${children[n % 3]!.id}`, { key: partner.liveKey, body: { name: `Name ${n}` } }),
  approve: (client, { approvals }, n) =>
    client.post(`/v1/agents/approvals/${approvals[n % approvals.length]}/approve`, partner.liveKey, {}),
  event: (client, { children }, n) =>
    client.post('/v1/events', children[n % 3]!.key, { userExternalId: 'u', eventType: 'mir.session.started' }),
};
const NAMES = Object.keys(ACTIONS);

interface Answered {
  name: string;
  status: number;
  detail: string | undefined;
  afterKill: boolean;
}

async function race(tree: Tree, round: number): Promise<{ keys: string[]; answers: Answered[]; cascadeId: string }> {
  const keys = [tree.killed, ...tree.children].map(({ key }) => key);
  const answers: Answered[] = [];
  const kill = { done: false, cascadeId: '' };
  const killAfter = Math.floor((CLIENTS * ACTIONS_PER_CLIENT * round) / ROUNDS);
  const order = { tenant: `${partner.partnerId}:live`, agentId: tree.killed.id, rootId: tree.root.id } as const;
  const strike = async (): Promise<void> => {
    const who = { actor: { kind: 'PARTNER', partnerId: partner.partnerId }, reason: 'race', requestId: `r${round}` };
    const cascade = await killSubtree(h.ctx, { ...order, ...who } as Parameters<typeof killSubtree>[1]);
    kill.cascadeId = cascade._id;
    kill.done = true;
  };
  let striking: Promise<void> | null = killAfter === 0 ? strike() : null;
  const run = async (clientNo: number): Promise<void> => {
    for (let n = 0; n < ACTIONS_PER_CLIENT || !kill.done; n += 1) {
      const name = NAMES[(clientNo + n * 7 + round) % NAMES.length]!;
      const afterKill = kill.done;
      const { status, body } = await ACTIONS[name]!((clientNo % 2 ? h : other).client, tree, clientNo + n);
      answers.push({ name, status, detail: body.detail as string | undefined, afterKill });
      if (body.apiKey) keys.push(body.apiKey as string);
      if (striking === null && answers.length >= killAfter) striking = strike();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, clientNo) => run(clientNo)));
  await striking;
  return { keys, answers, cascadeId: kill.cascadeId };
}

/** What each key gets, a few at a time: more cold keys at once than the store's bulkhead lets in would be refused. */
async function statusesOf(client: ApiClient, keys: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  for (let from = 0; from < keys.length; from += 20) {
    const some = keys.slice(from, from + 20).map((key) => statusWith(client, key));
    statuses.push(...(await Promise.all(some)));
  }
  return statuses;
}

describe('a kill beside clients that spawn, rotate, reactivate and approve', () => {
  it(
    `leaves no living key below the killed agent, and answers no 5xx (${CLIENTS} clients, ${ROUNDS} rounds)`,
    async () => {
      const created = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round += 1) {
        const tree = await plantTree();
        const { keys, answers, cascadeId } = await race(tree, round);
        expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
        for (const { name, status } of answers) {
          if (status < 300) created.set(name, (created.get(name) ?? 0) + 1);
        }
        const alive = answers.filter(({ afterKill, status }) => afterKill && status < 300);
        // A repeated spawn may tell of the child that it made before.
        expect(alive.filter(({ name, status }) => name !== 'spawnAsItself' || status !== 200)).toEqual([]);
        for (const { client } of [h, other]) {
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
      if (ROUNDS >= 5) expect([...created.keys()].sort()).toEqual([...NAMES].sort());
    },
    TIMEOUT_MS,
  );

  it(
    'leaves one living key when rotations, suspensions and reactivations of one agent meet in two processes',
    async () => {
      const { id, key } = await register(h.client, partner.liveKey);
      const whats = ['key/rotate', 'suspend', 'reactivate'];
      const answers = await Promise.all(
        Array.from({ length: Math.min(CLIENTS, 60) }, (_, n) =>
          (n % 2 ? h : other).client.post(`/v1/agents/${id}/${whats[n % 3]}`, partner.liveKey, {}),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      await h.client.post(`/v1/agents/${id}/reactivate`, partner.liveKey, {});
      const keys = [key, ...answers.flatMap(({ body }) => (body.apiKey ? [body.apiKey as string] : []))];
      for (const { client } of [h, other]) {
        const statuses = await statusesOf(client, keys);
        expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      }
    },
    TIMEOUT_MS,
  );
});
