import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { ChainContent, Seal } from '../domain/audit-chain';
import type { PartnerId, Tenant } from '../domain/ids';
import { streamOf } from './stream';

/** Who did something. */
export type Actor =
  | { kind: 'OPERATOR'; via: 'ADMIN_API' | 'CLI' }
  | { kind: 'APPLICANT' }
  | { kind: 'PARTNER'; partnerId: PartnerId }
  | { kind: 'AGENT'; agentId: string }
  /** A person, whom the audit does not name. */
  | { kind: 'IDENTITY' }
  | { kind: 'SYSTEM' };

/** Whose chain an entry belongs to: a tenant's (a partner's own affairs stand in its live one), or the registry's. */
export type AuditChain = Tenant | 'registry';

/** One append-only entry, written in the transaction of the change it tells of. Never holds a key or its hash. */
export interface AuditDoc {
  /** Deterministic where a retry could write it twice. */
  _id: string;
  chain: AuditChain;
  /** Null: not about a partner (yet). */
  partnerId: PartnerId | null;
  action: string;
  target: string;
  actor: Actor;
  reason: string | null;
  requestId: string;
  cascadeId: string | null;
  before: unknown;
  after: unknown;
  at: Date;
  /** Set by the sealer: the entry's place in its chain and the hashes that hold it there. */
  sealed: boolean;
  seq?: number;
  previousHash?: string;
  hash?: string;
}

export type NewAuditEntry = Omit<AuditDoc, 'sealed' | 'seq' | 'previousHash' | 'hash'>;

/** An entry as it is shown, and as the chain holds it: all that its row has but its seal. */
export function contentOf({ _id, sealed: _sealed, seq: _seq, previousHash: _p, hash: _h, ...rest }: AuditDoc) {
  return { auditId: _id, ...rest } satisfies ChainContent;
}

/** What a list of entries may be narrowed by. */
export interface AuditFilter {
  action?: string;
  target?: string;
  actorKind?: Actor['kind'];
  cascadeId?: string;
  fromMs?: number;
  toMs?: number;
}

/** Indexes that are named in queries: a planner may take the chain's own order and walk over all that is sealed. */
const BY_UNSEALED = { chain: 1, at: 1, _id: 1 } as const;
const BY_TARGET = { chain: 1, target: 1, at: -1, _id: -1 } as const;
const NEWEST_FIRST = { at: -1, _id: -1 } as const;
const BY_CASCADE = { cascadeId: 1, at: -1, _id: -1 } as const;

const schema = new Schema<AuditDoc>(
  {
    _id: String,
    chain: { type: String, required: true },
    partnerId: { type: String, default: null },
    action: { type: String, required: true },
    target: { type: String, required: true },
    actor: { type: Schema.Types.Mixed, required: true },
    reason: String,
    requestId: { type: String, required: true },
    cascadeId: { type: String, default: null },
    before: Schema.Types.Mixed,
    after: Schema.Types.Mixed,
    at: { type: Date, required: true },
    sealed: { type: Boolean, required: true },
    seq: Number,
    previousHash: String,
    hash: String,
  },
  { collection: 'audit', versionKey: false, strict: 'throw', minimize: false },
);
schema.index({ chain: 1, at: -1, _id: -1 });
schema.index(BY_TARGET);
schema.index({ chain: 1, seq: 1 }, { unique: true, partialFilterExpression: { sealed: true } });
schema.index(BY_UNSEALED, { partialFilterExpression: { sealed: false } });
schema.index(BY_CASCADE, { partialFilterExpression: { cascadeId: { $type: 'string' } } });

/** Counting stops here: a gauge needs no more. */
const MAX_COUNTED = 100_000;
const MAX_CHAINS_LOOKED_AT = 100;
/** Sorts before every chain. */
export const BEFORE_ALL_CHAINS = '' as AuditChain;
/** Entries that a streaming read fetches at once: they are hashed without a pause. */
const STREAM_BATCH = 250;

export function auditStore(connection: Connection) {
  const model = connection.model<AuditDoc>('AuditEntry', schema);
  const collection = connection.collection<AuditDoc>(model.collection.collectionName);
  /** The oldest unsealed entry of the first chain after `chain` that has one. */
  const firstUnsealedAfter = (chain: AuditChain): Promise<Pick<AuditDoc, 'chain' | 'at'> | null> =>
    model
      .findOne({ sealed: false, chain: { $gt: chain } }, { chain: 1, at: 1 })
      .sort(BY_UNSEALED)
      .hint(BY_UNSEALED)
      .read('primary')
      .lean<Pick<AuditDoc, 'chain' | 'at'>>()
      .exec();
  return {
    model,

    async append(entry: NewAuditEntry, session: ClientSession): Promise<void> {
      await model.create([{ ...entry, sealed: false }], { session });
    },

    /** Many entries in one call of the driver. */
    async appendMany(entries: NewAuditEntry[], session: ClientSession): Promise<void> {
      const docs = entries.map((entry) => ({ ...entry, sealed: false }));
      await collection.insertMany(docs, { session, ordered: true });
    },

    async countOfCascade(cascadeId: string): Promise<number> {
      return model.countDocuments({ cascadeId }).read('primary');
    },

    /** The first chain after `chain`, in order of names, that has unsealed entries: one step in the partial index. */
    async nextUnsealedChain(chain: AuditChain): Promise<AuditChain | null> {
      return (await firstUnsealedAfter(chain))?.chain ?? null;
    },

    /** A chain's oldest unsealed entries as a stream, read in batches. */
    unsealed(chain: AuditChain, limit: number, batchSize: number): AsyncIterable<AuditDoc> {
      const order = { sort: { at: 1, _id: 1 }, hint: BY_UNSEALED } as const;
      return streamOf(model, { chain, sealed: false }, { ...order, limit, batchSize });
    },

    /** Gives entries their place; answers how many of them were still without one. */
    async seal(seals: (Seal & { _id: string })[], session: ClientSession): Promise<number> {
      const writes = seals.map(({ _id, ...seal }) => ({
        updateOne: { filter: { _id, sealed: false }, update: { $set: { sealed: true, ...seal } } },
      }));
      return (await collection.bulkWrite(writes, { session, ordered: true })).modifiedCount;
    },

    /** How many entries wait to be sealed, of one chain or of all; counts to 100,000. */
    async countUnsealed(chain?: AuditChain): Promise<number> {
      return model
        .countDocuments(
          { sealed: false, chain: chain ?? { $gt: BEFORE_ALL_CHAINS } },
          { limit: MAX_COUNTED, hint: BY_UNSEALED },
        )
        .read('primary');
    },

    /** When the oldest entry that waits to be sealed was written, of the first chains that have such; null: none waits. */
    async oldestUnsealedAt(): Promise<Date | null> {
      let oldest: Date | null = null;
      let chain = BEFORE_ALL_CHAINS;
      for (let looked = 0; looked < MAX_CHAINS_LOOKED_AT; looked += 1) {
        const next = await firstUnsealedAfter(chain);
        if (next === null) break;
        if (oldest === null || next.at < oldest) oldest = next.at;
        chain = next.chain;
      }
      return oldest;
    },

    /** Sealed entries after a place in the chain, in its order, as a stream; those without a place come first. */
    sealedAfter(chain: AuditChain, seq: number, limit: number): AsyncIterable<AuditDoc> {
      const filter = { chain, sealed: true, ...(seq > 0 ? { seq: { $gt: seq } } : {}) };
      return streamOf(model, filter, { sort: { seq: 1 }, limit, batchSize: STREAM_BATCH });
    },

    /** The sealed entry that stands behind all others; what has a place that is no number stands behind all that have. */
    async lastSealed(chain: AuditChain): Promise<AuditDoc | null> {
      return model.findOne({ chain, sealed: true }).sort({ seq: -1 }).read('primary').lean<AuditDoc>();
    },

    /** A page, newest first, after (at, id) of the last one seen. The filters `target` and `cascadeId` are indexed. */
    async list(
      chain: AuditChain,
      filter: AuditFilter,
      after: { atMs: number; id: string } | null,
      limit: number,
    ): Promise<AuditDoc[]> {
      return model
        .find(conditionsOf(chain, filter, after), null, indexFor(filter))
        .sort(NEWEST_FIRST)
        .limit(limit)
        .lean<AuditDoc[]>();
    },

    /** All entries that a list would show, newest first, as a stream. */
    stream(chain: AuditChain, filter: AuditFilter): AsyncIterable<AuditDoc> {
      const options = { sort: NEWEST_FIRST, batchSize: STREAM_BATCH, ...indexFor(filter) };
      return streamOf(model, conditionsOf(chain, filter, null), options);
    },
  };
}

function indexFor({ target, cascadeId }: AuditFilter): { hint?: typeof BY_CASCADE | typeof BY_TARGET } {
  if (cascadeId !== undefined) return { hint: BY_CASCADE };
  return target === undefined ? {} : { hint: BY_TARGET };
}

function conditionsOf(
  chain: AuditChain,
  { action, target, actorKind, cascadeId, fromMs, toMs }: AuditFilter,
  after: { atMs: number; id: string } | null,
): Record<string, unknown> {
  const bounds: Record<string, unknown>[] = [];
  if (fromMs !== undefined) bounds.push({ at: { $gte: new Date(fromMs) } });
  if (toMs !== undefined) bounds.push({ at: { $lt: new Date(toMs) } });
  if (after) {
    const at = new Date(after.atMs);
    bounds.push({ at: { $lte: at }, $or: [{ at: { $lt: at } }, { at, _id: { $lt: after.id } }] });
  }
  // Equalities stand flat: inside $and not every planner finds the index for them.
  return {
    chain,
    ...(action === undefined ? {} : { action }),
    ...(target === undefined ? {} : { target }),
    ...(actorKind === undefined ? {} : { 'actor.kind': actorKind }),
    ...(cascadeId === undefined ? {} : { cascadeId }),
    ...(bounds.length === 0 ? {} : { $and: bounds }),
  };
}
