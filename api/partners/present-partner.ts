import { z } from 'zod';
import { DEFAULT_QUEUE_SHARE_PERCENT } from '../../shared/queue/overload-guard';
import type { Env, PartnerId } from '../../shared/domain/ids';
import { keyIdOf, type PartnerDoc } from '../../shared/store/partners';
import { environmentSchema } from '../http/schemas';
import { planSchema } from './input-schemas';

const time = z.iso.datetime();

/** A partner as shown to operators. Only the prefix of each key is included. */
export const partnerSchema = z
  .object({
    partnerId: z.string(),
    name: z.string(),
    website: z.string(),
    contactEmail: z.string(),
    plan: planSchema,
    limits: z
      .object({ eventsPerMinute: z.int(), requestsPerMinute: z.int(), queueSharePercent: z.int() })
      .meta({ id: 'PartnerLimits' }),
    suspended: z.boolean(),
    allowedReturnOrigins: z.array(z.string()),
    keys: z.array(
      z
        .object({
          keyId: z.string(),
          name: z.string().nullable(),
          env: environmentSchema,
          prefix: z.string(),
          createdAt: time,
          expiresAt: time.nullable(),
        })
        .meta({ id: 'PartnerKey' }),
    ),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Partner' });
export type PresentedPartner = z.infer<typeof partnerSchema>;

export function presentPartner(partner: PartnerDoc): PresentedPartner {
  const { name, website, contactEmail, plan, limits, suspended, allowedReturnOrigins } = partner;
  return {
    partnerId: partner._id,
    name,
    website,
    contactEmail,
    plan,
    limits: {
      eventsPerMinute: limits.eventsPerMinute,
      requestsPerMinute: limits.requestsPerMinute,
      queueSharePercent: limits.queueSharePercent ?? DEFAULT_QUEUE_SHARE_PERCENT,
    },
    suspended,
    allowedReturnOrigins,
    keys: partner.keys.map((key) => ({
      keyId: keyIdOf(key),
      name: key.name ?? null,
      env: key.env,
      prefix: key.prefix,
      createdAt: key.createdAt.toISOString(),
      expiresAt: key.expiresAt?.toISOString() ?? null,
    })),
    createdAt: partner.createdAt.toISOString(),
    updatedAt: partner.updatedAt.toISOString(),
  };
}

/** Returns the fields of a partner that audit entries may contain. */
export function auditedFacts(partner: PartnerDoc): Record<string, unknown> {
  const { plan, limits, suspended, allowedReturnOrigins, keys } = partner;
  const prefixesOf = (env: Env): string[] => keys.filter((key) => key.env === env).map(({ prefix }) => prefix);
  const keyPrefixes = { live: prefixesOf('live'), test: prefixesOf('test') };
  return { plan, limits, suspended, allowedReturnOrigins, keyPrefixes };
}

/** The API keys of a new partner, which no later response contains. */
export const issuedKeysSchema = z
  .object({
    partnerId: z.string(),
    liveApiKey: z.string().describe('Shown only once.'),
    testApiKey: z.string().describe('Shown only once.'),
  })
  .meta({ id: 'IssuedKeys' });
export type IssuedKeys = z.infer<typeof issuedKeysSchema> & { partnerId: PartnerId };
