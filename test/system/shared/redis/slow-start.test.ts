import { describe, expect, it } from '@jest/globals';
import { createLog } from '../../../../shared/log';
import { cascadesQueue } from '../../../../shared/queue/cascade-queue';
import { connectRedis } from '../../../../shared/redis/connect';
import { redisKeys } from '../../../../shared/redis/keys';
import { ownStores } from '../../../support/own-stores';
import { succeeds, waitUntil } from '../../../support/wait-until';

const COMMAND_TIMEOUT_MS = 200;
const READY_TIMEOUT_MS = 10_000;

const { ownRedis } = ownStores();

describe('a queue opened while Redis is unresponsive', () => {
  it('accepts jobs as soon as Redis responds again', async () => {
    const redis = await ownRedis();
    const log = createLog('silent', 'api');
    const link = connectRedis(redis.url, { kind: 'request', timeoutMs: COMMAND_TIMEOUT_MS }, log);
    await link.whenReady(READY_TIMEOUT_MS);
    redis.freeze();
    const producer = cascadesQueue.open({ link, keys: redisKeys('slow-start'), log });
    await expect(link.client.ping()).rejects.toThrow('Command timed out');
    // Sent last, so all commands that `open` sent have timed out by the time this one does.
    await expect(link.client.ping()).rejects.toThrow('Command timed out');
    redis.thaw();
    await waitUntil('Redis responds', () => succeeds(link.client.ping()));

    await producer.add({ cascadeId: 'csc_1' }, { jobId: 'csc_1' });
    expect(await producer.queue.getJobCounts('waiting', 'prioritized')).toMatchObject({ waiting: 1 });
    await producer.close();
    await link.close();
  });
});
