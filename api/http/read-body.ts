import express, { type Request, type Response } from 'express';
import { PublicError } from './public-error';
import { MAX_BODY_BYTES, MAX_EVENTS_BODY_BYTES, MAX_FORM_BODY_BYTES } from './body-limits';
import { MAX_JSON_DEPTH, nestsDeeperThan } from './json-scan';
import { toMirError } from './problem';

/** A larger (or unmeasured) body is read only from a caller whose key is known to be good. */
const MAX_UNKNOWN_CALLER_BYTES = 4 * 1024;

/** Plain bodies up to this size are read beside each other; a batch of 500 ordinary events has 100 KiB. */
const MAX_LIGHT_BYTES = 256 * 1024;

export type BodyKind = 'json' | 'ndjson';

const readers = new Map(
  [MAX_EVENTS_BODY_BYTES, MAX_BODY_BYTES, MAX_FORM_BODY_BYTES].map((limit) => [
    limit,
    express.raw({ type: () => true, limit }),
  ]),
);
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The media type of a body. Throws 415 for what this API does not read. */
export function bodyKind(req: Request, allowed: readonly BodyKind[]): BodyKind {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && !/^(gzip|identity)$/i.test(encoding)) {
    throw new PublicError('UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding must be gzip or absent.');
  }
  const [type, ...parameters] = (req.headers['content-type'] ?? '').toLowerCase().split(';');
  const kind = { 'application/json': 'json', 'application/x-ndjson': 'ndjson' }[type!.trim()] as BodyKind | undefined;
  if (!kind || !allowed.includes(kind)) {
    const names = allowed.map((name) => (name === 'json' ? 'application/json' : 'application/x-ndjson'));
    throw new PublicError('UNSUPPORTED_MEDIA_TYPE', `Content-Type must be ${names.join(' or ')}.`);
  }
  if (parameters.some((parameter) => /^\s*charset=(?!"?utf-8"?\s*$)/.test(parameter))) {
    throw new PublicError('UNSUPPORTED_MEDIA_TYPE', 'The charset must be utf-8.');
  }
  return kind;
}

/** True when the body may be read before it is known who sends it. */
export function isSmallBody(req: Request): boolean {
  const length = Number(req.headers['content-length']);
  return req.headers['content-encoding'] === undefined && length <= MAX_UNKNOWN_CALLER_BYTES;
}

/** True when a body is compressed, of unknown size, or large: reading it is work that others would notice. */
export function isHeavyBody(req: Request): boolean {
  const length = Number(req.headers['content-length']);
  return req.headers['content-encoding'] !== undefined || !(length <= MAX_LIGHT_BYTES);
}

/** A small, plain body of known length, which Node's parser itself keeps to: the body reader costs twice this. */
function readSmall(req: Request): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts)));
    req.on('error', () => reject(new PublicError('INVALID_REQUEST', 'The body did not arrive whole.')));
  });
}

async function readLarge(req: Request, res: Response, limit: number): Promise<Buffer> {
  // The caller may have left while its key was checked or it waited for its turn; the end of its body would never come.
  if (req.destroyed) throw new PublicError('INVALID_REQUEST', 'The body did not arrive whole.');
  await new Promise<void>((resolve, reject) => {
    readers.get(limit)!(req, res, (error?: unknown) => (error ? reject(toMirError(error)) : resolve()));
  });
  const body: unknown = req.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

/** The body, decompressed, at most `limit` bytes. Throws 400 or 413. */
export async function readBody(req: Request, res: Response, limit: number): Promise<Buffer> {
  const body = await (isSmallBody(req) ? readSmall(req) : readLarge(req, res, limit));
  if (body.length === 0) throw new PublicError('INVALID_JSON', 'The body is empty.');
  return body;
}

/** The text of a body. Throws 400 unless it is valid UTF-8. */
export function textOf(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new PublicError('INVALID_ENCODING', 'The body is not valid UTF-8.');
  }
}

export function tooDeep(): PublicError {
  return new PublicError('INVALID_JSON', `The body is nested deeper than ${MAX_JSON_DEPTH} levels. Flatten it.`);
}

export function invalidJson(error: unknown): PublicError {
  return new PublicError('INVALID_JSON', `The body is not valid JSON: ${(error as Error).message}.`);
}

/** Parses a JSON body. Throws 400 when it is not valid or nested deeper than 32 levels. */
export function parseJson(body: Buffer): unknown {
  if (nestsDeeperThan(body, MAX_JSON_DEPTH)) throw tooDeep();
  const text = textOf(body);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalidJson(error);
  }
}
