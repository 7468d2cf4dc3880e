import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { ChainContent, Seal } from '../domain/audit-chain';
import type { PartnerId, Tenant } from '../domain/ids';
import { boundsOf, indexKeyOf, type ListPage, listPage, mergePages, type PayForRows, type Position } from './list-page';
import { isRouted } from './routing';
import { streamOf } from './stream';

/** Who performed an action. */
export type Actor =
  /** `name` is who ran the CLI, as they or their shell say. */
  | { kind: 'OPERATOR'; via: 'ADMIN_API' | 'CLI'; name?: string }
  /** An operator who was logged in to the console. */
  | { kind: 'OPERATOR'; via: 'CONSOLE'; name: string; memberId: string }
  | { kind: 'APPLICANT' }
  /** A partner key. Entries from earlier versions do not contain its ID. */
  | { kind: 'PARTNER'; partnerId: PartnerId; keyId?: string }
  /** A member of the partner. */
  | { kind: 'MEMBER'; memberId: string; name: string }
  /** Someone who found a key and reported it as leaked. */
  | { kind: 'FINDER' }
  | { kind: 'AGENT'; agentId: string }
  /** A person. The audit log does not identify people. */
  | { kind: 'IDENTITY' }
  | { kind: 'SYSTEM' };

export type OperatorActor = Extract<Actor, { kind: 'OPERATOR' }>;

/**
 * The chain that an entry belongs to: a tenant's, or the registry's. Entries about a partner itself are in its live
 * chain.
 */
export type AuditChain = Tenant | 'registry';

/** An append-only entry, written in the transaction of the change it records. Never contains a key or its hash. */
export interface AuditDoc {
  /** Deterministic wherever a retry could otherwise write the entry twice. */
  _id: string;
  chain: AuditChain;
  /** Null if the entry does not concern a partner, for example if it concerns a pending application. */
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
  /**
   * The sealer sets this field and the fields below, which contain the entry's position in its chain and the hashes
   * that protect it.
   */
  sealed: boolean;
  seq?: number;
  previousHash?: string;
  hash?: string;
}

export type NewAuditEntry = Omit<AuditDoc, 'sealed' | 'seq' | 'previousHash' | 'hash'>;

/** Returns an entry without its seal, in the form that is shown and hashed. */
export function contentOf({ _id, sealed: _sealed, seq: _seq, previousHash: _p, hash: _h, ...rest }: AuditDoc) {
  return { auditId: _id, ...rest } satisfies ChainContent;
}

export interface AuditFilter {
  action?: string;
  target?: string;
  actorKind?: Actor['kind'];
  cascadeId?: string;
  requestId?: string;
  fromMs?: number;
  toMs?: number;
}

/** Index for query hints. Without a hint, a planner may follow the chain's order and scan all sealed entries. */
const BY_UNSEALED = { chain: 1, at: 1, _id: 1 } as const;
/** Serves streams to agents, which read only entries that they may see. */
export const BY_TARGET_AND_SEQ = { chain: 1, target: 1, seq: 1 } as const;
const NEWEST_FIRST = { at: -1, _id: -1 } as const;

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
schema.index({ chain: 1, target: 1, at: -1, _id: -1 });
schema.index({ chain: 1, action: 1, at: -1, _id: -1 });
schema.index({ chain: 1, seq: 1 }, { unique: true, partialFilterExpression: { sealed: true } });
schema.index(BY_TARGET_AND_SEQ, { partialFilterExpression: { sealed: true } });
schema.index(BY_UNSEALED, { partialFilterExpression: { sealed: false } });
schema.index({ cascadeId: 1, at: -1, _id: -1 }, { partialFilterExpression: { cascadeId: { $type: 'string' } } });

/** Limits the cost of counting unsealed entries for a gauge. */
const MAX_COUNTED = 100_000;
/** Limits the cost of finding the oldest unsealed entry for a gauge. */
const MAX_CHAINS_READ = 100;
/** Sorts before every chain. */
export const BEFORE_ALL_CHAINS = '' as AuditChain;
/** Number of targets that a query of `listAbout` names. MongoDB merges up to 200 index scans instead of sorting. */
export const TARGETS_PER_QUERY = 200;
/** Number of entries that a stream fetches at a time. Readers hash a whole batch without yielding to the event loop. */
const STREAM_BATCH = 250;

export function auditStore(connection: Connection) {
  const model = connection.model<AuditDoc>('AuditEntry', schema);
  const collection = connection.collection<AuditDoc>(model.collection.collectionName);
  /** Returns the oldest unsealed entry in the first chain after `chain` that has unsealed entries. */
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

    /** Appends all entries in one driver call. */
    async appendMany(entries: NewAuditEntry[], session: ClientSession): Promise<void> {
      const docs = entries.map((entry) => ({ ...entry, sealed: false }));
      await collection.insertMany(docs, { session, ordered: true });
    },

    async countOfCascade(cascadeId: string): Promise<number> {
      return model.countDocuments({ cascadeId }).read('primary');
    },

    /** Returns the next chain after `chain`, in name order, that has unsealed entries. Costs one index lookup. */
    async nextUnsealedChain(chain: AuditChain): Promise<AuditChain | null> {
      return (await firstUnsealedAfter(chain))?.chain ?? null;
    },

    /** Streams a chain's unsealed entries, oldest first. */
    unsealed(chain: AuditChain, limit: number, batchSize: number): AsyncIterable<AuditDoc> {
      const order = { sort: { at: 1, _id: 1 }, hint: BY_UNSEALED } as const;
      return streamOf(model, { chain, sealed: false }, { ...order, limit, batchSize });
    },

    /** Seals entries of a chain. Returns how many of these entries were still unsealed. */
    async seal(chain: AuditChain, seals: (Seal & { _id: string })[], session: ClientSession): Promise<number> {
      const routing = isRouted(connection) ? { chain } : {};
      const writes = seals.map(({ _id, ...seal }) => ({
        updateOne: { filter: { _id, ...routing, sealed: false }, update: { $set: { sealed: true, ...seal } } },
      }));
      return (await collection.bulkWrite(writes, { session, ordered: true })).modifiedCount;
    },

    /** Counts the unsealed entries in one chain or in all chains, up to 100,000. */
    async countUnsealed(chain?: AuditChain): Promise<number> {
      return model
        .countDocuments(
          { sealed: false, chain: chain ?? { $gt: BEFORE_ALL_CHAINS } },
          { limit: MAX_COUNTED, hint: BY_UNSEALED },
        )
        .read('primary');
    },

    /**
     * Returns the time of the oldest unsealed entry in the first 100 chains that have unsealed entries, or null if
     * there are no such chains.
     */
    async oldestUnsealedAt(): Promise<Date | null> {
      let oldest: Date | null = null;
      let chain = BEFORE_ALL_CHAINS;
      for (let n = 0; n < MAX_CHAINS_READ; n += 1) {
        const next = await firstUnsealedAfter(chain);
        if (next === null) break;
        if (oldest === null || next.at < oldest) oldest = next.at;
        chain = next.chain;
      }
      return oldest;
    },

    /** Streams a chain's sealed entries after `seq`, in order. If `seq` is 0, entries without a number come first. */
    sealedAfter(chain: AuditChain, seq: number, limit: number): AsyncIterable<AuditDoc> {
      const filter = { chain, sealed: true, ...(seq > 0 ? { seq: { $gt: seq } } : {}) };
      return streamOf(model, filter, { sort: { seq: 1 }, limit, batchSize: STREAM_BATCH });
    },

    /** Returns a chain's last sealed entry. Entries whose `seq` is not a number sort after all others. */
    async lastSealed(chain: AuditChain): Promise<AuditDoc | null> {
      return model.findOne({ chain, sealed: true }).sort({ seq: -1 }).read('primary').lean<AuditDoc>();
    },

    /**
     * Returns a page of entries, newest first. Indexes cover `cascadeId`, `target` and `action`. With any other filter,
     * or with several filters, the page can be short.
     */
    async list(
      chain: AuditChain,
      { fromMs, toMs, ...conditions }: AuditFilter,
      after: Position | null,
      limit: number,
      pay?: PayForRows,
    ): Promise<ListPage<AuditDoc>> {
      return listPage<AuditDoc>(model, {
        time: 'at',
        ...splitConditions(chain, conditions),
        fromMs,
        toMs,
        after,
        limit,
        pay,
      });
    },

    /**
     * Returns a page of the entries about any of the targets, newest first. Reads no entries about other targets. Costs
     * as many index scans as there are targets.
     */
    async listAbout(
      chain: AuditChain,
      targets: readonly string[],
      { fromMs, toMs, ...conditions }: AuditFilter,
      after: Position | null,
      limit: number,
      pay: PayForRows,
    ): Promise<ListPage<AuditDoc>> {
      let page: ListPage<AuditDoc> = { rows: [], next: null, examined: 0 };
      const { target: _target, ...filter } = conditionsOf(conditions);
      const positionOf = ({ at, _id }: AuditDoc): Position => ({ atMs: at.getTime(), id: _id });
      for (let start = 0; start < targets.length; start += TARGETS_PER_QUERY) {
        const indexed = { chain, target: { $in: targets.slice(start, start + TARGETS_PER_QUERY) } };
        // Entries that are older than those on a full page belong to a later page.
        const end = page.rows.length === limit ? positionOf(page.rows.at(-1)!) : null;
        if (end) page = { ...page, next: end };
        const from = end ? Math.max(end.atMs, fromMs ?? end.atMs) : fromMs;
        const query = { time: 'at', indexed, fromMs: from, toMs, after, limit, pay };
        const more = await listPage<AuditDoc>(model, Object.keys(filter).length > 0 ? { ...query, filter } : query);
        page = mergePages([page, more], limit, positionOf);
      }
      return page;
    },

    /** Streams all entries that match the filter, newest first. */
    stream(chain: AuditChain, { fromMs, toMs, ...conditions }: AuditFilter): AsyncIterable<AuditDoc> {
      const { indexed, filter } = splitConditions(chain, conditions);
      const time = 'at';
      return streamOf(
        model,
        { ...indexed, ...filter, ...boundsOf({ time, fromMs, toMs }) },
        { sort: NEWEST_FIRST, batchSize: STREAM_BATCH, hint: indexKeyOf({ time, indexed }) },
      );
    },
  };
}

type Conditions = Omit<AuditFilter, 'fromMs' | 'toMs'>;

function conditionsOf({ action, target, actorKind, cascadeId, requestId }: Conditions): Record<string, unknown> {
  return {
    ...(action === undefined ? {} : { action }),
    ...(target === undefined ? {} : { target }),
    ...(actorKind === undefined ? {} : { 'actor.kind': actorKind }),
    ...(cascadeId === undefined ? {} : { cascadeId }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

/** Splits a filter into the conditions that an index covers and the others. */
function splitConditions(
  chain: AuditChain,
  conditions: Conditions,
): { indexed: Record<string, unknown>; filter?: Record<string, unknown> } {
  const { cascadeId, target, action, ...rest } = conditionsOf(conditions);
  const split = (indexed: Record<string, unknown>, others: Record<string, unknown>) => {
    const filter = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
    return Object.keys(filter).length > 0 ? { indexed, filter } : { indexed };
  };
  if (cascadeId !== undefined) return split({ cascadeId }, { chain, target, action, ...rest });
  if (target !== undefined) return split({ chain, target }, { action, ...rest });
  return split({ chain, ...(action === undefined ? {} : { action }) }, rest);
}
