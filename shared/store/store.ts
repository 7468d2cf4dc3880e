import { type ClientSession, type Connection, mongo } from 'mongoose';
import { agentsStore } from './agents';
import { applicationsStore } from './applications';
import { auditStore } from './audit';
import { auditHeadsStore } from './audit-heads';
import { cascadesStore } from './cascades';
import { eventsStore } from './events';
import {
  identitiesStore,
  identityAccountsStore,
  identitySessionsStore,
  identityVerificationsStore,
} from './identities';
import { checkPepper } from './meta';
import { outboxMailsStore } from './outbox-mails';
import { partnersStore } from './partners';
import { policiesStore } from './policies';
import { receiptsStore } from './receipts';
import { usersStore } from './users';

export type StoreSession = ClientSession;

const KILL_TIMEOUT_MS = 2_000;

/** All collections over one connection. */
export function createStore(connection: Connection) {
  const collections = {
    events: eventsStore(connection),
    users: usersStore(connection),
    receipts: receiptsStore(connection),
    partners: partnersStore(connection),
    applications: applicationsStore(connection),
    audit: auditStore(connection),
    auditHeads: auditHeadsStore(connection),
    agents: agentsStore(connection),
    policies: policiesStore(connection),
    cascades: cascadesStore(connection),
    identities: identitiesStore(connection),
    identitySessions: identitySessionsStore(connection),
    identityAccounts: identityAccountsStore(connection),
    identityVerifications: identityVerificationsStore(connection),
    outboxMails: outboxMailsStore(connection),
  };
  return {
    connection,
    ...collections,

    /** Builds missing collections and indexes and checks the pepper; safe to repeat and to run side by side. */
    async prepare(pepperFingerprint: string): Promise<void> {
      await checkPepper(connection, pepperFingerprint);
      for (const { model } of Object.values(collections)) {
        await model.createCollection();
        await model.createIndexes();
      }
    },

    /** Runs `work` in one snapshot transaction with majority commit; the driver retries transient conflicts. */
    async transaction<T>(
      work: (session: ClientSession) => Promise<T>,
      timeoutMs: number,
      given?: ClientSession,
    ): Promise<T> {
      const session = given ?? (await connection.startSession());
      try {
        return await session.withTransaction(work, {
          readConcern: { level: 'snapshot' },
          writeConcern: { w: 'majority', journal: true },
          readPreference: 'primary',
          timeoutMS: timeoutMs,
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
      await connection.getClient().db('admin').command({ killSessions: ids }, { timeoutMS: KILL_TIMEOUT_MS });
    },

    async ping(timeoutMs: number): Promise<void> {
      await connection.db!.command({ ping: 1 }, { timeoutMS: timeoutMs });
    },

    async close(): Promise<void> {
      await connection.close();
    },
  };
}

export type Store = ReturnType<typeof createStore>;
