import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { mongoFrames, type CommandResponder } from './mongo-frames';

/** A TCP proxy in front of a store. Simulates network failures, and a DNS name whose address changes in a failover. */
export interface TcpProxy {
  /** The URL of the store, with the address of the proxy. */
  url: string;
  /** Sends new connections to another server. Open connections stay with their current server. */
  moveTo(url: string): void;
  /** Drops all traffic on the open connections without closing the connections. */
  dropTraffic(): void;
  /** Holds back all traffic on the open connections until `resume` is called. New connections work. */
  stall(): void;
  resume(): void;
  /** Delays everything that the server sends. 0 removes the delay. */
  delayResponses(ms: number): void;
  /** Responds to MongoDB commands instead of the server. Null removes the responder. */
  respondWith(responder: CommandResponder | null): void;
  /** Closes the open connections. */
  cut(): void;
  /** Resets the open connections (RST). */
  reset(): void;
  close(): void;
}

/** A proxy's settings, which its connections read for each piece of data. */
interface Settings {
  delayMs: number;
  responder: CommandResponder | null;
}

/** Writes data in order, each piece after the delay that applied when it arrived. */
function delayedWriter(to: Socket, settings: Settings): (data: Buffer) => boolean {
  const held: { data: Buffer; due: number }[] = [];
  const flush = (): void => {
    while (held[0] && held[0].due <= performance.now()) to.write(held.shift()!.data);
    if (held[0]) setTimeout(flush, held[0].due - performance.now());
  };
  return (data) => {
    if (settings.delayMs === 0 && held.length === 0) return to.write(data);
    held.push({ data, due: performance.now() + settings.delayMs });
    if (held.length === 1) setTimeout(flush, settings.delayMs);
    return true;
  };
}

/** Starts a proxy in front of the server at the URL. */
export async function openTcpProxy(url: string): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const dead = new WeakSet<Socket>();
  const stalled = new Set<Socket>();
  const settings: Settings = { delayMs: 0, responder: null };
  const isMongo = url.startsWith('mongodb:');
  let target = new URL(url);

  const pass = (from: Socket, to: Socket, write: (data: Buffer) => boolean): void => {
    open.add(from);
    from.on('data', (data: Buffer) => {
      if (dead.has(from) || write(data)) return;
      from.pause();
      to.once('drain', () => stalled.has(from) || from.resume());
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      open.delete(from);
      stalled.delete(from);
      to.destroy();
    });
  };
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    const respond = delayedWriter(near, settings);
    const request = (data: Buffer): boolean => far.write(data);
    pass(near, far, isMongo ? mongoFrames(() => settings.responder, request, respond) : request);
    pass(far, near, respond);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = new URL(url);
  own.hostname = '127.0.0.1';
  own.port = String((server.address() as AddressInfo).port);
  const cut = (): void => open.forEach((socket) => socket.destroy());
  return {
    url: own.href,
    moveTo: (next) => {
      target = new URL(next);
    },
    dropTraffic: () => open.forEach((socket) => dead.add(socket)),
    stall: () =>
      open.forEach((socket) => {
        stalled.add(socket);
        socket.pause();
      }),
    resume: () => {
      for (const socket of stalled) socket.resume();
      stalled.clear();
    },
    delayResponses: (ms) => {
      settings.delayMs = ms;
    },
    respondWith: (responder) => {
      settings.responder = responder;
    },
    cut,
    reset: () => open.forEach((socket) => socket.resetAndDestroy()),
    close: () => {
      server.close();
      cut();
    },
  };
}
