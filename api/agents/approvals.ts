import type { SpawnPolicy } from '../../shared/domain/agent';
import { newId } from '../../shared/domain/ids';
import { blocked, unknownKey } from '../../shared/authz/rejections';
import type { AgentDoc } from '../../shared/store/agents';
import type { PartnerDoc } from '../../shared/store/partners';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { managerOf } from '../db/manager-of';
import { PublicError } from '../http/public-error';
import { requireAccess } from '../http/require-caller';
import type { Caller, KeyAuth } from '../http/route';
import type { AgentAccess } from './agent-access';

type Deps = Pick<ApiContext, 'store'>;
/** A transaction, and the time of the change that it makes. */
interface Moment {
  now: Date;
  session: StoreSession;
}

/** Who may approve agents. */
export const approveAuth = {
  kind: 'key',
  scope: 'agents:manage',
  partnerScope: 'agents:approve',
  availableWithoutRedis: false,
  partnerOnly: true,
  enterpriseOnly: true,
  recentLogIn: true,
} as const satisfies KeyAuth;

/** A caller as of a transaction: its ID, and all IDs by which the person behind it can be recognized. */
interface Person {
  id: string;
  identities: string[];
}

/**
 * Returns who calls. A member is recognized by its account, and a key by itself and by the member from whom it descends.
 * Throws 401 if the caller has lost its rights since the request was authorized.
 */
async function personOf({ store }: Deps, partner: PartnerDoc, caller: Caller, moment: Moment): Promise<Person> {
  const { id, entry } = await managerOf({ store }, partner, caller, moment);
  const memberId = entry === null ? id : entry.creators?.find((creator) => creator.startsWith('mem_'));
  if (memberId === undefined) return { id, identities: [id] };
  const member = await store.members.get(partner._id, memberId, moment.session);
  return { id, identities: [...new Set([id, memberId, ...(member ? [member.staffId] : [])])] };
}

/** What a new agent needs if a person must approve it first. */
export type ApprovalRequest = Pick<AgentDoc, 'approvalId' | 'approvalExpiresAt' | 'requestedBy'>;

/** Opens an approval on behalf of the caller. */
export async function requestApproval(
  { store }: Deps,
  { self, caller, partnerId }: AgentAccess,
  { approval }: SpawnPolicy,
  moment: Moment,
): Promise<ApprovalRequest> {
  const partner = await store.partners.get(partnerId, moment.session);
  const person = self === null && caller && partner ? await personOf({ store }, partner, caller, moment) : null;
  return {
    approvalId: newId('apr'),
    approvalExpiresAt: new Date(moment.now.getTime() + approval.expiresInSeconds * 1_000),
    requestedBy: person?.identities ?? (self === null ? [] : [self]),
  };
}

/**
 * Checks the approver as of the transaction, and returns its ID. Throws 403 if the approver requested the agent. Throws
 * 401 or 403 if the approver has lost the right to approve since the request was authorized. Writes to the approver's
 * rows, so that a concurrent revocation, demotion or suspension conflicts: if it comes first, the approval is rejected.
 */
export async function requireSecondPerson(
  { store }: Deps,
  { caller, partnerId }: AgentAccess,
  { requestedBy, createdBy }: AgentDoc,
  moment: Moment,
): Promise<string> {
  const partner = await store.partners.touch(partnerId, moment.session);
  if (!caller || !partner) throw unknownKey();
  const { id, identities } = await personOf({ store }, partner, caller, moment);
  const { credential } = caller.admission;
  if (credential.member && !(await store.accessTokens.touch(caller.key.hash, moment))) throw unknownKey();
  if (partner.suspended) throw blocked('PARTNER_SUSPENDED');
  requireAccess({ ...credential, plan: partner.plan }, approveAuth);
  const requesters = requestedBy ?? [createdBy];
  if (!requesters.some((requester) => identities.some((identity) => identity === requester))) return id;
  throw new PublicError(
    'SECOND_PERSON_REQUIRED',
    'You requested this agent, so another person must decide. Let another member approve it, or a person who has a partner key of their own with the scope agents:approve.',
  );
}
