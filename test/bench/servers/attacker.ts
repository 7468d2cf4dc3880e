import { setTimeout as delay } from 'node:timers/promises';
import { httpClient } from '../http';

/** Requests that the parent process asks the attacker to repeat until it receives `{ stop: true }`. */
export interface AttackMessage {
  port: number;
  connections: number;
  /** A request without a body is a GET. */
  requests: { path: string; key: string; body: string | null }[];
}
/** Sent when the first request was rejected, and with the totals once the attack has stopped. */
export interface AttackProgress {
  type: 'rejected' | 'stopped';
  /** Number of responses by status. */
  statuses: Record<number, number>;
}

/** Delay before a connection whose request was rejected sends its next request. */
const RETRY_MS = 200;

const state = { stopped: false };

async function attack({ port, connections, requests }: AttackMessage): Promise<void> {
  const client = httpClient(port, connections);
  const statuses: Record<number, number> = {};
  let next = 0;
  let rejected = false;
  const attacker = async (): Promise<void> => {
    while (!state.stopped) {
      const { path, key, body } = requests[next++ % requests.length]!;
      const { status } = await (body === null ? client.get(path, key) : client.post(path, key, body));
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status < 400) continue;
      if (!rejected) process.send?.({ type: 'rejected', statuses } satisfies AttackProgress);
      rejected = true;
      await delay(RETRY_MS);
    }
  };
  await Promise.all(Array.from({ length: connections }, attacker));
  client.close();
  process.send?.({ type: 'stopped', statuses } satisfies AttackProgress);
}

process.on('message', (message) => {
  state.stopped = 'stop' in (message as object);
  if (!state.stopped) void attack(message as AttackMessage);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ type: 'ready', port: 0 });
