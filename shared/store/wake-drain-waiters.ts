import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/** The part of the driver's class for connections that is used here. */
interface DriverConnection {
  closed: boolean;
  socket: Socket;
  cleanup(error: Error): void;
}

let done = false;

/**
 * Makes operations fail whose connection closes while the driver waits until the socket has sent a large command. The
 * driver (up to 7.9, `Connection.writeCommand`) waits only for `drain` and `error`, but a socket that it destroys itself
 * after a timeout, or that the server closes, emits only `close`: the operation would never settle. Once woken up, the
 * driver checks its connection and throws the error with which the connection was closed.
 */
export function wakeDrainWaiters(): void {
  if (done) return;
  done = true;
  const load = createRequire(__filename);
  const { Connection } = load('mongodb/lib/cmap/connection') as { Connection: { prototype: DriverConnection } };
  // oxlint-disable-next-line typescript/unbound-method -- called with the connection below
  const { cleanup } = Connection.prototype;
  Connection.prototype.cleanup = function (error) {
    const wasClosed = this.closed;
    cleanup.call(this, error);
    if (!wasClosed) this.socket.emit('drain');
  };
}
