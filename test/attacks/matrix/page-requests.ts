import { csrfTokenOf } from '../../../api/web/http/csrf-token';
import { CSRF_TOKEN_FIELD } from '../../../api/web/design/form';
import { readCookie } from '../../../api/accounts/cookies';
import type { Harness } from '../../support/harness';
import type { RouteCall } from '../../support/route-call';
import { newAddress } from './resources';

export interface PageResponse {
  status: number;
  headers: Headers;
  html: string;
}

/** Headers that every page sends, whatever its status, and the value that each must contain. */
const REQUIRED_HEADERS: Record<string, string> = {
  'content-security-policy': "frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': '',
  'cross-origin-opener-policy': 'same-origin',
};

/** Sends a request for a page without following redirects. Throws if the response lacks a header of all pages. */
export async function sendPage(
  { url }: Pick<Harness, 'url'>,
  { method, path, body, headers }: Pick<RouteCall, 'method' | 'path' | 'body' | 'headers'>,
): Promise<PageResponse> {
  const init = { method, redirect: 'manual' as const, headers: { ...headers, ...newAddress() } };
  const response = await fetch(url + path, body === undefined ? init : { ...init, body });
  const missing = Object.entries(REQUIRED_HEADERS).filter(
    ([name, value]) => !(response.headers.get(name)?.includes(value) ?? false),
  );
  if (missing.length > 0) throw new Error(`${method} ${path}: ${response.status} without ${missing.join(', ')}`);
  return { status: response.status, headers: response.headers, html: await response.text() };
}

export const visitorOfCall = ({ headers }: RouteCall): string => readCookie(headers['cookie'], 'mir_visitor')!;

/** Returns the call without its session, with extra cookies, and with the CSRF token that this visitor gets. */
export function withoutSession({ ctx }: Harness, call: RouteCall, cookie: string | undefined): RouteCall {
  const visitor = visitorOfCall(call);
  const headers = { ...call.headers, cookie: [`mir_visitor=${visitor}`, ...(cookie ? [cookie] : [])].join('; ') };
  if (call.body === undefined) return { ...call, headers };
  return { ...call, headers, ...withToken(call, csrfTokenOf(ctx.secrets, { sessionId: null, visitor })) };
}

/** Returns the body of a form with another CSRF token, or without one. */
export function withToken({ body }: RouteCall, token: string | null): { body: string } {
  const fields = new URLSearchParams(body);
  fields.delete(CSRF_TOKEN_FIELD);
  // An empty body would be rejected for that reason.
  if (token === null) fields.set('other', 'field');
  if (token !== null) fields.set(CSRF_TOKEN_FIELD, token);
  return { body: fields.toString() };
}
