import { type BulkJobOptions, type Job, type JobsOptions, Queue } from 'bullmq';
import { z } from 'zod';
import type { Log } from '../log';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';

/** Dead letters are kept as long as the receipts that report the outcomes of their events. */
export const DEAD_LETTER_AGE_SECONDS = 30 * 24 * 3600;

/** `removeOnFail` for queues that keep each failed job as a dead letter until an operator replays or drops it. */
export const KEEP_DEAD_LETTERS = {
  age: DEAD_LETTER_AGE_SECONDS,
  /** Maximum number of dead letters. Above this number, the oldest are dropped. */
  count: 1_000,
} as const;

/**
 * When a new payload version is deployed, jobs with older payload versions are still queued, and dead letters with
 * older versions are kept for weeks. A queue therefore has a schema for each older version, which transforms payloads
 * of that version into the current one. Deploy the workers before the API, because a worker cannot read payloads of
 * newer versions.
 */
type Versions<Payload> = { version: 1 } | { version: number; older: Readonly<Record<number, z.ZodType<Payload>>> };

type QueueSpec<Name, Shape extends z.ZodRawShape, Options> = {
  name: Name;
  /** Schema of the payload. Job data also contains the version as `v`. */
  schema: z.ZodObject<Shape>;
  /** Retries and retention. */
  options: Options;
  /** Used instead of `schema` when adding jobs, if full validation is too slow. */
  checkOnAdd?: z.ZodType;
} & Versions<z.output<z.ZodObject<Shape>>>;

interface QueueDeps {
  link: Pick<RedisLink, 'bullmq'>;
  keys: RedisKeys;
  log: Log;
  /** Defaults to 0, which is the only shard of most queues. */
  shard?: number;
}

/** A queue that is open for adding jobs. */
interface QueueProducer<Payload> {
  queue: Queue;
  /** Adds a job. If the payload is invalid, throws a ZodError before sending anything. */
  add(payload: Payload, options: JobsOptions): Promise<void>;
  close(): Promise<void>;
}

/** The contract between a queue's producers and its workers. */
export interface QueueDefinition<Name extends string, Payload, Options extends JobsOptions> {
  name: Name;
  options: Options;
  /** Field names in a payload and its nested objects. All other text in a payload is content. */
  fields: ReadonlySet<string>;
  /** Returns the job data for a payload. Throws a ZodError if the payload is invalid. */
  encode(payload: Payload): object;
  /** Returns a job for `addBulk`. Throws a ZodError if the payload is invalid. */
  job(payload: Payload, options: BulkJobOptions): { name: string; data: object; opts: BulkJobOptions };
  /** Parses job data of the current or an older version. */
  safeParse(data: unknown): z.ZodSafeParseResult<Payload>;
  /** Parses a job's data. Throws a ZodError if the data is invalid. */
  parse(job: Pick<Job, 'data'>): Payload;
  /** Opens the queue for adding jobs. */
  open(deps: QueueDeps): QueueProducer<Payload>;
  /** Opens the queue for reading and managing jobs, without tracing. */
  inspect(deps: QueueDeps): Queue;
}

function fieldsOf(schema: z.ZodObject): string[] {
  return Object.entries(schema.shape).flatMap(([name, field]) => [
    name,
    ...(field instanceof z.ZodObject ? fieldsOf(field) : []),
  ]);
}

/** Defines a queue. Add every queue to the list in queues.ts. */
export function defineQueue<const Name extends string, Shape extends z.ZodRawShape, const Options extends JobsOptions>(
  spec: QueueSpec<Name, Shape, Options>,
): QueueDefinition<Name, z.output<z.ZodObject<Shape>>, Options> {
  type Payload = z.output<z.ZodObject<Shape>>;
  const { name, schema, version, options, checkOnAdd = schema } = spec;
  const older: Readonly<Record<number, z.ZodType<Payload>>> = 'older' in spec ? spec.older : {};
  for (let former = 1; former < version; former += 1) {
    if (!older[former]) throw new Error(`the ${name} queue has no schema for version ${former}; add it to \`older\``);
  }
  const current = z.object({ v: z.literal(version), ...schema.shape }) as unknown as z.ZodType<Payload>;

  const encode = (payload: Payload): object => {
    checkOnAdd.parse(payload);
    return { v: version, ...payload };
  };
  const safeParse = (data: unknown): z.ZodSafeParseResult<Payload> => {
    const v = (data as { v?: unknown } | null | undefined)?.v;
    const former = typeof v === 'number' && Object.hasOwn(older, v) ? older[v] : undefined;
    return (former ?? current).safeParse(data);
  };
  const connect = ({ keys, log, shard }: QueueDeps, connection: RedisLink['bullmq']): Queue => {
    const queue = new Queue(name, {
      ...connection,
      prefix: keys.queuePrefix(name, shard),
      skipMetasUpdate: true,
      // Workers check the Redis version. A producer would check it only once and, if that command timed out, would
      // reject every job until the process restarts.
      skipVersionCheck: true,
    });
    queue.on('error', (error) => log.warn({ err: error.message }, `${name} queue error`));
    return queue;
  };

  return {
    name,
    options,
    fields: new Set(['v', ...fieldsOf(schema)]),
    encode,
    job: (payload, added) => ({ name, data: encode(payload), opts: { ...options, ...added } }),
    safeParse,
    parse: ({ data }) => {
      const read = safeParse(data);
      if (!read.success) throw read.error;
      return read.data;
    },
    open: (deps) => {
      const queue = connect(deps, deps.link.bullmq);
      return {
        queue,
        add: (payload, added) => queue.add(name, encode(payload), { ...options, ...added }).then(() => undefined),
        close: () => queue.close(),
      };
    },
    inspect: (deps) => connect(deps, { connection: deps.link.bullmq.connection }),
  };
}
