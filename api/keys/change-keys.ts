import { groupBy } from '../../shared/domain/group-by';
import type { Env } from '../../shared/domain/ids';
import { keyIdOf, type PartnerDoc, type PartnerKey } from '../../shared/store/partners';
import type { StoreSession } from '../../shared/store/store';
import type { AuditContext } from '../db/audit-context';
import type { AuthorityDeps } from '../db/change-authority';
import { PublicError } from '../http/public-error';
import { type PartnerChangeDecision, changePartner } from '../partners/change-partner';

/** Maximum number of entries in each environment, including secrets that still work after a rotation. */
export const MAX_KEYS_PER_ENVIRONMENT = 50;
/** How long an expired key stays in the list. */
const KEPT_AFTER_EXPIRY_MS = 30 * 24 * 3_600_000;

/** The entries of one key: the current one, and those that a rotation replaced. */
export interface KeyEntries {
  current: PartnerKey;
  replaced: PartnerKey[];
}

/**
 * Groups the keys of an environment, oldest first. Leaves out replaced secrets that no longer work. If the current secret
 * was reported as leaked, the latest of the replaced ones takes its place, so that the key can still be revoked.
 */
export function keysOf({ keys }: Pick<PartnerDoc, 'keys'>, env: Env, now: Date): KeyEntries[] {
  const working = keys.filter((key) => key.env === env && (key.replacedAt === undefined || key.expiresAt! > now));
  return groupBy(working, keyIdOf).map((entries) => {
    const current = entries.find(({ replacedAt }) => replacedAt === undefined) ?? entries.at(-1)!;
    return { current, replaced: entries.filter((entry) => entry !== current) };
  });
}

/** Returns the keys without the entries that no longer matter. */
function withoutExpired(keys: readonly PartnerKey[], now: Date): PartnerKey[] {
  return keys.filter(({ expiresAt, replacedAt }) => {
    const keptMs = replacedAt ? 0 : KEPT_AFTER_EXPIRY_MS;
    return expiresAt === undefined || expiresAt.getTime() + keptMs > now.getTime();
  });
}

/** Returns a key by its ID. Throws 404 if it does not exist in the environment. */
export function findKey(partner: PartnerDoc, env: Env, keyId: string, now: Date): KeyEntries {
  const found = keysOf(partner, env, now).find(({ current }) => keyIdOf(current) === keyId);
  if (!found) throw new PublicError('NOT_FOUND', 'API key not found. Check the ID and the environment.');
  return found;
}

type KeysDecision = { keys: PartnerKey[] } & Pick<PartnerChangeDecision, 'action' | 'reason' | 'key' | 'message'>;

/**
 * Changes a partner's keys. When this resolves, every process enforces the change. `decide` receives the partner as it
 * is in the transaction, and may run again after a conflict.
 */
export function changeKeys(
  deps: AuthorityDeps,
  partnerId: string,
  auditContext: AuditContext,
  decide: (before: PartnerDoc, session: StoreSession) => KeysDecision | Promise<KeysDecision>,
): Promise<PartnerDoc> {
  return changePartner(deps, partnerId, auditContext, async (before, session) => {
    const { keys, ...facts } = await decide(before, session);
    return { change: { keys: withoutExpired(keys, auditContext.at) }, ...facts };
  });
}

/** Throws 409 if an environment has too many entries. */
export function requireRoom(keys: readonly PartnerKey[], env: Env, now: Date): void {
  if (withoutExpired(keys, now).filter((key) => key.env === env).length <= MAX_KEYS_PER_ENVIRONMENT) return;
  throw new PublicError(
    'CONFLICT',
    `An environment can have at most ${MAX_KEYS_PER_ENVIRONMENT} API keys, including previous secrets that still work. Revoke a key that you no longer need.`,
  );
}
