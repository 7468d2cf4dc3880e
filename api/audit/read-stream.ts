import type { Tenant } from '../../shared/domain/ids';
import type { AuditDoc } from '../../shared/store/audit';
import type { PayForRows } from '../../shared/store/list-page';
import type { ApiContext } from '../context';
import { isPaid } from '../http/price';
import { PublicError } from '../http/public-error';
import { visibleTargets } from './list-audit';
import type { StreamPosition } from './stream-cursor';

type Deps = Pick<ApiContext, 'store'>;

export interface StreamRead {
  tenant: Tenant;
  /** The agent that reads the stream. Null for a partner. */
  agentId: string | null;
  after: StreamPosition;
  limit: number;
  /** Charges for rows. Throws 429 once the budget is exhausted. */
  pay: PayForRows;
}

/** Entries of a stream. `through` is the position up to which the chain contains no others for this reader. */
export interface FoundEntries {
  entries: AuditDoc[];
  through: number;
}

function chainChanged(): PublicError {
  return new PublicError(
    'CONFLICT',
    'The audit chain no longer contains the entry at which this cursor points: the database was restored from a backup, or the chain was changed. Keep your copy, report this to the operator, and start again without `after`.',
  );
}

/** Reads the entry at the position, too, and throws 409 if it changed. */
async function readAll({ store }: Deps, { tenant, after, limit, pay }: StreamRead): Promise<FoundEntries> {
  const entries: AuditDoc[] = [];
  let isKnown = after.seq === 0;
  for await (const doc of store.audit.sealedAfter(tenant, after.seq - 1, isKnown ? limit : limit + 1)) {
    if (!isKnown) {
      if (doc.seq !== after.seq || doc.hash !== after.hash) break;
      isKnown = true;
      continue;
    }
    // Verification reports entries whose number was replaced.
    if (typeof doc.seq !== 'number') continue;
    // The client continues after what it has paid for.
    if (!(await isPaid(pay(1)))) break;
    entries.push(doc);
  }
  if (!isKnown) throw chainChanged();
  return { entries, through: entries.at(-1)?.seq ?? after.seq };
}

/**
 * Reads only entries that the agent may see. Reads the end of the chain before the agent's descendants, so that an entry
 * about a descendant that is created in the meantime comes after every entry that is returned.
 */
async function readVisible(deps: Deps, read: StreamRead & { agentId: string }): Promise<FoundEntries> {
  const { tenant, agentId, after, limit, pay } = read;
  const { audit, auditHeads } = deps.store;
  const through = (await auditHeads.seqsOf([tenant])).get(tenant) ?? 0;
  if (after.seq > 0 && (await audit.sealedAt(tenant, after.seq))?.hash !== after.hash) throw chainChanged();
  const targets = await visibleTargets(deps, { tenant, agentId }, {}, pay);
  const entries = await audit.sealedAbout(tenant, targets, { after: after.seq, through }, limit);
  await pay(entries.length);
  return { entries, through };
}

/**
 * Returns the sealed entries after a position, in the order of the chain. Throws 409 if the chain no longer contains the
 * entry at the position: entries with the numbers that follow would not be those that the client is waiting for.
 */
export function readStream(deps: Deps, read: StreamRead): Promise<FoundEntries> {
  const { agentId } = read;
  return agentId === null ? readAll(deps, read) : readVisible(deps, { ...read, agentId });
}
