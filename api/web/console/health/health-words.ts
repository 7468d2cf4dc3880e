import { NO_WORKER } from '../../../admin/health/check-work';
import type { Finding } from '../../../admin/health/finding';
import { DEAD_LETTERS_PATH } from '../queues/dead-letter-words';

/** What a check is about, in words for people who do not know MIR's insides. */
export interface CheckWords {
  title: string;
  /** What depends on it. */
  meaning: string;
  /** ID of the section of the runbook that helps, if there is one. */
  runbook: string | null;
  /** Path of the page where operators act on it, if there is one. */
  page?: string;
}

const WORDS: Readonly<Record<string, CheckWords>> = {
  node: { title: 'Node.js', meaning: 'The version that runs this process.', runbook: null },
  settings: {
    title: 'Settings',
    meaning: 'Environment variables that work, but that a public server should not have.',
    runbook: null,
  },
  mongo: {
    title: 'MongoDB',
    meaning: 'Stores everything except queued work. Without it, events queue up, and people cannot log in.',
    runbook: 'mirmongoaway',
  },
  'replica set': {
    title: 'MongoDB replica set',
    meaning: 'MIR writes in transactions, which only the primary of a replica set offers.',
    runbook: 'mirmongoaway',
  },
  sharding: {
    title: 'MongoDB sharding',
    meaning: 'Commands reach one shard only if collections have the keys that MIR expects.',
    runbook: null,
  },
  transactions: {
    title: 'Transactions',
    meaning: 'Events and their effects on signals are stored together or not at all.',
    runbook: 'mircommitsstuck',
  },
  pepper: {
    title: 'Pepper',
    meaning: 'The secret that MIR derives its users’ references from. With another one, it recognizes none of them.',
    runbook: null,
  },
  indexes: { title: 'Indexes', meaning: 'Queries stay fast as data grows.', runbook: null },
  data: { title: 'Data migrations', meaning: 'Stored data has the form that this version expects.', runbook: null },
  cascades: {
    title: 'Kills',
    meaning: 'A kill is in force at once. Workers then delete the keys of its agents and write the audit log.',
    runbook: 'mircascadestuck',
  },
  audit: {
    title: 'Audit log',
    meaning: 'Workers seal entries into a chain, so that later changes to them are found.',
    runbook: 'mirsealerlag',
  },
  redis: {
    title: 'Redis of the queues',
    meaning: 'Keeps accepted events until workers store them. Without it, MIR rejects events.',
    runbook: 'mirredisaway',
  },
  'queue policy': {
    title: 'Redis durability',
    meaning: 'Redis must not forget accepted events or revoked keys, even after a restart.',
    runbook: null,
  },
  'queue memory': {
    title: 'Redis memory',
    meaning: 'When it is nearly full, MIR rejects events.',
    runbook: 'mirqueuememoryhigh',
  },
  'queue replicas': {
    title: 'Redis replicas',
    meaning: 'Accepted events survive the loss of a Redis server.',
    runbook: null,
  },
  'queue file': {
    title: 'Erased content in Redis',
    meaning: 'After an erasure, workers rewrite the file of Redis, so that it no longer contains the content.',
    runbook: null,
  },
  cache: {
    title: 'Redis of the cache',
    meaning: 'Speeds up reads. Without it, MIR reads from MongoDB.',
    runbook: 'mirredisaway',
  },
  'cache file': {
    title: 'Erased content in the cache',
    meaning: 'After an erasure, workers rewrite the file of the cache, so that it no longer contains the content.',
    runbook: null,
  },
  queues: { title: 'Queues', meaning: 'Work that waits for workers.', runbook: 'mirredisaway' },
  'queue shards': { title: 'Queue shards', meaning: 'New events are spread over these shards.', runbook: null },
  'queue events': {
    title: 'Queue of events',
    meaning: 'Accepted events appear in signals once a worker has stored them.',
    runbook: 'mirbacklogold',
  },
  'queue bulk-events': {
    title: 'Queue of bulk events',
    meaning: 'Events of partners with a backlog, which wait behind those of others.',
    runbook: 'mirbacklogold',
  },
  'queue cascades': {
    title: 'Queue of kills',
    meaning: 'Kills whose keys workers still delete.',
    runbook: 'mircascadestuck',
  },
  'queue webhooks': {
    title: 'Queue of webhooks',
    meaning: 'Messages to partners’ servers.',
    runbook: 'mirwebhooksfailing',
  },
  'queue erasures': { title: 'Queue of erasures', meaning: 'Users whose data workers erase.', runbook: null },
  'queue mails': {
    title: 'Queue of emails',
    meaning: 'Emails that wait to be sent.',
    runbook: 'mirmailsnotsent',
  },
  'dead letters': {
    title: 'Dead letters',
    meaning: 'Jobs that failed permanently. Their events are missing until an operator replays them.',
    runbook: 'mirdeadletters',
    page: DEAD_LETTERS_PATH,
  },
  clocks: {
    title: 'Clocks',
    meaning: 'Expiry, limits and the order of events depend on them.',
    runbook: null,
  },
  disk: { title: 'Disk', meaning: 'Free space for the data folder of this process.', runbook: null },
};

/** Returns the words for a check. Checks of a cluster's nodes have the words of the check, which their name begins with. */
export function wordsOf(check: string): CheckWords {
  const name = Object.hasOwn(WORDS, check) ? check : check.replace(/ node$/, '');
  return WORDS[name] ?? { title: check, meaning: '', runbook: null };
}

/** Returns the ID of the section of the runbook about what a check found, if there is one. */
export function runbookOf(check: string, findings: readonly Finding[]): string | null {
  if (findings.some(({ found }) => found === NO_WORKER)) return 'mirnoworker';
  return wordsOf(check).runbook;
}
