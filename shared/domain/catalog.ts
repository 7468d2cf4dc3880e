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

/** The built-in catalog: group → category → action → meaning in one sentence. */
const BUILT_IN: Record<Exclude<EventGroup, 'custom'>, Record<string, Record<string, string>>> = {
  commerce: {
    transaction: {
      initiated: 'The user started a purchase or sale.',
      completed: 'A purchase or sale was paid for and completed.',
      fulfilled: 'The goods or services of a transaction were delivered.',
      cancelled: 'A transaction was canceled before it was completed.',
      refunded: 'The payment for a transaction was refunded.',
      disputed: 'A party to a transaction disputed it.',
      chargeback: "The payer's bank reversed the payment for a transaction.",
    },
    project: {
      started: 'Work started on an agreed project.',
      completed: 'An agreed project was delivered and accepted.',
      cancelled: 'An agreed project was canceled before it was delivered.',
    },
  },
  community: {
    content: {
      posted: 'The user published content.',
      edited: 'The user edited published content.',
      removed: "The user's content was removed, by the user or someone else.",
      reported: 'The user reported content to moderators.',
    },
    review: {
      posted: 'The user published a review.',
      edited: 'The user edited a review.',
      removed: "The user's review was removed, by the user or someone else.",
    },
    moderation: {
      warned: 'Moderators warned the user.',
      restricted: 'Moderators restricted what the user can do.',
      reinstated: 'Moderators lifted a restriction on the user.',
      appealed: 'The user appealed a moderation decision.',
    },
    message: {
      sent: 'The user sent a direct message.',
      received: 'The user received a direct message.',
    },
    response: { provided: "The user responded to another user's question or request." },
  },
  platform: {
    account: {
      created: 'The user opened an account.',
      updated: 'The user changed their account details.',
      verified: 'The platform verified the account as a whole.',
      suspended: 'The platform suspended the account.',
      reinstated: "The platform lifted the account's suspension.",
      closed: 'The account was closed, by the user or the platform.',
    },
    verification: {
      email: 'The user confirmed an email address.',
      phone: 'The user confirmed a phone number.',
      identity: 'The user completed an identity check.',
      address: 'The user confirmed a postal address.',
    },
    subscription: {
      started: 'The user started a subscription.',
      renewed: 'A subscription was renewed.',
      changed: 'A subscription moved to a different plan.',
      cancelled: 'A subscription was canceled.',
    },
    session: { started: 'The user logged in or started a session.' },
  },
};

/** Schema of an operator's catalog file: event type → meaning. */
export const customCatalogSchema = z.record(z.string().regex(EVENT_TYPE_PATTERN), z.string().min(1).max(200), {
  error: ({ code }) =>
    code === 'invalid_key' ? 'an event type must have the form mir.<category>.<action>' : undefined,
});

export interface Catalog {
  entries: readonly EventTypeEntry[];
  has(eventType: string): boolean;
  /** Returns up to three known event types with similar spelling, most similar first. */
  nearest(eventType: string): string[];
}

/** Creates a catalog of the built-in event types and the operator's custom types. */
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
        .map((candidate) => ({ candidate, edits: distance(eventType.slice(0, 80), candidate) }))
        .filter(({ edits }) => edits <= MAX_SUGGESTION_DISTANCE)
        .sort((a, b) => a.edits - b.edits)
        .slice(0, MAX_SUGGESTIONS)
        .map(({ candidate }) => candidate),
  };
}
