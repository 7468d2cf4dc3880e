import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { passkeySchema, presentPasskey } from './passkey-schemas';
import { staffAuth } from './session-schemas';

export const listPasskeysRoute = route({
  operationId: 'listPasskeys',
  method: 'GET',
  path: '/staff/passkeys',
  v1Only: true,
  auth: staffAuth,
  tag: 'Staff accounts',
  summary: 'List your passkeys, oldest first',
  query: noQuery,
  answers: {
    200: {
      description: 'Your passkeys',
      schema: z
        .object({ data: z.array(passkeySchema), nextCursor: z.null().describe('All passkeys fit on one page.') })
        .meta({ id: 'PasskeyPage' }),
    },
  },
  problems: [],
  handle: async ({ ctx, staff }) => {
    const passkeys = await ctx.store.passkeys.of(staff.staffId);
    return { status: 200, body: { data: passkeys.map(presentPasskey), nextCursor: null } };
  },
});
