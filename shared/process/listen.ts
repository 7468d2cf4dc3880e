import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { Registry } from 'prom-client';
import { messageWithCauses } from '../errors';
import type { Log } from '../log';

/** Classes from which a server creates requests and responses, instead of Node's. */
export type MessageClasses = Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>;

/** Serves `GET /metrics` in Prometheus text format. */
export function metricsListener(registry: Registry, log: Log): RequestListener {
  return (req, res) => {
    if (req.url !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => res.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      (error: unknown) => {
        log.error({ err: messageWithCauses(error) }, 'metrics collection failed');
        res.writeHead(500).end('The metrics could not be collected. See the log for the cause.');
      },
    );
  };
}

/** How long a client may take to send the headers of a request, and the entire request. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often Node looks for clients that are too slow. Its default would let them stay for up to 30 more seconds. */
const CHECK_INTERVAL_MS = 1_000;

const LOOPBACK_ADDRESSES = ['127.0.0.1', '::1'];
/** Errors for addresses that no interface has and for protocols that the system does not support. */
const UNAVAILABLE_CODES = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** Thrown if this machine cannot listen on an address, regardless of the port. */
class AddressUnavailableError extends Error {
  constructor(address: string, code: string) {
    super(
      `This machine cannot listen on ${address} (${code}). ` +
        'Set BIND_ADDRESS to one of its own addresses, or to localhost.',
    );
    this.name = 'AddressUnavailableError';
  }
}

/**
 * Listens on a port at one address or on all interfaces. Port 0 picks a free port. Disconnects clients that send
 * requests too slowly. If listening fails, rejects with a readable message.
 */
export async function listen(
  listener: RequestListener & MessageClasses,
  port: number,
  setting: string,
  address?: string,
): Promise<{ server: Server; port: number }> {
  const { IncomingMessage, ServerResponse } = listener;
  const options: ServerOptions = {
    ...(IncomingMessage && { IncomingMessage }),
    ...(ServerResponse && { ServerResponse }),
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  };
  const server = createServer(options, listener);
  await new Promise<void>((resolve, reject) => {
    // The listener stays registered, so that a later failure to accept a connection does not crash the process.
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (address !== undefined && UNAVAILABLE_CODES.has(error.code ?? '')) {
        reject(new AddressUnavailableError(address, error.code ?? ''));
        return;
      }
      const why = error.code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be opened (${error.message})`;
      reject(new Error(`Port ${port} ${why}. Choose another port with ${setting}.`));
    });
    server.listen({ port, ...(address === undefined ? {} : { host: address }) }, resolve);
  });
  const bound = server.address();
  return { server, port: typeof bound === 'object' && bound ? bound.port : port };
}

/** Returns the addresses to listen on for a BIND_ADDRESS. `undefined` in the result means all interfaces. */
export function addressesOf(bindAddress: string | null): (string | undefined)[] {
  return bindAddress === 'localhost' ? LOOPBACK_ADDRESSES : [bindAddress ?? undefined];
}

/**
 * Listens on the same port at each address. Skips addresses that this machine does not have, such as ::1 without IPv6.
 * If none are left, or on any other failure, closes every server and rejects with a readable message.
 */
export async function listenOnEach(
  addresses: readonly (string | undefined)[],
  listener: RequestListener & MessageClasses,
  port: number,
  setting: string,
): Promise<{ servers: Server[]; port: number }> {
  const servers: Server[] = [];
  let chosen = port;
  let unavailable: AddressUnavailableError | null = null;
  for (const address of addresses) {
    try {
      const opened = await listen(listener, chosen, setting, address);
      servers.push(opened.server);
      chosen = opened.port;
    } catch (error) {
      if (error instanceof AddressUnavailableError) {
        unavailable = error;
        continue;
      }
      for (const server of servers) server.close();
      throw error;
    }
  }
  if (servers.length === 0 && unavailable !== null) throw unavailable;
  return { servers, port: chosen };
}
