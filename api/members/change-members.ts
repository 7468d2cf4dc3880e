import type { AccessTokenDoc, TokensOf } from '../../shared/store/access-tokens';
import type { PartnerId } from '../../shared/domain/ids';
import type { MemberRole, OperatorRole } from '../../shared/domain/roles';
import { type MemberDoc, type OrganizationId, OPERATORS } from '../../shared/store/members';
import type { StoreSession } from '../../shared/store/store';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { type AuthorityDeps, changeAuthority } from '../db/change-authority';
import { transaction } from '../db/transaction';
import { PublicError } from '../http/public-error';

/** Maximum number of members of an organization. */
const MAX_MEMBERS = 500;

/** A partner's members are audited in its chain, operators in the registry's. */
export function partnerOfOrganization(organization: OrganizationId): PartnerId | null {
  return organization === OPERATORS ? null : organization;
}

function isAdministrator(role: MemberRole | OperatorRole): boolean {
  return role === 'ADMINISTRATOR' || role === 'ADMIN';
}

/** Adds a member in a transaction. Throws 409 if the organization is full. */
export async function addMember(
  { store }: Pick<AuthorityDeps, 'store'>,
  member: MemberDoc,
  session: StoreSession,
): Promise<void> {
  const administrators = isAdministrator(member.role) ? 1 : 0;
  const { members } = await store.organizations.count(member.organization, { members: 1, administrators }, session);
  if (members > MAX_MEMBERS) {
    throw new PublicError('CONFLICT', `There can be at most ${MAX_MEMBERS} members. Remove one first.`);
  }
  await store.members.insert(member, session);
}

/**
 * Deletes the access tokens of a session or member, partner by partner. When this resolves, no process accepts them.
 */
export async function endAccessTokens(deps: AuthorityDeps, tokens: TokensOf): Promise<void> {
  for (const partnerId of await deps.store.accessTokens.partnersOf(tokens)) {
    await changeAuthority(deps, { key: partnerId, partnerId }, async (session) => ({
      result: undefined,
      affected: { keyHashes: await deps.store.accessTokens.remove(tokens, partnerId, session) },
    }));
  }
}

/**
 * Throws 401 if the acting member is no longer an administrator, because of a change since the request was authorized.
 * Without a member, an operator acts.
 */
export async function requireAdministrator(
  { store }: Pick<AuthorityDeps, 'store'>,
  organization: OrganizationId,
  memberId: string | undefined,
  session: StoreSession,
): Promise<void> {
  if (memberId === undefined) return;
  const member = await store.members.get(organization, memberId, session);
  if (member && isAdministrator(member.role)) return;
  throw new PublicError('API_KEY_INVALID', 'Your role was changed in the meantime. Nothing was changed.');
}

function noSuchMember(): PublicError {
  return new PublicError('NOT_FOUND', 'Member not found. Check the ID.');
}

/**
 * Changes a member's role, or removes the member if `role` is null. The member's access tokens end at once. Throws 409
 * for the last administrator, and 401 if the acting member is no longer one.
 */
export async function changeMember(
  deps: AuthorityDeps,
  organization: OrganizationId,
  memberId: AccessTokenDoc['memberId'],
  role: MemberRole | OperatorRole | null,
  { auditContext, actingMemberId }: { auditContext: AuditContext; actingMemberId?: string | undefined },
): Promise<MemberDoc> {
  const { store } = deps;
  const partnerId = partnerOfOrganization(organization);
  const change = async (session: StoreSession): Promise<MemberDoc> => {
    const before = await store.members.get(organization, memberId, session);
    if (!before) throw noSuchMember();
    await requireAdministrator({ store }, organization, actingMemberId, session);
    if (before.role === role) return before;
    const administrators = Number(role !== null && isAdministrator(role)) - Number(isAdministrator(before.role));
    const delta = { members: role === null ? -1 : 0, administrators };
    const counts = await store.organizations.count(organization, delta, session);
    if (administrators < 0 && counts.administrators < 1) {
      throw new PublicError(
        'LAST_ADMINISTRATOR',
        'There is no other administrator. Make another member an administrator first.',
      );
    }
    if (role === null) await store.members.remove(memberId, session);
    else await store.members.setRole(memberId, role, auditContext.at, session);
    const facts = {
      partnerId,
      action: role === null ? 'member.removed' : 'member.role_changed',
      target: memberId,
      before: { role: before.role },
      after: role === null ? null : { role },
    };
    await store.audit.append(auditEntry(auditContext, facts), session);
    return { ...before, ...(role === null ? {} : { role }) };
  };
  if (partnerId === null) return transaction(deps, change);
  const { result } = await changeAuthority(deps, { key: partnerId, partnerId }, async (session) => ({
    result: await change(session),
    affected: { keyHashes: await store.accessTokens.remove({ memberId }, partnerId, session) },
  }));
  return result;
}
