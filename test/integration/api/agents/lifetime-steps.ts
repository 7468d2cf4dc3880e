import { redisNowMs } from '../../../../shared/redis/clock';
import { expireAgents } from '../../../../workers/maintenance/expire-agents';
import { allowSpawning, spawn, type TestAgent } from '../../../support/agents';
import type { Harness, TestPartner } from '../../../support/harness';

/** Steps of tests about agents that expire. */
export interface LifetimeSteps {
  /** Returns a partner whose clock the test may change. */
  clockedPartner(): Promise<TestPartner>;
  /** Moves the clock of a partner forward. Nothing but this partner's requests depend on it. */
  advance(partner: TestPartner, ms: number): Promise<void>;
  /** Deletes everything that Redis knows about agents, as a failover may. Stores their activity first. */
  loseRows(partner: TestPartner, agents: TestAgent[]): Promise<void>;
  /** Runs the sweep as a worker does at `now`. */
  sweep(now?: Date): Promise<void>;
  /** Spawns a child with the key of its parent. */
  childOf(parent: TestAgent, changes?: Record<string, unknown>): Promise<TestAgent>;
  /** Sends a read with the agent's key. Returns the problem code, or the status if the request succeeds. */
  codeWith(agent: TestAgent): Promise<string | number>;
}

export function lifetimeSteps(harness: Harness): LifetimeSteps {
  const { ctx, client } = harness;
  const { keys, queueLink } = ctx;
  const redis = queueLink.client;
  return {
    clockedPartner: async () => {
      const own = await harness.partner();
      await allowSpawning(client, own);
      return own;
    },
    advance: async ({ key }, ms) => {
      const clock = keys.clock(key.tag);
      const now = await redisNowMs(queueLink.primaryOf(clock));
      const [time = now] = ((await redis.get(clock)) ?? '').split(' ').filter(Boolean).map(Number);
      await redis.set(clock, `${Math.max(time, now) + ms} ${now}`);
    },
    loseRows: async ({ key }, agents) => {
      await ctx.activity.flush();
      await ctx.descendantActivity.flush();
      await redis.del(...agents.flatMap(({ id }) => [keys.node(key.tag, id), keys.nodeSeen(key.tag, id)]));
    },
    sweep: async (now = new Date()) => {
      await expireAgents({ ...ctx, link: queueLink }, now);
    },
    childOf: (parent, changes = {}) => spawn(client, parent.key, parent.id, changes),
    codeWith: async ({ key }) => {
      const { status, body } = await client.get('/v1/events', key);
      return body.code ?? status;
    },
  };
}
