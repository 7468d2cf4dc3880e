import { type ClientSession, type Connection, mongo } from 'mongoose';
import { withDeadline } from '../concurrency/deadline';
import { accessTokensStore } from './access-tokens';
import { agentLifetimeQueries } from './agent-lifetimes';
import { agentSiblingQueries } from './agent-siblings';
import { agentTreeQueries } from './agent-tree';
import { agentsStore } from './agents';
import { applicationsStore } from './applications';
import { auditStore } from './audit';
import { auditHeadsStore } from './audit-heads';
import { auditRanges } from './audit-ranges';
import { backupTimes } from './backup-times';
import { cascadesStore } from './cascades';
import { deliveriesStore } from './deliveries';
import { deliveryAttempts } from './delivery-attempts';
import { deliveryRecovery } from './delivery-recovery';
import { erasuresStore } from './erasures';
import { storeTooSlow, TransactionTooSlowError } from './errors';
import { eventsStore } from './events';
import { agentFinders } from './find-agents';
import { accountLogInsStore, accountSessionsStore, accountVerificationsStore } from './account-rows';
import { identitiesStore } from './identities';
import { expiryCursors } from './expiry-cursors';
import { type AnyModel, pendingSteps, stepText } from './indexes';
import { keyedIdsFrom } from './event-id-rollout';
import { chainChecksStore } from './chain-checks';
import { checkPepper, comparePepper } from './pepper';
import { DATA_MIGRATIONS, type DataMigration, migrationsStore } from './migrations';
import { outboxMailsStore } from './outbox-mails';
import { linkRequestsStore } from './link-requests';
import { memberInvitationsStore, membersStore, organizationsStore } from './members';
import { membershipsStore } from './memberships';
import { partnersStore } from './partners';
import { challengesStore, passkeysStore } from './passkeys';
import { policiesStore } from './policies';
import { queuedMailsStore } from './queued-mails';
import { receiptsStore } from './receipts';
import { receiverQueries } from './receivers';
import { omittedRejectionsStore, rejectedEventsStore } from './rejected-events';
import { cacheOutboxStore } from './cache-outbox';
import { signingKeysStore } from './signing-keys';
import { staffSecondFactorsStore, staffSessionsStore, staffStore } from './staff';
import { usageStore } from './usage';
import { usersStore } from './users';
import { webhooksStore } from './webhooks';

export type StoreSession = ClientSession;

const KILL_TIMEOUT_MS = 2_000;
/** Maximum number of pending steps that the startup error lists by name. The error only counts the remaining steps. */
const MAX_LISTED_STEPS = 5;

function storeOn(connection: Connection, dataMigrations: readonly DataMigration[]) {
  const agents = agentsStore(connection);
  const audit = auditStore(connection);
  const identityAccounts = accountLogInsStore(connection, {
    model: 'IdentityAccount',
    collection: 'identity_accounts',
  });
  const deliveries = deliveriesStore(connection);
  const webhooks = webhooksStore(connection);
  const collections = {
    events: eventsStore(connection),
    users: usersStore(connection),
    receipts: receiptsStore(connection),
    rejectedEvents: rejectedEventsStore(connection),
    omittedRejections: omittedRejectionsStore(connection),
    usage: usageStore(connection),
    partners: partnersStore(connection),
    applications: applicationsStore(connection),
    audit: { ...audit, ...auditRanges(audit.model) },
    auditHeads: auditHeadsStore(connection),
    agents: {
      ...agents,
      ...agentTreeQueries(agents.model),
      ...agentSiblingQueries(agents.model),
      ...agentFinders(agents.model),
      ...agentLifetimeQueries(agents.model),
    },
    policies: policiesStore(connection),
    cascades: cascadesStore(connection),
    identities: identitiesStore(connection, identityAccounts),
    identitySessions: accountSessionsStore(connection, { model: 'IdentitySession', collection: 'identity_sessions' }),
    identityAccounts,
    identityVerifications: accountVerificationsStore(connection, {
      model: 'IdentityVerification',
      collection: 'identity_verifications',
    }),
    staff: staffStore(connection),
    staffSessions: staffSessionsStore(
      accountSessionsStore(connection, { model: 'StaffSession', collection: 'staff_sessions' }),
    ),
    staffAccounts: accountLogInsStore(connection, { model: 'StaffAccount', collection: 'staff_accounts' }),
    staffVerifications: accountVerificationsStore(connection, {
      model: 'StaffVerification',
      collection: 'staff_verifications',
    }),
    staffSecondFactors: staffSecondFactorsStore(connection),
    passkeys: passkeysStore(connection),
    challenges: challengesStore(connection),
    members: membersStore(connection),
    memberInvitations: memberInvitationsStore(connection),
    organizations: organizationsStore(connection),
    accessTokens: accessTokensStore(connection),
    queuedMails: queuedMailsStore(connection),
    outboxMails: outboxMailsStore(connection),
    memberships: membershipsStore(connection),
    linkRequests: linkRequestsStore(connection),
    cacheOutbox: cacheOutboxStore(connection),
    erasures: erasuresStore(connection),
    webhooks: { ...webhooks, ...receiverQueries(webhooks.model) },
    deliveries: { ...deliveries, ...deliveryAttempts(deliveries.model), ...deliveryRecovery(deliveries.model) },
    signingKeys: signingKeysStore(connection),
  };
  const models = (): AnyModel[] => Object.values(collections).map(({ model }) => model as AnyModel);
  const migrations = migrationsStore(connection, models, dataMigrations);
  return {
    connection,
    ...collections,
    migrations,
    expiryCursors: expiryCursors(connection),
    chainChecks: chainChecksStore(connection),
    backupTimes: backupTimes(connection),

    /**
     * Checks the pepper, creates missing collections and indexes, and migrates data. Safe to repeat and to run in
     * parallel.
     */
    async prepare(pepperFingerprint: string): Promise<void> {
      await checkPepper(connection, pepperFingerprint);
      for (const { model } of Object.values(collections)) {
        await model.createCollection();
        await model.createIndexes();
      }
      if (dataMigrations.length > 0) await migrations.catchUp();
    },

    /**
     * Throws a single readable error if the pepper does not match or a migration is pending. Does not apply migrations.
     */
    async assertMigrated(pepperFingerprint: string): Promise<void> {
      await checkPepper(connection, pepperFingerprint);
      const { data, indexes } = await migrations.plan();
      const steps = [...pendingSteps(indexes).map(stepText), ...data.map(({ id, about }) => `${id}: ${about}`)];
      if (steps.length === 0) return;
      const listed = steps.slice(0, MAX_LISTED_STEPS).map((step) => `  - ${step}`);
      if (steps.length > listed.length) listed.push(`  - and ${steps.length - listed.length} more`);
      throw new Error(
        `The database needs ${steps.length} migration${steps.length === 1 ? '' : 's'} before this version can run:\n` +
          `${listed.join('\n')}\nRun \`mir migrate apply\`, then start again.`,
      );
    },

    /** Returns the time when new events switch to keyed IDs, in ms since the epoch. See `keyedIdsFrom`. */
    keyedIdsFromMs: (): Promise<number> => keyedIdsFrom(connection),

    /** Compares a pepper with the one used when this database was created. */
    pepper: (fingerprint: string): Promise<'same' | 'other' | 'new'> => comparePepper(connection, fingerprint),

    /**
     * Runs `work` in one snapshot transaction with a majority commit. The driver reruns `work` after transient
     * conflicts. Once `timeoutMs` has passed, no new attempt starts, and the call rejects as if MongoDB were down.
     */
    async transaction<T>(
      work: (session: ClientSession) => Promise<T>,
      timeoutMs: number,
      existingSession?: ClientSession,
    ): Promise<T> {
      const session = existingSession ?? (await connection.startSession());
      try {
        const deadline = performance.now() + timeoutMs;
        const attempt = async (current: ClientSession): Promise<T> => {
          if (performance.now() > deadline) throw new TransactionTooSlowError(timeoutMs);
          return work(current);
        };
        return await session.withTransaction(attempt, {
          readConcern: { level: 'snapshot' },
          writeConcern: { w: 'majority', journal: true },
          readPreference: 'primary',
        });
      } finally {
        if (!existingSession) await session.endSession().catch(() => undefined);
      }
    },

    /** Opens a session and returns the name by which other processes can kill it. The caller ends the session. */
    async openSession(): Promise<{ session: ClientSession; name: string }> {
      const session = await connection.startSession();
      const { id } = session.id as { id: { toString(encoding: 'hex'): string } };
      return { session, name: id.toString('hex') };
    },

    /**
     * Kills the sessions of dead processes, which aborts their transactions. Without this, MongoDB would take a minute
     * to abort them.
     */
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

export interface Store extends ReturnType<typeof storeOn> {
  /**
   * The same collections on a connection pool of their own, for kills, authorization and signals that are not cached.
   * In processes without this pool, the same store.
   */
  urgent: Store;
}

function selfUrgent(store: ReturnType<typeof storeOn>): Store {
  const self: Store = {
    ...store,
    get urgent() {
      return self;
    },
  };
  return self;
}

/** Creates the stores for all collections. Closing the store closes both connections. */
export function createStore(
  connection: Connection,
  dataMigrations: readonly DataMigration[] = DATA_MIGRATIONS,
  urgentConnection: Connection | null = null,
): Store {
  const store = storeOn(connection, dataMigrations);
  if (!urgentConnection) return selfUrgent(store);
  const urgent = selfUrgent(storeOn(urgentConnection, dataMigrations));
  const close = async (): Promise<void> => {
    await Promise.all([store.close(), urgent.close()]);
  };
  return { ...store, urgent, close };
}

/** Collections that serve as outboxes. Their rows record unfinished work, which a sweep completes or requeues. */
export const OUTBOXES = [
  'cacheOutbox',
  'deliveries',
  'erasures',
  'queuedMails',
] as const satisfies readonly (keyof Store)[];
