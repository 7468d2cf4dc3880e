import { z } from 'zod';
import { DELIVERY_RETENTION_DAYS } from '../../shared/domain/webhook';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { changeWebhook } from './change-webhook';
import { requireEnabled } from './find-webhook';
import { presentWebhook, webhookSchema } from './webhook-schemas';

const recoverInput = z
  .strictObject({
    since: z.iso
      .datetime({ offset: true })
      .describe(
        `Messages created at or after this time are sent again. MIR keeps them for ${DELIVERY_RETENTION_DAYS} days.`,
      ),
  })
  .meta({ id: 'RecoverWebhookEndpointRequest' });

function inTheFuture(): PublicError {
  const message = 'Must not be in the future.';
  return new PublicError('VALIDATION_FAILED', 'The time is in the future. Fix the field listed in `errors`.', {
    errors: [{ path: 'since', code: 'IN_THE_FUTURE', message }],
  });
}

export const recoverWebhookRoute = route({
  operationId: 'recoverWebhookEndpoint',
  method: 'POST',
  path: '/webhooks/:id/recover',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', availableWithoutRedis: false },
  tag: 'Webhooks',
  summary: 'Send all missed messages again',
  description:
    'A worker sends every message since that time that this endpoint has not received: those that failed, those waiting for a retry, and those that arose while the endpoint was disabled. Messages that were delivered are not sent again. Safe to repeat.',
  params: idParams,
  query: noQuery,
  body: recoverInput,
  idempotencyKey: true,
  answers: {
    202: { description: 'The endpoint, whose `recovery` is set until it is complete', schema: webhookSchema },
  },
  problems: ['NOT_FOUND', 'CONFLICT'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { ctx, body } = call;
    const since = new Date(body.since);
    const changed = await changeWebhook(ctx, call, (webhook, now) => {
      requireEnabled(webhook);
      if (since > now) throw inTheFuture();
      const earlier = webhook.recovery?.since ?? since;
      const recovery = { since: earlier < since ? earlier : since, until: now };
      return { set: { recovery }, action: 'webhook.recovered', after: { since: since.toISOString() } };
    });
    return { status: 202, body: presentWebhook(changed, new Date()) };
  },
});
