import { createServer, type RequestListener, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { messageOf } from './errors';

/** Answers `GET /metrics` in Prometheus text format. */
export function metricsListener(registry: Registry): RequestListener {
  return (req, res) => {
    if (req.url !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => res.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      (error: unknown) => res.writeHead(500).end(messageOf(error)),
    );
  };
}

/** Listens on a port (0: any free one). Rejects with one readable message when it cannot. */
export async function listen(
  listener: RequestListener,
  port: number,
  setting: string,
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    // For good: a connection that cannot be accepted later must not end the process.
    server.on('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be opened (${error.message})`;
      reject(new Error(`Port ${port} ${why}. Choose another with ${setting}.`));
    });
    server.listen(port, resolve);
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address ? address.port : port };
}
