import type { Admission, Authorizer } from '../../shared/authz/authorizer';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { tenantOf } from '../../shared/domain/ids';
import type { CountedRequest } from '../../shared/domain/usage';
import type { OverloadGuard } from '../../shared/queue/overload-guard';
import { BYTES_PER_UNIT } from '../http/price';
import type { SelfChargingAuth } from '../http/route';

/**
 * Authorization and cost of a submission. A submission costs one unit per item, including rejected items, or one unit
 * per 32 KiB, whichever is more.
 */
export const SUBMIT_AUTH = {
  kind: 'key',
  scope: 'events:write',
  availableWithoutRedis: false,
  budget: 'events',
  unitsOf: (items: number, bytes: number): number => Math.max(1, items, Math.ceil(bytes / BYTES_PER_UNIT)),
} as const satisfies SelfChargingAuth;

/** Throws before authorization if the queue has no room for the tenant's events. */
export function requireRoom(
  { overload, authorizer }: { overload: OverloadGuard; authorizer: Authorizer },
  key: PresentedKey,
  requests: readonly CountedRequest[],
): void {
  try {
    overload.check(tenantOf(key.partnerId, key.env));
  } catch (error) {
    authorizer.markKnown(key, requests);
    throw error;
  }
}

/** Authorizes a key to submit events, charges all entries and counts the requests in one round trip. */
export function authorizeSubmission(
  { authorizer }: { authorizer: Authorizer },
  key: PresentedKey,
  entries: Parameters<Authorizer['authorize']>[3],
  requests: readonly CountedRequest[],
): Promise<Admission> {
  return authorizer.authorize(key, SUBMIT_AUTH.budget, SUBMIT_AUTH.scope, entries, requests);
}

/** Charges one unit for a small rejected submission. Does not charge or grant anything if the budget is exhausted. */
export function chargeOneUnit(
  deps: { authorizer: Authorizer },
  key: PresentedKey,
  request: CountedRequest,
): Promise<Admission> {
  return authorizeSubmission(deps, key, [{ cost: 1, grant: 'whole', chunkIds: [] }], [request]);
}

/** Charges for completed work whose cost was not known in advance, even if the cost exceeds the remaining budget. */
export function chargeOnCredit(
  deps: { authorizer: Authorizer },
  key: PresentedKey,
  units: number,
  request: CountedRequest,
): Promise<Admission> {
  return authorizeSubmission(deps, key, [{ cost: units, grant: 'credit', chunkIds: [] }], [request]);
}
