import { currentShards } from '../../shared/queue/event-shards';
import { setTimeout as delay } from 'node:timers/promises';
import type { Tenant, UserRef } from '../../shared/domain/ids';
import { readReceipt } from '../../shared/domain/receipt';
import type { FaultEnvironment } from './environment';
import { type AcknowledgedEvent, differences, type ExpectedUser, isWithin } from './oracle/expected';
import type { ExpectedPartner, SampledReceipt } from './oracle/oracle';
import { readLinks, readStored } from './oracle/read-stored';
import type { Traffic } from './traffic/traffic';
import type { Reply, Transport } from './traffic/transport';

/** Jobs of dead workers wait up to 20 s, and abandoned marks are swept after up to 90 s. */
const DRAIN_TIMEOUT_MS = 180_000;
const POLL_MS = 250;
const RESOLVE_MAX = 100;
const MAX_LISTED = 10;
const READ_ATTEMPTS = 40;

interface Deps {
  environment: FaultEnvironment;
  traffic: Traffic;
  transport: Transport;
  report: (violation: string) => void;
}

/** Repeats a check until it finds no problem. Reports the last problem if that takes too long. */
async function untilFine({ report }: Pick<Deps, 'report'>, find: () => Promise<string | null>): Promise<boolean> {
  const until = performance.now() + DRAIN_TIMEOUT_MS;
  for (;;) {
    const problem = await find().catch((error: unknown) => String(error));
    if (problem === null) return true;
    if (performance.now() > until) {
      report(`${problem}, ${DRAIN_TIMEOUT_MS / 1_000} s after the traffic stopped`);
      return false;
    }
    await delay(POLL_MS);
  }
}

/** Reads a resource. Retries rejections, which a busy machine may cause even without a fault. */
async function read(send: () => Promise<Reply | null>): Promise<Reply | null> {
  let reply: Reply | null = null;
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt += 1) {
    reply = await send();
    if (reply !== null && reply.status !== 503 && reply.status !== 429) return reply;
    await delay(POLL_MS);
  }
  return reply;
}

async function untilDrained(deps: Deps): Promise<boolean> {
  const { view, ctx, apis } = deps.environment;
  const { transport, traffic } = deps;
  const { oracle } = traffic;
  const { keys } = ctx;
  const drained = await untilFine(deps, async () => {
    const counts = await view.queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
    const unfinished = Object.values(counts).reduce((sum, count) => sum + count, 0);
    return unfinished === 0 ? null : `${unfinished} jobs are not finished (${JSON.stringify(counts)})`;
  });
  const unmarked = await untilFine(deps, async () => {
    for (const { name, partner, tenant } of oracle.partners) {
      const open = await view.redis.zcard(keys.openChunks(tenant));
      if (open === 0) continue;
      // Reading an old watermark makes the API sweep abandoned markers.
      await transport.post(apis[0]!, '/v1/resolve', partner.liveKey, { userExternalId: 'u-0' });
      return `${open} open markers of partner ${name} remain`;
    }
    for (const shard of currentShards(keys)) {
      const reserved = await view.redis.get(keys.reservedBytes(shard));
      if (reserved !== null) return `${reserved} queued bytes of shard ${shard} are still reserved`;
    }
    return null;
  });
  const failed = await view.queue.getFailed();
  const reasons = failed.slice(0, MAX_LISTED).map(({ id, failedReason }) => `${id}: ${failedReason}`);
  if (failed.length > 0) deps.report(`${failed.length} dead letters: ${reasons.join('; ')}`);
  return drained && unmarked;
}

/** Waits until each partner's watermark includes everything that was acknowledged. */
async function checkWatermarks(deps: Deps): Promise<void> {
  const { environment, traffic, transport } = deps;
  for (const { name, partner, lastReceivedAtMs } of traffic.oracle.partners) {
    if (lastReceivedAtMs === 0) continue;
    await untilFine(deps, async () => {
      const body = { userExternalId: 'u-0' };
      const reply = await transport.post(environment.apis[0]!, '/v1/resolve', partner.liveKey, body);
      const throughMs = Date.parse(reply?.body.includesEventsThrough ?? '');
      // The clock of Redis may have been set back since.
      const [seconds] = await environment.view.redis.time();
      if (throughMs >= Math.min(lastReceivedAtMs, Number(seconds) * 1_000 - 1_000)) return null;
      const last = new Date(lastReceivedAtMs).toISOString();
      return `the watermark of partner ${name} is ${reply?.body.includesEventsThrough}, but its last event was received at ${last}`;
    });
  }
}

async function resolvedCounts(deps: Deps, { partner, users }: ExpectedPartner): Promise<Map<string, number>> {
  const { environment, transport, report } = deps;
  const names = [...users.keys()];
  const counts = new Map<string, number>();
  for (let at = 0; at < names.length; at += RESOLVE_MAX) {
    const userExternalIds = names.slice(at, at + RESOLVE_MAX);
    const api = environment.apis[(at / RESOLVE_MAX) % environment.apis.length]!;
    const reply = await read(() => transport.post(api, '/v1/resolve', partner.liveKey, { userExternalIds }));
    if (reply?.status !== 200) report(`/resolve returned ${reply?.status} at a checkpoint`);
    else for (const { userExternalId, eventCount } of reply.body.results) counts.set(userExternalId, eventCount);
  }
  return counts;
}

/** Names acknowledged events that are not stored, with the times at which they were received and acknowledged. */
async function describeLost(
  { environment: { ctx }, traffic: { oracle } }: Deps,
  tenant: Tenant,
  ref: UserRef,
  { acknowledged }: ExpectedUser,
): Promise<string> {
  const stored = await ctx.store.events.model.find({ tenant, userRef: ref }, { _id: 1 }).lean();
  const ids = new Set(stored.map(({ _id }) => _id as string));
  const iso = (ms: number): string => new Date(ms).toISOString();
  const describe = (event: AcknowledgedEvent): string => {
    const { eventId, receiptId, receivedAtMs, acknowledgedAtMs } = event;
    const allowed = isWithin(oracle.mayBeLost, event) ? ', may be lost' : '';
    const chunk = readReceipt(ctx.secrets.receipt, tenant, receiptId)?.base;
    return `${eventId} (chunk ${chunk}, received at ${iso(receivedAtMs)}, acknowledged at ${iso(acknowledgedAtMs)}${allowed})`;
  };
  const missing = acknowledged.filter(({ eventId }) => !ids.has(eventId)).slice(0, MAX_LISTED);
  return `not stored: ${missing.map(describe).join('; ')}`;
}

/** Compares every user with the database and with `/resolve`. */
async function checkUsers(deps: Deps): Promise<void> {
  const { environment, traffic, report } = deps;
  const { store, secrets } = environment.ctx;
  const { partners, mayBeLost, counted } = traffic.oracle;
  const storedByPartner = new Map<ExpectedPartner, Awaited<ReturnType<typeof readStored>>>();
  for (const partner of partners) storedByPartner.set(partner, await readStored(store, partner.tenant));
  const eventsByRef = new Map(
    [...storedByPartner.values()].flatMap((refs) => [...refs].map(([ref, { events }]) => [ref, events])),
  );
  const links = await readLinks(store);
  const eventsOfOthers = (ref: UserRef): number =>
    (links.get(ref) ?? [])
      .filter((other) => other !== ref)
      .reduce((sum, other) => sum + (eventsByRef.get(other) ?? 0), 0);
  for (const expected of partners) {
    const { name, tenant, users } = expected;
    const resolved = await resolvedCounts(deps, expected);
    const stored = storedByPartner.get(expected)!;
    const problems: string[] = [];
    for (const [userName, user] of users) {
      const ref = secrets.userRef(tenant, userName);
      const found = stored.get(ref) ?? { events: 0, idSum: 0, row: 0 };
      stored.delete(ref);
      const own = (resolved.get(userName) ?? Number.NaN) - eventsOfOthers(ref);
      const lost = user.acknowledged.length - found.events;
      const differing = differences(user, { ...found, resolved: own }, mayBeLost);
      if (differing.length === 0 && lost > 0) counted.lostWithinBounds += lost;
      problems.push(...differing.map((problem) => `${name}, ${userName} (${ref}): ${problem}`));
      if (differing.length > 0 && lost > 0) problems.push(await describeLost(deps, tenant, ref, user));
      counted.users += 1;
    }
    for (const [ref, { events, row }] of stored) {
      if (events + row > 0) problems.push(`${name}, unknown user ${ref}: stored ${events} events, counted ${row}`);
    }
    problems.slice(0, MAX_LISTED).forEach(report);
    if (problems.length > MAX_LISTED) report(`${name}: ${problems.length - MAX_LISTED} more users differ`);
  }
}

function problemOfReceipt(sample: SampledReceipt, reply: Reply | null): string | null {
  const { kind, receiptId, accepted, outcomes } = sample;
  const what = `receipt ${receiptId} of a ${kind} submission`;
  if (reply?.status !== 200) return `${what} returned ${reply?.status}`;
  const { body } = reply;
  const total = body.persisted + body.duplicates + body.conflicts + body.failed + body.erased;
  const isExpected =
    body.status !== 'QUEUED' &&
    body.accepted === accepted &&
    total === accepted &&
    body.failed === 0 &&
    Object.entries(outcomes).every(([outcome, count]) => body[outcome] === count) &&
    (kind === 'conflict' || body.conflicts === 0) &&
    (kind === 'erased' || body.erased === 0);
  return isExpected
    ? null
    : `${what}: expected ${JSON.stringify({ accepted, ...outcomes })}, got ${JSON.stringify(body)}`;
}

async function checkReceipts({ environment, traffic, transport, report }: Deps): Promise<void> {
  const { receipts, erasures, counted, mayBeLost } = traffic.oracle;
  const [api] = environment.apis;
  for (const sample of receipts) {
    if (isWithin(mayBeLost, sample)) continue;
    const reply = await read(() => transport.get(api!, `/v1/events/receipts/${sample.receiptId}`, sample.key));
    const problem = problemOfReceipt(sample, reply);
    if (problem) report(problem);
    counted.receipts += 1;
  }
  for (const { key, receiptId } of erasures) {
    await untilFine({ report }, async () => {
      const reply = await transport.get(api!, `/v1/users/erase/${receiptId}`, key);
      return reply?.body.status === 'DONE' ? null : `erasure ${receiptId} is ${reply?.body.status ?? reply?.status}`;
    });
  }
}

/** Verifies the audit chains, and that each acknowledged change has an entry. */
async function checkAudit(deps: Deps): Promise<void> {
  const { environment, traffic, transport, report } = deps;
  const { store } = environment.ctx;
  for (const { name, partner, tenant } of traffic.oracle.partners) {
    await untilFine(deps, async () => {
      const reply = await transport.get(environment.apis[0]!, '/v1/audit/verify', partner.liveKey);
      if (reply?.status !== 200) return `verifying the audit chain of ${name} returned ${reply?.status}`;
      const { intact, unsealed, entries } = reply.body;
      if (!intact || unsealed > 0) return `the audit chain of ${name}: ${JSON.stringify(reply.body)}`;
      traffic.oracle.counted.auditEntries += entries;
      return null;
    });
    for (const [action, atLeast] of Object.entries(traffic.oracle.audited.get(tenant) ?? {})) {
      const found = await store.audit.model.countDocuments({ chain: tenant, action });
      if (found < atLeast) report(`${name}: ${found} audit entries for ${atLeast} acknowledged changes (${action})`);
    }
  }
}

/** The stored events of a tenant whose chapter is over. They must not change any more. */
export interface StoredTotal {
  name: string;
  tenant: Tenant;
  events: number;
}

const countEvents = ({ ctx }: FaultEnvironment, tenant: Tenant): Promise<number> =>
  ctx.store.events.model.countDocuments({ tenant });

/** Reports tenants of earlier chapters whose events have changed since, for example because a job ran again. */
export async function recount(
  { environment, report }: Pick<Deps, 'environment' | 'report'>,
  totals: readonly StoredTotal[],
): Promise<void> {
  for (const { name, tenant, events } of totals) {
    const now = await countEvents(environment, tenant);
    if (now !== events) report(`${name} (${tenant}) had ${events} events at its checkpoint, and ${now} at the end`);
  }
}

/**
 * Waits until all submissions are processed, and compares everything that the chapter's clients know. Returns the number
 * of stored events of each partner.
 */
export async function runCheckpoint(deps: Deps): Promise<StoredTotal[]> {
  const { traffic, report } = deps;
  await traffic.stop();
  await untilDrained(deps);
  await checkWatermarks(deps);
  await checkUsers(deps);
  await checkReceipts(deps);
  await checkAudit(deps);
  traffic.oracle.recheck().slice(0, MAX_LISTED).forEach(report);
  const { oracle } = traffic;
  oracle.counted.checkpoints += 1;
  return Promise.all(
    oracle.partners.map(async ({ name, tenant }) => ({
      name,
      tenant,
      events: await countEvents(deps.environment, tenant),
    })),
  );
}
