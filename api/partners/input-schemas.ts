import { z } from 'zod';
import { MAX_NAME_LENGTH, MAX_URL_LENGTH } from '../http/lengths';
import { lineSchema, nameSchema } from '../../shared/domain/line';
import { identifierProblem, PARAGRAPHS_PATTERN } from '../../shared/domain/text';
import type { PartnerLimits } from '../../shared/store/partners';
import { atLeastOne, emailSchema, reasonSchema } from '../http/schemas';

const MAX_PER_MINUTE = 1_000_000_000;
const MAX_RETURN_ORIGINS = 20;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

function addIssue(check: z.RefinementCtx, code: string, message: string | null): void {
  if (message !== null) check.addIssue({ code: 'custom', message, params: { code } });
}

const paragraphs = (max: number) =>
  z
    .string()
    .max(max)
    .superRefine((text, check) => addIssue(check, 'INVALID_TEXT', identifierProblem(text.replace(/[\n\r\t]/g, ' '))))
    .trim()
    .min(1)
    .meta({ pattern: PARAGRAPHS_PATTERN });

export const applicationInput = z
  .strictObject({
    name: nameSchema(MAX_NAME_LENGTH).describe('Name of your service, as its users know it.'),
    // `lineSchema` rejects tabs and line breaks, which URL parsers silently drop.
    website: lineSchema(MAX_URL_LENGTH).check(z.url({ protocol: /^https?$/ })),
    contactEmail: emailSchema,
    useCase: paragraphs(2_000).describe('Which events you will submit, and what you will use signals for.'),
  })
  .meta({ id: 'SubmitApplicationRequest' });
export type ApplicationInput = z.output<typeof applicationInput>;

export const planSchema = z.enum(['STANDARD', 'ENTERPRISE']).meta({ id: 'Plan' });

const perMinute = z.number().int().min(1).max(MAX_PER_MINUTE);
const limitsInput = z
  .strictObject({
    eventsPerMinute: perMinute.optional(),
    requestsPerMinute: perMinute.optional(),
    queueSharePercent: z
      .number()
      .int()
      .min(1)
      .max(100)
      .optional()
      .describe('Maximum share of the queue that events waiting to be stored may take up.'),
  })
  .refine((limits) => Object.values(limits).some((limit) => limit !== undefined), 'Must include at least one limit.')
  .meta({ id: 'PartnerLimitsUpdate' })
  .meta({
    ...atLeastOne(['eventsPerMinute', 'requestsPerMinute', 'queueSharePercent']),
    description: 'Limits for each environment. Omitted limits keep their current or default values.',
  });

const LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const PORT = '(:([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d\\d|655[0-2]\\d|6553[0-5]))?';
/**
 * JSON Schema pattern for the origins that `originOf` accepts. The last label must start with a letter, because URL
 * parsers read a host that ends in a number as an IP address.
 */
const ORIGIN_PATTERN = `^(https://(${LABEL}\\.)*[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?|http://(localhost|127\\.0\\.0\\.1|\\[::1\\]))${PORT}/?$`;

function originOf(text: string): string | null {
  if (identifierProblem(text) !== null || !URL.canParse(text)) return null;
  const url = new URL(text);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.has(url.hostname));
  // Reducing a longer URL to its origin would silently allow more than the caller specified.
  const bare = url.href === `${url.origin}/` && !/[?#]/.test(text);
  return secure && bare ? url.origin : null;
}

const originSchema = z
  .string()
  .max(MAX_URL_LENGTH)
  .meta({ pattern: ORIGIN_PATTERN })
  .superRefine((text, check) => {
    const problem = 'Must be an origin without a path, such as https://shop.example. Only localhost can use HTTP.';
    addIssue(check, 'INVALID_ORIGIN', originOf(text) === null ? problem : null);
  })
  .overwrite((text) => originOf(text) ?? text);

const originsInput = z
  .array(originSchema)
  .max(MAX_RETURN_ORIGINS)
  .overwrite((origins) => [...new Set(origins)])
  .describe('Origins allowed in `returnUrl`.');

export const termsInput = z
  .strictObject({
    plan: planSchema,
    limits: limitsInput.optional(),
    allowedReturnOrigins: originsInput.optional(),
  })
  .meta({ id: 'ApproveApplicationRequest' });
export type TermsInput = z.output<typeof termsInput>;

export const partnerPatch = z
  .strictObject({
    plan: planSchema.optional(),
    limits: limitsInput.optional(),
    suspended: z.boolean().optional(),
    allowedReturnOrigins: originsInput.optional(),
    reason: reasonSchema.optional(),
  })
  .refine(
    (patch) => Object.entries(patch).some(([field, value]) => field !== 'reason' && value !== undefined),
    'Must include at least one of plan, limits, suspended and allowedReturnOrigins.',
  )
  .meta({ id: 'UpdatePartnerRequest' })
  .meta(atLeastOne(['plan', 'limits', 'suspended', 'allowedReturnOrigins']));
export type PartnerPatch = z.output<typeof partnerPatch>;

/** Returns the limits in `base`, overridden by those in `changes`. */
export function mergeLimits(base: PartnerLimits, changes: z.output<typeof limitsInput> | undefined): PartnerLimits {
  const queueSharePercent = changes?.queueSharePercent ?? base.queueSharePercent;
  return {
    eventsPerMinute: changes?.eventsPerMinute ?? base.eventsPerMinute,
    requestsPerMinute: changes?.requestsPerMinute ?? base.requestsPerMinute,
    ...(queueSharePercent === undefined ? {} : { queueSharePercent }),
  };
}
