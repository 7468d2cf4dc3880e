import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { readPartner } from '../partners/get-partner';
import { findKey } from './change-keys';
import { keySchema, presentKey } from './key-schemas';

export const getKeyRoute = route({
  operationId: 'getKey',
  method: 'GET',
  path: '/keys/:id',
  v1Only: true,
  auth: { kind: 'key', scope: 'keys:manage', memberScope: 'keys:read', availableWithoutRedis: true },
  tag: 'Keys',
  summary: 'Get one of your API keys',
  params: idParams,
  query: noQuery,
  answers: { 200: { description: 'The key, without its secret', schema: keySchema } },
  problems: ['NOT_FOUND'],
  handle: async ({ ctx, caller, params }) => {
    const { partnerId, env } = caller.admission.credential;
    const { current, replaced } = findKey(await readPartner(ctx, partnerId), env, params.id, new Date());
    return { status: 200, body: presentKey(current, replaced) };
  },
});
