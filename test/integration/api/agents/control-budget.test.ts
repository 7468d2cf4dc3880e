import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CONTROL_REQUESTS_PER_MINUTE } from '../../../../shared/authz/budget';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';
import { waitUntil } from '../../../support/wait-until';

const LOOPS = 2;
const KILLS = 100;
const REQUESTS_PER_MINUTE = 60;

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

/** Creates a partner whose agent has exhausted the requests budget and sends requests until `stop()` is called. */
async function partnerWithBusyAgent() {
  const partner = await mir.partner({
    limits: { eventsPerMinute: 600, requestsPerMinute: REQUESTS_PER_MINUTE },
  });
  const busy = await insertAgent(mir.ctx.store, partner, { type: 'SERVICE_ACCOUNT', preset: 'STANDARD' });
  let rejected = 0;
  const stopping = new AbortController();
  const loops = Array.from({ length: LOOPS }, async () => {
    while (!stopping.signal.aborted) {
      const { status } = await mir.client.get('/v1/events', busy.apiKey);
      if (status === 429) rejected += 1;
    }
  });
  await waitUntil('the agent exceeds its limit', async () => rejected > LOOPS);
  return {
    partner,
    busy,
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

describe('control budget', () => {
  it(`accepts ${KILLS} kills while a runaway agent exhausts the requests budget`, async () => {
    const { partner, busy, stop } = await partnerWithBusyAgent();
    const children: TestAgent[] = [];
    for (let n = 1; n < KILLS; n += 1) children.push(await insertAgent(mir.ctx.store, partner, {}, busy));
    const statuses: number[] = [];
    for (const { agentId } of [...children, busy]) {
      const path = `/v1/agents/${agentId}/revoke-descendants`;
      statuses.push((await mir.client.post(path, partner.liveKey, { reason: 'runaway' })).status);
    }
    await stop();
    expect(statuses).toEqual(Array.from({ length: KILLS }, () => 202));
  });

  it.each([
    ['suspending an agent', 200, (agentId: string) => `/v1/agents/${agentId}/suspend`, {}],
    ['revoking an agent', 200, (agentId: string) => `/v1/agents/${agentId}/revoke`, {}],
    ['previewing a kill', 200, (agentId: string) => `/v1/agents/${agentId}/revoke-descendants`, { dryRun: true }],
    ['erasing a user', 202, () => '/v1/users/erase', { userExternalId: 'u-1' }],
  ] as const)(
    'allows %s (status %i) when the partner has exhausted its requests budget',
    async (_action, status, path, body) => {
      const partner = await mir.partner({ limits: { eventsPerMinute: 600, requestsPerMinute: 1 } });
      const agent = await insertAgent(mir.ctx.store, partner);
      expect((await mir.client.get('/v1/events', partner.liveKey)).status).toBe(200);
      expectProblem(await mir.client.get('/v1/events', partner.liveKey), 429, 'RATE_LIMITED');
      const response = await mir.client.post(path(agent.agentId), partner.liveKey, body);
      expect(response.status).toBe(status);
      expect(response.headers.get('ratelimit-policy')).toBe(`"control";q=${CONTROL_REQUESTS_PER_MINUTE};w=60`);
      expect(response.headers.get('ratelimit')).toBe(`"control";r=${CONTROL_REQUESTS_PER_MINUTE - 1};t=1`);
    },
  );

  it('charges the requests budget when an agent key suspends a descendant', async () => {
    const partner = await mir.partner({ limits: { eventsPerMinute: 600, requestsPerMinute: 300 } });
    const admin = await insertAgent(mir.ctx.store, partner, { type: 'SERVICE_ACCOUNT', preset: 'ADMIN' });
    const child = await insertAgent(mir.ctx.store, partner, {}, admin);
    const response = await mir.client.post(`/v1/agents/${child.agentId}/suspend`, admin.apiKey, {});
    expect(response.status).toBe(200);
    expect(response.headers.get('ratelimit-policy')).toBe('"requests";q=300;w=60');
  });

  it('returns 429 when the control budget is exhausted, without charging the requests budget', async () => {
    const partner = await mir.partner({ limits: { eventsPerMinute: 600, requestsPerMinute: 300 } });
    const agent = await insertAgent(mir.ctx.store, partner);
    const path = `/v1/agents/${agent.agentId}/revoke-descendants`;
    const responses = await Promise.all(
      Array.from({ length: CONTROL_REQUESTS_PER_MINUTE + 10 }, () =>
        mir.client.post(path, partner.liveKey, { dryRun: true }),
      ),
    );
    const limited = responses.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThan(0);
    for (const response of limited) expectProblem(response, 429, 'RATE_LIMITED');
    const list = await mir.client.get('/v1/events', partner.liveKey);
    expect(list.headers.get('ratelimit')).toBe('"requests";r=299;t=1');
  });
});
