import { afterAll, describe, expect, it } from '@jest/globals';
import { createLog } from '../../../../shared/log';
import { connectRedis } from '../../../../shared/redis/connect';
import { follow, onServer, SYNC_AT_ONCE } from '../../../support/failover';
import { ownStores } from '../../../support/own-stores';
import { SENTINEL_NAME, startSentinel } from '../../../support/start-sentinel';
import { succeeds, waitUntil } from '../../../support/wait-until';

const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends) await end();
});
const { ownRedis } = ownStores();

describe('a link through Sentinel', () => {
  it('connects to the primary that Sentinel names, and to the replica that it promotes', async () => {
    const [primary, replica] = await Promise.all([ownRedis(SYNC_AT_ONCE), ownRedis(SYNC_AT_ONCE)]);
    await follow(replica, primary);
    const sentinel = await startSentinel(primary);
    ends.push(sentinel.end);
    const url = `redis+sentinel://127.0.0.1:${sentinel.port}/${SENTINEL_NAME}`;
    const link = connectRedis(url, { kind: 'request', timeoutMs: 1_000 }, createLog('silent', 'api'));
    ends.unshift(() => link.close());
    await link.whenReady(10_000);
    const before = link.serverId();
    await waitUntil('the write is replicated', async () => {
      await link.client.set('written', 'before');
      return (await link.primaries()[0]!.wait(1, 1_000)) === 1;
    });
    await onServer({ url: `redis://127.0.0.1:${sentinel.port}` }, (client) =>
      waitUntil('Sentinel knows the replica', async () => {
        const replicas = (await client.call('SENTINEL', 'REPLICAS', SENTINEL_NAME)) as unknown[];
        return replicas.length > 0;
      }),
    );
    await primary.kill();
    await waitUntil('a write succeeds', () => succeeds(link.client.set('written', 'after')));
    expect(link.serverId()).not.toBe(before);
    expect(await link.client.get('written')).toBe('after');
  });
});
