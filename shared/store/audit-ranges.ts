import type { Model } from 'mongoose';
import type { Tenant } from '../domain/ids';
import { type AuditChain, type AuditDoc, BY_TARGET_AND_SEQ, TARGETS_PER_QUERY } from './audit';
import { LIST_TIMEOUT_MS } from './list-page';

/** Returns the ID of the entry about a kill's order. The entries of its revocations contain the cascade's ID instead. */
export function orderEntryIdOf(cascadeId: string): string {
  return `aud_${cascadeId}`;
}

/** Queries for the positions of entries in their chain. */
export function auditRanges(model: Model<AuditDoc>) {
  return {
    /**
     * Returns where a chain contains the entries of a kill: its order and the revocations of its cascade. Returns null
     * while any of them is missing or not sealed yet. Reads all entries of a sealed cascade.
     */
    async sealedRangeOfCascade(
      chain: Tenant,
      cascadeId: string,
      revocations: number,
    ): Promise<{ from: number; to: number } | null> {
      const order = await this.orderOfCascade(chain, cascadeId);
      if (order?.seq === undefined) return null;
      // Entries are sealed from the oldest to the newest, so this finds an unsealed one at once.
      const unsealed = await model
        .findOne({ cascadeId, chain, sealed: false }, { _id: 1 })
        .sort({ at: -1, _id: -1 })
        .read('primary')
        .lean<Pick<AuditDoc, '_id'>>();
      if (unsealed) return null;
      const [range] = await model
        .aggregate<{ from: number; to: number; entries: number }>([
          { $match: { cascadeId, chain } },
          { $group: { _id: null, from: { $min: '$seq' }, to: { $max: '$seq' }, entries: { $sum: 1 } } },
        ])
        .read('primary');
      if ((range?.entries ?? 0) !== revocations) return null;
      return { from: Math.min(order.seq, range?.from ?? order.seq), to: Math.max(order.seq, range?.to ?? order.seq) };
    },

    /** Returns the entry about a kill's order, or null if there is none. */
    async orderOfCascade(chain: Tenant, cascadeId: string): Promise<AuditDoc | null> {
      return model
        .findOne({ _id: orderEntryIdOf(cascadeId), chain })
        .read('primary')
        .lean<AuditDoc>();
    },

    /** Returns the first `limit` sealed entries about any of the targets after a position, in the order of the chain. */
    async sealedAbout(
      chain: AuditChain,
      targets: readonly string[],
      { after, through }: { after: number; through: number },
      limit: number,
    ): Promise<AuditDoc[]> {
      let found: AuditDoc[] = [];
      for (let start = 0; start < targets.length; start += TARGETS_PER_QUERY) {
        const target = { $in: targets.slice(start, start + TARGETS_PER_QUERY) };
        // Once there are enough entries, later ones are not needed.
        const last = found.length === limit ? found.at(-1)!.seq! : through;
        const more = await model
          .find({ chain, target, sealed: true, seq: { $gt: after, $lte: last } })
          .sort({ seq: 1 })
          .limit(limit)
          .hint(BY_TARGET_AND_SEQ)
          .maxTimeMS(LIST_TIMEOUT_MS)
          .read('primary')
          .lean<AuditDoc[]>();
        found = [...found, ...more].sort((a, b) => a.seq! - b.seq!).slice(0, limit);
      }
      return found;
    },

    /** Returns a chain's sealed entry at a position, or null if there is none. */
    async sealedAt(chain: AuditChain, seq: number): Promise<AuditDoc | null> {
      return model.findOne({ chain, sealed: true, seq }).read('primary').lean<AuditDoc>();
    },
  };
}
