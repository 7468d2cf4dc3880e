import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll } from '@jest/globals';

/** What stands between a process and its store: a name that a failover moves, and a network that may go dead. */
export interface TcpProxy {
  url: string;
  /** New connections go to another server; those that are open stay where they are. */
  moveTo(url: string): void;
  /** The open connections stay open, and nothing passes through them any more. */
  deaden(): void;
  /** Ends the open connections. */
  cut(): void;
}

/** A starter of relays, which end with the test file. */
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
      deaden: () => open.forEach((socket) => dead.add(socket)),
      cut: () => open.forEach((socket) => socket.destroy()),
    };
  };
}
