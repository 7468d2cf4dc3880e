import { setTimeout as delay } from 'node:timers/promises';
import { httpClient } from '../http';
import { batchBody } from '../events';

/** Dumps sent by the parent process: each partner sends `events` events in batches, optionally at a fixed rate. */
export interface SendMessage {
  port: number;
  dumps: { key: string; events: number; users: number }[];
  /** Concurrent requests per partner. */
  connections: number;
  /** Events per second per partner. Null sends as fast as the API accepts. */
  rate: number | null;
}
/** Sent when the last batch of one partner is accepted. */
export interface DumpSentMessage {
  type: 'dump sent';
  /** Position in `dumps`. */
  dump: number;
}
export interface SentMessage {
  type: 'sent';
  /** Accepted events and rejected requests per partner. */
  accepted: number[];
  rejected: number[];
  ms: number;
}

const PER_BATCH = 500;
const DISTINCT_BATCHES = 20;
/** Delay before a rejected batch is sent again. */
const RETRY_MS = 200;

async function send({ port, dumps, connections, rate }: SendMessage): Promise<SentMessage> {
  const startedAt = performance.now();
  const accepted = dumps.map(() => 0);
  const rejected = dumps.map(() => 0);
  const dump = async (n: number): Promise<void> => {
    const { key, events, users } = dumps[n]!;
    const client = httpClient(port, connections);
    const bodies = Array.from({ length: DISTINCT_BATCHES }, (_, b) => batchBody(b * PER_BATCH, PER_BATCH, users));
    const total = Math.ceil(events / PER_BATCH);
    let next = 0;
    const sender = async (): Promise<void> => {
      while (next < total) {
        const batch = next++;
        if (rate !== null) await delay(Math.max(0, startedAt + (batch * PER_BATCH * 1_000) / rate - performance.now()));
        for (;;) {
          const { status, body } = await client.post('/v1/events', key, bodies[batch % DISTINCT_BATCHES]!);
          if (status === 202) {
            accepted[n]! += Number(body['accepted']);
            break;
          }
          rejected[n]! += 1;
          await delay(RETRY_MS);
        }
      }
    };
    await Promise.all(Array.from({ length: connections }, sender));
    client.close();
    process.send?.({ type: 'dump sent', dump: n } satisfies DumpSentMessage);
  };
  await Promise.all(dumps.map((_, n) => dump(n)));
  return { type: 'sent', accepted, rejected, ms: performance.now() - startedAt };
}

process.on('message', (message) => {
  void send(message as SendMessage).then((sent) => process.send?.(sent));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ type: 'ready', port: 0 });
