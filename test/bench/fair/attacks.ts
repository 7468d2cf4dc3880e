import type { TestPartner } from '../../support/harness';
import { anEntry } from '../../support/audit-entries';
import { insertPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import { tenantOf } from '../../../shared/domain/ids';
import type { BenchEnvironment } from '../environment';
import { UNLIMITED } from '../environment';
import { batchBody, TYPES } from '../events';
import { storeEvents } from '../fill';
import type { AttackMessage } from '../servers/attacker';
import { USERS } from './bench';
import { options } from './options';

/** Limits of a partner that an operator has not changed. */
const DEFAULT_LIMITS = { limits: { eventsPerMinute: 60_000, requestsPerMinute: 6_000 } };

const BATCH = 500;
const DISTINCT_BATCHES = 20;
const DUMP_CONNECTIONS = 8;
const SCANNING_LISTS = 60;
const VERIFY_LOOPS = 12;
const ERASURES = 350;
/** A partner may erase 120 users per minute, so this many erasures take three partners. */
const ERASING_PARTNERS = 3;
const ERASE_CONNECTIONS = 64;
const EVENTS_PER_ERASED_USER = 20;
const AUDIT_PAGE = 1_000;
const WRITE_TIMEOUT_MS = 20_000;
const SEAL_TIMEOUT_MS = 120_000;

/** Traffic of one partner that competes with other partners for the API, the queue or the database. */
export interface Attack {
  id: string;
  name: string;
  /** Wait for the first rejected request before measuring. */
  untilRejected: boolean;
  partner: TestPartner;
  connections: number;
  requests: AttackMessage['requests'];
}

const live = ({ partnerId }: TestPartner) => tenantOf(partnerId, 'live');

/** Fills the attacker's share of the queue and keeps it full. */
async function fullQueue({ ctx }: BenchEnvironment): Promise<Attack> {
  const partner = await insertPartner(ctx.store, UNLIMITED);
  const requests = Array.from({ length: DISTINCT_BATCHES }, (_, n) => ({
    path: '/v1/events',
    key: partner.liveKey,
    body: batchBody(n * BATCH, BATCH, USERS),
  }));
  const name = 'a full queue share';
  return { id: 'full-queue', name, untilRejected: true, partner, connections: DUMP_CONNECTIONS, requests };
}

/** Lists events with two filters that match many events each but none together. */
async function scanningLists({ ctx }: BenchEnvironment): Promise<Attack> {
  const partner = await insertPartner(ctx.store, DEFAULT_LIMITS);
  await storeEvents(ctx, live(partner), options.stored, (n) => ({
    userExternalId: n % 2 === 0 ? 'even' : 'odd',
    eventType: TYPES[n % 2],
  }));
  const path = `/v1/events?userExternalId=even&eventType=${TYPES[1]}`;
  const requests = [{ path, key: partner.liveKey, body: null }];
  const name = `${SCANNING_LISTS} scanning lists`;
  return { id: 'lists', name, untilRejected: false, partner, connections: SCANNING_LISTS, requests };
}

/** Verifies a long audit chain. */
async function verifyLoops({ ctx }: BenchEnvironment): Promise<Attack> {
  const partner = await insertPartner(ctx.store, DEFAULT_LIMITS);
  const chain = live(partner);
  for (let written = 0; written < options.entries; written += AUDIT_PAGE) {
    const entries = Array.from({ length: AUDIT_PAGE }, () => anEntry(chain));
    await ctx.store.transaction((session) => ctx.store.audit.appendMany(entries, session), WRITE_TIMEOUT_MS);
  }
  // The worker seals the entries. A second sealer would only compete with it.
  await waitUntil(
    'the entries are sealed',
    async () => (await ctx.store.audit.countUnsealed(chain)) === 0,
    SEAL_TIMEOUT_MS,
  );
  const requests = [{ path: '/v1/audit/verify', key: partner.liveKey, body: null }];
  const name = `${VERIFY_LOOPS} loops of /audit/verify`;
  return { id: 'verify', name, untilRejected: false, partner, connections: VERIFY_LOOPS, requests };
}

/** Erases users with stored events. */
async function erasures({ ctx }: BenchEnvironment): Promise<Attack> {
  const partners = await Promise.all(
    Array.from({ length: ERASING_PARTNERS }, () => insertPartner(ctx.store, DEFAULT_LIMITS)),
  );
  const users = Math.ceil(ERASURES / ERASING_PARTNERS);
  for (const partner of partners) {
    await storeEvents(ctx, live(partner), users * EVENTS_PER_ERASED_USER, (n) => ({
      userExternalId: `erased-${n % users}`,
    }));
  }
  const requests = Array.from({ length: ERASURES }, (_, n) => ({
    path: '/v1/users/erase',
    key: partners[n % ERASING_PARTNERS]!.liveKey,
    body: JSON.stringify({ userExternalId: `erased-${Math.floor(n / ERASING_PARTNERS)}` }),
  }));
  const name = `${ERASURES} erasures`;
  return {
    id: 'erasures',
    name,
    untilRejected: false,
    partner: partners[0]!,
    connections: ERASE_CONNECTIONS,
    requests,
  };
}

/** Functions that prepare the attackers' data. Each round prepares its own, so that budgets and users are fresh. */
export const ATTACKS: readonly ((environment: BenchEnvironment) => Promise<Attack>)[] = [
  fullQueue,
  scanningLists,
  verifyLoops,
  erasures,
];
