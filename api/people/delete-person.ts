import type { IdentityId } from '../../shared/domain/ids';
import { messageOf } from '../../shared/errors';
import { recordErasedContent } from '../../shared/redis/append-only-file';
import { deleteIdentityDocs } from '../../shared/store/delete-identity';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { auditContextForPerson } from '../db/person-context';
import type { CacheState, LinkDeps } from '../links/link-transaction';
import { removeAllLinks } from '../links/remove-links';

type Deps = LinkDeps & Pick<ApiContext, 'queueLink' | 'keys'>;

/**
 * Deletes a person's links and their account in one transaction, in which `also` runs too. The audit entries in the
 * partners' chains do not show who deleted the account. Otherwise, the entries of a rare deletion by an operator would
 * reveal which accounts belonged to one person.
 */
export async function deletePerson(
  deps: Deps,
  { identityId, email }: { identityId: IdentityId; email: string },
  requestId: string,
  also: (session: StoreSession) => Promise<void> = () => Promise.resolve(),
): Promise<CacheState> {
  const { store, queueLink, keys, log } = deps;
  const cacheState = await removeAllLinks(deps, identityId, auditContextForPerson(requestId), async (session) => {
    await deleteIdentityDocs(store, identityId, email, session);
    await also(session);
  });
  // Best effort: no job contains the address, and the deletion is already done.
  await recordErasedContent(queueLink, keys, Date.now()).catch((error: unknown) => {
    log.warn({ err: messageOf(error) }, 'append-only file rewrite not requested');
  });
  return cacheState;
}
