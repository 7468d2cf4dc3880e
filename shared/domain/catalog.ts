import { distance } from 'fastest-levenshtein';
import { z } from 'zod';

export type EventGroup = 'commerce' | 'community' | 'platform' | 'custom';
interface EventTypeEntry {
  eventType: string;
  group: EventGroup;
  category: string;
  action: string;
  meaning: string;
}

export const EVENT_TYPE_PATTERN = /^mir\.([a-z][a-z0-9_]{0,31})\.([a-z][a-z0-9_]{0,31})$/;
const MAX_SUGGESTIONS = 3;
const MAX_SUGGESTION_DISTANCE = 12;

/** The catalog that ships: group → category → action → one sentence of meaning. Data, not rules. */
const BUILT_IN: Record<Exclude<EventGroup, 'custom'>, Record<string, Record<string, string>>> = {
  commerce: {
    transaction: {
      initiated: 'The user started a purchase or sale.',
      completed: 'A purchase or sale was paid and concluded.',
      fulfilled: 'The goods or services of a transaction were delivered.',
      cancelled: 'A transaction was called off before it was concluded.',
      refunded: 'The money of a transaction was returned.',
      disputed: 'A party to a transaction opened a dispute.',
      chargeback: "The payer's bank reversed the payment of a transaction.",
    },
    project: {
      started: 'Work on an agreed project began.',
      completed: 'An agreed project was delivered and accepted.',
      cancelled: 'An agreed project ended before it was delivered.',
    },
  },
  community: {
    content: {
      posted: 'The user published content.',
      edited: 'The user changed content that was published before.',
      removed: 'Content of the user was taken down, by whomever.',
      reported: 'The user reported content to the moderators.',
    },
    review: {
      posted: 'The user published a review.',
      edited: 'The user changed a review.',
      removed: 'A review of the user was taken down, by whomever.',
    },
    moderation: {
      warned: 'Moderators sent the user a warning.',
      restricted: 'Moderators limited what the user can do.',
      reinstated: 'Moderators lifted a limit on the user.',
      appealed: 'The user appealed a moderation decision.',
    },
    message: {
      sent: 'The user sent a direct message.',
      received: 'The user received a direct message.',
    },
    response: { provided: 'The user answered a question or request of another user.' },
  },
  platform: {
    account: {
      created: 'The user opened an account.',
      updated: 'The user changed account details.',
      verified: 'The platform verified the account as a whole.',
      suspended: 'The platform suspended the account.',
      reinstated: 'The platform lifted a suspension of the account.',
      closed: 'The account was closed, by whomever.',
    },
    verification: {
      email: 'The user confirmed an e-mail address.',
      phone: 'The user confirmed a phone number.',
      identity: 'The user completed an identity check.',
      address: 'The user confirmed a postal address.',
    },
    subscription: {
      started: 'The user began a subscription.',
      renewed: 'A subscription was renewed.',
      changed: 'The plan of a subscription was changed.',
      cancelled: 'A subscription was ended.',
    },
    session: { started: 'The user logged in or began a session.' },
  },
};

/** What an operator's own catalog file holds. */
export const customCatalogSchema = z.record(z.string().regex(EVENT_TYPE_PATTERN), z.string().min(1).max(200), {
  error: ({ code }) => (code === 'invalid_key' ? 'an event type looks like mir.category.action' : undefined),
});

export interface Catalog {
  entries: readonly EventTypeEntry[];
  has(eventType: string): boolean;
  /** The known types nearest in spelling, nearest first, at most three. */
  nearest(eventType: string): string[];
}

/** The built-in types plus the operator's own. */
export function createCatalog(custom: Record<string, string> = {}): Catalog {
  const entries: EventTypeEntry[] = Object.entries(BUILT_IN).flatMap(([group, categories]) =>
    Object.entries(categories).flatMap(([category, actions]) =>
      Object.entries(actions).map(([action, meaning]) => ({
        eventType: `mir.${category}.${action}`,
        group: group as EventGroup,
        category,
        action,
        meaning,
      })),
    ),
  );
  const known = new Set(entries.map((entry) => entry.eventType));
  for (const [eventType, meaning] of Object.entries(custom)) {
    const match = EVENT_TYPE_PATTERN.exec(eventType);
    if (!match || known.has(eventType)) continue;
    known.add(eventType);
    entries.push({ eventType, group: 'custom', category: match[1]!, action: match[2]!, meaning });
  }
  return {
    entries,
    has: (eventType) => known.has(eventType),
    nearest: (eventType) =>
      [...known]
        .map((candidate) => ({ candidate, away: distance(eventType.slice(0, 80), candidate) }))
        .filter(({ away }) => away <= MAX_SUGGESTION_DISTANCE)
        .sort((a, b) => a.away - b.away)
        .slice(0, MAX_SUGGESTIONS)
        .map(({ candidate }) => candidate),
  };
}
