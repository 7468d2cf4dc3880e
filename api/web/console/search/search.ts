import type { z } from 'zod';
import { AGENT_KEY_PREFIX_FORMAT, API_KEY_FORMAT } from '../../../../shared/domain/api-key';
import type { PartnerDoc } from '../../../../shared/store/partners';
import { findAnyAgentsRoute } from '../../../admin/find-any-agents';
import type { FindInput, foundAgentsSchema } from '../../../agents/find-agents';
import { findPartnerKeys } from '../../../keys/find-partner-keys';
import type { PresentedKey } from '../../../keys/key-schemas';
import { presentPartner, type PresentedPartner } from '../../../partners/present-partner';
import type { ConsoleCall } from '../console-page';

/** Maximum number of partners in the results. */
const MAX_PARTNERS = 20;

type FoundAgent = z.output<typeof foundAgentsSchema>['data'][number];

/** What a search found. */
export interface Results {
  agents: readonly FoundAgent[];
  partners: readonly PresentedPartner[];
  keys: readonly (PresentedKey & { partner: PresentedPartner })[];
  /** More agents or partners match than are shown. */
  hasMore: boolean;
  /** ID of the kill that the text names, or null. */
  killId: string | null;
}

const NOTHING: Results = { agents: [], partners: [], keys: [], hasMore: false, killId: null };

/** Returns whether a text may be a key. Pages must not show it. */
export function isSecret(text: string): boolean {
  return text.startsWith('mir_');
}

/** Returns the searches for agents that the form of a text suggests. */
function agentSearches(text: string): FindInput[] {
  if (/^agt_\w+$/.test(text)) return [{ agentId: text }];
  if (/^evt_[\w.-]+$/.test(text)) return [{ eventId: text }];
  if (isSecret(text)) {
    if (API_KEY_FORMAT.test(text)) return [{ key: text }];
    return AGENT_KEY_PREFIX_FORMAT.test(text) ? [{ keyPrefix: text }] : [];
  }
  if (/^(?:prt|key|csc)_\w+$/.test(text)) return [];
  return text.includes('@') ? [{ owner: text }] : [{ name: text }, { owner: text }];
}

async function findPartners({ store }: ConsoleCall['ctx'], text: string): Promise<PartnerDoc[]> {
  if (/^prt_\w+$/.test(text)) {
    const partner = await store.partners.get(text);
    return partner ? [partner] : [];
  }
  return isSecret(text) || /^(?:agt|evt|key|csc)_/.test(text) ? [] : store.partners.byName(text, MAX_PARTNERS + 1);
}

/** Finds what a text names: agents, partners, keys or a kill. Each search reads one index and a bounded number of rows. */
export async function search({ ctx, call }: Pick<ConsoleCall, 'ctx' | 'call'>, text: string): Promise<Results> {
  if (/^csc_\w+$/.test(text)) {
    const kill = await ctx.store.cascades.byId(text);
    return { ...NOTHING, killId: kill?._id ?? null };
  }
  const [found, partners, keys] = await Promise.all([
    Promise.all(
      agentSearches(text).map((body) => call<z.output<typeof foundAgentsSchema>>(findAnyAgentsRoute, { body })),
    ),
    findPartners(ctx, text),
    findPartnerKeys(ctx, text),
  ]);
  const agents = new Map(found.flatMap(({ data }) => data).map((agent) => [agent.agentId, agent]));
  const byId = new Map(
    [...partners.slice(0, MAX_PARTNERS), ...(keys ? [keys.partner] : [])].map((one) => [one._id, one]),
  );
  return {
    agents: [...agents.values()],
    partners: [...byId.values()].map(presentPartner),
    keys: keys ? keys.keys.map((key) => ({ ...key, partner: presentPartner(keys.partner) })) : [],
    hasMore: partners.length > MAX_PARTNERS || found.some(({ hasMore }) => hasMore),
    killId: null,
  };
}
