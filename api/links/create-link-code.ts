import { z } from 'zod';
import { userExternalIdSchema } from '../../shared/domain/event';
import { auditContextForCaller } from '../db/audit-context';
import { route } from '../http/route';
import { createCode } from './create-link-request';
import { accountLabelSchema, LINK_REQUEST_PROBLEMS, userRefSchema } from './link-request-schema';

/** Handles `POST /partners/link/code`. */
export const createLinkCodeRoute = route({
  operationId: 'createLinkCode',
  method: 'POST',
  path: '/partners/link/code',
  auth: { kind: 'key', scope: 'links:write', availableWithoutRedis: false },
  tag: 'Linking',
  summary: 'Create a link code',
  description:
    'The user logs in to MIR and enters the code at `/link` to connect their account. The code works only once, is valid for ten minutes, and replaces the previous one.',
  body: z
    .strictObject({ userExternalId: userExternalIdSchema, accountLabel: accountLabelSchema.optional() })
    .meta({ id: 'CreateLinkCodeRequest' }),
  answers: {
    201: {
      description: 'The link code, which is returned only once. Show it to the user',
      schema: z
        .object({
          code: z.string().meta({ examples: ['7K2M-9QXD'] }),
          url: z
            .url()
            .describe('Where the user enters the code.')
            .meta({ examples: ['https://mir.example/link'] }),
          expiresAt: z.iso.datetime(),
          inviteId: z.string(),
          userRef: userRefSchema,
        })
        .meta({ id: 'LinkCode' }),
    },
  },
  problems: [...LINK_REQUEST_PROBLEMS],
  handle: async ({ ctx, caller, requestId, body: { userExternalId, accountLabel } }) => {
    const input = { userExternalId, ...(accountLabel === undefined ? {} : { accountLabel }) };
    const { request, code } = await createCode(ctx, caller.tenant, input, auditContextForCaller({ caller, requestId }));
    return {
      status: 201,
      body: {
        code,
        url: `${ctx.config.publicUrl}/link`,
        expiresAt: request.expiresAt.toISOString(),
        inviteId: request._id,
        userRef: request.userRef,
      },
    };
  },
});
