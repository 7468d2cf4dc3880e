import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll } from '@jest/globals';

/** A TCP proxy in front of a store. Simulates network failures, and a DNS name whose address changes in a failover. */
export interface TcpProxy {
  url: string;
  /** Sends new connections to another server. Open connections stay with their current server. */
  moveTo(url: string): void;
  /** Drops all traffic on the open connections without closing the connections. */
  dropTraffic(): void;
  /** Closes the open connections. */
  cut(): void;
}

/** Returns a function that starts a proxy. The proxies stop after the last test. */
export function tcpProxies(): (url: string) => Promise<TcpProxy> {
  const ends: (() => void)[] = [];
  afterAll(() => ends.forEach((end) => end()));
  return async (url) => {
    const open = new Set<Socket>();
    const dead = new WeakSet<Socket>();
    let target = new URL(url);
    const pass = (from: Socket, to: Socket): void => {
      open.add(from);
      from.on('data', (data) => dead.has(from) || to.write(data));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
    };
    const server = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      pass(near, far);
      pass(far, near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => {
      server.close();
      open.forEach((socket) => socket.destroy());
    });
    return {
      url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
      moveTo: (next) => {
        target = new URL(next);
      },
      dropTraffic: () => open.forEach((socket) => dead.add(socket)),
      cut: () => open.forEach((socket) => socket.destroy()),
    };
  };
}
