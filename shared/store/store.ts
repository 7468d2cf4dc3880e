import type { ClientSession, Connection } from 'mongoose';
import { agentsStore } from './agents';
import { applicationsStore } from './applications';
import { auditStore } from './audit';
import { auditHeadsStore } from './audit-heads';
import { cascadesStore } from './cascades';
import { eventsStore } from './events';
import { checkPepper } from './meta';
import { partnersStore } from './partners';
import { policiesStore } from './policies';
import { receiptsStore } from './receipts';
import { usersStore } from './users';

export type StoreSession = ClientSession;

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
    async transaction<T>(work: (session: ClientSession) => Promise<T>, timeoutMs: number): Promise<T> {
      const session = await connection.startSession();
      try {
        return await session.withTransaction(work, {
          readConcern: { level: 'snapshot' },
          writeConcern: { w: 'majority', journal: true },
          readPreference: 'primary',
          timeoutMS: timeoutMs,
        });
      } finally {
        await session.endSession().catch(() => undefined);
      }
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
