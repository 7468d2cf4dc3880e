import type { z } from 'zod';
import type { Route } from '../../../api/http/route';
import type { TestResponse } from '../../support/client';
import type { Harness } from '../../support/harness';
import type { Control } from './controls';
import type { Credential } from './credentials';
import type { Assignment, PathIds } from './ids';
import { newAddress } from './resources';

/** A request of the matrix: the IDs in its path, and the parameter that it fills in differently, if any. */
export interface MatrixRequest {
  path: PathIds;
  assignment: Assignment | null;
}

const TIME = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;

/** Returns what a caller can learn from a response, without what differs between otherwise equal responses. */
export function comparable({ status, body }: TestResponse, value: unknown): string {
  const { requestId: _, ...others } = (body ?? {}) as Record<string, unknown>;
  const text = JSON.stringify(others).replaceAll(TIME, '<time>');
  return `${status} ${typeof value === 'string' ? text.replaceAll(JSON.stringify(value), '"<id>"') : text}`;
}

/** Returns the body with one field replaced. A field that lists IDs, or must be the only one, replaces the whole body. */
function bodyWith(control: Control, name: string, value: unknown): Record<string, unknown> {
  if (name.endsWith('Ids')) return { [name]: Array.isArray(value) ? value : [value] };
  return { ...(control.oneField ? {} : (control.body?.() as Record<string, unknown>)), [name]: value };
}

export type Send = (url: string, credential: Credential, request: MatrixRequest) => Promise<TestResponse>;

/** Returns a function that sends a route's control with a credential and an ID. */
export function senderOf(h: Harness, route: Route, control: Control): Send {
  return (url, { headers }, { path, assignment }) => {
    const value = assignment?.value;
    const name = assignment?.parameter.name ?? '';
    const place = assignment?.parameter.in;
    const params = place === 'path' ? { ...path, [name]: value } : path;
    const filled = url.replaceAll(/:(\w+)/g, (_all, param: string) => encodeURIComponent(String(params[param])));
    const query = new URLSearchParams(control.query?.());
    if (place === 'query') query.set(name, String(value));
    const body = place === 'body' ? bodyWith(control, name, value) : control.body?.();
    const target = query.size > 0 ? `${filled}?${query.toString()}` : filled;
    return h.client.request(route.method, target, { headers: { ...newAddress(), ...headers }, body });
  };
}

/** Returns whether a route's own schema accepts a value for a parameter. */
export function isValid(route: Route, control: Control, { parameter, value }: Assignment): boolean {
  const { in: place, name } = parameter;
  const schema: z.ZodType | undefined = { path: route.params, query: route.query, body: route.body }[place];
  // The other IDs in a path may be any text.
  const others = place === 'path' ? [...route.path.matchAll(/:(\w+)/g)].map(([, param]) => [param, 'any']) : [];
  const named = { ...(Object.fromEntries(others) as PathIds), [name]: String(value) };
  const input = place === 'body' ? bodyWith(control, name, value) : named;
  return schema!.safeParse(input).success;
}
