import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  submitUntilAccepted,
  type ExpectedState,
  waitUntilDrained,
  expectBalanced,
  newExpectedState,
  someEvents,
} from '../../support/expected-state';
import { tagOf } from '../../../shared/domain/ids';
import { readAuditStream } from '../../support/audit-stream';
import { anEvent } from '../../support/builders';
import { faultEnvironment } from '../../support/fault-environment';
import type { Harness } from '../../support/harness';
import { viewQueue } from '../../support/queue-view';
import type { OwnStore } from '../../support/own-store';
import { isReachable } from '../../support/reach';
import { waitUntil } from '../../support/wait-until';

const CLEAN_EXIT = { code: 0, signal: null };

const { start, ownMongo, ownRedis, serve } = faultEnvironment();
let mir: Harness;
let mongo: OwnStore;
beforeAll(async () => {
  mongo = await ownMongo();
  mir = await serve({ workers: false, env: { MONGO_URL: mongo.url, EVENT_WORKER_CONCURRENCY: '4' } });
});

/** Submits enough events to keep a worker busy for a while. */
async function submitBacklog(expectedState: ExpectedState): Promise<void> {
  await Promise.all(
    Array.from({ length: 30 }, () => submitUntilAccepted(mir.client, expectedState, someEvents(100, 80))),
  );
}

describe('SIGTERM', () => {
  it('lets a worker finish its active jobs on SIGTERM, start no others and exit with code 0', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const { queue } = viewQueue(mir);
    await submitUntilAccepted(mir.client, expectedState, someEvents(1, 1));
    const first = await start('worker', mir.env);
    await waitUntilDrained(mir);
    // Keeps some jobs active while others wait.
    mongo.freeze();
    await submitBacklog(expectedState);
    await waitUntil('the worker has active jobs', async () => (await queue.getActiveCount()) > 0);
    const exit = first.stop();
    const isDraining = async (): Promise<boolean> => (await first.client.get('/readyz')).body.status === 'draining';
    await waitUntil('the worker is draining', isDraining);
    mongo.thaw();
    expect(await exit).toEqual(CLEAN_EXIT);
    expect(await queue.getJobCounts('active', 'delayed', 'failed')).toEqual({ active: 0, delayed: 0, failed: 0 });
    const remaining = await queue.getJobs(['waiting', 'prioritized']);
    expect(remaining.length).toBeGreaterThan(0);
    expect(new Set(remaining.map(({ attemptsStarted }) => attemptsStarted))).toEqual(new Set([0]));
    await start('worker', mir.env);
    await expectBalanced(mir, expectedState);
  });

  it('makes a worker return its jobs without using up an attempt during a MongoDB outage', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const { queue } = viewQueue(mir);
    await submitUntilAccepted(mir.client, expectedState, someEvents(1, 1));
    const worker = await start('worker', { ...mir.env, DRAIN_TIMEOUT_MS: '300' });
    await waitUntilDrained(mir);
    await mongo.stop();
    const before = expectedState.receiptIds.length;
    await submitBacklog(expectedState);
    await waitUntil('the worker has active jobs', async () => (await queue.getActiveCount()) > 0);
    expect({ ...(await worker.stop()), stderr: worker.stderr() }).toEqual({ ...CLEAN_EXIT, stderr: '' });
    const jobs = await queue.getJobs(['active', 'waiting', 'prioritized', 'delayed', 'failed']);
    expect(jobs.length).toBe(expectedState.receiptIds.length - before);
    expect(new Set(jobs.map(({ attemptsMade }) => attemptsMade))).toEqual(new Set([0]));
    await mongo.restart();
    await start('worker', mir.env);
    await expectBalanced(mir, expectedState);
  });

  const refusesConnections = async (port: number): Promise<boolean> => !(await isReachable('127.0.0.1', port));

  it('lets the API respond to open requests on SIGTERM before it exits with code 0', async () => {
    const expectedState = newExpectedState(await mir.partner());
    // The process must exit on its own. A forced exit at this deadline has a different exit code.
    const api = await start('api', { ...mir.env, DRAIN_TIMEOUT_MS: '600000' });
    const body = JSON.stringify(anEvent({ userExternalId: 'u-0' }));
    const headers = {
      'x-api-key': expectedState.partner.liveKey,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      // The `100 Continue` response shows that the server has received the headers.
      expect: '100-continue',
    };
    const open = request({ port: api.port, method: 'POST', path: '/v1/events', headers });
    const response = new Promise<{ status: number; text: string }>((resolve, reject) => {
      open.on('error', reject);
      open.on('response', (res) => {
        let text = '';
        res.on('data', (chunk: Buffer) => (text += chunk.toString()));
        res.on('end', () => resolve({ status: res.statusCode!, text }));
      });
    });
    const received = once(open, 'continue');
    open.write(body.slice(0, 10));
    await received;

    const exit = api.stop();
    await waitUntil('new connections are refused', () => refusesConnections(api.port));
    open.end(body.slice(10));
    const { status, text } = await response;
    expect(status).toBe(202);
    const { eventId, receiptId } = JSON.parse(text) as { eventId: string; receiptId: string };
    expectedState.events.set(eventId, 'u-0');
    expectedState.receiptIds.push(receiptId);
    expect(await exit).toEqual(CLEAN_EXIT);
    await start('worker', mir.env);
    await expectBalanced(mir, expectedState);
  });

  it('lets the API accept requests for SHUTDOWN_DELAY_MS, so that load balancers notice /readyz first', async () => {
    const { liveKey } = await mir.partner();
    const delayMs = 3_000;
    const api = await start('api', { ...mir.env, SHUTDOWN_DELAY_MS: String(delayMs) });
    const stoppedAt = performance.now();
    const exit = api.stop();
    const readyz = async (): Promise<number> => (await api.client.get('/readyz')).status;
    await waitUntil('the API is draining', async () => (await readyz()) === 503);
    expect((await api.client.post('/v1/events', liveKey, anEvent())).status).toBe(202);
    expect(await exit).toEqual(CLEAN_EXIT);
    expect(performance.now() - stoppedAt).toBeGreaterThanOrEqual(delayMs);
  });

  /** Polls a path on a keep-alive connection until a request fails. Returns each response's `Connection` header. */
  async function poll(port: number, path: string, onRequest: () => void): Promise<string[]> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const connectionHeaders: string[] = [];
    const send = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const req = request({ port, path, agent }, (res) => {
          res.resume().on('end', () => resolve(res.headers.connection!));
        });
        req.on('error', reject).end();
      });
    try {
      for (;;) {
        const header = send();
        onRequest();
        connectionHeaders.push(await header);
      }
    } catch {
      return connectionHeaders;
    } finally {
      agent.destroy();
    }
  }

  it('closes polled keep-alive connections after the current response', async () => {
    const redis = await ownRedis();
    const env = { ...mir.env, REDIS_URL: redis.url, METRICS_ON_PUBLIC_PORT: 'true', DRAIN_TIMEOUT_MS: '600000' };
    const api = await start('api', env);
    const requests: Record<string, number> = {};
    const paths = ['/healthz', '/readyz', '/openapi.json', '/metrics', '/v1/event-types', '/nowhere'];
    const polls = paths.map((path) => poll(api.port, path, () => (requests[path] = (requests[path] ?? 0) + 1)));
    await waitUntil('every path has responded', () => paths.every((path) => (requests[path] ?? 0) > 3));
    // Keeps the /readyz response pending.
    redis.freeze();
    const before = requests['/healthz']!;
    await waitUntil('/readyz is pending', () => requests['/healthz']! > before + 100);
    const exit = api.stop();
    await waitUntil('new connections are refused', () => refusesConnections(api.port));
    redis.thaw();
    expect(await exit).toEqual(CLEAN_EXIT);
    for (const headers of await Promise.all(polls)) expect(headers.slice(0, 3)).toEqual(Array(3).fill('keep-alive'));
    expect((await polls[1]!).at(-1)).toBe('close');
  });

  it('ends a response that waits for new audit entries, and does not wait for it', async () => {
    const { partnerId, liveKey } = await mir.partner();
    const api = await start('api', { ...mir.env, DRAIN_TIMEOUT_MS: '600000' });
    const waiting = readAuditStream(`http://127.0.0.1:${api.port}`, liveKey, '');
    const budget = mir.ctx.keys.budget(tagOf(partnerId), 'live', 'requests') + partnerId;
    await waitUntil('the request is charged', async () => (await mir.ctx.queueLink.client.exists(budget)) === 1);
    const startedAt = performance.now();
    expect(await api.stop()).toEqual(CLEAN_EXIT);
    expect((await waiting).text).toBe('');
    // Otherwise, the request would wait for 30 seconds.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('does not lose any events that the API accepts with 202 while it stops', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const api = await start('api', { ...mir.env, DRAIN_TIMEOUT_MS: '600000' });
    let acceptedBatches = 0;
    const clients = Array.from({ length: 8 }, async () => {
      for (;;) {
        // A refused connection ends the client. A response other than 202 or OVERLOADED fails the test.
        try {
          await submitUntilAccepted(api.client, expectedState, someEvents(5, 20));
        } catch (error) {
          if ((error as Error).name === 'TypeError') return;
          throw error;
        }
        acceptedBatches += 1;
      }
    });
    await waitUntil('enough batches are accepted', () => acceptedBatches > 50);
    expect(await api.stop()).toEqual(CLEAN_EXIT);
    await Promise.all(clients);
    await start('worker', mir.env);
    await expectBalanced(mir, expectedState);
  });
});
