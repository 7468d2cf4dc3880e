import { mkdirSync } from 'node:fs';
import { messageOf } from '../../shared/errors';
import { redactUrl } from '../../shared/config/redact-url';
import { keepAlive, type KeptServer } from './keep-alive';
import { startMongo } from './mongo';
import { startRedis } from './redis';
import type { StartOptions } from './store-server';

const OWNER_ONLY = 0o700;

export { startMongo, startRedis };

export interface Stores {
  mongoUrl: string;
  redisUrl: string;
  /** Description of the server, with its version and origin. */
  mongo: string;
  redis: string;
  /** Resolves with the reason when a store has died too many times or cannot be restarted. */
  gaveUp: Promise<string>;
  stop(): Promise<void>;
}

export interface StoresOptions extends Omit<StartOptions, 'port'> {
  redisArgs?: readonly string[];
}

/** Starts MongoDB unless MONGO_URL is set, and Redis unless REDIS_URL is set. */
export async function startStores(options: StoresOptions): Promise<Stores> {
  const { dataDir, env = process.env, onProgress = () => {}, redisArgs: args = [] } = options;
  mkdirSync(dataDir, { recursive: true, mode: OWNER_ONLY });
  const start = { ...options, env, onProgress };
  const [mongo, redis] = await bothOrNone(
    adopt(env['MONGO_URL']) ?? keepAlive('MongoDB', (port) => startMongo(withPort(start, port)), onProgress),
    adopt(env['REDIS_URL']) ?? keepAlive('Redis', (port) => startRedis({ ...withPort(start, port), args }), onProgress),
  );
  return {
    mongoUrl: mongo.url,
    redisUrl: redis.url,
    mongo: mongo.description,
    redis: redis.description,
    gaveUp: Promise.race([mongo.gaveUp, redis.gaveUp]),
    stop: async () => void (await Promise.all([mongo.stop(), redis.stop()])),
  };
}

async function bothOrNone(one: Promise<KeptServer>, other: Promise<KeptServer>): Promise<[KeptServer, KeptServer]> {
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value];
  const reasons: string[] = [];
  for (const result of [first, second]) {
    if (result.status === 'fulfilled') await result.value.stop();
    else reasons.push(messageOf(result.reason));
  }
  throw new Error(reasons.join('\n\n'));
}

function adopt(url: string | undefined): Promise<KeptServer> | null {
  if (url === undefined || url === '') return null;
  const never = new Promise<string>(() => {});
  return Promise.resolve({ url, description: `${redactUrl(url)} (external)`, gaveUp: never, stop: async () => {} });
}

function withPort(options: Omit<StartOptions, 'port'>, port: number | undefined): StartOptions {
  return port === undefined ? options : { ...options, port };
}
