import { createServer, type RequestListener, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { messageWithCauses } from '../errors';
import type { Log } from '../log';

/** Answers `GET /metrics` in Prometheus text format. */
export function metricsListener(registry: Registry, log: Log): RequestListener {
  return (req, res) => {
    if (req.url !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => res.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      (error: unknown) => {
        log.error({ err: messageWithCauses(error) }, 'metrics not collected');
        res.writeHead(500).end('The metrics could not be collected. The log has the cause.');
      },
    );
  };
}

const LOOPBACK_ADDRESSES = ['127.0.0.1', '::1'];
/** What a system returns for an address that no interface has, and for a protocol that it does not run. */
const UNAVAILABLE_CODES = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** The address cannot be listened on, whatever the port. */
class AddressUnavailableError extends Error {
  constructor(address: string, code: string) {
    super(
      `This machine cannot listen on ${address} (${code}). ` +
        'Set BIND_ADDRESS to one of its own addresses, or to localhost.',
    );
    this.name = 'AddressUnavailableError';
  }
}

/** Listens on a port (0: any free one) of one address, or of all interfaces. Rejects with one readable message. */
export async function listen(
  listener: RequestListener,
  port: number,
  setting: string,
  address?: string,
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    // For good: a connection that cannot be accepted later must not end the process.
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (address !== undefined && UNAVAILABLE_CODES.has(error.code ?? '')) {
        reject(new AddressUnavailableError(address, error.code ?? ''));
        return;
      }
      const why = error.code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be opened (${error.message})`;
      reject(new Error(`Port ${port} ${why}. Choose another with ${setting}.`));
    });
    server.listen({ port, ...(address === undefined ? {} : { host: address }) }, resolve);
  });
  const bound = server.address();
  return { server, port: typeof bound === 'object' && bound ? bound.port : port };
}

/** Returns the addresses that a BIND_ADDRESS stands for. Null stands for all interfaces, which have no address. */
export function addressesOf(bindAddress: string | null): (string | undefined)[] {
  return bindAddress === 'localhost' ? LOOPBACK_ADDRESSES : [bindAddress ?? undefined];
}

/**
 * Listens on one port of each address. Skips an address that this machine lacks (::1 without IPv6) as long as it has
 * another one. Rejects with one readable message, and then listens on none.
 */
export async function listenOnEach(
  addresses: readonly (string | undefined)[],
  listener: RequestListener,
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
