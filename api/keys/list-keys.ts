import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { readPartner } from '../partners/get-partner';
import { keysOf } from './change-keys';
import { keyListSchema, presentKey } from './key-schemas';

export const listKeysRoute = route({
  operationId: 'listKeys',
  method: 'GET',
  path: '/keys',
  v1Only: true,
  auth: { kind: 'key', scope: 'keys:manage', memberScope: 'keys:read', availableWithoutRedis: true },
  tag: 'Keys',
  summary: 'List your API keys in this environment',
  query: noQuery,
  answers: { 200: { description: 'The keys, oldest first, without their secrets', schema: keyListSchema } },
  problems: [],
  handle: async ({ ctx, caller }) => {
    const { partnerId, env } = caller.admission.credential;
    const keys = keysOf(await readPartner(ctx, partnerId), env, new Date());
    return {
      status: 200,
      body: { data: keys.map(({ current, replaced }) => presentKey(current, replaced)), nextCursor: null },
    };
  },
});
