import { beforeAll, describe, expect, it } from '@jest/globals';
import { scripts } from '../../../../shared/redis/scripts';
import { anEvent, someEvents } from '../../../support/builders';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { monitorCommands } from '../../../support/monitor-commands';
import type { TcpProxy } from '../../../support/open-tcp-proxy';
import type { OwnStore } from '../../../support/own-store';
import { expectProblem } from '../../../support/problems';
import { tcpProxies } from '../../../support/tcp-proxy';
import { succeeds, waitUntil } from '../../../support/wait-until';
import { workerLink } from '../../../support/worker-link';

const REDIS_TIMEOUT_MS = 1_000;
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
    const direct = workerLink({ REDIS_URL: redis.url });
    const sent: string[] = [];
    const [server] = direct.servers();
    const monitor = await monitorCommands(server!, ([command, sha, count, ...rest]) => {
      if (command?.toLowerCase() !== 'evalsha' || sha !== scripts.recordUsage.sha) return;
      sent.push(rest.slice(Number(count), Number(count) + 4).join(' '));
    });
    const wasSentTwice = (): boolean => sent.some((batch, n) => sent.indexOf(batch) !== n);
    let reads = 0;
    // The periodic flush can send a batch before the delay begins.
    while (!wasSentTwice()) {
      expect((await mir.client.get('/v1/events', liveKey)).status).toBe(200);
      reads += 1;
      proxy.delayResponses(1.5 * REDIS_TIMEOUT_MS);
      await mir.ctx.usage.flush();
      proxy.delayResponses(0);
      await waitUntil('Redis responds in time', () => succeeds(mir.ctx.queueLink.client.ping()));
      await mir.ctx.usage.flush();
    }
    monitor.disconnect();
    await direct.close();
    expect(eventsGroup(await totalOf(liveKey))).toMatchObject({
      total: reads,
      byStatusClass: { '2xx': reads },
      unfinished: 0,
    });
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
