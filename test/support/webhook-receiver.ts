import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that a receiver got. */
interface ReceivedMessage {
  path: string;
  /** The `webhook-id`. Undefined for a Security Event Token, like the type and the data. */
  id: string;
  type: string;
  data: Record<string, unknown>;
  headers: Record<string, string>;
  body: string;
  atMs: number;
}

/** The status with which a receiver responds, or null for no response until `release` is called. */
type Respond = (message: ReceivedMessage) => number | null;

/** A server with any number of webhook endpoints, one for each path. */
export interface WebhookReceiver {
  urlOf(path: string): string;
  received: ReceivedMessage[];
  /** Returns what one endpoint received. */
  at(path: string): ReceivedMessage[];
  /** Decides on the response to each message. By default, 204. */
  respond: Respond;
  /** Responds to the requests that got no response. */
  release(status?: number): void;
  close(): Promise<void>;
}

/** Starts a receiver on a free port. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  let unanswered: http.ServerResponse[] = [];
  const server = http.createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const body = Buffer.concat(parts).toString();
      const headers = req.headers as Record<string, string>;
      const isToken = headers['content-type'] === 'application/secevent+jwt';
      const { type, data } = (isToken ? {} : JSON.parse(body)) as Pick<ReceivedMessage, 'type' | 'data'>;
      const message = { path: req.url!, id: headers['webhook-id']!, type, data, headers, body, atMs: Date.now() };
      receiver.received.push(message);
      const status = receiver.respond(message);
      if (status === null) unanswered.push(res);
      else res.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: WebhookReceiver = {
    urlOf: (path) => `http://127.0.0.1:${port}${path}`,
    received: [],
    at: (path) => receiver.received.filter((one) => one.path === path),
    respond: () => 204,
    release: (status = 204) => {
      for (const res of unanswered.splice(0)) if (!res.writableEnded) res.writeHead(status).end();
    },
    close: async () => {
      unanswered = [];
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
