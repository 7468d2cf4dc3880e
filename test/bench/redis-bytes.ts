import type { BenchEnvironment } from './environment';
import { batchBody } from './events';
import { httpClient } from './http';
import type { MainOptions } from './main-options';
import { startApi } from './processes';
import type { Reporter } from './report';
import { atMost } from './result';

const BATCH = 500;
const BATCHES = 200;
const WARM_UP_BATCHES = 20;
const CONNECTIONS = 4;
const ENVELOPE_BYTES = Buffer.byteLength('{"events":[]}');

/**
 * Measures how many bytes of Redis memory queued events take up, relative to their JSON.
 *
 * Method: no worker runs. The API accepts 200 batches of 500 events, one job each. The Redis bytes are the difference in
 * `used_memory` before and after, without the memory of client buffers and of the AOF buffer, which do not depend on the
 * number of queued events. They therefore include everything that the API writes for the events: jobs, queue entries,
 * open markers and reservations. The JSON bytes are those of the `events` arrays in the request bodies, uncompressed.
 */
export async function redisBytes(
  environment: BenchEnvironment,
  { rounds, users }: MainOptions,
  reporter: Reporter,
): Promise<void> {
  const { ctx, partner } = environment;
  const api = await startApi(environment.env);
  const client = httpClient(api.port, CONNECTIONS);

  const usedMemory = async (): Promise<number> => {
    const info = await ctx.queueLink.client.info('memory');
    const read = (field: string): number => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1]);
    return read('used_memory') - read('mem_clients_normal') - read('mem_aof_buffer');
  };
  /** Submits batches and returns the JSON bytes of their events. */
  const submit = async (batches: number): Promise<number> => {
    let next = 0;
    let bytes = 0;
    const sender = async (): Promise<void> => {
      while (next < batches) {
        const body = batchBody(next++ * BATCH, BATCH, users);
        const { status } = await client.post('/v1/events', partner.liveKey, body);
        if (status !== 202) throw new Error(`POST /v1/events returned ${status}`);
        bytes += Buffer.byteLength(body) - ENVELOPE_BYTES;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, sender));
    return bytes;
  };

  await submit(WARM_UP_BATCHES);
  await environment.clearQueue();
  const values: number[] = [];
  const inRedis: number[] = [];
  const inJson: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = await usedMemory();
    const jsonBytes = await submit(BATCHES);
    const redisBytesUsed = (await usedMemory()) - before;
    await environment.clearQueue();
    values.push(redisBytesUsed / jsonBytes);
    inRedis.push(redisBytesUsed / (BATCHES * BATCH));
    inJson.push(jsonBytes / (BATCHES * BATCH));
  }
  reporter.add({
    id: 'redis-bytes',
    name: 'Redis bytes of queued events / their JSON bytes',
    unit: 'ratio',
    values,
    limit: atMost(0.65, 0.6),
    sides: [
      { name: 'Redis', unit: 'bytes per event', values: inRedis },
      { name: 'JSON', unit: 'bytes per event', values: inJson },
    ],
  });
  client.close();
  await api.stop();
}
