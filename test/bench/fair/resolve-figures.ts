import { setTimeout as delay } from 'node:timers/promises';
import { insertPartner } from '../../support/harness';
import { UNLIMITED } from '../environment';
import { httpClient } from '../http';
import { atMost, median } from '../result';
import {
  addQuantile,
  BUSY_SHARE,
  clearEvents,
  drained,
  dump,
  during,
  type FairBench,
  medianP99,
  sendAtRate,
} from './bench';
import { sampleLatency } from './latency';
import { options } from './options';

const CONNECTIONS = [1, 4];
const RESOLVED_USERS = 50;

/**
 * Measures the latency of another partner's `/resolve` calls while a partner submits events at 70% of the dump rate,
 * with sequential calls and over 4 connections.
 */
export async function resolveFigures(bench: FairBench, dumpRates: readonly number[]): Promise<void> {
  const { environment, api, a } = bench;
  const { rounds, seconds } = options;
  const partner = await insertPartner(environment.ctx.store, UNLIMITED);
  const rates = dumpRates.length > 0 ? dumpRates : [await dump(bench, options.dump)];
  const client = httpClient(api.port, Math.max(...CONNECTIONS));
  let next = 0;
  const resolve = async (): Promise<boolean> => {
    const body = JSON.stringify({ userExternalId: `resolved-${next++ % RESOLVED_USERS}` });
    const { status } = await client.post('/v1/resolve', partner.liveKey, body);
    if (status !== 200) throw new Error(`POST /v1/resolve returned ${status}`);
    return true;
  };
  for (const connections of CONNECTIONS) {
    const sample = async (isDone: () => boolean): Promise<number[]> =>
      (await sampleLatency(connections, resolve, isDone)).samples;
    const idle: number[][] = [];
    const loaded: number[][] = [];
    await during(delay(1_000), sample);
    for (let round = 0; round < rounds; round += 1) {
      idle.push(await during(delay(seconds * 1_000), sample));
      loaded.push(await during(sendAtRate(bench, BUSY_SHARE * median(rates), seconds), sample));
      await drained(environment, a);
      await clearEvents(environment);
    }
    const how = connections === 1 ? 'sequential' : `${connections} connections`;
    const id = connections === 1 ? 'resolve-sequential' : `resolve-${connections}`;
    const alone = medianP99(idle);
    const limit = atMost(Math.max(3 * alone, 30), Math.max(2 * alone, 20));
    addQuantile(bench, { id: `${id}-idle-p99`, name: `/resolve, ${how}, idle`, limit: null }, idle, 0.99);
    const name = `/resolve, ${how}, beside a partner at ${BUSY_SHARE * 100}%`;
    addQuantile(bench, { id: `${id}-p99`, name, limit }, loaded, 0.99);
  }
  client.close();
}
