import type { Random } from './random';

/** A simulated platform, as input for the generator. */
export interface Profile {
  name: string;
  website: string;
  contactEmail: string;
  /** Share of the day's events. */
  share: number;
  /** Average number of events per user. */
  eventsPerUser: number;
  /** Relative frequency of each event type. */
  mix: Record<string, number>;
  userId: (rank: number) => string;
  metadata: (random: Random) => Record<string, unknown>;
}

const HANDLES = ['zoë', 'mallory', 'ines', 'karl-heinz', 'björk', '李娜', 'night owl', 'o’brien', 'tomás', 'anna'];
const CHANNELS = ['web', 'app', 'store'];
const BOARDS = ['garden', 'synths', 'trains', 'cooking', 'off-topic'];
const CRAFTS = ['translation', 'plumbing', 'illustration', 'tutoring'];
const MAX_ORDER_CENTS = 25_000;
const MAX_PROJECT_HOURS = 60;
const MAX_WORDS = 900;

/** The demo's three partners. */
export const PROFILES: readonly Profile[] = [
  {
    name: 'Kornblume Shop',
    website: 'https://shop.example',
    contactEmail: 'integration@shop.example',
    share: 0.5,
    eventsPerUser: 7,
    mix: {
      'mir.transaction.initiated': 30,
      'mir.transaction.completed': 27,
      'mir.transaction.fulfilled': 24,
      'mir.review.posted': 8,
      'mir.transaction.cancelled': 4,
      'mir.transaction.refunded': 3,
      'mir.account.created': 2,
      'mir.verification.email': 2,
      'mir.transaction.disputed': 0.5,
      'mir.transaction.chargeback': 0.2,
    },
    userId: (rank) => `cust-${String(rank + 1).padStart(5, '0')}`,
    metadata: (random) => ({ totalCents: random.between(199, MAX_ORDER_CENTS), channel: random.pick(CHANNELS) }),
  },
  {
    name: 'Lantern Forum',
    website: 'https://forum.example',
    contactEmail: 'admin@forum.example',
    share: 0.35,
    eventsPerUser: 9,
    mix: {
      'mir.content.posted': 50,
      'mir.message.sent': 18,
      'mir.content.edited': 12,
      'mir.response.provided': 10,
      'mir.session.started': 8,
      'mir.content.reported': 1.5,
      'mir.content.removed': 1,
      'mir.moderation.warned': 0.5,
    },
    userId: (rank) => `${HANDLES[rank % HANDLES.length]}#${rank}`,
    metadata: (random) => ({ board: random.pick(BOARDS), words: random.between(1, MAX_WORDS) }),
  },
  {
    name: 'Handwerk Gigs',
    website: 'https://gigs.example',
    contactEmail: 'dev@gigs.example',
    share: 0.15,
    eventsPerUser: 12,
    mix: {
      'mir.project.started': 30,
      'mir.project.completed': 26,
      'mir.review.posted': 18,
      'mir.message.sent': 14,
      'mir.project.cancelled': 4,
      'mir.verification.identity': 3,
      'mir.subscription.renewed': 3,
      'mir.transaction.disputed': 1,
    },
    userId: (rank) => `g_${(rank * 7919 + 104_729).toString(36)}`,
    metadata: (random) => ({
      craft: random.pick(CRAFTS),
      terms: { hours: random.between(1, MAX_PROJECT_HOURS), remote: random.chance(0.3) },
    }),
  },
];
