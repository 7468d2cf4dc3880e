import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  accepted,
  type ExpectedState,
  drainedAtLast,
  expectBalanced,
  newExpectedState,
  someEvents,
} from '../../support/expected-state';
import { anEvent } from '../../support/builders';
import { faultEnvironment } from '../../support/fault-environment';
import type { Harness } from '../../support/harness';
import { viewQueue } from '../../support/queue-view';
import type { OwnStore } from '../../support/own-stores';
import { waitUntil } from '../../support/wait-until';

const EXITED_WELL = { code: 0, signal: null };

const { start, ownMongo, ownRedis, serve } = faultEnvironment();
let mir: Harness;
let mongo: OwnStore;
beforeAll(async () => {
  mongo = await ownMongo();
  mir = await serve({ workers: false, env: { MONGO_URL: mongo.url, EVENT_WORKER_CONCURRENCY: '4' } });
});

/** Submits so much that a worker is busy with it for a while. */
async function backlog(expectedState: ExpectedState): Promise<void> {
  await Promise.all(Array.from({ length: 30 }, () => accepted(mir.client, expectedState, someEvents(100, 80))));
}

describe('SIGTERM', () => {
  it('SIGTERM: a worker finishes the jobs at work, exits 0 and leaves none behind', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const { queue } = viewQueue(mir);
    await accepted(mir.client, expectedState, someEvents(1, 1));
    const first = await start('worker', mir.env);
    await drainedAtLast(mir);
    // While MongoDB is frozen, the worker has jobs at work and others wait.
    mongo.freeze();
    await backlog(expectedState);
    await waitUntil('the worker is at work', async () => (await queue.getActiveCount()) > 0);
    const exit = first.stop();
    const isDraining = async (): Promise<boolean> => (await first.client.get('/readyz')).body.status === 'draining';
    await waitUntil('the worker drains', isDraining);
    mongo.thaw();
    expect(await exit).toEqual(EXITED_WELL);
    expect(await queue.getJobCounts('active', 'delayed', 'failed')).toEqual({ active: 0, delayed: 0, failed: 0 });
    const left = await queue.getJobs(['waiting', 'prioritized']);
    expect(left.length).toBeGreaterThan(0);
    expect(new Set(left.map(({ attemptsStarted }) => attemptsStarted))).toEqual(new Set([0]));
    await start('worker', mir.env);
    await expectBalanced(mir, expectedState);
  });

  it('SIGTERM during an outage of MongoDB: a worker gives its jobs back without spending an attempt', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const { queue } = viewQueue(mir);
    await accepted(mir.client, expectedState, someEvents(1, 1));
    const worker = await start('worker', { ...mir.env, DRAIN_TIMEOUT_MS: '300' });
    await drainedAtLast(mir);
    await mongo.stop();
    const before = expectedState.receiptIds.length;
    await backlog(expectedState);
    await waitUntil('the worker is at work', async () => (await queue.getActiveCount()) > 0);
    expect({ ...(await worker.stop()), stderr: worker.stderr() }).toEqual({ ...EXITED_WELL, stderr: '' });
    const jobs = await queue.getJobs(['active', 'waiting', 'prioritized', 'delayed', 'failed']);
    expect(jobs.length).toBe(expectedState.receiptIds.length - before);
    expect(new Set(jobs.map(({ attemptsMade }) => attemptsMade))).toEqual(new Set([0]));
    await mongo.startAgain();
    await start('worker', mir.env);
    await expectBalanced(mir, expectedState);
  });

  function refusesConnections(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.once('connect', () => resolve(false));
      socket.once('error', () => resolve(true));
      socket.once('connect', () => socket.destroy());
    });
  }

  it('SIGTERM: the API answers the requests that are open, then exits 0', async () => {
    const expectedState = newExpectedState(await mir.partner());
    // No process may need its deadline: an exit by force would be another code.
    const api = await start('api', { ...mir.env, DRAIN_TIMEOUT_MS: '600000' });
    const body = JSON.stringify(anEvent({ userExternalId: 'u-0' }));
    const headers = {
      'x-api-key': expectedState.partner.liveKey,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      // The server's 100 tells that it has the request.
      expect: '100-continue',
    };
    const open = request({ port: api.port, method: 'POST', path: '/v1/events', headers });
    const answer = new Promise<{ status: number; text: string }>((resolve, reject) => {
      open.on('error', reject);
      open.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode!, text }));
      });
    });
    const seen = once(open, 'continue');
    open.write(body.slice(0, 10));
    await seen;

    const exit = api.stop();
    await waitUntil('no new connection is taken', () => refusesConnections(api.port));
    open.end(body.slice(10));
    const { status, text } = await answer;
    expect(status).toBe(202);
    const { eventId, receiptId } = JSON.parse(text) as { eventId: string; receiptId: string };
    expectedState.events.set(eventId, 'u-0');
    expectedState.receiptIds.push(receiptId);
    expect(await exit).toEqual(EXITED_WELL);
    await start('worker', mir.env);
    await expectBalanced(mir, expectedState);
  });

  /** Asks for a path again and again on one connection, until it is refused. Answers what each answer said of it. */
  async function poll(port: number, path: string, onAsk: () => void): Promise<string[]> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const said: string[] = [];
    const ask = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const req = request({ port, path, agent }, (res) => {
          res.resume().on('end', () => resolve(res.headers.connection!));
        });
        req.on('error', reject).end();
      });
    try {
      for (;;) {
        const answer = ask();
        onAsk();
        said.push(await answer);
      }
    } catch {
      return said;
    } finally {
      agent.destroy();
    }
  }

  it('SIGTERM: whoever polls on a kept connection does not hold the process, nor who was being answered', async () => {
    const redis = await ownRedis();
    const env = { ...mir.env, REDIS_URL: redis.url, METRICS_ON_PUBLIC_PORT: 'true', DRAIN_TIMEOUT_MS: '600000' };
    const api = await start('api', env);
    const asked: Record<string, number> = {};
    const paths = ['/healthz', '/readyz', '/openapi.json', '/metrics', '/v1/event-types', '/nowhere'];
    const polls = paths.map((path) => poll(api.port, path, () => (asked[path] = (asked[path] ?? 0) + 1)));
    await waitUntil('all of them are answered', () => paths.every((path) => (asked[path] ?? 0) > 3));
    // While the queue store is frozen, /readyz is being answered.
    redis.freeze();
    const before = asked['/healthz']!;
    await waitUntil('/readyz waits', () => asked['/healthz']! > before + 100);
    const exit = api.stop();
    await waitUntil('no new connection is taken', () => refusesConnections(api.port));
    redis.thaw();
    expect(await exit).toEqual(EXITED_WELL);
    for (const said of await Promise.all(polls)) expect(said.slice(0, 3)).toEqual(Array(3).fill('keep-alive'));
    expect((await polls[1]!).at(-1)).toBe('close');
  });

  it('SIGTERM under load: every 202 of an API that stops is kept', async () => {
    const expectedState = newExpectedState(await mir.partner());
    const api = await start('api', { ...mir.env, DRAIN_TIMEOUT_MS: '600000' });
    let answered = 0;
    const clients = Array.from({ length: 8 }, async () => {
      for (;;) {
        // Refused connections end a client; an answer other than 202 fails the test.
        try {
          await accepted(api.client, expectedState, someEvents(5, 20));
        } catch (error) {
          if ((error as Error).name === 'TypeError') return;
          throw error;
        }
        answered += 1;
      }
    });
    await waitUntil('requests are answered', () => answered > 50);
    expect(await api.stop()).toEqual(EXITED_WELL);
    await Promise.all(clients);
    expect(answered).toBeGreaterThan(50);
    await start('worker', mir.env);
    await expectBalanced(mir, expectedState);
  });
});
