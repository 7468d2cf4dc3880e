import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { addressesOf, listenOnEach } from '../../shared/process/listen';
import { codeOf } from './error-facts';

// This range is below every system's ephemeral port range, so while a server restarts, no outgoing connection can take
// its port or connect to itself on that port.
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const PICKS_MAX = 100;
const SEARCH_SPAN_PORTS = 200;
const START_ATTEMPTS_MAX = 3;
/** Error codes for an address that this machine does not have. */
const NO_SUCH_ADDRESS = new Set<unknown>(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

function canListen(port: number, host?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(NO_SUCH_ADDRESS.has(codeOf(error))));
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => server.close(() => resolve(true)));
  });
}

/** Returns whether the port is free on loopback and on all addresses. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, '::1')) && (await canListen(port));
}

/** Throws a readable error if this machine cannot listen on BIND_ADDRESS. */
export async function tryToListen(bindAddress: string): Promise<void> {
  const { servers } = await listenOnEach(addressesOf(bindAddress), () => {}, await freePort(), 'BIND_ADDRESS');
  await Promise.all(servers.map((server) => new Promise((resolve) => void server.close(resolve))));
}

/** Returns a free port. Picks it at random, so stacks that run side by side rarely collide. */
export async function freePort(): Promise<number> {
  for (let pick = 0; pick < PICKS_MAX; pick += 1) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port found between ${PORT_MIN} and ${PORT_MAX}`);
}

/** Returns the first free port at or above `from` that is not in `taken`. */
export async function nextFreePort(from: number, taken: readonly number[] = []): Promise<number> {
  for (let port = from; port < from + SEARCH_SPAN_PORTS; port += 1) {
    if (!taken.includes(port) && (await isPortFree(port))) return port;
  }
  throw new Error(`no free port found between ${from} and ${from + SEARCH_SPAN_PORTS}`);
}

/**
 * Starts a server on the given port, or on a random free port. If another process takes the random port in the
 * meantime, retries with a different one.
 */
export async function startOnPort<T>(given: number | undefined, start: (port: number) => Promise<T>): Promise<T> {
  if (given !== undefined) {
    if (!(await isPortFree(given)))
      throw new Error(`port ${given}, which this data folder uses, is in use by another process`);
    return start(given);
  }
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return await start(port);
    } catch (error) {
      if (attempt === START_ATTEMPTS_MAX || (await isPortFree(port))) throw error;
    }
  }
}
