import type { Connection } from 'mongoose';
import type { ChainPosition } from '../domain/audit-chain';
import type { AuditChain } from './audit';

/** How far workers have verified the audit chains, one chain after the other. A row of the `meta` collection. */
export interface ChainChecks {
  /** The chain that is being verified, and its last verified entry. Null between two rounds. */
  current: (ChainPosition & { chain: AuditChain; throughMs: number }) | null;
  /** Broken chains that the current round has found so far. */
  found: AuditChain[];
  /** Broken chains that the last complete round found. */
  broken: AuditChain[];
  /** When the last complete round ended. */
  completedAt: Date | null;
}

interface ChainChecksDoc extends ChainChecks {
  _id: 'audit-checks';
}

const NONE: ChainChecks = { current: null, found: [], broken: [], completedAt: null };

/** Returns the chains that are known to be broken. */
export function brokenChains({ found, broken }: ChainChecks): Set<AuditChain> {
  return new Set([...broken, ...found]);
}

export function chainChecksStore(connection: Connection) {
  const collection = connection.collection<ChainChecksDoc>('meta');
  return {
    async get(): Promise<ChainChecks> {
      return (await collection.findOne({ _id: 'audit-checks' })) ?? NONE;
    },

    async put({ current, found, broken, completedAt }: ChainChecks): Promise<void> {
      await collection.updateOne(
        { _id: 'audit-checks' },
        { $set: { current, found, broken, completedAt } },
        { upsert: true },
      );
    },
  };
}
