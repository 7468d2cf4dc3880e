import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { environmentSchema } from '../http/schemas';
import { readPartner } from './get-partner';
import { partnerSchema, presentPartner } from './present-partner';

const operatorSchema = z
  .object({
    name: z
      .string()
      .nullable()
      .meta({ examples: ['Example Association'] }),
    contact: z.string().nullable().describe('An email address or an https URL.'),
    privacyUrl: z.string().nullable(),
    termsUrl: z.string().nullable(),
  })
  .meta({ id: 'RegistryOperator', description: 'Who operates this registry. Null if the operator has not set it.' });

const ownPartnerSchema = partnerSchema
  .pick({ partnerId: true, name: true, plan: true, limits: true, allowedReturnOrigins: true, suspended: true })
  .extend({ environment: environmentSchema, operator: operatorSchema })
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
  answers: {
    200: { description: 'Your plan, limits and return origins, and whom to contact', schema: ownPartnerSchema },
  },
  problems: [],
  handle: async ({ ctx, caller }) => {
    const { partnerId, env } = caller.admission.credential;
    const { name, plan, limits, allowedReturnOrigins, suspended } = presentPartner(await readPartner(ctx, partnerId));
    const { operator } = ctx.config;
    const terms = { plan, limits, allowedReturnOrigins, suspended };
    const body: OwnPartner = { partnerId, name, environment: env, ...terms, operator };
    return { status: 200, body };
  },
});
