import { createHash } from 'node:crypto';
import { z } from 'zod';
import { newId } from '../../shared/domain/ids';
import { classifyStoreError } from '../../shared/store/errors';
import type { MemberInvitationDoc } from '../../shared/store/members';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { addMember, partnerOfOrganization } from '../members/change-members';
import { mailedSecretSchema, newPasswordSchema, personNameSchema } from './session-schemas';
import { countSecret } from './throttles';

/** What an invitation is accepted with. */
interface Acceptance {
  token: string;
  /** For an address that has no account yet. */
  name?: string | undefined;
  password?: string | undefined;
}

function invalidInvitation(): PublicError {
  return new PublicError(
    'NOT_FOUND',
    'The invitation has expired, was withdrawn or was already accepted. Ask for a new one.',
  );
}

/** Returns the invitation that an emailed secret belongs to, or null if it is no longer valid. */
export function findInvitation(
  { store }: Pick<ApiContext, 'store'>,
  token: string,
  session?: StoreSession,
): Promise<MemberInvitationDoc | null> {
  return store.memberInvitations.byToken(createHash('sha256').update(token).digest('base64url'), session);
}

/**
 * Accepts an invitation for the account with the invited address, which the secret proves to be the person's. Creates
 * the account if there is none. Returns the account's ID.
 */
export async function acceptInvitation(
  { store, staffAuth }: Pick<ApiContext, 'store' | 'staffAuth'>,
  { token, name, password }: Acceptance,
  requestId: string,
): Promise<{ staffId: string; created: boolean }> {
  const found = await findInvitation({ store }, token);
  if (!found) throw invalidInvitation();
  const existing = await store.staff.byEmail(found.email);
  const missing = [...(name === undefined ? ['name'] : []), ...(password === undefined ? ['password'] : [])];
  if (!existing && missing.length > 0) {
    throw new PublicError('VALIDATION_FAILED', 'This address has no account yet. Choose a name and a password.', {
      errors: missing.map((path) => ({ path, code: 'REQUIRED', message: 'Required.' })),
    });
  }
  // Hashed before the transaction, because hashing takes longer than a transaction should.
  const passwordHash = existing ? '' : await staffAuth.hashPassword(password!);
  const at = new Date();
  const work = async (session: StoreSession): Promise<{ staffId: string; created: boolean }> => {
    const invitation = await findInvitation({ store }, token, session);
    if (!invitation) throw invalidInvitation();
    const { _id: invitationId, organization, email, role } = invitation;
    const account = await store.staff.byEmail(email, session);
    const staffId = account?._id ?? (await staffAuth.createAccount({ email, name: name!, passwordHash }, at, session));
    if (await store.members.of(organization, staffId, session)) {
      throw new PublicError('CONFLICT', 'You are already a member.');
    }
    await store.memberInvitations.remove(organization, invitationId, session);
    const member = { _id: newId('mem'), organization, staffId, role, createdAt: at, updatedAt: at };
    await addMember({ store }, member, session);
    const actor = { kind: 'MEMBER', memberId: member._id, name: account?.name ?? name! } as const;
    const context: AuditContext = { actor, requestId, at };
    const facts = {
      partnerId: partnerOfOrganization(organization),
      action: 'member.joined',
      target: member._id,
      after: { role, invitationId },
    };
    await store.audit.append(auditEntry(context, facts), session);
    return { staffId, created: !account };
  };
  try {
    return await transaction({ store }, work);
  } catch (error) {
    if (classifyStoreError(error) !== 'duplicate') throw error;
    throw new PublicError('CONFLICT', 'Another request accepted an invitation of this address. Try again.', {
      cause: error,
    });
  }
}

export const acceptInvitationRoute = route({
  operationId: 'acceptInvitation',
  method: 'POST',
  path: '/staff/invitations/accept',
  v1Only: true,
  auth: { kind: 'public' },
  tag: 'Staff accounts',
  summary: 'Accept an invitation with the link from the email',
  description:
    'Creates an account with this name and password if the invited address has none. Otherwise, the existing account becomes a member; log in with it as usual.',
  query: noQuery,
  body: z
    .strictObject({
      token: mailedSecretSchema,
      name: personNameSchema.optional(),
      password: newPasswordSchema.optional(),
    })
    .meta({ id: 'AcceptInvitationRequest' }),
  answers: {
    200: {
      description: 'Accepted. Log in to continue',
      schema: z
        .object({ staffId: z.string(), created: z.boolean().describe('Whether an account was created.') })
        .meta({ id: 'AcceptedInvitation' }),
    },
  },
  problems: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body, ip, requestId }) => {
    await countSecret(ctx, ip);
    return { status: 200, body: await acceptInvitation(ctx, body, requestId) };
  },
});
