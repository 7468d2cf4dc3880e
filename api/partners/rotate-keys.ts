import { z } from 'zod';
import { newApiKey } from '../../shared/domain/api-key';
import { type Env, newId, tagOf } from '../../shared/domain/ids';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { type AuditContext, auditContextForOperator } from '../db/audit-context';
import type { AuthorityDeps } from '../db/change-authority';
import { FIRST_KEY_NAME } from './admit-partner';
import { changePartner } from './change-partner';
import { environmentSchema, idParams, reasonSchema } from '../http/schemas';

export const rotationInput = z
  .strictObject({ env: environmentSchema, reason: reasonSchema.optional() })
  .meta({ id: 'RotatePartnerKeyRequest' });

export interface RotatedKey {
  partnerId: string;
  env: Env;
  apiKey: string;
}

/**
 * Replaces all of a partner's keys for one environment by one key with all scopes, and returns it. When this resolves, every process rejects the
 * old keys. The last of several concurrent rotations wins; the keys returned by the other rotations are invalid.
 */
export async function rotateKey(
  deps: AuthorityDeps,
  partnerId: string,
  { env, reason }: z.output<typeof rotationInput>,
  auditContext: AuditContext,
): Promise<RotatedKey> {
  let apiKey = '';
  const partner = await changePartner(deps, partnerId, auditContext, (before) => {
    const { key, hash, prefix } = newApiKey(env, tagOf(before._id));
    apiKey = key;
    const others = before.keys.filter((other) => other.env !== env);
    const id = newId('key');
    const keys = [...others, { id, name: FIRST_KEY_NAME, env, hash, prefix, createdAt: auditContext.at }];
    const data = { keyId: id, previousValidUntil: null };
    const message = { envs: [env], type: 'key.rotated' as const, data };
    return { change: { keys }, action: 'partner.key.rotated', reason, message };
  });
  return { partnerId: partner._id, env, apiKey };
}

export const rotateKeysRoute = route({
  operationId: 'rotatePartnerKey',
  method: 'POST',
  path: '/admin/partners/:id/keys/rotate',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Replace all of a partner’s keys for one environment',
  params: idParams,
  query: noQuery,
  body: rotationInput,
  answers: {
    200: {
      description: 'The new key, which is shown only once. The old keys no longer work',
      schema: z
        .object({ partnerId: z.string(), env: environmentSchema, apiKey: z.string() })
        .meta({ id: 'RotatedPartnerKey' }),
    },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'NOT_FOUND', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params, body, requestId, operator }) => ({
    status: 200,
    body: await rotateKey(ctx, params.id, body, auditContextForOperator({ operator, requestId })),
  }),
});
