import { withDeadline } from '../../../shared/concurrency/deadline';
import { messageOf } from '../../../shared/errors';
import { type HttpClient, httpClient } from '../../bench/http';
import type { Random } from '../random';
import type { Supervised } from '../supervised';

const CONNECTIONS_PER_API = 16;
/** A client considers the outcome of a request as unknown after this time. */
const REQUEST_TIMEOUT_MS = 15_000;
/** A request that waits for a connection has no timeout of its own. It may never get one from a pool that is closed. */
const GIVE_UP_AFTER_MS = 30_000;

export interface Reply {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- clients read bodies without our types
  body: any;
}

/** Sends requests to MIR's API processes. A reply of null means that the outcome is unknown. */
export interface Transport {
  post(api: Supervised, path: string, key: string, body: unknown): Promise<Reply | null>;
  get(api: Supervised, path: string, key: string): Promise<Reply | null>;
  /** Returns one of the API processes. */
  anyApi(random: Random): Supervised;
  /** The latest error of a connection, for diagnoses. */
  lastError(): string;
  close(): void;
}

export function createTransport(apis: readonly Supervised[]): Transport {
  const clients = new Map<Supervised, { port: number; client: HttpClient }>();
  let lastError = '';
  const clientOf = (api: Supervised): HttpClient => {
    const known = clients.get(api);
    const port = api.port();
    if (known?.port === port) return known.client;
    known?.client.close();
    const client = httpClient(port, CONNECTIONS_PER_API, REQUEST_TIMEOUT_MS);
    clients.set(api, { port, client });
    return client;
  };
  const settled = (sending: Promise<Reply>): Promise<Reply | null> =>
    withDeadline(sending, GIVE_UP_AFTER_MS, () => new Error('the request was never answered')).catch(
      (error: unknown) => {
        lastError = messageOf(error);
        return null;
      },
    );
  return {
    post: (api, path, key, body) => settled(clientOf(api).post(path, key, JSON.stringify(body))),
    get: (api, path, key) => settled(clientOf(api).get(path, key)),
    anyApi: (random) => random.pick(apis),
    lastError: () => lastError,
    close: () => clients.forEach(({ client }) => client.close()),
  };
}
