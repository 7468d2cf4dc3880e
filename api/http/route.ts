import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { Admission } from '../../shared/authz/authorizer';
import type { Scope } from '../../shared/authz/credential';
import type { ParsedApiKey } from '../../shared/domain/api-key';
import type { Tenant } from '../../shared/domain/ids';
import type { FieldError, ProblemCode } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { ApiContext } from '../context';
import type { Answer, Exchange } from './finish';
import type { HeaderName } from './response-headers';

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** A route that takes an API key, and costs one unit of its budget. */
export interface KeyAuth {
  kind: 'key';
  scope: Scope;
  /** Answered from the store alone while the queue store is away. */
  availableWithoutRedis: boolean;
  /** The budget it draws on when called with a partner's own key; an agent's key always draws on `requests`. */
  budget?: 'control';
}

/** A route that takes an API key, and whose handler authorizes and charges it by what the body holds. */
export interface SelfChargingAuth {
  kind: 'key';
  scope: Scope;
  availableWithoutRedis: false;
  /** The budget it draws on, also when called with an agent's key. */
  budget: 'events';
  unitsOf: (items: number, bytes: number) => number;
}

/** Who may call a route. */
type RouteAuth = { kind: 'public' } | KeyAuth | SelfChargingAuth | { kind: 'admin' };

/** Scopes to write as an agent. The agents' own routes tell for themselves which of them a downgrade leaves. */
export const WRITING_SCOPES: ReadonlySet<Scope> = new Set(['events:write', 'links:write', 'users:erase']);

/** What a handler is given: only validated input. `caller` is there for `key` routes. */
export interface Call<Body, Query, Params> {
  ctx: ApiContext;
  body: Body;
  query: Query;
  params: Params;
  requestId: string;
  log: Log;
  ip: string;
  headers: IncomingHttpHeaders;
  caller: Caller;
}

export interface Caller {
  key: ParsedApiKey;
  tenant: Tenant;
  admission: Admission;
}

/** One documented answer of a route, as the OpenAPI document shows it. */
export interface Documented {
  description: string;
  schema?: z.ZodType;
  /** The same as lines of JSON, by `Accept`: the schema of one line. */
  otherMedia?: Record<string, z.ZodType>;
  /** Response headers beyond those of every answer. */
  headers?: HeaderName[];
  /** By name; default: one made from the schema. */
  examples?: Record<string, unknown>;
  /** What is different in the example made from the schema. */
  exampleFields?: Record<string, unknown>;
}

/** What the OpenAPI document tells of a route. */
export interface RouteDoc {
  /** Unique: verb and object, which name the function of a generated client. */
  operationId: string;
  method: Method;
  /** Express path, served bare and (partner routes) under /v1. */
  path: string;
  auth: RouteAuth;
  tag: string;
  summary: string;
  body?: z.ZodType;
  /** No body at all reads as `{}`. */
  bodyOptional?: boolean;
  query?: z.ZodType;
  params?: z.ZodType;
  answers: Record<number, Documented>;
  problems: ProblemCode[];
  description?: string;
  /** Examples of the body by name; default: one made from the schema. */
  bodyExamples?: Record<string, unknown>;
  /** The body may also come as lines of JSON (NDJSON): the schema of one line, and an example of several. */
  lines?: { schema: z.ZodType; example: string };
  /** Whether it reads the header `Idempotency-Key`. */
  idempotencyKey?: boolean;
}

/** A route whose input is read and validated before its handler runs. */
export interface ParsedRoute extends RouteDoc {
  auth: Exclude<RouteAuth, SelfChargingAuth>;
  rawBody?: never;
  /** What else is wrong with a body, of any shape: named in one answer with what the schema finds. */
  check?: (ctx: ApiContext, body: unknown) => FieldError[];
  handle: (call: Call<never, never, never>) => Promise<Answer> | Answer;
}

/** A route whose handler reads the body itself, because what the caller may spend decides how much of it is read. */
export interface RawRoute extends RouteDoc {
  auth: SelfChargingAuth;
  rawBody: true;
  /** Makes the handler, once for a context. It sets `exchange.headers` to the caller's limits. */
  createHandler: (ctx: ApiContext) => (exchange: Exchange) => Promise<Answer>;
}

export type Route = ParsedRoute | RawRoute;

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined;

/** Declares a route; the handler's input types follow from the schemas beside it. */
export function route<
  B extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  P extends z.ZodType | undefined = undefined,
>(
  definition: Omit<ParsedRoute, 'handle' | 'body' | 'query' | 'params'> & {
    body?: B;
    query?: Q;
    params?: P;
    handle: (call: Call<Parsed<B>, Parsed<Q>, Parsed<P>>) => Promise<Answer> | Answer;
  },
): ParsedRoute {
  return definition as unknown as ParsedRoute;
}
