import { z } from 'zod';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { idParams, overlapSchema } from '../http/schemas';
import { changeWebhook } from './change-webhook';
import { newSecret, previousSecretsAfter } from './webhook-secrets';
import { issuedWebhookSchema, presentWebhook } from './webhook-schemas';

export const rotateWebhookSecretRoute = route({
  operationId: 'rotateWebhookSecret',
  method: 'POST',
  path: '/webhooks/:id/rotate-secret',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', availableWithoutRedis: false, recentLogIn: true },
  tag: 'Webhooks',
  summary: 'Replace the secret of a webhook endpoint',
  description:
    'Until the overlap ends, `webhook-signature` contains signatures with both secrets. An overlap of 0 also ends earlier overlaps.',
  params: idParams,
  query: noQuery,
  body: z
    .strictObject({
      overlapSeconds: overlapSchema.describe(
        'How long messages are also signed with the previous secret. Use 0 for a leaked secret.',
      ),
    })
    .meta({ id: 'RotateWebhookSecretRequest' }),
  bodyOptional: true,
  idempotencyKey: true,
  answers: {
    200: { description: 'The endpoint and its new secret, which is shown only once', schema: issuedWebhookSchema },
  },
  problems: ['NOT_FOUND'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { ctx, body } = call;
    let secret = '';
    const changed = await changeWebhook(ctx, call, (webhook, now) => {
      const issued = newSecret(ctx.secrets, webhook._id);
      secret = issued.secret;
      const previousSecrets = previousSecretsAfter(webhook, body.overlapSeconds, now);
      const set = { sealedSecret: issued.sealedSecret, previousSecrets };
      return { set, action: 'webhook.secret.rotated', after: { overlapSeconds: body.overlapSeconds } };
    });
    return { status: 200, body: { ...presentWebhook(changed, new Date()), secret } };
  },
});
