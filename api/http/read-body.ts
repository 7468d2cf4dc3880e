import express, { type Request, type Response } from 'express';
import { PublicError } from './public-error';
import { MAX_BODY_BYTES, MAX_EVENTS_BODY_BYTES, MAX_FORM_BODY_BYTES, MAX_LONG_FORM_BODY_BYTES } from './body-limits';
import { MAX_JSON_DEPTH, nestsDeeperThan } from './json-scan';
import { toMirError } from './problem';

/** Maximum size of a body that is read before the caller is authenticated. */
const MAX_UNKNOWN_CALLER_BYTES = 4 * 1024;

/** Uncompressed bodies up to this size are read concurrently. A batch of 500 ordinary events is about 100 KiB. */
const MAX_LIGHT_BYTES = 256 * 1024;

const MEDIA_TYPES = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  form: 'application/x-www-form-urlencoded',
} as const;
export type BodyKind = Exclude<keyof typeof MEDIA_TYPES, 'form'>;

const readers = new Map(
  [MAX_EVENTS_BODY_BYTES, MAX_BODY_BYTES, MAX_FORM_BODY_BYTES, MAX_LONG_FORM_BODY_BYTES].map((limit) => [
    limit,
    express.raw({ type: () => true, limit }),
  ]),
);
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Returns the kind of a request body. Throws 415 for an unsupported content encoding, media type or charset. */
export function bodyKind<Kind extends keyof typeof MEDIA_TYPES>(req: Request, allowed: readonly Kind[]): Kind {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && !/^(gzip|identity)$/i.test(encoding)) {
    throw new PublicError('UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding must be gzip or absent.');
  }
  const [type, ...parameters] = (req.headers['content-type'] ?? '').toLowerCase().split(';');
  const sent = type!.trim();
  const kind = allowed.find((name) => MEDIA_TYPES[name] === sent);
  if (!kind) {
    const names = allowed.map((name) => MEDIA_TYPES[name]);
    throw new PublicError('UNSUPPORTED_MEDIA_TYPE', `Content-Type must be ${names.join(' or ')}.`);
  }
  if (parameters.some((parameter) => /^\s*charset=(?!"?utf-8"?\s*$)/.test(parameter))) {
    throw new PublicError('UNSUPPORTED_MEDIA_TYPE', 'The charset in Content-Type must be utf-8.');
  }
  return kind;
}

/** Returns true for a body that may be read before its sender is authenticated. */
export function isSmallBody(req: Request): boolean {
  const length = Number(req.headers['content-length']);
  return req.headers['content-encoding'] === undefined && length <= MAX_UNKNOWN_CALLER_BYTES;
}

/**
 * Returns true for a body that is compressed, large or of unknown size. Reading such a body could delay other requests.
 */
export function isHeavyBody(req: Request): boolean {
  const length = Number(req.headers['content-length']);
  return req.headers['content-encoding'] !== undefined || !(length <= MAX_LIGHT_BYTES);
}

function incompleteBody(): PublicError {
  return new PublicError('INVALID_REQUEST', 'The request body is incomplete. Send the request again.');
}

/**
 * Reads a small, uncompressed body of known length in half the time that body-parser takes. Does not enforce a limit,
 * because Node's parser enforces `Content-Length`.
 */
function readSmall(req: Request): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts)));
    req.on('error', () => reject(incompleteBody()));
  });
}

async function readLarge(req: Request, res: Response, limit: number): Promise<Buffer> {
  // If the client disconnected while its request was waiting, reading the body would never finish.
  if (req.destroyed) throw incompleteBody();
  await new Promise<void>((resolve, reject) => {
    readers.get(limit)!(req, res, (error?: unknown) => (error ? reject(toMirError(error)) : resolve()));
  });
  const body: unknown = req.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

/**
 * Returns the decompressed body. Throws 413 if it exceeds `limit` bytes, and 400 if it is empty, incomplete or not
 * valid gzip.
 */
export async function readBody(req: Request, res: Response, limit: number): Promise<Buffer> {
  const body = await (isSmallBody(req) ? readSmall(req) : readLarge(req, res, limit));
  if (body.length === 0) throw new PublicError('INVALID_JSON', 'The request body is empty. Send the input as JSON.');
  return body;
}

/** Decodes a body. Throws 400 if it is not valid UTF-8. */
export function textOf(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new PublicError('INVALID_ENCODING', 'The request body is not valid UTF-8.');
  }
}

export function tooDeep(): PublicError {
  return new PublicError(
    'INVALID_JSON',
    `The request body is nested more than ${MAX_JSON_DEPTH} levels deep. Flatten it.`,
  );
}

export function invalidJson(error: unknown): PublicError {
  return new PublicError('INVALID_JSON', `The request body is not valid JSON: ${(error as Error).message}.`);
}

/** Throws 400 if a JSON body is nested more than `MAX_JSON_DEPTH` levels deep. */
export function requireShallow(body: Buffer): void {
  if (nestsDeeperThan(body, MAX_JSON_DEPTH)) throw tooDeep();
}

/** Parses JSON. Throws 400 if it is invalid. */
export function parseText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalidJson(error);
  }
}

/** Parses a JSON body. Throws 400 if it is not valid JSON or is nested more than `MAX_JSON_DEPTH` levels deep. */
export function parseJson(body: Buffer): unknown {
  requireShallow(body);
  return parseText(textOf(body));
}

/** Parses a form. Throws 400 if a field is repeated, because a proxy might read another one of its values. */
export function parseForm(body: Buffer): Record<string, string> {
  const fields = new URLSearchParams(textOf(body));
  const names = [...fields.keys()];
  if (new Set(names).size < names.length) {
    throw new PublicError('INVALID_REQUEST', 'The form repeats a field. Send each field once.');
  }
  return Object.fromEntries(fields);
}
