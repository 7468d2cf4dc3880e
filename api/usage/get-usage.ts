import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import {
  DEFAULT_USAGE_DAYS,
  HOUR_MS,
  MAX_USAGE_DAYS,
  USAGE_BUCKETS,
  USAGE_RETENTION_DAYS,
  usageRangeOf,
  type UsageSummary,
} from '../../shared/domain/usage';
import { envOf, type Tenant } from '../../shared/domain/ids';
import { readUsage } from '../../shared/usage/read-usage';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { environmentSchema } from '../http/schemas';

const time = z.iso.datetime({ offset: true });
const count = z.int().min(0);

const RANGE_CODE = { code: 'INVALID_RANGE' };

/** The range of a usage request. The command line has the same options. */
export const usageQuery = z
  .strictObject({
    bucket: z.enum(USAGE_BUCKETS).default('hour').describe('Length of the buckets. Hours and days are those of UTC.'),
    from: time
      .optional()
      .describe(
        `Start of the first bucket, rounded down to its length. At most ${MAX_USAGE_DAYS.hour} days before \`to\` for hours, and ${MAX_USAGE_DAYS.day} days for days. Defaults to ${DEFAULT_USAGE_DAYS.hour * 24} hours or ${DEFAULT_USAGE_DAYS.day} days before \`to\`.`,
      ),
    to: time.optional().describe('End of the last bucket, rounded up to its length. Defaults to the current time.'),
  })
  .superRefine((query, check) => {
    const { problem } = usageRangeOf(query, Date.now());
    if (problem !== null) check.addIssue({ code: 'custom', path: ['from'], message: problem, params: RANGE_CODE });
  });
type UsageQuery = z.output<typeof usageQuery>;

const summaryFields = {
  events: z
    .object({
      persisted: count,
      duplicates: count,
      conflicts: count,
      failed: count,
      erased: count,
      rejected: count.describe('Events that `POST /v1/events` rejected one by one. They have no receipt.'),
    })
    .meta({ id: 'UsageOfEvents' })
    .describe('Events by outcome. Events that are still queued are not included yet.'),
  requests: z
    .array(
      z
        .object({
          group: z.string().describe('Group of the routes, as in this document, in lowercase.'),
          total: count,
          byStatusClass: z
            .object({ '2xx': count, '3xx': count, '4xx': count, '5xx': count })
            .meta({ id: 'UsageByStatusClass' }),
          unfinished: count.describe(
            'Requests in progress, and requests whose outcome is unknown because a server process stopped.',
          ),
        })
        .meta({ id: 'UsageOfGroup' }),
    )
    .describe('Requests by group, in alphabetical order.'),
  rejections: z
    .array(z.object({ code: z.string(), status: z.int(), requests: count }).meta({ id: 'UsageOfCode' }))
    .describe('Requests that got a problem, by its code, in alphabetical order. They are part of `requests`.'),
};

export const usageSchema = z
  .object({
    environment: environmentSchema,
    bucket: z.enum(USAGE_BUCKETS),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    asOf: z.iso.datetime().describe('When MIR read the counts. The current bucket is not complete.'),
    data: z
      .array(z.object({ from: z.iso.datetime(), ...summaryFields }).meta({ id: 'UsageBucket' }))
      .describe('Buckets with any usage, oldest first.'),
    total: z.object(summaryFields).meta({ id: 'UsageTotal' }),
  })
  .meta({ id: 'Usage' });
type PresentedUsage = z.input<typeof usageSchema>;

/** Returns the number of hours that a request asks for, before it is validated. */
function requestedHours(query: Record<string, unknown>): number {
  const bucket = query['bucket'] === 'day' ? 'day' : 'hour';
  const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const { range } = usageRangeOf({ from: textOf(query['from']), to: textOf(query['to']), bucket }, Date.now());
  const hours = (range.toMs - range.fromMs) / HOUR_MS;
  return hours >= 0 && hours <= MAX_USAGE_DAYS.day * 24 ? hours : 0;
}

/** Reads and presents a tenant's usage. */
export async function presentUsage(
  { store, queueLink: link, keys }: Pick<ApiContext, 'store' | 'queueLink' | 'keys'>,
  tenant: Tenant,
  query: UsageQuery,
): Promise<PresentedUsage> {
  const now = new Date();
  const { range } = usageRangeOf(query, now.getTime());
  const { buckets, total } = await readUsage({ store, link, keys }, tenant, range);
  const iso = (atMs: number): string => new Date(atMs).toISOString();
  return {
    environment: envOf(tenant),
    bucket: range.bucket,
    from: iso(range.fromMs),
    to: iso(range.toMs),
    asOf: now.toISOString(),
    data: buckets.map(({ atMs, usage }): { from: string } & UsageSummary => ({ from: iso(atMs), ...usage })),
    total,
  };
}

/** Handles `GET /v1/usage`. */
export const getUsageRoute = route({
  operationId: 'getUsage',
  method: 'GET',
  path: '/usage',
  v1Only: true,
  auth: { kind: 'key', scope: 'usage:read', availableWithoutRedis: false, price: { rows: requestedHours } },
  tag: 'Usage',
  summary: 'Get your usage by hour or day',
  description:
    `Returns your events by outcome and your requests by group, status class and problem code, in the environment of your API key. MIR keeps them for ${USAGE_RETENTION_DAYS} days. ` +
    'An event counts in the hour in which MIR received it, once its outcome is final. A request counts in the hour in which it arrived; its outcome appears within a few seconds. ' +
    'Requests with an unknown API key are not counted. The request costs one unit per 100 hours of its range.',
  query: usageQuery,
  answers: { 200: { description: 'Your usage', schema: usageSchema } },
  problems: ['VALIDATION_FAILED'],
  handle: async ({ ctx, caller: { tenant, admission }, query }) => {
    const reader = ownerOf(tenant, admission.credential.agent?.agentId ?? null);
    return { status: 200, body: await ctx.longWork.list(reader, () => presentUsage(ctx, tenant, query)) };
  },
});
