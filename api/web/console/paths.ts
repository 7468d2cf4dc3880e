/** Where operators find agents, keys, partners and kills. */
export const SEARCH = '/console/search';
export const PARTNERS = '/console/partners';
/** Where operators see kills of all partners. */
export const KILLS = '/console/kills';

export function partnerPath(partnerId: string): string {
  return `${PARTNERS}/${encodeURIComponent(partnerId)}`;
}

/** Where operators see an agent of any partner. */
export function agentPath(agentId: string): string {
  return `/console/agents/${encodeURIComponent(agentId)}`;
}

/** The permanent address of the report of a kill. */
export function killPath(cascadeId: string): string {
  return `${KILLS}/${encodeURIComponent(cascadeId)}`;
}
