import { tagOf } from '../../shared/domain/ids';
import { MirError } from '../../shared/platform/errors';
import type { PartnerChange, PartnerDoc } from '../../shared/store/partners';
import type { ApiContext } from '../context';
import { type Act, auditEntry } from '../audit/act';
import { inTransaction } from './from-store';
import { readPartner } from './get-partner';
import { auditedFacts } from './present-partner';

/** Each try is lost only to somebody else's finished change, so this many must be at it at once. */
const MAX_TRIES = 16;

export type ChangeDeps = Pick<ApiContext, 'store' | 'door'>;

/** What to change of the partner as it was read; `change: null` when it is so already. */
export interface Decision {
  change: PartnerChange | null;
  action: string;
  reason: string | undefined;
}

/**
 * Changes a partner so that every process refuses or allows by the new state before this resolves. Whoever is
 * overtaken decides anew on what the other left. A change that is there already still voids the cached credentials:
 * repeating it mends what a failed first try may have left behind.
 */
export async function changePartner(
  { store, door }: ChangeDeps,
  partnerId: string,
  act: Act,
  decide: (before: PartnerDoc) => Decision,
): Promise<PartnerDoc> {
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    const before = await readPartner({ store }, partnerId);
    const { change, action, reason } = decide(before);
    const touched = { nodes: [before._id], keyHashes: before.keys.map(({ hash }) => hash) };
    const { result: after } = await door.whileHeld(tagOf(before._id), touched, async () =>
      change === null
        ? before
        : inTransaction({ store }, async (session) => {
            const changed = await store.partners.change(before, change, act.at, session);
            if (!changed) return null;
            const facts = { before: auditedFacts(before), after: auditedFacts(changed) };
            const entry = { partnerId: before._id, action, target: before._id, reason, ...facts };
            await store.audit.append(auditEntry({ ...act, at: changed.updatedAt }, entry), session);
            return changed;
          }),
    );
    if (after) return after;
  }
  throw new MirError('CONFLICT', 'Others change this partner all the time. Nothing was changed by you; try again.');
}
