import type { Route } from '../../../api/http/route';
import type { PartnerId } from '../../../shared/domain/ids';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';
import { accessToken, insertMember } from '../../support/staff';

type Headers = Record<string, string>;

/**
 * Returns a function that returns the headers with which a route accepts a caller: those of the operator, a key of the
 * partner, or an account that is created at the first call, because its requests are limited.
 */
export function credentialsOf(h: Harness, partnerId: PartnerId, key: string): (route: Route) => Promise<Headers> {
  let creating: Promise<{ session: Headers; token: Headers }> | null = null;
  const create = async () => {
    const { staffId } = await insertMember(h, partnerId, 'ADMINISTRATOR');
    const { sessionToken } = await h.ctx.staffAuth.startSession(staffId, undefined);
    return {
      session: { authorization: `Bearer ${sessionToken}` },
      token: { 'x-api-key': await accessToken(h, sessionToken, partnerId) },
    };
  };
  return async ({ auth }) => {
    if (auth.kind === 'admin') return { 'x-admin-token': ADMIN_TOKEN };
    if (auth.kind === 'staff') return (await (creating ??= create())).session;
    const isForMembers = auth.kind === 'key' && auth.scope.startsWith('members:');
    return isForMembers ? (await (creating ??= create())).token : { 'x-api-key': key };
  };
}
