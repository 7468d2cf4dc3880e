import { isDeepStrictEqual } from 'node:util';
import type { Env } from '../../shared/domain/ids';
import type { PartnerChange, PartnerDoc } from '../../shared/store/partners';
import { route } from '../http/route';
import { type AuditContext, auditContextForOperator } from '../db/audit-context';
import type { AuthorityDeps } from '../db/change-authority';
import { changePartner } from './change-partner';
import { mergeLimits, type PartnerPatch, partnerPatch } from './input-schemas';
import { idParams } from '../http/schemas';
import { partnerSchema, presentPartner, type PresentedPartner } from './present-partner';

const ENVIRONMENTS: readonly Env[] = ['live', 'test'];

/** Returns the patched fields whose values differ from the partner's. */
function differences(before: PartnerDoc, patch: PartnerPatch): PartnerChange {
  const wanted: PartnerChange = {};
  if (patch.plan !== undefined) wanted.plan = patch.plan;
  if (patch.limits !== undefined) wanted.limits = mergeLimits(before.limits, patch.limits);
  if (patch.suspended !== undefined) wanted.suspended = patch.suspended;
  if (patch.allowedReturnOrigins !== undefined) wanted.allowedReturnOrigins = patch.allowedReturnOrigins;
  const differing = Object.entries(wanted).filter(
    ([field, value]) => !isDeepStrictEqual(value, before[field as keyof PartnerChange]),
  );
  return Object.fromEntries(differing);
}

function actionOf(change: PartnerChange): string {
  const suspensionOnly = Object.keys(change).join() === 'suspended';
  if (!suspensionOnly) return 'partner.updated';
  return change.suspended ? 'partner.suspended' : 'partner.unsuspended';
}

/**
 * Changes a partner's plan, limits, suspension or return origins. When this resolves, every process enforces the
 * change.
 */
export async function applyPartnerPatch(
  deps: AuthorityDeps,
  partnerId: string,
  patch: PartnerPatch,
  auditContext: AuditContext,
): Promise<PresentedPartner> {
  const partner = await changePartner(deps, partnerId, auditContext, (before) => {
    const change = differences(before, patch);
    const isEmpty = Object.keys(change).length === 0;
    const decision = { change: isEmpty ? null : change, action: actionOf(change), reason: patch.reason };
    if (change.suspended !== true) return decision;
    return { ...decision, message: { envs: ENVIRONMENTS, type: 'partner.suspended', data: { partnerId: before._id } } };
  });
  return presentPartner(partner);
}

export const updatePartnerRoute = route({
  operationId: 'updatePartner',
  method: 'PATCH',
  path: '/admin/partners/:id',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Update a partner’s plan, limits, suspension or return origins',
  params: idParams,
  body: partnerPatch,
  answers: {
    200: { description: 'The updated partner. The change is in effect in every process', schema: partnerSchema },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'NOT_FOUND', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params, body, requestId, operator }) => ({
    status: 200,
    body: await applyPartnerPatch(ctx, params.id, body, auditContextForOperator({ operator, requestId })),
  }),
});
