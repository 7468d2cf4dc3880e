import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseApiKey } from '../../../../shared/domain/api-key';
import { tenantOf } from '../../../../shared/domain/ids';
import { MirError } from '../../../../shared/errors';
import type { AgentDoc } from '../../../../shared/store/agents';
import { redisNowMs } from '../../../../shared/redis/clock';
import { anAgent } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { startSecondApi } from '../../../support/partners';
import type { ServedApi } from '../../../support/serve-api';
import { sharedHarness } from '../../../support/shared-harness';

/** For a longer run, set `EXPIRY_TREES=10000`. */
const TREES = Number(process.env['EXPIRY_TREES'] ?? 100);
const MAX_AGENTS_PER_TREE = 7;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;

const PROCESSES = 3;
const TIMEOUT_MS = 60_000 + TREES * 200;

let mir: Harness;
let others: ServedApi[];
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  others = await Promise.all(Array.from({ length: PROCESSES - 1 }, () => startSecondApi(mir)));
  partner = await mir.partner();
});
afterAll(async () => {
  await Promise.all(others.map((api) => api.close()));
  await mir.close();
});

interface Node {
  doc: AgentDoc;
  key: string;
  /** The earliest expiry on the path in ms, or Infinity. */
  endMs: number;
}

/**
 * Returns a tree of random shape in which about two thirds of the agents have an expiry within an hour. No expiry passes
 * while the test runs, because the partner's clock is never behind the server's.
 */
function randomTree(nowMs: number): Node[] {
  const nodes: Node[] = [];
  const size = randomInt(1, MAX_AGENTS_PER_TREE + 1);
  while (nodes.length < size) {
    const parent = nodes.length === 0 ? null : nodes[randomInt(nodes.length)]!;
    const expiresAt = randomInt(3) === 0 ? null : new Date(nowMs + HOUR_MS + randomInt(HOUR_MS));
    const tenant = tenantOf(partner.partnerId, 'live');
    const { doc, key } = anAgent(tenant, parent?.doc ?? null, { expiresAt });
    nodes.push({ doc, key, endMs: Math.min(parent?.endMs ?? Infinity, expiresAt?.getTime() ?? Infinity) });
  }
  return nodes;
}

/**
 * Sets the partner's clock, authorizes the key in one of the processes, and returns the script time of an admission, or
 * the rejection.
 */
async function authorizeAt(key: string, nowMs: number): Promise<number | string> {
  const { queueLink, keys } = mir.ctx;
  const { authorizer } = [mir, ...others][randomInt(PROCESSES)]!.ctx;
  const clock = keys.clock(partner.key.tag);
  await queueLink.client.set(clock, `${nowMs} ${await redisNowMs(queueLink.primaryOf(clock))}`);
  try {
    return (await authorizer.authorize(parseApiKey(key)!, 'requests', 'events:read', [])).nowMs!;
  } catch (error) {
    if (error instanceof MirError) return error.code;
    throw error;
  }
}

describe('the authorization of agents that expire', () => {
  it(
    `admits no request at or after the earliest expiry of the path, and each before it, in ${TREES} random trees on ${PROCESSES} processes`,
    async () => {
      const nowMs = Date.now();
      let rejected = 0;
      let admitted = 0;
      for (let tree = 0; tree < TREES; tree += 1) {
        const nodes = randomTree(nowMs);
        await mir.ctx.store.agents.model.insertMany(nodes.map(({ doc }) => doc));
        // In random order, so that the rows of a path are cached by different requests.
        for (const { key, endMs } of nodes.toSorted(() => randomInt(2) - 0.5)) {
          if (endMs === Infinity) {
            expect(await authorizeAt(key, nowMs + 3 * HOUR_MS)).toBeGreaterThan(nowMs);
            continue;
          }
          const before = await authorizeAt(key, endMs - SECOND_MS);
          // The clock runs on, so on a very busy machine, the request may be late.
          if (before !== 'AGENT_EXPIRED') {
            expect(before).toBeLessThan(endMs);
            admitted += 1;
          }
          for (const lateMs of [0, randomInt(HOUR_MS)]) {
            expect(await authorizeAt(key, endMs + lateMs)).toBe('AGENT_EXPIRED');
            rejected += 1;
          }
        }
      }
      expect(rejected).toBeGreaterThan(TREES);
      expect(admitted).toBeGreaterThan(0.99 * (rejected / 2));
    },
    TIMEOUT_MS,
  );

  it('admits a request in the last millisecond before the expiry, or rejects it at a later time', async () => {
    const nowMs = Date.now();
    for (let n = 0; n < 20; n += 1) {
      const endMs = nowMs + HOUR_MS + n * SECOND_MS;
      const { doc, key } = anAgent(tenantOf(partner.partnerId, 'live'), null, { expiresAt: new Date(endMs) });
      await mir.ctx.store.agents.model.create(doc);
      // Caches the rows, so that the next request takes a single call.
      await authorizeAt(key, nowMs);
      const result = await authorizeAt(key, endMs - 1);
      if (typeof result === 'number') expect(result).toBe(endMs - 1);
      else expect(result).toBe('AGENT_EXPIRED');
    }
  });
});
