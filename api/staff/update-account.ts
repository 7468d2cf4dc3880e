import { z } from 'zod';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { accountSchema, presentAccount } from './get-account';
import { accountEntry, personNameSchema, staffAuth } from './session-schemas';

export const updateAccountRoute = route({
  operationId: 'updateStaffAccount',
  method: 'PATCH',
  path: '/staff/me',
  v1Only: true,
  auth: staffAuth,
  tag: 'Staff accounts',
  summary: 'Change your name',
  description: 'Access tokens that exist already record the earlier name in audit logs, until they expire.',
  query: noQuery,
  body: z.strictObject({ name: personNameSchema }).meta({ id: 'UpdateStaffAccountRequest' }),
  answers: { 200: { description: 'Your account', schema: accountSchema } },
  problems: [],
  handle: async ({ ctx, staff, body, requestId }) => {
    await transaction(ctx, async (session) => {
      await ctx.store.staff.rename(staff.staffId, body.name, new Date(), session);
      await ctx.store.audit.append(accountEntry(staff, requestId, 'staff.renamed'), session);
    });
    return { status: 200, body: await presentAccount(ctx, { ...staff, name: body.name }) };
  },
});
