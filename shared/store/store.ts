import { type ClientSession, type Connection, mongo } from 'mongoose';
import { withDeadline } from '../concurrency/deadline';
import { agentTreeQueries } from './agent-tree';
import { agentsStore } from './agents';
import { applicationsStore } from './applications';
import { auditStore } from './audit';
import { auditHeadsStore } from './audit-heads';
import { cascadesStore } from './cascades';
import { erasuresStore } from './erasures';
import { storeTooSlow } from './errors';
import { eventsStore } from './events';
import {
  identitiesStore,
  identityAccountsStore,
  identitySessionsStore,
  identityVerificationsStore,
} from './identities';
import { type AnyModel, pendingSteps, stepText } from './indexes';
import { keyedIdsFrom } from './event-id-rollout';
import { checkPepper, comparePepper } from './pepper';
import { DATA_MIGRATIONS, type DataMigration, migrationsStore } from './migrations';
import { outboxMailsStore } from './outbox-mails';
import { linkRequestsStore } from './link-requests';
import { membershipsStore } from './memberships';
import { partnersStore } from './partners';
import { policiesStore } from './policies';
import { receiptsStore } from './receipts';
import { cacheOutboxStore } from './cache-outbox';
import { usersStore } from './users';
import { deliveriesStore, webhooksStore } from './webhooks';

export type StoreSession = ClientSession;

const KILL_TIMEOUT_MS = 2_000;
/** Pending steps that a refused start names; more are only counted. */
const MAX_STEPS_NAMED = 5;

/** All collections over one connection. */
export function createStore(connection: Connection, dataMigrations: readonly DataMigration[] = DATA_MIGRATIONS) {
  const agents = agentsStore(connection);
  const collections = {
    events: eventsStore(connection),
    users: usersStore(connection),
    receipts: receiptsStore(connection),
    partners: partnersStore(connection),
    applications: applicationsStore(connection),
    audit: auditStore(connection),
    auditHeads: auditHeadsStore(connection),
    agents: { ...agents, ...agentTreeQueries(agents.model) },
    policies: policiesStore(connection),
    cascades: cascadesStore(connection),
    identities: identitiesStore(connection),
    identitySessions: identitySessionsStore(connection),
    identityAccounts: identityAccountsStore(connection),
    identityVerifications: identityVerificationsStore(connection),
    outboxMails: outboxMailsStore(connection),
    memberships: membershipsStore(connection),
    linkRequests: linkRequestsStore(connection),
    cacheOutbox: cacheOutboxStore(connection),
    erasures: erasuresStore(connection),
    webhooks: webhooksStore(connection),
    deliveries: deliveriesStore(connection),
  };
  const models = (): AnyModel[] => Object.values(collections).map(({ model }) => model as AnyModel);
  const migrations = migrationsStore(connection, models, dataMigrations);
  return {
    connection,
    ...collections,
    migrations,

    /** Checks the pepper, builds what is missing and migrates data; safe to repeat and to run side by side. */
    async prepare(pepperFingerprint: string): Promise<void> {
      await checkPepper(connection, pepperFingerprint);
      for (const { model } of Object.values(collections)) {
        await model.createCollection();
        await model.createIndexes();
      }
      if (dataMigrations.length > 0) await migrations.catchUp();
    },

    /** Checks the pepper, and that nothing has to be migrated; builds nothing. Throws one readable message. */
    async assertMigrated(pepperFingerprint: string): Promise<void> {
      await checkPepper(connection, pepperFingerprint);
      const { data, indexes } = await migrations.plan();
      const steps = [...pendingSteps(indexes).map(stepText), ...data.map(({ id, about }) => `${id}: ${about}`)];
      if (steps.length === 0) return;
      const named = steps.slice(0, MAX_STEPS_NAMED).map((step) => `  - ${step}`);
      if (steps.length > named.length) named.push(`  - and ${steps.length - named.length} more`);
      throw new Error(
        `The store is not migrated to this version; ${steps.length} step${steps.length === 1 ? ' is' : 's are'} pending:\n` +
          `${named.join('\n')}\nRun \`mir migrate apply\`, then start again.`,
      );
    },

    /** The time from which new events are stored under keyed ids; see `keyedIdsFrom` in meta.ts. */
    keyedIdsFromMs: (): Promise<number> => keyedIdsFrom(connection),

    /** Whether the store was made with this pepper. */
    pepper: (fingerprint: string): Promise<'same' | 'other' | 'new'> => comparePepper(connection, fingerprint),

    /**
     * Runs `work` in one snapshot transaction with majority commit. The driver retries transient conflicts; no try
     * begins after the time is over, and then it rejects as in an outage.
     */
    async transaction<T>(
      work: (session: ClientSession) => Promise<T>,
      timeoutMs: number,
      given?: ClientSession,
    ): Promise<T> {
      const session = given ?? (await connection.startSession());
      try {
        const until = performance.now() + timeoutMs;
        const inTime = async (own: ClientSession): Promise<T> => {
          if (performance.now() > until) throw storeTooSlow('transaction', timeoutMs);
          return work(own);
        };
        return await session.withTransaction(inTime, {
          readConcern: { level: 'snapshot' },
          writeConcern: { w: 'majority', journal: true },
          readPreference: 'primary',
        });
      } finally {
        if (!given) await session.endSession().catch(() => undefined);
      }
    },

    /** A session whose name others can use to end what its process left open. The caller ends it. */
    async openSession(): Promise<{ session: ClientSession; name: string }> {
      const session = await connection.startSession();
      const { id } = session.id as { id: { toString(encoding: 'hex'): string } };
      return { session, name: id.toString('hex') };
    },

    /** Aborts the transactions of sessions whose processes died; the server itself would take a minute. */
    async killSessions(names: string[]): Promise<void> {
      const ids = names.map((name) => ({ id: new mongo.Binary(Buffer.from(name, 'hex'), mongo.Binary.SUBTYPE_UUID) }));
      const killed = connection.getClient().db('admin').command({ killSessions: ids });
      await withDeadline(killed, KILL_TIMEOUT_MS, () => storeTooSlow('killSessions', KILL_TIMEOUT_MS));
    },

    async ping(timeoutMs: number): Promise<void> {
      await withDeadline(connection.db!.command({ ping: 1 }), timeoutMs, () => storeTooSlow('ping', timeoutMs));
    },

    async close(): Promise<void> {
      await connection.close();
    },
  };
}

export type Store = ReturnType<typeof createStore>;
