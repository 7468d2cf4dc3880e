import { z } from 'zod';
import { MAX_ID_LENGTH } from '../http/lengths';
import type { ApplicationDoc } from '../../shared/store/applications';
import type { ApiContext } from '../context';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { emailSchema } from '../http/schemas';
import { throttle, throttledAddress, type ThrottleRule } from '../http/throttle';
import { applicationStatusSchema } from './present-application';

const BY_ADDRESS: ThrottleRule = {
  name: 'application-status',
  points: 30,
  seconds: 60,
  rejection: 'Too many status requests from your IP address. Retry in a minute.',
};

const time = z.iso.datetime();
const statusSchema = z
  .object({
    applicationId: z.string(),
    status: applicationStatusSchema,
    submittedAt: time,
    addressConfirmed: z.literal(true),
    decidedAt: time.nullable(),
    reason: z.string().optional().describe('Why the application was rejected, if the operator gave a reason.'),
  })
  .meta({ id: 'ApplicationStatusReport' });

function presentStatus({ _id, status, createdAt, decidedAt, reason }: ApplicationDoc): z.infer<typeof statusSchema> {
  return {
    applicationId: _id,
    status,
    submittedAt: createdAt.toISOString(),
    addressConfirmed: true,
    decidedAt: decidedAt?.toISOString() ?? null,
    ...(status === 'REJECTED' && reason !== undefined ? { reason } : {}),
  };
}

export const statusInput = z
  .strictObject({ applicationId: z.string().min(1).max(MAX_ID_LENGTH), contactEmail: emailSchema })
  .meta({ id: 'GetApplicationStatusRequest' });

/**
 * Returns the application with this ID and confirmed contact address, for someone without an account. Counts the
 * request by client address. Throws 404 if there is none, and 429 if the client address sent too many requests.
 */
export async function readOwnApplication(
  ctx: ApiContext,
  { applicationId, contactEmail }: z.output<typeof statusInput>,
  ip: string,
): Promise<ApplicationDoc> {
  await throttle(ctx, BY_ADDRESS).take(throttledAddress(ip));
  const application = await ctx.store.applications.withConfirmedAddress(applicationId, contactEmail);
  if (application) return application;
  throw new PublicError(
    'NOT_FOUND',
    'No application has this ID and this confirmed contact address. Check both, and open the link in our email first.',
  );
}

export const getApplicationStatusRoute = route({
  operationId: 'getApplicationStatus',
  method: 'POST',
  path: '/partners/applications/status',
  v1Only: true,
  auth: { kind: 'public' },
  tag: 'Partners',
  summary: 'Get the status of your application',
  description:
    'Only with the contact address that you gave, once you have confirmed it with the link that was emailed to it. Otherwise, and always if this server sends no email, the response is the same 404 as for an unknown ID. This is a POST because addresses must not be part of URLs.',
  query: noQuery,
  body: statusInput,
  answers: {
    200: {
      description: 'The status',
      schema: statusSchema,
      exampleFields: { status: 'PENDING', decidedAt: null, reason: undefined },
    },
  },
  problems: ['NOT_FOUND', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body, ip }) => ({
    status: 200,
    body: presentStatus(await readOwnApplication(ctx, body, ip)),
  }),
});
