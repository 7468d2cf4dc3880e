import { randomBytes } from 'node:crypto';
import { type CountedRequest, enteredField, finishedField, hourOf, REJECTED_EVENTS_FIELD } from '../domain/usage';
import type { Tenant } from '../domain/ids';
import { messageOf } from '../errors';
import type { Log } from '../log';
import type { RedisKeys } from '../redis/keys';
import type { RedisLink } from '../redis/link';
import { scripts } from '../redis/scripts';

const FLUSH_EVERY_MS = 1_000;
/**
 * Maximum number of batches, each of one tenant and hour, that collect, and of those that are being sent. Requests beyond
 * are not counted.
 */
const MAX_BATCHES = 10_000;
const MAX_CONCURRENT_SENDS = 100;

/** Counts that are sent together, of one tenant and hour. */
interface Batch {
  tenant: Tenant;
  hour: number;
  number: number;
  counts: Map<string, number>;
}

export interface UsageRecorder {
  /** Name of this process in the usage of its tenants. */
  process: string;
  /**
   * Counts a response in memory. Returns its batch, or null if the request is not counted, because its tenant is
   * unknown.
   */
  record(request: CountedRequest, status: number, code: string | null): Pick<Batch, 'hour' | 'number'> | null;
  /** Sends what was recorded. If a batch fails, it is sent again with the next flush. */
  flush(): Promise<void>;
  /** Stops the periodic flushes, then flushes one last time. */
  close(): Promise<void>;
}

/**
 * Counts responses in memory and adds them to the tenants' usage in Redis every second, so that requests do not cause
 * writes. A batch that may already have been added is sent again unchanged and with its number, so that it counts once.
 * Meanwhile, a second batch collects. The counts in a batch are bounded by the routes, statuses and codes that exist.
 */
export function createUsageRecorder({
  link,
  keys,
  log,
}: {
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
}): UsageRecorder {
  const process = randomBytes(8).toString('hex');
  const collecting = new Map<string, Batch>();
  const sending = new Map<string, Batch>();
  let batches = 0;
  let omitted = 0;
  let flushing: Promise<void> | null = null;

  const batchOf = (tenant: Tenant, hour: number): Batch | null => {
    const key = `${tenant}|${hour}`;
    const known = collecting.get(key);
    if (known) return known;
    if (collecting.size >= MAX_BATCHES) return null;
    batches += 1;
    const batch = { tenant, hour, number: batches, counts: new Map<string, number>() };
    collecting.set(key, batch);
    return batch;
  };

  const send = async (key: string, { tenant, hour, number, counts }: Batch): Promise<void> => {
    const rows = [keys.usage(tenant, hour), keys.usage(tenant, 'hours')] as [string, string];
    await scripts.recordUsage(link.client, rows, [
      keys.usage(tenant, ''),
      hour,
      process,
      number,
      ...[...counts].flat(),
    ]);
    sending.delete(key);
  };

  const write = async (): Promise<void> => {
    for (const [key, batch] of collecting) {
      if (sending.has(key) || sending.size >= MAX_BATCHES) continue;
      collecting.delete(key);
      sending.set(key, batch);
    }
    const all = [...sending];
    for (let at = 0; at < all.length; at += MAX_CONCURRENT_SENDS) {
      const sent = await Promise.allSettled(
        all.slice(at, at + MAX_CONCURRENT_SENDS).map(([key, batch]) => send(key, batch)),
      );
      const failed = sent.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
      if (failed) {
        log.warn({ err: messageOf(failed.reason), batches: sending.size }, 'recording usage failed, retrying');
        break;
      }
    }
    if (omitted > 0) {
      log.warn({ requests: omitted }, 'requests missing in the usage of their partners, because too many batches wait');
      omitted = 0;
    }
  };

  const flush = (): Promise<void> =>
    (flushing ??= write().finally(() => {
      flushing = null;
    }));

  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS);
  timer.unref();
  return {
    process,
    record: ({ group, entered, rejectedEvents }, status, code) => {
      if (!entered) return null;
      const hour = hourOf(entered.atMs ?? Date.now());
      const batch = batchOf(entered.tenant, hour);
      if (!batch) {
        omitted += 1;
        return null;
      }
      const { counts } = batch;
      const add = (field: string, count: number): void => void counts.set(field, (counts.get(field) ?? 0) + count);
      if (entered.atMs === null) add(enteredField(group), 1);
      add(finishedField(group, status, code), 1);
      if (rejectedEvents > 0) add(REJECTED_EVENTS_FIELD, rejectedEvents);
      return batch;
    },
    flush,
    close: async () => {
      clearInterval(timer);
      await flushing;
      await flush();
      // A batch that was being sent again may have held back a second one.
      if (collecting.size > 0) await flush();
      const left = sending.size + collecting.size;
      if (left > 0) log.warn({ batches: left }, 'usage was not recorded before the process ended');
    },
  };
}
