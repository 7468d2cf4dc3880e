import type { Server } from 'node:http';

const IDLE_CHECK_MS = 100;

/**
 * Disables keep-alive for every request that arrives while the process drains. Otherwise, a client that polls `/readyz`
 * over one connection would keep the process alive until the drain deadline.
 */
export function disableKeepAliveWhileDraining(server: Server, draining: { now: boolean }): void {
  server.prependListener('request', (_req, res) => {
    if (draining.now) res.shouldKeepAlive = false;
  });
}

/**
 * Stops accepting connections. Closes open connections as they become idle, and all remaining connections after
 * `deadlineMs`.
 */
export async function closeServer(server: Server, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // Connections whose responses started before the drain stay open, so check for idle connections repeatedly.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
  server.closeIdleConnections();
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}
