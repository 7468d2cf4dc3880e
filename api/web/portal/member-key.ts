import { createHmac } from 'node:crypto';
import type { PresentedKey } from '../../../shared/authz/key-lookups';
import { newAccessToken, parseApiKey } from '../../../shared/domain/api-key';
import { type Env, type PartnerId, tagOf } from '../../../shared/domain/ids';
import type { StaffSession } from '../../accounts/staff-auth';
import type { ApiContext } from '../../context';
import { ACCESS_TOKEN_LIFETIME_MS, createAccessToken } from '../../staff/create-access-token';

/**
 * Returns the access token with which the portal acts for a session, so that the same rules apply as in the API. Every
 * process derives the same token, so a session needs one per environment and hour. The token ends with the session, and
 * when the role changes. Throws 404 if the account is not a member of the partner.
 */
export async function memberKeyOf(
  ctx: Pick<ApiContext, 'store' | 'secrets'>,
  staff: StaffSession,
  { partnerId, env }: { partnerId: PartnerId; env: Env },
): Promise<PresentedKey> {
  const hour = Math.floor(Date.now() / ACCESS_TOKEN_LIFETIME_MS);
  const facts = [staff.sessionId, partnerId, env, staff.confirmedAt.getTime(), hour];
  const secret = createHmac('sha256', ctx.secrets.portal).update(facts.join(' ')).digest();
  const { key, hash } = newAccessToken(env, tagOf(partnerId), secret);
  const exists = async (): Promise<boolean> => (await ctx.store.accessTokens.get(hash)) !== null;
  if (!(await exists())) {
    await createAccessToken(ctx, staff, { partnerId, env, secret }).catch(async (error: unknown) => {
      // Another request of the session may have created it at the same time.
      if (!(await exists())) throw error;
    });
  }
  return parseApiKey(key)!;
}
