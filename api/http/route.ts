import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { Admission } from '../../shared/authz/authorizer';
import type { Scope } from '../../shared/authz/credential';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import type { Tenant } from '../../shared/domain/ids';
import type { FieldError, ProblemCode } from '../../shared/errors';
import type { OperatorActor } from '../../shared/store/audit';
import type { Log } from '../../shared/log';
import type { StaffSession } from '../accounts/staff-auth';
import type { ApiContext } from '../context';
import type { Answer, Exchange } from './finish';
import type { Charge, Price } from './price';
import type { HeaderName } from './response-headers';

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** Requires an API key and charges each request before it is validated. */
export interface KeyAuth {
  kind: 'key';
  scope: Scope;
  /** The scope that a partner key needs, if it differs from both `scope` and `PARTNER_SCOPE_OF`. */
  partnerScope?: Scope;
  /** The scope that a member needs, if it differs from that of a partner key. */
  memberScope?: Scope;
  /** Members must have logged in recently, because the change cannot be undone or grants lasting rights. */
  recentLogIn?: true;
  /** Whether requests are authorized against MongoDB while Redis is down. */
  availableWithoutRedis: boolean;
  /** The budget that a partner key draws on. The default is `requests`. Agents always draw on `requests`. */
  budget?: 'control' | 'introspections';
  /** What the request costs in addition to the size of its body. By default, one unit. */
  price?: Price;
  /**
   * Returns the key of the caller's tenant in an unvalidated body that the handler will check. The call that authorizes
   * the request then checks this key, too.
   */
  containedKey?: (body: unknown, tenant: Tenant) => PresentedKey | null;
  /** Rejects agent keys with HUMAN_REQUIRED. */
  partnerOnly?: true;
  /** Requires the ENTERPRISE plan. Routes that read, suspend or revoke agents must keep working after a downgrade. */
  enterpriseOnly?: true;
}

/**
 * Requires an API key. The handler itself authorizes the request and charges it according to the content of the body.
 */
export interface SelfChargingAuth {
  kind: 'key';
  scope: Scope;
  availableWithoutRedis: false;
  /** The budget that both partner and agent keys draw on. */
  budget: 'events';
  unitsOf: (items: number, bytes: number) => number;
}

/** Who may call a route. */
type RouteAuth = { kind: 'public' } | KeyAuth | SelfChargingAuth | StaffAuth | { kind: 'admin' };

/** Requires the session of a staff account, for routes about the account itself. */
export interface StaffAuth {
  kind: 'staff';
  recentLogIn?: true;
}

/**
 * Scopes that agents lose when their partner's plan no longer includes agents. `agents:*` scopes are not included,
 * because the agent routes check the plan themselves: some routes remain available after a downgrade.
 */
export const WRITING_SCOPES: ReadonlySet<Scope> = new Set(['events:write', 'links:write', 'users:erase']);

/** Arguments of a handler. All input has been validated. `caller` is set on routes that require an API key. */
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
  /** Set on routes that require the session of a staff account. */
  staff: StaffSession;
  /** Who acts. Set on routes for operators. */
  operator: OperatorActor;
}

export interface Caller {
  key: PresentedKey;
  tenant: Tenant;
  admission: Admission;
  /** Charges for further work. The route's `price` declares `asRead`. */
  charge: Charge;
}

/** A response in the OpenAPI document. */
export interface Documented {
  description: string;
  schema?: z.ZodType;
  /**
   * Alternative line-delimited formats: the schema of one line, by media type. Clients select a format with `Accept`.
   */
  otherMedia?: Record<string, z.ZodType>;
  /** Headers in addition to those that every response has. */
  headers?: HeaderName[];
  /** Examples by name. By default, one example is generated from the schema. */
  examples?: Record<string, unknown>;
  /** Values that override fields of the generated example. */
  exampleFields?: Record<string, unknown>;
}

/** The documentation of a route. */
export interface RouteDoc {
  /** Unique name that consists of a verb and an object. Generated clients use it as the function name. */
  operationId: string;
  method: Method;
  /** Express path. Partner routes are also served under `/v1`. */
  path: string;
  /** Serves a partner route only under `/v1`, unlike the routes of the first release. */
  v1Only?: true;
  /** Marks the route as deprecated in the OpenAPI document. */
  deprecated?: true;
  /** Earlier paths of the endpoint. They are served in the same way, but not documented. */
  aliases?: readonly string[];
  auth: RouteAuth;
  tag: string;
  summary: string;
  body?: z.ZodType;
  /** Treats a missing body as `{}`. */
  bodyOptional?: boolean;
  query?: z.ZodType;
  params?: z.ZodType;
  answers: Record<number, Documented>;
  problems: readonly ProblemCode[];
  description?: string;
  /** Examples of the body by name. By default, one example is generated from the schema. */
  bodyExamples?: Record<string, unknown>;
  /** Set if the route also accepts NDJSON. Contains the schema of one line and an example of several lines. */
  lines?: { schema: z.ZodType; example: string };
  /** Set if the body may also be an HTML form (`application/x-www-form-urlencoded`) with the same fields. */
  acceptsForm?: true;
  /** Whether the route reads the `Idempotency-Key` header. */
  idempotencyKey?: boolean;
}

/** A route whose input is read and validated before its handler runs. */
export interface ParsedRoute extends RouteDoc {
  auth: Exclude<RouteAuth, SelfChargingAuth>;
  rawBody?: never;
  /**
   * Returns problems that the schema cannot express. Runs on unvalidated input, so that these problems and schema
   * errors are reported together.
   */
  check?: (ctx: ApiContext, body: unknown) => FieldError[];
  handle: (call: Call<never, never, never>) => Promise<Answer> | Answer;
}

/** A route whose handler reads the body itself, because the caller's budget determines whether the body is read. */
export interface RawRoute extends RouteDoc {
  auth: SelfChargingAuth;
  rawBody: true;
  /** Creates the handler. Called once per context. The handler adds the caller's rate limits to `exchange.headers`. */
  createHandler: (ctx: ApiContext) => (exchange: Exchange) => Promise<Answer>;
}

export type Route = ParsedRoute | RawRoute;

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined;

/** Declares a route. Infers the handler's input types from the schemas. */
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
