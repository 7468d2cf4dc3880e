import type { Server } from 'node:http';

const LOOK_EVERY_MS = 100;

/**
 * Lets every answer that begins while the process drains end its connection, whatever route it is of: a client that
 * polls `/readyz` on one connection would else keep the process until its drain's deadline.
 */
export function leaveWhileDraining(server: Server, draining: { now: boolean }): void {
  server.prependListener('request', (_req, res) => {
    if (draining.now) res.shouldKeepAlive = false;
  });
}

/** Takes no new connection and resolves when the last one is gone: those that fall idle are closed, all at the deadline. */
export async function closeServer(server: Server, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // An answer that had begun before the drain leaves its connection open.
  const idle = setInterval(() => server.closeIdleConnections(), LOOK_EVERY_MS);
  const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
  server.closeIdleConnections();
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}
