import { tenantOf } from '../../../shared/domain/ids';
import type { PresentedKey } from '../../keys/key-schemas';
import { listKeysRoute } from '../../keys/list-keys';
import { listMembersRoute } from '../../members/list-members';
import type { PresentedMember } from '../../members/member-schemas';
import type { MemberCall } from './member-page';

/** Maximum number of members that a page names. */
const MAX_NAMED_MEMBERS = 100;

/** Returns the newest members of the partner, up to 100. */
export async function membersOf({ call }: Pick<MemberCall, 'call'>): Promise<readonly PresentedMember[]> {
  const { data } = await call<{ data: PresentedMember[] }>(listMembersRoute, {
    query: { limit: String(MAX_NAMED_MEMBERS) },
  });
  return data;
}

/**
 * Returns the names of members, keys and agents by ID. Reads each kind at most once, and only if `ids` contains one.
 * IDs of members who left and of deleted keys have no name.
 */
export async function namesOf(
  page: Pick<MemberCall, 'ctx' | 'member' | 'call'>,
  ids: readonly (string | null | undefined)[],
): Promise<Map<string, string>> {
  const { ctx, member, call } = page;
  const ofKind = (prefix: string): string[] => [...new Set(ids.filter((id) => id?.startsWith(prefix)))] as string[];
  const agentIds = ofKind('agt_');
  const [members, keys, agents] = await Promise.all([
    ofKind('mem_').length === 0 ? [] : membersOf(page),
    ofKind('key_').length === 0 ? [] : call<{ data: PresentedKey[] }>(listKeysRoute).then(({ data }) => data),
    agentIds.length === 0
      ? new Map<string, string>()
      : ctx.store.agents.namesOf(tenantOf(member.partnerId, member.env), agentIds),
  ]);
  return new Map([
    ...members.map(({ memberId, name }): [string, string] => [memberId, name]),
    ...keys.map(({ keyId, name, prefix }): [string, string] => [keyId, `Key ${name ?? prefix}`]),
    ...agents,
  ]);
}
