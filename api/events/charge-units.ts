import type { Admission, Authorizer } from '../../shared/authz/authorizer';
import type { ParsedApiKey } from '../../shared/domain/api-key';

const BYTES_PER_UNIT = 32 * 1024;

/** What a submission costs of the events budget: one unit per item, rejected ones included, or per 32 KiB. */
export function unitsOf(items: number, bytes: number): number {
  return Math.max(1, items, Math.ceil(bytes / BYTES_PER_UNIT));
}

/** Charges a small rejected submission; grants nothing, and charges nothing, when no unit is left. */
export function chargeOneUnit({ authorizer }: { authorizer: Authorizer }, key: ParsedApiKey): Promise<Admission> {
  return authorizer.authorize(key, 'events', 'events:write', [{ cost: 1, grant: 'whole', chunkIds: [] }]);
}

/** Charges work that was done for a submission whose cost was not known before, also beyond what is left. */
export function chargeOnCredit(
  { authorizer }: { authorizer: Authorizer },
  key: ParsedApiKey,
  units: number,
): Promise<Admission> {
  return authorizer.authorize(key, 'events', 'events:write', [{ cost: units, grant: 'credit', chunkIds: [] }]);
}
