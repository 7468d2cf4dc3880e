import { type Env, tenantOf } from '../../shared/domain/ids';
import type { AuditChain } from '../../shared/store/audit';
import type { PartnerDoc } from '../../shared/store/partners';
import type { ApiContext } from '../context';
import { readPartner } from '../partners/get-partner';

/** Returns the chain of a partner's environment, or the registry's without a partner. Throws 404 if it does not exist. */
export async function readChain(
  deps: Pick<ApiContext, 'store'>,
  partnerId: string | null,
  env: Env,
): Promise<{ chain: AuditChain; partner: PartnerDoc | null }> {
  if (partnerId === null) return { chain: 'registry', partner: null };
  const partner = await readPartner(deps, partnerId);
  return { chain: tenantOf(partner._id, env), partner };
}
