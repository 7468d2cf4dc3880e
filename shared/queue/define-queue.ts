import { type BulkJobOptions, type Job, type JobsOptions, Queue } from 'bullmq';
import { z } from 'zod';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';

/** As long as receipts are kept, which tell what became of the events. */
export const DEAD_LETTER_AGE_SECONDS = 30 * 24 * 3600;

/** `removeOnFail` of a queue that keeps what workers gave up until an operator replays or drops it. */
export const KEEP_DEAD_LETTERS = {
  age: DEAD_LETTER_AGE_SECONDS,
  /** Beyond it the oldest goes. */
  count: 1_000,
} as const;

/**
 * Jobs of an older version are still queued when a new one is deployed, and dead letters of it are kept for weeks. So a
 * version above 1 has a schema for the payload of each older one, which transforms it into the current payload. Deploy
 * workers before the API: a worker cannot read versions that are newer than its own.
 */
type Versions<Payload> = { version: 1 } | { version: number; older: Readonly<Record<number, z.ZodType<Payload>>> };

type QueueSpec<Name, Shape extends z.ZodRawShape, Options> = {
  name: Name;
  /** The payload. Jobs carry the version beside its fields, as `v`. */
  schema: z.ZodObject<Shape>;
  /** Retries, and how long jobs are kept. */
  options: Options;
  /** What `add` checks instead of `schema`, where that costs too much. */
  checkOnAdd?: z.ZodType;
} & Versions<z.output<z.ZodObject<Shape>>>;

interface QueueDeps {
  link: Pick<RedisLink, 'bullmq'>;
  keys: RedisKeys;
  log: Log;
}

/** The producer's side of a queue. */
interface QueueProducer<Payload> {
  queue: Queue;
  /** Queues a job. Throws a ZodError, before anything is sent, when the payload breaks the contract. */
  add(payload: Payload, options: JobsOptions): Promise<void>;
  close(): Promise<void>;
}

/** The contract between the producers and the workers of a queue. */
export interface QueueDefinition<Name extends string, Payload, Options extends JobsOptions> {
  name: Name;
  options: Options;
  /** Names of the fields of a payload and of its objects: all other text in a payload is content. */
  fields: ReadonlySet<string>;
  /** Returns a payload as jobs carry it. Throws a ZodError when it breaks the contract. */
  encode(payload: Payload): object;
  /** Returns a job for `addBulk`. Throws as `encode` does. */
  job(payload: Payload, options: BulkJobOptions): { name: string; data: object; opts: BulkJobOptions };
  /** Reads the payload of a job, of the current or an older version. */
  safeParse(data: unknown): z.ZodSafeParseResult<Payload>;
  /** Returns the payload of a job. Throws a ZodError on anything that is none. */
  parse(job: Pick<Job, 'data'>): Payload;
  /** Opens the queue to add jobs. */
  open(deps: QueueDeps): QueueProducer<Payload>;
  /** Opens the queue to look at its jobs and manage them: nothing is traced. */
  inspect(deps: QueueDeps): Queue;
}

function fieldsOf(schema: z.ZodObject): string[] {
  return Object.entries(schema.shape).flatMap(([name, field]) => [
    name,
    ...(field instanceof z.ZodObject ? fieldsOf(field) : []),
  ]);
}

/** Declares a queue. Every queue is declared this way and listed in queues.ts. */
export function defineQueue<const Name extends string, Shape extends z.ZodRawShape, const Options extends JobsOptions>(
  spec: QueueSpec<Name, Shape, Options>,
): QueueDefinition<Name, z.output<z.ZodObject<Shape>>, Options> {
  type Payload = z.output<z.ZodObject<Shape>>;
  const { name, schema, version, options, checkOnAdd = schema } = spec;
  const older: Readonly<Record<number, z.ZodType<Payload>>> = 'older' in spec ? spec.older : {};
  for (let former = 1; former < version; former += 1) {
    if (!older[former]) throw new Error(`the ${name} queue does not say how to read jobs of version ${former}`);
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
  const connect = ({ keys, log }: QueueDeps, connection: RedisLink['bullmq']): Queue => {
    const queue = new Queue(name, {
      ...connection,
      prefix: keys.queuePrefix(name),
      skipMetasUpdate: true,
      // Workers check the version. Here the check is one command, and if it times out, the queue rejects every job until
      // the process restarts.
      skipVersionCheck: true,
    });
    queue.on('error', (error) => log.warn({ err: error.message }, `${name} queue trouble`));
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
