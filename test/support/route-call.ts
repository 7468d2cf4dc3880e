import type { StoreRole } from './store-role';

/** A request that succeeds while all stores are up. */
export interface RouteCall {
  /** `METHOD path`, as in the route tables. */
  route: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** The stores without which the request must get a 503. It must succeed if only others are down. */
  needs: readonly StoreRole[];
}

export interface CallOptions {
  params?: Record<string, string>;
  query?: string;
  body?: unknown;
  key?: string;
  headers?: Record<string, string>;
}

export const QUEUE = ['queue'] as const;
export const STORE = ['store'] as const;
export const BOTH = ['queue', 'store'] as const;
export const NONE = [] as const;

let addresses = 0;
/** Returns headers with a new client address, so that per-address throttles do not reject the call. */
const newClientAddress = (): Record<string, string> => {
  addresses += 1;
  return { 'x-forwarded-for': `10.99.${addresses >> 8}.${addresses & 255}` };
};

/** Returns the call of a route. `prefix` comes before its path. */
export function callOf(route: string, needs: readonly StoreRole[], prefix: string, options: CallOptions): RouteCall {
  const [method, template] = route.split(' ') as [string, string];
  const path = template.replaceAll(/:(\w+)/g, (_all, name: string) => encodeURIComponent(options.params![name]!));
  const { body, key, query = '', headers = {} } = options;
  const json = body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' };
  return {
    route,
    method,
    path: prefix + path + query,
    needs,
    headers: { ...newClientAddress(), ...json, ...(key === undefined ? {} : { 'x-api-key': key }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
}
