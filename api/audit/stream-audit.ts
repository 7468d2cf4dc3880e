import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { createSemaphore } from '../../shared/concurrency/semaphore';
import type { AuditDoc } from '../../shared/store/audit';
import type { ApiContext } from '../context';
import { NDJSON, ndjsonOf } from '../http/ndjson';
import { MAX_CURSOR_LENGTH } from '../http/paging';
import { chargeForRows } from '../http/price';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';

import { auditHeadSchema, isHeadDue, signHead } from './audit-head';
import { presentWithoutSeal } from './list-audit';
import { auditEntrySchema, presentEntry } from './present-entry';
import { type FoundEntries, readStream, type StreamRead } from './read-stream';
import { cursorOf, positionAfter, positionOf, type StreamPosition } from './stream-cursor';

const DEFAULT_ENTRIES = 100;
const MAX_ENTRIES = 1_000;
/** How long a request waits for a newer entry. Shorter than the idle timeouts of usual proxies (60 s). */
const MAX_WAIT_SECONDS = 30;
/** Maximum number of requests of a tenant that wait for newer entries, per process. */
export const MAX_WAITING_PER_OWNER = 8;
/** Maximum number of waiting requests per process. Each one keeps a connection open. */
export const MAX_WAITING = 128;
const RETRY_AFTER_SECONDS = 5;

const cursorSchema = z.string().describe('Pass it as `after` to continue after this line.');

/** A line of the stream. */
const lineSchema = z
  .discriminatedUnion('type', [
    z
      .object({ type: z.literal('entry'), cursor: cursorSchema, entry: auditEntrySchema })
      .meta({ id: 'AuditStreamEntry' }),
    z
      .object({
        type: z.literal('head'),
        cursor: cursorSchema,
        head: auditHeadSchema,
        signature: z
          .string()
          .describe(
            'A compact JWS (EdDSA) of the type `mir-audit-head+jws`. Its payload is `head` as JSON with sorted keys and no whitespace. The keys are at `/.well-known/jwks.json`.',
          ),
      })
      .meta({ id: 'AuditStreamHead' }),
  ])
  .meta({ id: 'AuditStreamLine' });
type Line = z.input<typeof lineSchema>;

const onFull = (): Error =>
  new PublicError('RATE_LIMITED', 'Too many requests are waiting for new audit entries. Use one stream per consumer.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
const perOwner = createSemaphore({ maxAtOnce: MAX_WAITING_PER_OWNER, maxWaiting: 0, onFull });
const perProcess = createSemaphore({ maxAtOnce: MAX_WAITING, maxWaiting: 0, onFull });

type Deps = Pick<ApiContext, 'store' | 'secrets' | 'signer' | 'longWork' | 'headWatcher'>;

interface StreamRequest extends StreamRead {
  waitSeconds: number;
  /** Aborted when the client disconnects. */
  signal: AbortSignal;
}

const ownerOfCursor = ({ tenant, agentId }: Pick<StreamRead, 'tenant' | 'agentId'>): string =>
  agentId === null ? `stream|${tenant}` : `stream|${tenant}|${agentId}`;

/** Waits until there are entries after the position. Returns none if the wait ends earlier. */
async function waitForEntries(
  { headWatcher }: Deps,
  { tenant, waitSeconds, signal }: StreamRequest,
  readThrough: number,
  read: () => Promise<FoundEntries>,
): Promise<AuditDoc[]> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const timer = setTimeout(end, waitSeconds * 1_000);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    let through = readThrough;
    while (await headWatcher.waitBeyond(tenant, through, ending.signal)) {
      const found = await read();
      if (found.entries.length > 0) return found.entries;
      ({ through } = found);
    }
    return [];
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

/** Returns the lines about entries. For a partner, a signed head follows if one is due. */
async function* linesOf(deps: Deps, request: StreamRequest, entries: AuditDoc[]): AsyncGenerator<Line> {
  const { tenant, agentId, after } = request;
  const cursorAt = (position: StreamPosition): string =>
    cursorOf(deps.secrets.cursor, ownerOfCursor(request), position);
  const last = entries.reduce(positionAfter, after);
  const nowMs = Date.now();
  // Sign before the first line is sent, so that the client gets a problem if that fails.
  const signed = agentId === null && isHeadDue(last, nowMs) ? await signHead(deps, tenant, last, nowMs) : null;
  const present = agentId === null ? presentEntry : presentWithoutSeal;
  let position = after;
  for (const doc of entries) {
    position = positionAfter(position, doc);
    yield { type: 'entry', cursor: cursorAt(position), entry: present(doc) };
  }
  if (signed) yield { type: 'head', cursor: cursorAt({ ...last, headSeq: last.seq, headAtMs: nowMs }), ...signed };
}

/** Streams the entries after a position. If there are none, first waits for them without holding a database cursor. */
async function* streamEntries(deps: Deps, request: StreamRequest): AsyncGenerator<string> {
  const owner = ownerOf(request.tenant, request.agentId);
  const read = (): Promise<FoundEntries> => deps.longWork.list(owner, () => readStream(deps, request));
  const { through, ...found } = await read();
  let { entries } = found;
  if (entries.length === 0 && request.waitSeconds > 0) {
    entries = await perOwner.run(() => perProcess.run(() => waitForEntries(deps, request, through, read)), owner);
  }
  yield* ndjsonOf(linesOf(deps, request, entries), (line) => line);
}

export const streamAuditRoute = route({
  operationId: 'streamAuditEntries',
  method: 'GET',
  path: '/audit/stream',
  v1Only: true,
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    partnerScope: 'audit:read',
    availableWithoutRedis: true,
    price: { asRead: true },
  },
  tag: 'Audit',
  summary: 'Stream audit entries, oldest first, with signed heads',
  description: `Returns sealed entries in the order of the chain, one per line, after the line whose \`cursor\` you pass as \`after\`. If there are none, waits until one is sealed. The response ends after \`limit\` entries, or without an entry after the wait. Then send the next request with the cursor of the last line that you stored. Each entry is sent at least once. A line of the type \`head\` follows when the chain has grown, at most once a minute. 409 \`CONFLICT\` means that the entry of the cursor is no longer in the chain. At most ${MAX_WAITING_PER_OWNER} requests of a partner can wait at the same time. Agents get only entries about themselves and their descendants, without \`seq\`, \`previousHash\` and \`hash\`, and no heads`,
  query: z.strictObject({
    after: z
      .string()
      .max(MAX_CURSOR_LENGTH)
      .optional()
      .describe('The `cursor` of the last line that you stored. Omit it to start with the first entry.'),
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .max(MAX_ENTRIES)
      .default(DEFAULT_ENTRIES)
      .describe(`Maximum number of entries, 1–${MAX_ENTRIES}.`),
    waitSeconds: z.coerce
      .number()
      .int()
      .min(0)
      .max(MAX_WAIT_SECONDS)
      .default(MAX_WAIT_SECONDS)
      .describe(`How long to wait if there is no newer entry, 0–${MAX_WAIT_SECONDS} seconds.`),
  }),
  answers: { 200: { description: 'The entries and, if one is due, a head', otherMedia: { [NDJSON]: lineSchema } } },
  problems: ['VALIDATION_FAILED', 'CONFLICT', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: ({ ctx, caller: { tenant, admission, charge }, query: { after: cursor, limit, waitSeconds } }) => {
    const reader = { tenant, agentId: admission.credential.agent?.agentId ?? null };
    const after = positionOf(ctx.secrets.cursor, ownerOfCursor(reader), cursor);
    const closed = new AbortController();
    const pay = chargeForRows(charge);
    const stream = streamEntries(ctx, { ...reader, after, limit, pay, waitSeconds, signal: closed.signal });
    return { status: 200, mediaType: NDJSON, stream, onClose: () => closed.abort() };
  },
});
