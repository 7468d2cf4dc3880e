import type { AffectedRows } from '../../shared/authz/with-invalidation';
import { type PartnerId, tagOf } from '../../shared/domain/ids';
import { serializeByKey } from '../../shared/locks/serialize-by-key';
import type { StoreSession } from '../../shared/store/store';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';
import type { ApiContext } from '../context';
import { transaction } from './transaction';

export type AuthorityDeps = Pick<ApiContext, 'store' | 'authorizer' | 'queueLink' | 'keys' | 'log' | 'webhookQueue'>;

interface Subject {
  /** The root of an agent tree, or a partner. Changes with the same key run one after another. */
  key: string;
  partnerId: PartnerId;
  /**
   * For kills: runs ahead of all waiting changes, and commits even while Redis is down. In that case, `changeAuthority`
   * throws OVERLOADED after the commit, and the change takes effect once Redis is back.
   */
  urgent?: boolean;
}

/** The result of a change, the cached rows that the change makes stale, and the webhook deliveries that announce it. */
interface Changed<T> {
  result: T;
  affected: AffectedRows;
  deliveryIds?: readonly string[];
}

/**
 * Changes what API keys may do. Every such change goes through these steps:
 *
 * 1. Wait for earlier changes with the same key.
 * 2. Run `change` in a transaction, which may repeat it after a conflict.
 * 3. Right before the commit, fence the affected cached rows, so that requests that need them wait.
 * 4. Commit.
 * 5. Remove the fence, so that every process reads the new state from MongoDB.
 * 6. Wake up the webhook workers. If an earlier step fails after the commit, a sweep finds the messages.
 *
 * Resolves with the time from which the change is in force in every process. An error thrown by `change` rolls
 * everything back. Creating an agent needs no fence, because nothing about the agent is cached yet; the call only waits
 * for earlier changes with the same key.
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
            return changed;
          },
          own,
        ),
      );
      wakeDeliveries(deps.webhookQueue, result.deliveryIds ?? []);
      return { result: result.result, inForceAt: new Date(doneAtMs) };
    },
    { urgent },
  );
}
