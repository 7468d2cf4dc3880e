import type { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { environmentSchema } from '../http/schemas';
import { readPartner } from './get-partner';
import { partnerSchema, presentPartner } from './present-partner';

const ownPartnerSchema = partnerSchema
  .pick({ partnerId: true, name: true, plan: true, limits: true, allowedReturnOrigins: true, suspended: true })
  .extend({ environment: environmentSchema })
  .meta({ id: 'OwnPartner' });
type OwnPartner = z.infer<typeof ownPartnerSchema>;

export const getOwnPartnerRoute = route({
  operationId: 'getOwnPartner',
  method: 'GET',
  path: '/partners/me',
  v1Only: true,
  auth: { kind: 'key', scope: 'keys:manage', memberScope: 'keys:read', availableWithoutRedis: true },
  tag: 'Keys',
  summary: 'Get your own partner account',
  query: noQuery,
  answers: { 200: { description: 'Your plan, limits and return origins', schema: ownPartnerSchema } },
  problems: [],
  handle: async ({ ctx, caller }) => {
    const { partnerId, env } = caller.admission.credential;
    const { name, plan, limits, allowedReturnOrigins, suspended } = presentPartner(await readPartner(ctx, partnerId));
    const body: OwnPartner = { partnerId, name, environment: env, plan, limits, allowedReturnOrigins, suspended };
    return { status: 200, body };
  },
});
