import { z } from 'zod';
import { MAX_NAME_LENGTH } from '../http/lengths';
import { MAX_ALLOWED_EVENT_TYPES } from '../../shared/domain/agent';
import { normalizedIpRange } from '../../shared/domain/partner-key';
import { KEY_SCOPES } from '../../shared/domain/scopes';
import { lineSchema } from '../../shared/domain/line';
import { grantOf, keyIdOf, type PartnerKey } from '../../shared/store/partners';
import { allowPatternSchema } from '../agents/input-schemas';
import { environmentSchema, overlapSchema, reasonSchema } from '../http/schemas';

const MAX_IP_RANGES = 50;
const MAX_IP_LENGTH = 64;

const scopesSchema = z
  .array(z.enum(KEY_SCOPES).meta({ id: 'KeyScope' }))
  .min(1)
  .overwrite((scopes) => [...new Set(scopes)]);

const ipRangeSchema = z
  .string()
  .max(MAX_IP_LENGTH)
  .superRefine((text, check) => {
    if (normalizedIpRange(text) !== null) return;
    const message = 'Must be an IP address or a CIDR range, such as 203.0.113.7 or 2001:db8::/48.';
    check.addIssue({ code: 'custom', message, params: { code: 'INVALID_IP_RANGE' } });
  })
  .overwrite((text) => normalizedIpRange(text) ?? text)
  .meta({ examples: ['203.0.113.0/24'] });

export const createKeyInput = z
  .strictObject({
    name: lineSchema(MAX_NAME_LENGTH).meta({ examples: ['Checkout service'] }),
    scopes: scopesSchema
      .optional()
      .describe('Defaults to the scopes of your key, without `keys:manage` and `agents:approve`.'),
    allowedEventTypes: z
      .array(allowPatternSchema)
      .min(1)
      .max(MAX_ALLOWED_EVENT_TYPES)
      .optional()
      .describe('Event types that the key may submit. By default, those of your key.'),
    allowedIps: z
      .array(ipRangeSchema)
      .min(1)
      .max(MAX_IP_RANGES)
      .optional()
      .describe('Addresses and CIDR ranges that the key may be used from. By default, those of your key.'),
    expiresAt: z.iso.datetime().optional().describe('By default, when your key expires, if it does.'),
  })
  .meta({ id: 'CreateKeyRequest' });
export type CreateKeyInput = z.output<typeof createKeyInput>;

export const rotateKeyInput = z
  .strictObject({
    overlapSeconds: overlapSchema.describe('How long the previous secret keeps working. Use 0 for a leaked key.'),
    reason: reasonSchema.optional(),
  })
  .meta({ id: 'RotateKeyRequest' });

export const revokeKeyInput = z
  .strictObject({
    includeCreated: z.boolean().default(false).describe('Whether to revoke all keys that descend from this one.'),
    reason: reasonSchema.optional(),
  })
  .meta({ id: 'RevokeKeyRequest' });

const time = z.iso.datetime();

/** A key as its partner sees it. Never contains the secret or its hash. */
export const keySchema = z
  .object({
    keyId: z.string(),
    name: z.string().nullable(),
    environment: environmentSchema,
    prefix: z.string().describe('The beginning of the key.'),
    scopes: z.array(z.string()),
    allowedEventTypes: z.array(z.string()).nullable(),
    allowedIps: z.array(z.string()).nullable(),
    createdAt: time,
    createdBy: z
      .string()
      .nullable()
      .describe('ID of the key or member that created this key. Null if the operator issued it.'),
    expiresAt: time.nullable(),
    lastUsedAt: time.nullable().describe('Accurate to the minute.'),
    previous: z
      .array(z.object({ prefix: z.string(), validUntil: time }).meta({ id: 'PreviousSecret' }))
      .describe('Secrets replaced by a rotation that still work.'),
  })
  .meta({ id: 'ApiKey' });
export type PresentedKey = z.infer<typeof keySchema>;

export const createdKeySchema = keySchema
  .extend({ apiKey: z.string().describe('Shown only once.') })
  .meta({ id: 'CreatedApiKey' });

export const keyListSchema = z
  .object({ data: z.array(keySchema), nextCursor: z.null().describe('All keys fit on one page.') })
  .meta({ id: 'ApiKeyPage' });

/** Presents a key from its current entry and those that a rotation replaced. */
export function presentKey(key: PartnerKey, replaced: readonly PartnerKey[]): PresentedKey {
  const { scopes, allowedEventTypes, allowedIps, expiresAt } = grantOf(key);
  const used = [key, ...replaced]
    .flatMap(({ lastUsedAt }) => lastUsedAt ?? [])
    .sort((a, b) => b.getTime() - a.getTime());
  return {
    keyId: keyIdOf(key),
    name: key.name ?? null,
    environment: key.env,
    prefix: key.prefix,
    scopes: [...scopes],
    allowedEventTypes: allowedEventTypes && [...allowedEventTypes],
    allowedIps: allowedIps && [...allowedIps],
    createdAt: key.createdAt.toISOString(),
    createdBy: key.creators?.at(-1) ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
    lastUsedAt: used[0]?.toISOString() ?? null,
    previous: replaced.map(({ prefix, expiresAt: until }) => ({ prefix, validUntil: until!.toISOString() })),
  };
}

/** Returns the facts about a key that audit entries contain. */
export function auditedKey(key: PartnerKey): Record<string, unknown> {
  const { keyId, name, prefix, scopes, allowedEventTypes, allowedIps, expiresAt } = presentKey(key, []);
  return { keyId, name, prefix, scopes, allowedEventTypes, allowedIps, expiresAt };
}
