import { z } from 'zod';
import { userExternalIdSchema } from '../../shared/domain/event';
import { route } from '../http/route';

const nullableTime = z.iso.datetime().nullable();

/**
 * Handles `GET /partners/link/status`. Reads MongoDB instead of the cache, so that a link is visible as soon as the
 * person confirms it.
 */
export const getLinkStatusRoute = route({
  operationId: 'getLinkStatus',
  method: 'GET',
  path: '/partners/link/status',
  auth: { kind: 'key', scope: 'resolve:read', availableWithoutRedis: true },
  tag: 'Linking',
  summary: 'Get a user’s link status',
  query: z.strictObject({ userExternalId: userExternalIdSchema }),
  answers: {
    200: {
      description: 'The current status. Unknown users are reported as not linked',
      schema: z
        .object({
          linked: z.boolean(),
          linkedAt: nullableTime,
          pending: z
            .object({ kind: z.enum(['INVITE', 'CODE']), expiresAt: z.iso.datetime() })
            .meta({ id: 'PendingLink' })
            .nullable()
            .describe('The newest invitation or link code that the user can still use.'),
        })
        .meta({ id: 'LinkStatus' }),
    },
  },
  problems: ['VALIDATION_FAILED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx: { store, secrets }, caller: { tenant }, query: { userExternalId } }) => {
    const userRef = secrets.userRef(tenant, userExternalId);
    const [user, open] = await Promise.all([
      store.users.get(tenant, userRef),
      store.linkRequests.open(tenant, userRef, new Date()),
    ]);
    const linked = user?.identity !== undefined;
    return {
      status: 200,
      body: {
        linked,
        linkedAt: linked ? (user?.linkedAt?.toISOString() ?? null) : null,
        pending: open && { kind: open.kind, expiresAt: open.expiresAt.toISOString() },
      },
    };
  },
});
