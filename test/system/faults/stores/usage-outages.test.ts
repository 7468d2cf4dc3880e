import { beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent, someEvents } from '../../../support/builders';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import type { TcpProxy } from '../../../support/open-tcp-proxy';
import type { OwnStore } from '../../../support/own-store';
import { expectProblem } from '../../../support/problems';
import { tcpProxies } from '../../../support/tcp-proxy';
import { waitUntil } from '../../../support/wait-until';

const REDIS_TIMEOUT_MS = 300;
/** Enough for four chunks, of which one partner may have one. */
const MAX_QUEUED_BYTES = 400_000;

const { serve, ownRedis } = faultEnvironment();
const openProxy = tcpProxies();
let mir: Harness;
let redis: OwnStore;
let proxy: TcpProxy;
beforeAll(async () => {
  redis = await ownRedis();
  proxy = await openProxy(redis.url);
  const env = {
    REDIS_URL: proxy.url,
    REDIS_TIMEOUT_MS: String(REDIS_TIMEOUT_MS),
    MAX_QUEUED_BYTES: String(MAX_QUEUED_BYTES),
  };
  mir = await serve({ workers: false, env });
});

/** Returns a partner's usage as soon as everything that was recorded is in Redis. */
async function totalOf(key: string) {
  await mir.ctx.usage.flush();
  await mir.ctx.usage.flush();
  return (await mir.client.get('/v1/usage', key)).body.total;
}
const eventsGroup = (total: { requests: { group: string }[] }) =>
  total.requests.find(({ group }) => group === 'events');

describe('the usage of a partner', () => {
  it('counts responses once when Redis adds them, but its reply is lost', async () => {
    const { liveKey } = await mir.partner();
    const read = () => mir.client.get('/v1/events', liveKey);
    await Promise.all([read(), read(), read()]);
    proxy.delayResponses(3 * REDIS_TIMEOUT_MS);
    await mir.ctx.usage.flush();
    proxy.delayResponses(0);
    await waitUntil('Redis responds in time', async () => (await read()).status === 200);
    await waitUntil('all responses are counted', async () => {
      const group = eventsGroup(await totalOf(liveKey)) as { total: number; unfinished: number } | undefined;
      return group !== undefined && group.unfinished === 0;
    });
    expect(eventsGroup(await totalOf(liveKey))).toMatchObject({ total: 4, byStatusClass: { '2xx': 4 } });
  });

  it('counts requests that are served or rejected while Redis is down, if the key is known', async () => {
    const partner = await mir.partner();
    const { liveKey } = partner;
    expect((await mir.client.get('/v1/events', liveKey)).status).toBe(200);
    await redis.stop();
    try {
      await waitUntil('the API notices', () => mir.ctx.queueLink.runId() === null);
      expect((await mir.client.get('/v1/events', liveKey)).status).toBe(200);
      expectProblem(await mir.client.post('/v1/events', liveKey, anEvent()), 503, 'OVERLOADED');
      // This process has not seen the key.
      expectProblem(await mir.client.post('/v1/events', partner.testKey, anEvent()), 503, 'OVERLOADED');
      await mir.ctx.usage.flush();
    } finally {
      await redis.restart();
      await waitUntil('the API has reconnected to Redis', () => mir.ctx.queueLink.runId() !== null);
    }
    const total = await totalOf(liveKey);
    expect(eventsGroup(total)).toMatchObject({ total: 3, byStatusClass: { '2xx': 2, '5xx': 1 }, unfinished: 0 });
    expect(total.rejections).toEqual([{ code: 'OVERLOADED', status: 503, requests: 1 }]);
    expect(eventsGroup(await totalOf(partner.testKey))).toBeUndefined();
  });

  it('counts submissions that are rejected because the queue has no room', async () => {
    const { liveKey } = await mir.partner();
    const submit = async () => (await mir.client.post('/v1/events', liveKey, { events: someEvents(500) })).status;
    let accepted = 0;
    while ((await submit()) === 202) accepted += 1;
    expect(await submit()).toBe(429);
    const total = await totalOf(liveKey);
    expect(total.rejections).toEqual([{ code: 'QUEUE_SHARE_EXCEEDED', status: 429, requests: 2 }]);
    expect(eventsGroup(total)).toMatchObject({ total: accepted + 2, unfinished: 0 });
  });
});
