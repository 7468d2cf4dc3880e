import type { KeyGrant } from '../../shared/domain/partner-key';
import { ROLE_SCOPES } from '../../shared/domain/roles';
import { isKeyScope } from '../../shared/domain/scopes';
import { grantOf, keyIdOf, type PartnerDoc, type PartnerKey } from '../../shared/store/partners';
import type { Store, StoreSession } from '../../shared/store/store';
import { PublicError } from '../http/public-error';
import type { Caller } from '../http/route';

/** Who makes a change: a key or a member. */
export interface Manager {
  /** ID of the key or member. */
  id: string;
  grant: KeyGrant;
  /** The entry of the key. Null for a member. */
  entry: PartnerKey | null;
}

/**
 * Returns what the caller may do, as of the transaction. Throws 401 if its key was revoked or has expired, or if the
 * member's role has changed, since the request was authorized.
 */
export async function managerOf(
  { store }: { store: Pick<Store, 'members'> },
  { _id, keys }: PartnerDoc,
  { key: { hash }, admission }: Caller,
  { now, session }: { now: Date; session: StoreSession },
): Promise<Manager> {
  const { member } = admission.credential;
  if (member) {
    const current = await store.members.get(_id, member.memberId, session);
    const scopes = ROLE_SCOPES[member.role].filter((scope) => isKeyScope(scope));
    const grant = { scopes, allowedEventTypes: null, allowedIps: null, expiresAt: null };
    if (current?.role === member.role) return { id: member.memberId, grant, entry: null };
    throw new PublicError('API_KEY_INVALID', 'Your role was changed in the meantime. Nothing was changed.');
  }
  const own = keys.find((key) => key.hash === hash);
  if (own && (own.expiresAt === undefined || own.expiresAt > now)) {
    return { id: keyIdOf(own), grant: grantOf(own), entry: own };
  }
  throw new PublicError('API_KEY_INVALID', 'Your API key was revoked in the meantime. Nothing was changed.');
}
