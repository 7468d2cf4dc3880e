import type { OwnStore } from './own-stores';

/** What drivers, stores and the operating system say of a store that fails, and what only our internals know. */
const DRIVER_TEXTS: readonly RegExp[] = [
  // Sockets and name look-up.
  /\bE(?:CONN[A-Z]+|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN)\b|getaddrinfo|socket hang up/,
  // ioredis, BullMQ and rate-limiter-flexible; an apostrophe may be escaped.
  /Stream isn.{1,6}t writeable|enableOfflineQueue|maxRetriesPerRequest|Connection is closed|Command (?:timed out|aborted)/,
  /Socket timeout|Redis connection is not ready|Missing (?:lock|key) for job|job stalled|ioredis|ReplyError/,
  // Replies of a Redis server, and of its script engine.
  /\b(?:NOSCRIPT|EVALSHA|WRONGTYPE|OOM|MISCONF|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|EXECABORT|NOPERM)\b/,
  /\bERR [a-z]|user_script|redis\.call|wrong kind of value/,
  // The MongoDB driver and mongoose.
  /Mongo(?:Server|Network|Bulk|Write|Runtime|Pool|DBError|Error|ose)|PoolCleared|mongoose|E11000|Transient\w+Error/,
  /\btopology\b|[Ss]erver selection|[Cc]onnection (?:pool|<monitor>|\d+ to)|server monitor/,
  // The breaker around reads of the store.
  /Breaker is open|Semaphore locked|Timed out after \d+/,
  // Script hashes, names of our scripts, stack traces.
  /(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])|\bmir(?:Enter|Fill|TakeLeases|Hold|Release)\b|node_modules|\.[jt]s:\d+/,
];

/** Where a store is, however a text may name it. */
function placesOf({ url }: OwnStore): string[] {
  const { port } = new URL(url);
  return ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0'].map((host) => `${host}:${port}`).concat(`"port":${port}`);
}

/** Finds what a text gives away of drivers and stores. */
export function driverTextIn(text: string, stores: readonly OwnStore[]): string[] {
  const quoted = DRIVER_TEXTS.flatMap((pattern) => pattern.exec(text)?.[0] ?? []);
  return [...quoted, ...stores.flatMap(placesOf).filter((place) => text.includes(place))];
}
