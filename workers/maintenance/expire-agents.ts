import type { Authorizer } from '../../shared/authz/authorizer';
import { type AgentStatus, LIVING_STATUSES } from '../../shared/domain/agent';
import { lifetimeOf } from '../../shared/domain/agent-lifetime';
import { newId, partnerOf, tagOf, type Tenant } from '../../shared/domain/ids';
import type { Secrets } from '../../shared/domain/subject';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import { advanceClock } from '../../shared/redis/clock';
import type { RedisKeys } from '../../shared/redis/keys';
import type { RedisLink } from '../../shared/redis/link';
import type { NextCheck } from '../../shared/store/agent-lifetimes';
import type { AgentDoc } from '../../shared/store/agents';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { Store, StoreSession } from '../../shared/store/store';
import { announce } from '../../shared/webhooks/announce';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';

/** Maximum number of agents that one run checks. The caller repeats the run while there are more. */
export const MAX_CHECKS_PER_RUN = 1_000;
/** Maximum number of agents that one transaction expires. Each may have a webhook message. */
const AGENTS_PER_TRANSACTION = 50;
/** Delay before agents are checked again after an error, so that they do not block others. */
const RETRY_MS = 60_000;

interface Deps {
  store: Pick<Store, 'agents' | 'audit' | 'webhooks' | 'deliveries' | 'transaction'>;
  authorizer: Pick<Authorizer, 'withInvalidation'>;
  link: RedisLink;
  keys: RedisKeys;
  secrets: Pick<Secrets, 'revokedKey'>;
  webhookQueue: Pick<WakeUpQueue, 'add'>;
  log: Log;
}

/** Agents of one tree whose check is due. */
type Page = readonly [AgentDoc, ...AgentDoc[]];

/** Groups agents by tree, in pages. */
function pagesByTree(due: readonly AgentDoc[]): Page[] {
  const open = new Map<string, [AgentDoc, ...AgentDoc[]]>();
  const pages: Page[] = [];
  for (const agent of due) {
    const page = open.get(agent.rootId);
    if (page && page.length < AGENTS_PER_TRANSACTION) page.push(agent);
    else {
      const started: [AgentDoc, ...AgentDoc[]] = [agent];
      open.set(agent.rootId, started);
      pages.push(started);
    }
  }
  return pages;
}

/**
 * Returns the activity of agents that is in Redis. After an outage of MongoDB, it may not be stored yet, although the
 * agents are in use.
 */
async function readSeen({ link, keys }: Deps, tag: string, ids: readonly string[]): Promise<Map<string, number>> {
  const times = await link.client.mget(ids.map((id) => keys.nodeSeen(tag, id)));
  return new Map(ids.map((id, n) => [id, Number(times[n] ?? 0)]));
}

type ExpiryCause = 'EXPIRES_AT' | 'APPROVAL_EXPIRED' | 'IDLE_TIMEOUT';

function causeOf({ status, approvalExpiresAt }: AgentDoc, expiresAtMs: number, nowMs: number): ExpiryCause {
  if (expiresAtMs <= nowMs) return 'EXPIRES_AT';
  const isUndecided = status === 'PENDING_APPROVAL' && (approvalExpiresAt?.getTime() ?? Infinity) <= nowMs;
  return isUndecided ? 'APPROVAL_EXPIRED' : 'IDLE_TIMEOUT';
}

/** What a check found: agents to expire, and when to check the others again. */
interface Findings {
  expired: { agent: AgentDoc; cause: ExpiryCause }[];
  next: NextCheck[];
}

/** Reads the agents of a page with their ancestors, and finds out which have expired by the partner's clock. */
async function findExpired(
  { store }: Deps,
  page: Page,
  { seen, nowMs }: { seen: ReadonlyMap<string, number>; nowMs: number },
  session?: StoreSession,
): Promise<Findings> {
  const ids = new Set(page.flatMap(({ ancestors, _id }) => [...ancestors, _id]));
  const docs = new Map((await store.agents.byIds([...ids], session)).map((agent) => [agent._id, agent]));
  const onPath = (id: string): AgentDoc => {
    const agent = docs.get(id)!;
    const seenMs = Math.max(agent.descendantActivityAt?.getTime() ?? 0, seen.get(id) ?? 0);
    return { ...agent, descendantActivityAt: new Date(seenMs) };
  };
  const expired: Findings['expired'] = [];
  const next: NextCheck[] = page.map((due) => {
    const path = [...due.ancestors, due._id].map(onPath);
    const agent = path.at(-1)!;
    const isKilled = path.some(({ killedAt }) => killedAt !== null);
    // The cascade of a kill revokes the agent.
    if (isKilled || !LIVING_STATUSES.includes(agent.status)) return [due, null];
    const { endsAtMs, expiresAtMs } = lifetimeOf(path);
    if (endsAtMs > nowMs) return [due, endsAtMs === Infinity ? null : new Date(endsAtMs)];
    expired.push({ agent, cause: causeOf(agent, expiresAtMs, nowMs) });
    return [due, null];
  });
  return { expired, next };
}

/** Sets the status of agents to EXPIRED, deletes their keys, and writes their audit entries and webhook messages. */
async function recordExpired(
  { store, secrets }: Deps,
  pageTenant: Tenant,
  expired: Findings['expired'],
  session: StoreSession,
): Promise<string[]> {
  const at = new Date();
  const byStatus = new Map<AgentStatus, AgentDoc[]>();
  for (const { agent } of expired) byStatus.set(agent.status, [...(byStatus.get(agent.status) ?? []), agent]);
  for (const [status, agents] of byStatus) {
    const count = await store.agents.revokeMany(agents, status, secrets.revokedKey, at, session, 'EXPIRED');
    if (count !== agents.length) throw new Error('an expired agent was changed meanwhile');
  }
  const requestId = newId('req');
  const entries = expired.map(({ agent: { _id, tenant, status }, cause }) => ({
    _id: `aud_${_id}_expired`,
    chain: tenant,
    partnerId: partnerOf(tenant),
    action: 'agent.expired',
    target: _id,
    actor: { kind: 'SYSTEM' as const },
    reason: null,
    requestId,
    cascadeId: null,
    before: { status },
    after: { status: 'EXPIRED', cause },
    at,
  }));
  await store.audit.appendMany(entries, session);
  const receivers = await store.webhooks.receiversOf(pageTenant, session);
  const deliveryIds: string[] = [];
  for (const { agent } of expired) {
    const { _id: agentId, tenant, parentId, rootId } = agent;
    const data = { agentId, parentId, rootId, status: 'EXPIRED' };
    const message = { tenant, type: 'agent.expired' as const, data, at, receivers };
    deliveryIds.push(...(await announce({ store }, message, session)));
  }
  return deliveryIds;
}

/** Checks the agents of a page. Returns how many have expired. */
async function checkPage(deps: Deps, page: Page): Promise<number> {
  const { store, authorizer, link, keys, webhookQueue } = deps;
  const [{ tenant, rootId }] = page;
  const partnerId = partnerOf(tenant);
  const tag = tagOf(partnerId);
  for (const agent of page) {
    if (agent.limitsChanged) await store.agents.scheduleSubtreeChecks(agent, new Date());
  }
  const ids = [...new Set(page.flatMap(({ ancestors, _id }) => [...ancestors, _id]))];
  const facts = { seen: await readSeen(deps, tag, ids), nowMs: await advanceClock(link.client, keys, partnerId, 0) };
  const { expired, next } = await findExpired(deps, page, facts);
  if (expired.length > 0) {
    const { result } = await authorizer.withInvalidation(tag, {}, (fence) =>
      store.transaction(async (session) => {
        // Conflicts with every other change of the tree. What was read before may be outdated.
        await store.agents.touchTree(rootId, 0, session);
        const { expired: confirmed } = await findExpired(deps, page, facts, session);
        if (confirmed.length === 0) return [];
        const deliveryIds = await recordExpired(deps, tenant, confirmed, session);
        const agents = confirmed.map(({ agent }) => agent);
        await fence({ nodes: agents.map(({ _id }) => _id), keyHashes: agents.flatMap(({ key }) => key?.hash ?? []) });
        return deliveryIds;
      }, STORE_TIMEOUT_MS),
    );
    wakeDeliveries(webhookQueue, result);
  }
  await store.agents.scheduleExpiryChecks(next);
  return expired.length;
}

/**
 * Records what the authorization script already enforces: that agents have expired. Sets their status, deletes their keys,
 * and writes an audit entry and a webhook message for each. Returns the number of agents that were checked.
 */
export async function expireAgents(deps: Deps, now: Date): Promise<number> {
  const { store, log } = deps;
  const due = await store.agents.dueForExpiryCheck(now, MAX_CHECKS_PER_RUN);
  let expired = 0;
  for (const page of pagesByTree(due)) {
    try {
      expired += await checkPage(deps, page);
    } catch (error) {
      log.warn({ err: messageOf(error), rootId: page[0].rootId }, 'recording expired agents failed, retrying later');
      const retryAt = new Date(now.getTime() + RETRY_MS);
      await store.agents.scheduleExpiryChecks(page.map((agent) => [agent, retryAt]));
    }
  }
  if (expired > 0) log.info({ expired }, 'expired agents recorded');
  return due.length;
}
