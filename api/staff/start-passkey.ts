import { passkeyCreation, MAX_PASSKEYS } from '../accounts/passkeys';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { ceremonySchema } from './passkey-schemas';
import { recentStaffAuth } from './session-schemas';

export const startPasskeyRoute = route({
  operationId: 'startPasskey',
  method: 'POST',
  path: '/staff/passkeys/options',
  v1Only: true,
  auth: recentStaffAuth,
  tag: 'Staff accounts',
  summary: 'Get the options with which a browser creates a passkey',
  description: 'Passkeys belong to the host name of this server, so a page of this server must create them.',
  query: noQuery,
  answers: { 200: { description: 'The options', schema: ceremonySchema } },
  problems: ['CONFLICT'],
  handle: async ({ ctx, staff }) => {
    if ((await ctx.store.passkeys.of(staff.staffId)).length >= MAX_PASSKEYS) {
      throw new PublicError('CONFLICT', `An account can have at most ${MAX_PASSKEYS} passkeys. Remove one first.`);
    }
    return { status: 200, body: await passkeyCreation(ctx, staff) };
  },
});
