import { z } from 'zod';
import { MAX_PERSON_NAME_LENGTH } from '../http/lengths';
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from '../accounts/better-auth';
import type { NewSession, StaffSession } from '../accounts/staff-auth';
import { MirError } from '../../shared/errors';
import { type AuditContext, auditEntry } from '../db/audit-context';
import type { NewAuditEntry } from '../../shared/store/audit';
import { nameSchema } from '../../shared/domain/line';

const MAX_CODE_LENGTH = 20;
const MAX_SECRET_LENGTH = 100;

export const staffAuth = { kind: 'staff' } as const;
/** For changes of how the account logs in. */
export const recentStaffAuth = { kind: 'staff', recentLogIn: true } as const;

export const personNameSchema = nameSchema(MAX_PERSON_NAME_LENGTH).describe('Your name, as your colleagues see it.');
export const passwordSchema = z.string().min(1).max(MAX_PASSWORD_LENGTH);
export const newPasswordSchema = z.string().min(MIN_PASSWORD_LENGTH).max(MAX_PASSWORD_LENGTH);
export const codeSchema = z
  .string()
  .trim()
  .min(1)
  .max(MAX_CODE_LENGTH)
  .describe('Six digits from your authenticator app, or an unused backup code.')
  .meta({ examples: ['123456'] });
export const mailedSecretSchema = z
  .string()
  .min(1)
  .max(MAX_SECRET_LENGTH)
  .describe('The `token` in the link of the email.');

const time = z.iso.datetime();

/** A session that was just started. */
export const newSessionSchema = z
  .object({
    sessionToken: z
      .string()
      .describe('Shown only once. Send it as `Authorization: Bearer …` to routes about your account.')
      .meta({ examples: [`mir_session_${'0'.repeat(32)}`] }),
    sessionId: z.string(),
    expiresAt: time.describe('The session ends at this time, whether or not it is used.'),
  })
  .meta({ id: 'NewSession' });

export function presentNewSession({ sessionToken, session }: NewSession): z.infer<typeof newSessionSchema> {
  return { sessionToken, sessionId: session.sessionId, expiresAt: session.expiresAt.toISOString() };
}

/** Returns the error for a wrong address, password or code. */
export function logInFailed(): MirError {
  return new MirError('LOG_IN_FAILED', 'wrong address, password or code');
}

/** Returns the error for a password that needs a code. */
export function codeRequired(): MirError {
  return new MirError('SECOND_FACTOR_REQUIRED', 'the account has a second factor');
}

/** Returns the audit entry for a change of how an account logs in, in the registry's chain. */
export function accountEntry(
  { staffId, name }: Pick<StaffSession, 'staffId' | 'name'>,
  requestId: string,
  action: string,
): NewAuditEntry {
  const context: AuditContext = { actor: { kind: 'MEMBER', memberId: staffId, name }, requestId, at: new Date() };
  return auditEntry(context, { partnerId: null, action, target: staffId });
}
