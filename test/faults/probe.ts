import { setTimeout as delay } from 'node:timers/promises';
import { scrape, sumOf } from '../bench/metrics';
import type { FaultEnvironment } from './environment';
import type { Supervised } from './supervised';
import type { Traffic } from './traffic/traffic';
import type { Transport } from './traffic/transport';

/** A process that makes no progress within this time after a fault counts as wedged. */
const WEDGED_AFTER_MS = 150_000;
const FRESH_WITHIN_MS = 1_000;
const POLL_MS = 25;
const PROGRESS_POLL_MS = 250;

class WedgedError extends Error {}

/** Seconds from the end of a fault until every API process accepted an event, and until it showed one within 1 s. */
export interface Recovery {
  acceptedAfter: number;
  freshAfter: number;
}

interface Deps {
  environment: Pick<FaultEnvironment, 'apis' | 'workers'>;
  traffic: Traffic;
  transport: Transport;
}

let probes = 0;

/** Submits events of a new user through one API process until it accepts one. Returns the user. */
async function accepted({ traffic, transport }: Deps, api: Supervised, until: number): Promise<string> {
  probes += 1;
  const userExternalId = `probe-${probes}`;
  const { oracle } = traffic;
  const partner = traffic.partner('probe');
  const event = { userExternalId, eventType: 'mir.session.started', idempotencyKey: userExternalId };
  oracle.userOf(partner, userExternalId).submitted += 1;
  while (performance.now() < until) {
    const reply = await transport.post(api, '/v1/events', partner.partner.liveKey, event);
    if (reply?.status === 202) {
      const { eventId, receiptId, receivedAt } = reply.body;
      const times = { receivedAtMs: Date.parse(receivedAt), acknowledgedAtMs: Date.now() };
      oracle.acknowledge(partner, userExternalId, { eventId, receiptId, ...times });
      return userExternalId;
    }
    await delay(POLL_MS);
  }
  throw wedged(api, `accepted no events (last error: ${transport.lastError()})`);
}

/** Returns how long it takes until an API process shows an event that it has just accepted. */
async function freshnessMs(deps: Deps, api: Supervised, until: number): Promise<number> {
  const userExternalId = await accepted(deps, api, until);
  const { traffic, transport } = deps;
  const startedAt = performance.now();
  while (performance.now() < until) {
    const key = traffic.partner('probe').partner.liveKey;
    const reply = await transport.post(api, '/v1/resolve', key, { userExternalId });
    if (reply?.status === 200 && reply.body.eventCount === 1) return performance.now() - startedAt;
    await delay(POLL_MS);
  }
  throw wedged(api, 'showed no event within a second of accepting it');
}

const wedged = ({ name }: Supervised, what: string): WedgedError =>
  new WedgedError(`wedged: ${name} ${what} for ${WEDGED_AFTER_MS / 1_000} s after the fault`);

/** Waits until a worker finalizes events. */
async function untilProgress(worker: Supervised, until: number): Promise<void> {
  let before: number | null = null;
  while (performance.now() < until) {
    const now = await scrape(worker.port()).then(
      (samples) => sumOf(samples, 'mir_events_settled_total'),
      () => null,
    );
    if (before !== null && now !== null && now > before) return;
    // A restarted process counts from 0.
    before = now === null || before === null ? now : Math.min(before, now);
    await delay(PROGRESS_POLL_MS);
  }
  throw wedged(worker, 'finalized no events');
}

/**
 * Waits until each API process accepts events and shows them within a second, and until each worker makes progress.
 * Throws a WedgedError if that takes too long. `endedAt` is the time at which the fault ended.
 */
export async function untilRecovered(deps: Deps, endedAt: number): Promise<Recovery> {
  const { apis, workers } = deps.environment;
  const until = performance.now() + WEDGED_AFTER_MS;
  const secondsAfter = (): number => (performance.now() - endedAt) / 1_000;
  const onEachApi = async (work: (api: Supervised) => Promise<unknown>): Promise<number> => {
    await Promise.all(apis.map(work));
    return secondsAfter();
  };
  const acceptedAfter = await onEachApi((api) => accepted(deps, api, until));
  const freshAfter = await onEachApi(async (api) => {
    while ((await freshnessMs(deps, api, until)) > FRESH_WITHIN_MS);
  });
  await Promise.all(workers.map((worker) => untilProgress(worker, until)));
  return { acceptedAfter, freshAfter };
}
