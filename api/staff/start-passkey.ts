import { passkeyCreation } from '../accounts/passkeys';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { ceremonySchema } from './passkey-schemas';
import { requireRoomForPasskey } from './require-room-for-passkey';
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
    await requireRoomForPasskey(ctx, staff.staffId);
    return { status: 200, body: await passkeyCreation(ctx, staff) };
  },
});
