import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, Schema } from 'mongoose';
import { classifyStoreError } from './errors';
import { type AnyModel, applyIndexStep, type IndexStep, pendingSteps, planIndexes, stepText } from './indexes';

/**
 * A change of stored data that a new version needs. `run` may be cut off anywhere and is then run again from the
 * start, so it must find for itself what is left to do; `tell` hears how far it is.
 */
export interface DataMigration {
  /** Never changes; sorts in the order in which they are run: `2026-11-24-what`. */
  id: string;
  about: string;
  run: (connection: Connection, tell: (done: number, total: number) => void) => Promise<void>;
}

/** What was applied, by whom and when; the row `lock` is held by whoever applies now. */
export interface MigrationDoc {
  _id: string;
  kind: 'DATA' | 'INDEXES' | 'LOCK';
  about: string;
  by: string;
  startedAt: Date;
  finishedAt: Date | null;
  /** Of the lock only: from then on it may be taken over. */
  until?: Date;
}

export interface MigrationPlan {
  data: DataMigration[];
  indexes: IndexStep[];
}

/** Somebody else applies migrations now. */
class MigrationBusyError extends Error {
  constructor(by: string) {
    super(`Migrations are being applied by ${by}. Wait for it, then ask \`migrate status\`.`);
    this.name = 'MigrationBusyError';
  }
}

const LOCK_ID = 'lock';
/** Longer than any pause of a living process; renewed at a quarter of it. */
const LOCK_MS = 60_000;
const CATCH_UP_PAUSE_MS = 500;
const CATCH_UP_TRIES = 240;

const schema = new Schema<MigrationDoc>(
  {
    _id: String,
    kind: { type: String, required: true },
    about: { type: String, required: true },
    by: { type: String, required: true },
    startedAt: { type: Date, required: true },
    finishedAt: { type: Date, default: null },
    until: Date,
  },
  { collection: 'migrations', versionKey: false, strict: 'throw' },
);

/** Migrations of a database: its indexes by the schemas of `models`, its data by `data`. */
export function migrationsStore(
  connection: Connection,
  models: () => readonly AnyModel[],
  data: readonly DataMigration[],
) {
  const model = connection.model<MigrationDoc>('Migration', schema);

  const plan = async (): Promise<MigrationPlan> => {
    const done = await model.find({ kind: 'DATA', finishedAt: { $ne: null } }, { _id: 1 }).lean<{ _id: string }[]>();
    const known = new Set(done.map(({ _id }) => _id));
    return { data: data.filter(({ id }) => !known.has(id)), indexes: await planIndexes(models()) };
  };

  const lock = async (): Promise<{ release: () => Promise<void>; lost: AbortSignal }> => {
    const by = `${hostname()} (process ${process.pid}, ${randomUUID().slice(0, 8)})`;
    const fields = (): Partial<MigrationDoc> => ({ by, until: new Date(Date.now() + LOCK_MS) });
    const now = new Date();
    try {
      await model.updateOne(
        { _id: LOCK_ID, until: { $lt: now } },
        { $set: { ...fields(), kind: 'LOCK', about: 'held while migrations are applied', startedAt: now } },
        { upsert: true },
      );
    } catch (error) {
      if (classifyStoreError(error) !== 'duplicate') throw error;
      const holder = await model.findById(LOCK_ID).lean<MigrationDoc>();
      throw new MigrationBusyError(holder?.by ?? 'another process');
    }
    const lost = new AbortController();
    const renewal = setInterval(() => {
      model.updateOne({ _id: LOCK_ID, by }, { $set: fields() }).then(
        ({ matchedCount }) => matchedCount === 0 && lost.abort(new Error('the lock of the migrations was taken over')),
        () => undefined,
      );
    }, LOCK_MS / 4);
    return {
      lost: lost.signal,
      release: async () => {
        clearInterval(renewal);
        await model.deleteOne({ _id: LOCK_ID, by });
      },
    };
  };

  /** Runs one piece of work and records that it is done. */
  const recorded = async (row: Pick<MigrationDoc, '_id' | 'kind' | 'about'>, work: () => Promise<void>) => {
    const startedAt = new Date();
    await work();
    const { _id, ...facts } = row;
    const set = { ...facts, by: hostname(), startedAt, finishedAt: new Date() };
    await model.updateOne({ _id }, { $set: set }, { upsert: true });
  };

  return {
    model,
    plan,

    /** What was applied, newest first. */
    async applied(limit: number): Promise<MigrationDoc[]> {
      return model
        .find({ kind: { $ne: 'LOCK' } })
        .sort({ finishedAt: -1 })
        .limit(limit)
        .lean<MigrationDoc[]>();
    },

    /** Who applies migrations now, if anybody does. */
    async holder(): Promise<string | null> {
      const row = await model.findOne({ _id: LOCK_ID, until: { $gte: new Date() } }).lean<MigrationDoc>();
      return row?.by ?? null;
    },

    /**
     * Does all that is pending: collections and indexes first, then data in order. May be cut off anywhere and
     * repeated. `tell` hears of each step. Throws MigrationBusyError while another process is at it.
     */
    async apply(tell: (step: string, done: number, total: number) => void): Promise<{ applied: string[] }> {
      const { release, lost } = await lock();
      const applied: string[] = [];
      try {
        const { data: waiting, indexes } = await plan();
        const steps = pendingSteps(indexes);
        for (const [n, step] of steps.entries()) {
          lost.throwIfAborted();
          const about = stepText(step);
          const _id = `indexes ${new Date().toISOString()} ${n}`;
          await recorded({ _id, kind: 'INDEXES', about }, () => applyIndexStep(models(), step));
          applied.push(about);
          tell(about, n + 1, steps.length);
        }
        for (const { id, about, run } of waiting) {
          lost.throwIfAborted();
          await recorded({ _id: id, kind: 'DATA', about }, () =>
            run(connection, (done, total) => {
              lost.throwIfAborted();
              tell(id, done, total);
            }),
          );
          applied.push(id);
        }
      } finally {
        await release();
      }
      return { applied };
    },

    /** For development: applies pending data migrations in passing, or waits for the process that does. */
    async catchUp(): Promise<void> {
      for (let tries = 0; tries < CATCH_UP_TRIES && (await plan()).data.length > 0; tries += 1) {
        await this.apply(() => undefined).catch(async (error: unknown) => {
          if (!(error instanceof MigrationBusyError)) throw error;
          await delay(CATCH_UP_PAUSE_MS);
        });
      }
    },
  };
}

/** Changes of stored data, oldest first. None yet: every version so far reads what the first one wrote. */
export const DATA_MIGRATIONS: readonly DataMigration[] = [];
