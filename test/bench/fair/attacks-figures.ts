import { setTimeout as delay } from 'node:timers/promises';
import { insertPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import { type BenchEnvironment, UNLIMITED } from '../environment';
import { submitted } from '../events';
import { httpClient } from '../http';
import { type BenchProcess, startProgram } from '../processes';
import { atLeast, atMost } from '../result';
import type { AttackMessage, AttackProgress } from '../servers/attacker';
import { type Attack, ATTACKS } from './attacks';
import { addQuantile, clearEvents, drained, type FairBench, medianP99, USERS } from './bench';
import { sampleLatency } from './latency';
import { options } from './options';

/** Small, so that a dump fills the attacker's share of it in a few seconds. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
const BYSTANDERS = 4;
/** An attacker reports when all its requests are answered. One MongoDB stand-in takes a second per scanning list. */
const REPORT_TIMEOUT_MS = 180_000;

interface Sampled {
  samples: number[];
  failed: number;
}

/** Starts the attack, and returns a function that stops it and returns its responses by status. */
async function start(api: BenchProcess, attack: Attack): Promise<() => Promise<string>> {
  const { connections, requests, untilRejected } = attack;
  const attacker = await startProgram('test/bench/servers/attacker.js', {});
  const received = new Map<AttackProgress['type'], AttackProgress>();
  attacker.child.on('message', (message) => {
    const progress = message as AttackProgress;
    received.set(progress.type, progress);
  });
  const waitFor = (type: AttackProgress['type']): Promise<void> =>
    waitUntil(`the attacker reports ${type}`, () => received.has(type), REPORT_TIMEOUT_MS);
  attacker.child.send({ port: api.port, connections, requests } satisfies AttackMessage);
  if (untilRejected) await waitFor('rejected');
  return async () => {
    attacker.child.send({ stop: true });
    await waitFor('stopped');
    await attacker.stop();
    const { statuses } = received.get('stopped')!;
    return Object.entries(statuses)
      .map(([status, n]) => `${n} × ${status}`)
      .join(', ');
  };
}

/** Removes what an attack wrote, so that it does not slow down the next one. */
async function clear({ ctx, ...environment }: BenchEnvironment): Promise<void> {
  await clearEvents({ ctx, ...environment });
  for (const { model } of [ctx.store.audit, ctx.store.auditHeads, ctx.store.users]) {
    await model.collection.deleteMany({});
  }
}

/**
 * Measures `POST /events` of other partners, one event per request over 4 connections, while one partner attacks. All
 * requests must be served, with a p99 of at most twice the idle p99 or 20 ms.
 */
export async function attacksFigures({ environment, reporter }: FairBench): Promise<void> {
  const { rounds, seconds } = options;
  const api = await startProgram('api/main.js', { ...environment.env, MAX_QUEUED_BYTES: String(MAX_QUEUED_BYTES) });
  const client = httpClient(api.port, BYSTANDERS);
  const bystanders = await Promise.all(
    Array.from({ length: BYSTANDERS }, () => insertPartner(environment.ctx.store, UNLIMITED)),
  );
  let next = 0;
  const submit = async (): Promise<boolean> => {
    const { liveKey } = bystanders[next++ % BYSTANDERS]!;
    return (await client.post('/v1/events', liveKey, JSON.stringify(submitted(next, USERS)))).status === 202;
  };
  const sampleFor = async (ms: number): Promise<Sampled> => {
    let over = false;
    const ended = delay(ms).then(() => (over = true));
    const sampled = await sampleLatency(BYSTANDERS, submit, () => over);
    await ended;
    return sampled;
  };

  await sampleFor(1_000);
  for (const prepare of ATTACKS) {
    const idle: number[][] = [];
    const attacked: Sampled[] = [];
    let { id, name } = { id: '', name: '' };
    for (let round = 0; round < rounds; round += 1) {
      const attack = await prepare(environment);
      ({ id, name } = attack);
      idle.push((await sampleFor(seconds * 1_000)).samples);
      const stop = await start(api, attack);
      attacked.push(await sampleFor(seconds * 1_000));
      reporter.progress(`${name}: the attacker received ${await stop()}`);
      await drained(environment, attack.partner);
      await clear(environment);
    }
    const served = attacked.map(({ samples, failed }) => (1 - failed / samples.length) * 100);
    const during = `others' POST /events during ${name}`;
    reporter.add({
      id: `attack-${id}-served`,
      name: `${during}, served`,
      unit: '%',
      values: served,
      limit: atLeast(100),
      sides: [],
    });
    addQuantile(
      { reporter },
      { id: `attack-${id}-p99`, name: during, limit: atMost(Math.max(2 * medianP99(idle), 20)) },
      attacked.map(({ samples }) => samples),
      0.99,
    );
  }
  client.close();
  await api.stop();
}
