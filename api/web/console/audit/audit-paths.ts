import type { Env } from '../../../../shared/domain/ids';
import type { AuditChain } from '../../../../shared/store/audit';
import { envOf, partnerOf } from '../../../../shared/domain/ids';

/** Where operators read the audit log. */
export const AUDIT = '/console/audit';

/** A chain as the URL names it: without a partner, the registry's. */
export interface ChosenChain {
  partnerId: string | null;
  env: Env;
}

/** Returns the parameters that name a chain. */
function chainQuery({ partnerId, env }: ChosenChain): Record<string, string> {
  return partnerId === null ? {} : { partner: partnerId, env };
}

/** Returns the path of a page about a chain. Parameters that are undefined or empty are omitted. */
export function auditPath(
  chosen: ChosenChain,
  { page = '', ...query }: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const text = new URLSearchParams([...Object.entries(chainQuery(chosen)), ...given]).toString();
  return `${AUDIT}${page}${text === '' ? '' : `?${text}`}`;
}

/** Returns the chain that the URL names. */
export function chosenChain({ partner = '', env }: Readonly<Record<string, string | undefined>>): ChosenChain {
  return { partnerId: partner.trim() || null, env: env === 'test' ? 'test' : 'live' };
}

/** Returns how pages name a stored chain. */
export function chosenOf(chain: AuditChain): ChosenChain {
  return chain === 'registry' ? { partnerId: null, env: 'live' } : { partnerId: partnerOf(chain), env: envOf(chain) };
}
