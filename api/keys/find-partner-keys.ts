import { API_KEY_FORMAT, parseApiKey } from '../../shared/domain/api-key';
import { partnerIdOf } from '../../shared/domain/ids';
import { keyIdOf, type PartnerDoc, type PartnerKey } from '../../shared/store/partners';
import type { ApiContext } from '../context';
import { keysOf } from './change-keys';
import { presentKey, type PresentedKey } from './key-schemas';

/** The beginning of a partner's key, of a member's access token, or of an agent's key: up to the partner's tag. */
const TAGGED = /^mir_(?:live|test)_(?:agent_|member_)?([a-z0-9]{12})(?:_|$)/;
const KEY_ID = /^key_\w{1,60}$/;

/** The partner that a text names, and its keys that match. */
export interface FoundKeys {
  partner: PartnerDoc;
  keys: readonly PresentedKey[];
}

/** Returns the partner's keys of which an entry matches. */
function matching(partner: PartnerDoc, matches: (entry: PartnerKey) => boolean): FoundKeys {
  const now = new Date();
  const all = (['live', 'test'] as const).flatMap((env) => keysOf(partner, env, now));
  const found = all.filter(({ current, replaced }) => [current, ...replaced].some(matches));
  return { partner, keys: found.map(({ current, replaced }) => presentKey(current, replaced)) };
}

/**
 * Finds keys of any partner by an ID, a whole key or its beginning. MIR compares only the hash of a whole key. Returns
 * the partner that a key belongs to even if the key does not exist, because each key contains its partner's tag.
 * Returns null if there is no such partner, or if the text is neither.
 */
export async function findPartnerKeys({ store }: Pick<ApiContext, 'store'>, text: string): Promise<FoundKeys | null> {
  if (KEY_ID.test(text)) {
    const partner = await store.partners.byKeyId(text);
    return partner && matching(partner, (entry) => keyIdOf(entry) === text);
  }
  const tag = TAGGED.exec(text)?.[1];
  if (tag === undefined) return null;
  const partner = await store.partners.get(partnerIdOf(tag));
  if (!partner) return null;
  const parsed = parseApiKey(text);
  if (parsed) return matching(partner, ({ hash }) => hash === parsed.hash);
  // A whole key with a wrong checksum is mistyped, so that its beginning proves nothing.
  if (API_KEY_FORMAT.test(text)) return { partner, keys: [] };
  return matching(partner, ({ prefix }) => prefix.startsWith(text) || text.startsWith(prefix));
}
