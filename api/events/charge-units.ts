import type { Admission, Authorizer } from '../../shared/authz/authorizer';
import type { ParsedApiKey } from '../../shared/domain/api-key';
import type { SelfChargingAuth } from '../http/route';

const BYTES_PER_UNIT = 32 * 1024;

/** Who may submit events, and what a submission costs: one unit per item, rejected ones included, or per 32 KiB. */
export const SUBMIT_AUTH = {
  kind: 'key',
  scope: 'events:write',
  availableWithoutRedis: false,
  budget: 'events',
  unitsOf: (items: number, bytes: number): number => Math.max(1, items, Math.ceil(bytes / BYTES_PER_UNIT)),
} as const satisfies SelfChargingAuth;

/** Authorizes submissions of one key, and charges each entry. */
export function authorizeSubmission(
  { authorizer }: { authorizer: Authorizer },
  key: ParsedApiKey,
  entries: Parameters<Authorizer['authorize']>[3],
): Promise<Admission> {
  return authorizer.authorize(key, SUBMIT_AUTH.budget, SUBMIT_AUTH.scope, entries);
}

/** Charges a small rejected submission; grants nothing, and charges nothing, when no unit is left. */
export function chargeOneUnit(deps: { authorizer: Authorizer }, key: ParsedApiKey): Promise<Admission> {
  return authorizeSubmission(deps, key, [{ cost: 1, grant: 'whole', chunkIds: [] }]);
}

/** Charges work that was done for a submission whose cost was not known before, also beyond what is left. */
export function chargeOnCredit(deps: { authorizer: Authorizer }, key: ParsedApiKey, units: number): Promise<Admission> {
  return authorizeSubmission(deps, key, [{ cost: units, grant: 'credit', chunkIds: [] }]);
}
