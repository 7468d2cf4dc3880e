import { z } from 'zod';
import { userExternalIdSchema } from '../../shared/domain/event';
import { userRefOf } from '../../shared/domain/subject';
import { auditContextForCaller } from '../db/audit-context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { orderErasure } from './order-erasure';
import { erasureSchema, presentErasure } from './present-erasure';

export const eraseUserRoute = route({
  operationId: 'eraseUser',
  method: 'POST',
  path: '/users/erase',
  auth: { kind: 'key', scope: 'users:erase', availableWithoutRedis: false, budget: 'control' },
  tag: 'Users',
  summary: 'Erase a user of yours',
  description:
    'Deletes its events, totals and link, also what is accepted but still queued (it becomes ERASED). Events that ' +
    'you submit later start a new history. The keyed hash of the user id stays with the time of the erasure; the audit ' +
    'entry does not name the user. Backups made before still hold the events.',
  query: noQuery,
  body: z.strictObject({ userExternalId: userExternalIdSchema }).meta({ id: 'EraseUserRequest' }),
  answers: {
    202: {
      description:
        'Nothing of the user is counted from now on; the events are being deleted. At DONE none is stored or queued',
      schema: erasureSchema,
    },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller, requestId, body: { userExternalId } }) => {
    const { tenant, admission } = caller;
    const userRef = userRefOf(ctx.secrets.subject, tenant, userExternalId);
    const askedAt = new Date(admission.nowMs ?? Date.now());
    const auditContext = auditContextForCaller({ caller, requestId });
    const { erasure } = await orderErasure(ctx, tenant, userRef, askedAt, auditContext);
    return { status: 202, body: presentErasure(erasure) };
  },
});
