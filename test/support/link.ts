import { randomUUID } from 'node:crypto';
import type { AuditContext } from '../../api/db/audit-context';
import { confirmLink } from '../../api/links/confirm-link';
import { findRequest, hashOfToken } from '../../api/links/find-link-request';
import type { LinkOutcome } from '../../api/links/link-outcome';
import { removeLink } from '../../api/links/remove-links';
import { type IdentityId, newId } from '../../shared/domain/ids';
import type { LinkRequestDoc } from '../../shared/store/link-requests';
import type { Harness, TestPartner } from './harness';

/** What linking needs of a harness. */
type LinkedMir = Pick<Harness, 'ctx' | 'client'>;

/** Inserts a MIR account into the database. */
export async function newPerson({ ctx }: Pick<Harness, 'ctx'>): Promise<IdentityId> {
  const identityId = newId('idn') as IdentityId;
  const now = new Date();
  const email = `${identityId}@example.org`;
  const account = { email, emailVerified: true, name: '', createdAt: now, updatedAt: now };
  await ctx.store.identities.model.create({ _id: identityId, ...account });
  return identityId;
}

/** Returns the audit context for a person's action on a page. */
export const auditContextForPerson = (): AuditContext => ({
  actor: { kind: 'IDENTITY' },
  requestId: randomUUID(),
  at: new Date(),
});

/** Creates an invitation for a user and reads it as the invited person would. */
export async function invite(
  mir: LinkedMir,
  partner: TestPartner,
  userExternalId: string,
  more: Record<string, unknown> = {},
  key = partner.liveKey,
): Promise<{ request: LinkRequestDoc; token: string; inviteId: string; userRef: string }> {
  const response = await mir.client.post('/partners/link/invite', key, { userExternalId, ...more });
  if (response.status !== 201)
    throw new Error(`the invitation returned ${response.status}: ${JSON.stringify(response.body)}`);
  const { url, inviteId, userRef } = response.body as { url: string; inviteId: string; userRef: string };
  const token = url.slice(url.lastIndexOf('/') + 1);
  const found = await findRequest(mir.ctx, hashOfToken(token), null, new Date());
  if (found.kind !== 'OPEN') throw new Error('the invitation is not open');
  return { request: found.request, token, inviteId, userRef };
}

/** Creates an invitation for a user and confirms it as the given person. */
export async function linkUser(
  mir: LinkedMir,
  partner: TestPartner,
  userExternalId: string,
  identityId: IdentityId,
  key = partner.liveKey,
): Promise<LinkOutcome> {
  const { request } = await invite(mir, partner, userExternalId, {}, key);
  return confirmLink(mir.ctx, request, identityId, auditContextForPerson());
}

/** Removes the link between a person and an account, as the person would. */
export async function unlinkUser(mir: LinkedMir, identityId: IdentityId, userRef: string): Promise<string> {
  const docs = await mir.ctx.store.memberships.ofIdentity(identityId);
  const account = docs.flatMap(({ members }) => members).find((member) => member.userRef === userRef);
  if (!account) throw new Error('the link does not exist');
  return (await removeLink(mir.ctx, identityId, account.linkId, auditContextForPerson())) ?? 'none';
}
