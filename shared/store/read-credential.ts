import { type Credential, SCOPES } from '../access/credential';
import type { Store } from './store';

/** Reads what a key may do from the primary, by its hash; null when no partner holds such a key. */
export async function readCredential(
  { partners }: Pick<Store, 'partners'>,
  keyHash: string,
): Promise<Credential | null> {
  const partner = await partners.byKeyHash(keyHash);
  const key = partner?.keys.find(({ hash }) => hash === keyHash);
  if (!partner || !key) return null;
  return {
    partnerId: partner._id,
    env: key.env,
    plan: partner.plan,
    blocked: partner.suspended ? 'PARTNER_SUSPENDED' : null,
    scopes: SCOPES.filter((scope) => scope !== 'agents:manage' || partner.plan === 'ENTERPRISE'),
    limits: partner.limits,
  };
}
