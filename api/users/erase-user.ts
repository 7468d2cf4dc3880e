import { z } from 'zod';
import { CONTROL_REQUESTS_PER_MINUTE } from '../../shared/authz/budget';
import { createSemaphore } from '../../shared/concurrency/semaphore';
import { userExternalIdSchema } from '../../shared/domain/event';
import { overloaded } from '../../shared/errors';
import { auditContextForCaller } from '../db/audit-context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { orderErasure } from './order-erasure';
import { erasureSchema, presentErasure } from './present-erasure';

/** Maximum number of a tenant's erasures that this process orders concurrently. Each one takes a long transaction. */
const MAX_CONCURRENT_ERASURES = 4;
/** Maximum number of a tenant's requests that wait. As many as the control budget allows per minute. */
const MAX_WAITING_ERASURES = CONTROL_REQUESTS_PER_MINUTE;
const RETRY_AFTER_SECONDS = 5;

const perTenant = createSemaphore({
  maxAtOnce: MAX_CONCURRENT_ERASURES,
  maxWaiting: MAX_WAITING_ERASURES,
  onFull: () => overloaded('LONG_WORK_FULL', RETRY_AFTER_SECONDS),
});

export const eraseUserRoute = route({
  operationId: 'eraseUser',
  method: 'POST',
  path: '/users/erase',
  auth: { kind: 'key', scope: 'users:erase', availableWithoutRedis: false, recentLogIn: true, budget: 'control' },
  tag: 'Users',
  summary: 'Erase a user',
  description:
    'Deletes the user’s events, totals and link. Queued events get the outcome ERASED. Events that you submit later ' +
    'start a new history. MIR keeps a keyed hash of the user ID with the time of the erasure, and an audit entry that ' +
    'does not identify the user. Earlier backups still contain the events.',
  query: noQuery,
  body: z.strictObject({ userExternalId: userExternalIdSchema }).meta({ id: 'EraseUserRequest' }),
  answers: {
    202: {
      description:
        'The user’s events no longer count and are being deleted. Once the status is DONE, none are stored or queued',
      schema: erasureSchema,
    },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller, requestId, body: { userExternalId } }) => {
    const { tenant, admission } = caller;
    const userRef = ctx.secrets.userRef(tenant, userExternalId);
    const askedAt = new Date(admission.nowMs ?? Date.now());
    const auditContext = auditContextForCaller({ caller, requestId });
    const order = () => orderErasure(ctx, tenant, userRef, askedAt, auditContext);
    const { erasure } = await perTenant.run(order, tenant);
    return { status: 202, body: presentErasure(erasure) };
  },
});
