import { z } from 'zod';
import { addPasskey } from '../accounts/passkeys';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { browserResponseSchema, passkeyNameSchema, passkeySchema, presentPasskey } from './passkey-schemas';
import { requireRoomForPasskey } from './require-room-for-passkey';
import { accountEntry, recentStaffAuth } from './session-schemas';

export const createPasskeyRoute = route({
  operationId: 'createPasskey',
  method: 'POST',
  path: '/staff/passkeys',
  v1Only: true,
  auth: recentStaffAuth,
  tag: 'Staff accounts',
  summary: 'Add the passkey that a browser has created',
  query: noQuery,
  body: z
    .strictObject({ challengeId: z.string().max(100), name: passkeyNameSchema, response: browserResponseSchema })
    .meta({ id: 'CreatePasskeyRequest' }),
  answers: { 201: { description: 'The passkey', schema: passkeySchema } },
  problems: ['CONFLICT'],
  handle: async ({ ctx, staff, body, requestId }) => {
    // A challenge lasts for minutes, in which other passkeys may have been added.
    await requireRoomForPasskey(ctx, staff.staffId);
    const passkey = await addPasskey(ctx, staff.staffId, body);
    if (!passkey) {
      throw new PublicError('CONFLICT', 'The response does not fit the challenge, or it is too old. Start again.');
    }
    const entry = accountEntry(staff, requestId, 'staff.passkey_added');
    await transaction(ctx, (session) => ctx.store.audit.append(entry, session));
    return { status: 201, body: presentPasskey(passkey) };
  },
});
