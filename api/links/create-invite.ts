import { z } from 'zod';
import { MAX_URL_LENGTH } from '../http/lengths';
import { userExternalIdSchema } from '../../shared/domain/event';
import {
  DEFAULT_INVITE_SECONDS,
  MAX_INVITE_SECONDS,
  MAX_STATE_LENGTH,
  MIN_INVITE_SECONDS,
} from '../../shared/domain/link';
import { auditContextForCaller } from '../db/audit-context';
import { route } from '../http/route';
import { createInvite } from './create-link-request';
import { accountLabelSchema, LINK_REQUEST_PROBLEMS, userRefSchema } from './link-request-schema';

const inviteUrl = z.url().meta({ examples: ['https://mir.example/link/0Zx3v9yQ5kq1rJ8mT2nW7bC4dF6gH0aSLpEuXoIiYcM'] });

/** Handles `POST /partners/link/invite`. */
export const createInviteRoute = route({
  operationId: 'createInvite',
  method: 'POST',
  path: '/partners/link/invite',
  auth: { kind: 'key', scope: 'links:write', availableWithoutRedis: false },
  tag: 'Linking',
  summary: 'Create an invitation',
  description:
    'The user opens the URL, logs in to MIR, sees which platform is asking and what it will see, and then connects or declines. The URL works only once.',
  body: z
    .strictObject({
      userExternalId: userExternalIdSchema,
      accountLabel: accountLabelSchema.optional(),
      returnUrl: z
        .string()
        .max(MAX_URL_LENGTH)
        .check(z.url({ protocol: /^https?$/ }))
        .optional()
        .describe(
          'Where MIR sends the user afterward. The origin must be registered. MIR adds the query parameters `link` (linked, pending or declined) and `state`.',
        )
        .meta({ examples: ['https://harbour.example/settings'] }),
      state: z
        .string()
        .min(1)
        .max(MAX_STATE_LENGTH)
        .optional()
        .describe('Added to `returnUrl` unchanged.')
        .meta({ examples: ['settings-42'] }),
      expiresInSeconds: z
        .int()
        .min(MIN_INVITE_SECONDS)
        .max(MAX_INVITE_SECONDS)
        .optional()
        .describe(`Defaults to ${DEFAULT_INVITE_SECONDS / 86_400} days.`),
    })
    .meta({ id: 'CreateInviteRequest' }),
  answers: {
    201: {
      description: 'The invitation. Its URL is returned only once. Redirect the user to this URL, or send it to them',
      schema: z
        .object({ inviteId: z.string(), url: inviteUrl, expiresAt: z.iso.datetime(), userRef: userRefSchema })
        .meta({ id: 'Invite' }),
    },
  },
  problems: [...LINK_REQUEST_PROBLEMS, 'RETURN_URL_NOT_ALLOWED'],
  handle: async ({ ctx, caller, requestId, body }) => {
    const { userExternalId, accountLabel, returnUrl, state, expiresInSeconds = DEFAULT_INVITE_SECONDS } = body;
    const input = {
      userExternalId,
      ...(accountLabel === undefined ? {} : { accountLabel }),
      ...(returnUrl === undefined ? {} : { returnUrl }),
      ...(state === undefined ? {} : { state }),
    };
    const auditContext = auditContextForCaller({ caller, requestId });
    const { request, token } = await createInvite(ctx, caller.tenant, input, expiresInSeconds, auditContext);
    return {
      status: 201,
      body: {
        inviteId: request._id,
        url: `${ctx.config.publicUrl}/link/${token}`,
        expiresAt: request.expiresAt.toISOString(),
        userRef: request.userRef,
      },
    };
  },
});
