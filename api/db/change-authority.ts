import type { AffectedRows } from '../../shared/authz/with-invalidation';
import { type PartnerId, tagOf } from '../../shared/domain/ids';
import { serializeByKey } from '../../shared/locks/serialize-by-key';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { transaction } from './transaction';

export type AuthorityDeps = Pick<ApiContext, 'store' | 'authorizer' | 'queueLink' | 'keys' | 'log'>;

interface Subject {
  /** Changes of one key run one after another: the root of an agent tree, or a partner. */
  key: string;
  partnerId: PartnerId;
  /**
   * For kills: goes ahead of all changes that wait, and is committed also while Redis is down. It is then in force as
   * soon as Redis is back, and this throws OVERLOADED after the commit.
   */
  urgent?: boolean;
}

/** What a change returns, and the cached rows that it makes stale. */
interface Changed<T> {
  result: T;
  affected: AffectedRows;
}

/**
 * Changes what a key may do. Every change of authority runs through here, always in this order:
 *
 * 1. wait until the earlier changes of the same key are done;
 * 2. run `change` in one transaction, which may repeat it after a conflict;
 * 3. fence the cached rows that it affects, as the last step before the commit: callers that use them wait;
 * 4. commit;
 * 5. remove the fence, so that every process reads the new state from MongoDB.
 *
 * Only then it resolves, with the time from which the change is in force in every process. An error thrown by `change`
 * undoes everything. Creating an agent needs no fence, because nothing is cached of it: it only takes its turn.
 */
export async function changeAuthority<T>(
  deps: AuthorityDeps,
  { key, partnerId, urgent = false }: Subject,
  change: (session: StoreSession) => Promise<Changed<T>>,
): Promise<{ result: T; inForceAt: Date }> {
  return serializeByKey(
    deps,
    key,
    async (own) => {
      const { result, doneAtMs } = await deps.authorizer.withInvalidation(tagOf(partnerId), {}, (fence) =>
        transaction(
          deps,
          async (session) => {
            const changed = await change(session);
            await fence(changed.affected, { required: !urgent });
            return changed.result;
          },
          own,
        ),
      );
      return { result, inForceAt: new Date(doneAtMs) };
    },
    { urgent },
  );
}
