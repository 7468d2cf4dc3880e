import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, Schema } from 'mongoose';
import { classifyStoreError } from './errors';
import { type AnyModel, applyIndexStep, type IndexStep, pendingSteps, planIndexes, stepText } from './indexes';

/**
 * A change to stored data that a new version needs. `run` can be interrupted at any point and is then repeated from the
 * start, so it must detect what is left to do. It reports its progress through `onProgress`.
 */
export interface DataMigration {
  /** Must never change. Starts with a date, so that IDs sort in execution order. Example: `2026-11-24-split-names`. */
  id: string;
  about: string;
  run: (connection: Connection, onProgress: (done: number, total: number) => void) => Promise<void>;
}

/** An applied step, with its host and time. The `lock` row belongs to the process that is applying migrations. */
export interface MigrationDoc {
  _id: string;
  kind: 'DATA' | 'INDEXES' | 'LOCK';
  about: string;
  by: string;
  startedAt: Date;
  finishedAt: Date | null;
  /** On the lock only: when another process may take over the lock. */
  until?: Date;
}

export interface MigrationPlan {
  data: DataMigration[];
  indexes: IndexStep[];
}

/** Thrown while another process is applying migrations. */
class MigrationBusyError extends Error {
  constructor(by: string) {
    super(`Migrations are already being applied by ${by}. Wait until they finish, then run \`mir migrate status\`.`);
    this.name = 'MigrationBusyError';
  }
}

const LOCK_ID = 'lock';
/** Longer than any pause in a running process. The holder renews the lock four times within this time. */
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

/**
 * Creates the migrations store. The schemas of `models` define the indexes, and `data` contains the data migrations.
 */
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
        ({ matchedCount }) =>
          matchedCount === 0 &&
          lost.abort(new Error('Another process took over the migration lock. Run `mir migrate apply` again.')),
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

  /** Runs one step and records it as done. */
  const runStep = async (row: Pick<MigrationDoc, '_id' | 'kind' | 'about'>, work: () => Promise<void>) => {
    const startedAt = new Date();
    await work();
    const { _id, ...facts } = row;
    const set = { ...facts, by: hostname(), startedAt, finishedAt: new Date() };
    await model.updateOne({ _id }, { $set: set }, { upsert: true });
  };

  return {
    model,
    plan,

    /** Returns applied steps, newest first. */
    async applied(limit: number): Promise<MigrationDoc[]> {
      return model
        .find({ kind: { $ne: 'LOCK' } })
        .sort({ finishedAt: -1 })
        .limit(limit)
        .lean<MigrationDoc[]>();
    },

    /** Returns the process that is applying migrations, or null if there is none. */
    async holder(): Promise<string | null> {
      const row = await model.findOne({ _id: LOCK_ID, until: { $gte: new Date() } }).lean<MigrationDoc>();
      return row?.by ?? null;
    },

    /**
     * Applies everything pending: collections and indexes first, then data in order. Can be interrupted at any point
     * and repeated. Throws MigrationBusyError while another process is applying migrations.
     */
    async apply(onProgress: (step: string, done: number, total: number) => void): Promise<{ applied: string[] }> {
      const { release, lost } = await lock();
      const applied: string[] = [];
      try {
        const { data: pending, indexes } = await plan();
        const steps = pendingSteps(indexes);
        for (const [n, step] of steps.entries()) {
          lost.throwIfAborted();
          const about = stepText(step);
          const _id = `indexes ${new Date().toISOString()} ${n}`;
          await runStep({ _id, kind: 'INDEXES', about }, () => applyIndexStep(models(), step));
          applied.push(about);
          onProgress(about, n + 1, steps.length);
        }
        for (const { id, about, run } of pending) {
          lost.throwIfAborted();
          await runStep({ _id: id, kind: 'DATA', about }, () =>
            run(connection, (done, total) => {
              lost.throwIfAborted();
              onProgress(id, done, total);
            }),
          );
          applied.push(id);
        }
      } finally {
        await release();
      }
      return { applied };
    },

    /** For development: applies pending data migrations, or waits for the process that is applying them. */
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

/** Data migrations, oldest first. None so far, because every version can read what the first version wrote. */
export const DATA_MIGRATIONS: readonly DataMigration[] = [];
