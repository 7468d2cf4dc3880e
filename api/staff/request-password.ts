import { z } from 'zod';
import { newId } from '../../shared/domain/ids';
import { requireMailSpace, wakeUpMails } from '../../shared/mails/notify-partner';
import type { ApiContext } from '../context';
import { storeWrite } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { withMinimumDuration } from '../http/with-minimum-duration';
import { emailSchema } from '../http/schemas';
import { countEmail } from './throttles';

/**
 * Sends an email with which to choose a new password, if an account has this address. Takes the same time whether or not
 * there is one. Counts the attempt. Throws 409 if this server sends no email.
 */
export async function requestPassword(ctx: ApiContext, email: string, ip: string): Promise<void> {
  const { store, config } = ctx;
  if (config.mail.kind === 'off') {
    throw new PublicError('CONFLICT', 'This MIR server sends no email. Ask its operator to invite you again.');
  }
  await countEmail(ctx, ip, email);
  await requireMailSpace({ store });
  await withMinimumDuration(queueReset(ctx, email));
}

async function queueReset(ctx: ApiContext, email: string): Promise<void> {
  const { store } = ctx;
  const account = await store.staff.byEmail(email);
  if (!account) return;
  const mail = { _id: newId('mail'), reason: 'STAFF_RESET', recipientId: account._id } as const;
  await storeWrite(store.queuedMails.insert(mail, new Date()));
  await wakeUpMails(ctx, [mail._id]);
}

export const requestPasswordRoute = route({
  operationId: 'requestPassword',
  method: 'POST',
  path: '/staff/password/forgot',
  v1Only: true,
  auth: { kind: 'public' },
  tag: 'Staff accounts',
  summary: 'Request an email with which to choose a new password',
  description: 'The response is the same whether or not an account has this address.',
  query: noQuery,
  body: z.strictObject({ email: emailSchema }).meta({ id: 'RequestPasswordRequest' }),
  answers: {
    202: {
      description: 'An email is sent if an account has this address',
      schema: z.object({ status: z.literal('ACCEPTED') }).meta({ id: 'RequestedPassword' }),
    },
  },
  problems: ['CONFLICT', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body: { email }, ip }) => {
    await requestPassword(ctx, email, ip);
    return { status: 202, body: { status: 'ACCEPTED' } };
  },
});
