import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { freePort } from '../../../../deploy/local/ports';
import { tenantOf } from '../../../../shared/domain/ids';
import { createClient } from '../../../support/client';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';
import { newEndpoint, type TestEndpoint } from '../../../support/webhook-endpoints';
import { startWebhookReceiver, type WebhookReceiver } from '../../../support/webhook-receiver';

const HEALTHY = 8;
const ENDPOINTS = HEALTHY + 2;
/** Changes that each send one message to each of the endpoints. Raise it to measure, for example to 1000 or 10000. */
const CHANGES = Number(process.env['MIR_WEBHOOK_CHANGES'] ?? 30);
const CHANGES_PER_SECOND = Number(process.env['MIR_WEBHOOK_RATE'] ?? 10);
const RESENT = 5;
const PAGE = 500;
/** An attempt at a hanging endpoint ends after 10 s, and the sweep looks again at throttled deliveries after a minute. */
const SETTLED_MS = 120_000 + CHANGES * 100;
const TIMEOUT_MS = 120_000 + 3 * SETTLED_MS + (CHANGES / CHANGES_PER_SECOND) * 3_000;

const { serve, start } = faultEnvironment();

interface Delivery {
  deliveryId: string;
  messageId: string;
  status: string;
  attemptCount: number;
  attempts: { responseCode: number | null }[];
}

/** Returns all deliveries of an endpoint, as its partner sees them. */
async function logOf({ send }: TestEndpoint): Promise<Delivery[]> {
  const all: Delivery[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { status, body } = await send('GET', `/deliveries?limit=${PAGE}${cursor && `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    all.push(...(body.data as Delivery[]));
    cursor = body.nextCursor as string | null;
  }
  return all;
}

function countsOf(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

/** Returns how often an endpoint received each message. */
const receivedAt = (receiver: WebhookReceiver, path: string): Record<string, number> =>
  countsOf(receiver.at(path).map(({ id }) => id));

const attemptsIn = (log: readonly Delivery[]): Record<string, number> =>
  Object.fromEntries(
    log.flatMap(({ messageId, attempts }) => (attempts.length > 0 ? [[messageId, attempts.length]] : [])),
  );

function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
}

/** Rotates a key at a steady rate. Returns when each change was visible, by the number of the change. */
async function makeChanges(post: (path: string) => Promise<number>): Promise<number[]> {
  const visibleAtMs: number[] = [];
  const startedAt = performance.now();
  for (let n = 0; n < CHANGES; n += 1) {
    await delay(Math.max(0, startedAt + (n * 1_000) / CHANGES_PER_SECOND - performance.now()));
    visibleAtMs.push(await post('/rotate'));
  }
  return visibleAtMs;
}

describe('ten endpoints of a partner, of which one hangs and one fails', () => {
  it(
    'do not delay each other, log every attempt, and receive exactly what they missed',
    async () => {
      const receiver = await startWebhookReceiver();
      const mir = await serve({ workers: false, env: { WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true' } });
      const port = await freePort();
      await start('api', { ...mir.env, PORT: String(port) });
      await start('worker', mir.env);
      const client = createClient(`http://127.0.0.1:${port}`);
      const api: Pick<Harness, 'ctx' | 'client'> = { ctx: mir.ctx, client };
      const partner = await mir.partner();
      const tenant = tenantOf(partner.partnerId, 'live');
      const paths = Array.from(
        { length: ENDPOINTS },
        (_, n) => `/${n < HEALTHY ? 'healthy' : n === HEALTHY ? 'hanging' : 'failing'}-${n}`,
      );
      const endpoints = new Map<string, TestEndpoint>();
      for (const path of paths)
        endpoints.set(path, await newEndpoint(api, partner, receiver.urlOf(path), ['key.rotated']));
      const healthy = paths.slice(0, HEALTHY);
      const broken = paths.slice(HEALTHY);
      let isBroken = true;
      receiver.respond = ({ path }) => {
        if (!isBroken || path.startsWith('/healthy')) return 204;
        return path.startsWith('/hanging') ? null : 500;
      };
      const { keyId } = (await client.post('/v1/keys', partner.liveKey, { name: 'Any' })).body;
      const visibleAtMs = await makeChanges(async (path) => {
        const { status } = await client.post(`/v1/keys/${keyId}${path}`, partner.liveKey, { overlapSeconds: 0 });
        expect(status).toBe(200);
        return Date.now();
      });

      for (const path of healthy) {
        await waitUntil(`${path} has received everything`, () => receiver.at(path).length >= CHANGES, SETTLED_MS);
      }
      const order = new Map(
        receiver
          .at(healthy[0]!)
          .map(({ body }) => body)
          .map((body) => [JSON.parse(body).timestamp as string, 0]),
      );
      [...order.keys()].toSorted().forEach((timestamp, n) => order.set(timestamp, n));
      expect(order.size).toBe(CHANGES);
      const latencies = healthy
        .flatMap((path) => receiver.at(path))
        .map(({ body, atMs }) => Math.max(0, atMs - visibleAtMs[order.get(JSON.parse(body).timestamp as string)!]!))
        .toSorted((a, b) => a - b);
      const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
      process.stdout.write(
        `webhooks: ${CHANGES * ENDPOINTS} messages to ${ENDPOINTS} endpoints at ${CHANGES_PER_SECOND * ENDPOINTS}/s; healthy endpoints p50 ${p50} ms, p99 ${p99} ms, max ${Math.round(latencies.at(-1)!)} ms after the change is visible\n`,
      );

      // Ends further attempts, so that the receiver and the log can be compared.
      for (const path of broken) await endpoints.get(path)!.send('PATCH', '', { enabled: false });
      await waitUntil(
        'no attempt is being made',
        async () =>
          (await mir.ctx.store.deliveries.model.countDocuments({ tenant, leaseUntil: { $gt: new Date() } })) === 0,
        SETTLED_MS,
      );
      for (const [path, endpoint] of endpoints) {
        const log = await logOf(endpoint);
        expect([path, log.length]).toEqual([path, CHANGES]);
        expect([path, attemptsIn(log)]).toEqual([path, receivedAt(receiver, path)]);
        expect([path, log.filter(({ status }) => status === 'DELIVERED').length]).toEqual([
          path,
          healthy.includes(path) ? CHANGES : 0,
        ]);
        if (healthy.includes(path)) expect(new Set(Object.values(attemptsIn(log)))).toEqual(new Set([1]));
      }

      const all = Object.keys(receivedAt(receiver, healthy[0]!)).toSorted();
      receiver.received = [];
      isBroken = false;
      for (const path of broken) {
        const endpoint = endpoints.get(path)!;
        await endpoint.send('PATCH', '', { enabled: true });
        for (let n = 0; n < 2; n += 1) {
          expect((await endpoint.send('POST', '/recover', { since: new Date(0).toISOString() })).status).toBe(202);
        }
      }
      const startedAt = performance.now();
      for (const path of broken) {
        await waitUntil(`${path} has received everything`, () => receiver.at(path).length >= CHANGES, SETTLED_MS);
      }
      process.stdout.write(
        `webhooks: recovered ${2 * CHANGES} messages in ${Math.round((performance.now() - startedAt) / 1_000)} s\n`,
      );
      for (const path of broken) {
        const { rows } = endpoints.get(path)!;
        await waitUntil(
          'all are delivered',
          async () => (await rows()).every(({ status }) => status === 'DELIVERED'),
          SETTLED_MS,
        );
        const received = receivedAt(receiver, path);
        expect([path, Object.keys(received).toSorted()]).toEqual([path, all]);
        expect([path, new Set(Object.values(received))]).toEqual([path, new Set([1])]);
      }
      expect(healthy.flatMap((path) => receiver.at(path))).toEqual([]);

      receiver.received = [];
      const resent = (await logOf(endpoints.get(healthy[0]!)!)).slice(0, RESENT);
      for (const { deliveryId } of resent) {
        await endpoints.get(healthy[0]!)!.send('POST', `/deliveries/${deliveryId}/resend`);
      }
      await waitUntil('they arrive', () => receiver.received.length >= RESENT);
      expect(receiver.received.map(({ path, id }) => `${path} ${id}`).toSorted()).toEqual(
        resent.map(({ messageId }) => `${healthy[0]} ${messageId}`).toSorted(),
      );
      await receiver.close();
    },
    TIMEOUT_MS,
  );
});
