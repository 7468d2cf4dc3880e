import { parseRedisUrl } from '../../shared/config/redis-url';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of Redis that delays some of the traffic, as for a process that is far away or busy. */
export interface SlowLink {
  url: string;
  /** Closes all connections. Clients can connect again immediately. */
  cut(): void;
  close(): void;
}

/** Share of the chunks of data that are delayed, and the longest delay. */
const DELAYED_SHARE = 0.25;
const MAX_DELAY_MS = 12;

/** Forwards data in order, with delays. */
function forward(from: Socket, to: Socket): void {
  let waiting = Promise.resolve();
  let pending = 0;
  from.on('data', (data) => {
    const isDelayed = Math.random() < DELAYED_SHARE;
    if (pending === 0 && !isDelayed) {
      to.write(data);
      return;
    }
    pending += 1;
    const delayMs = isDelayed ? Math.random() * MAX_DELAY_MS : 0;
    waiting = waiting
      .then(() => new Promise<void>((resolve) => setTimeout(resolve, delayMs)))
      .then(() => {
        pending -= 1;
        to.write(data);
      });
  });
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}

export async function openSlowLink(redisUrl: string): Promise<SlowLink> {
  // A cluster's nodes tell clients their own addresses, so a proxy would not be used.
  if (parseRedisUrl(redisUrl).layout !== 'server') return { url: redisUrl, cut: () => {}, close: () => {} };
  const target = new URL(redisUrl);
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    open.add(near);
    near.on('close', () => open.delete(near));
    near.setNoDelay();
    far.setNoDelay();
    forward(near, far);
    forward(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(redisUrl);
  url.port = String((server.address() as AddressInfo).port);
  url.hostname = '127.0.0.1';
  const cut = (): void => open.forEach((socket) => socket.destroy());
  return {
    url: url.href,
    cut,
    close: () => {
      server.close();
      cut();
    },
  };
}
