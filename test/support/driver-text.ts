import type { OwnStore } from './own-store';

/**
 * Error texts from drivers, databases and the operating system, and internal names. None of these may reach a client.
 */
const DRIVER_TEXTS: readonly RegExp[] = [
  // Sockets and DNS lookups.
  /\bE(?:CONN[A-Z]+|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN)\b|getaddrinfo|socket hang up/,
  // ioredis, BullMQ and rate-limiter-flexible. An apostrophe may be escaped.
  /Stream isn.{1,6}t writeable|enableOfflineQueue|maxRetriesPerRequest|Connection is closed|Command (?:timed out|aborted)/,
  /Socket timeout|Redis connection is not ready|Missing (?:lock|key) for job|job stalled|ioredis|ReplyError/,
  // Error replies from Redis and its script engine.
  /\b(?:NOSCRIPT|EVALSHA|WRONGTYPE|OOM|MISCONF|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|EXECABORT|NOPERM)\b/,
  /\bERR [a-z]|user_script|redis\.call|wrong kind of value/,
  // The MongoDB driver and Mongoose.
  /Mongo(?:Server|Network|Bulk|Write|Runtime|Pool|DBError|Error|ose)|PoolCleared|mongoose|E11000|Transient\w+Error/,
  /\btopology\b|[Ss]erver selection|[Cc]onnection (?:pool|<monitor>|\d+ to)|server monitor/,
  // The circuit breaker around database reads.
  /Breaker is open|Semaphore locked|Timed out after \d+/,
  // Script hashes, script names and stack traces.
  /(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])|\bmir(?:Enter|Fill|TakeLeases|Hold|Release)\b|node_modules|\.[jt]s:\d+/,
];

/** Returns a store's address in every form that may appear in a text. */
function addressesOf({ url }: OwnStore): string[] {
  const { port } = new URL(url);
  return ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0'].map((host) => `${host}:${port}`).concat(`"port":${port}`);
}

/** Returns the driver texts and store addresses that a text contains. */
export function driverTextIn(text: string, stores: readonly OwnStore[]): string[] {
  const found = DRIVER_TEXTS.flatMap((pattern) => pattern.exec(text)?.[0] ?? []);
  return [...found, ...stores.flatMap(addressesOf).filter((address) => text.includes(address))];
}
