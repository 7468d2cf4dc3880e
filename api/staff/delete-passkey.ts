import { z } from 'zod';
import { storeWrite, transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { accountEntry, recentStaffAuth } from './session-schemas';

const MAX_ID_LENGTH = 1_400;

export const deletePasskeyRoute = route({
  operationId: 'deletePasskey',
  method: 'DELETE',
  path: '/staff/passkeys/:id',
  v1Only: true,
  auth: recentStaffAuth,
  tag: 'Staff accounts',
  summary: 'Remove a passkey',
  params: z.strictObject({ id: z.string().min(1).max(MAX_ID_LENGTH) }),
  query: noQuery,
  answers: {
    200: { description: 'Removed', schema: z.object({ removed: z.literal(true) }).meta({ id: 'RemovedPasskey' }) },
  },
  problems: ['NOT_FOUND'],
  handle: async ({ ctx, staff, params, requestId }) => {
    if (!(await storeWrite(ctx.store.passkeys.remove(staff.staffId, params.id)))) {
      throw new PublicError('NOT_FOUND', 'Passkey not found. Check the ID.');
    }
    const entry = accountEntry(staff, requestId, 'staff.passkey_removed');
    await transaction(ctx, (session) => ctx.store.audit.append(entry, session));
    return { status: 200, body: { removed: true } };
  },
});
