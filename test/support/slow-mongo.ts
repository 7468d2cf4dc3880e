import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll } from '@jest/globals';
import { mongo } from 'mongoose';

const HEADER_BYTES = 16;
/** The header, the flags and the kind of the first section, which contains the command. */
const COMMAND_OFFSET = HEADER_BYTES + 5;
const OP_MSG = 2013;

export interface SlowMongo {
  url: string;
  /** Number of transactions that exceeded their lifetime. */
  expired: () => number;
}

/** Calls `onMessage` with each complete wire protocol message. */
function splitMessages(onMessage: (message: Buffer) => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
      const size = rest.readInt32LE(0);
      onMessage(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
  };
}

function commandIn(message: Buffer): mongo.Document | null {
  if (message.readInt32LE(12) !== OP_MSG) return null;
  const size = message.readInt32LE(COMMAND_OFFSET);
  return mongo.BSON.deserialize(message.subarray(COMMAND_OFFSET, COMMAND_OFFSET + size), { promoteValues: false });
}

/**
 * Returns a function that starts a proxy for a MongoDB whose connections transfer `bytesPerSecond`. Like a server with
 * `transactionLifetimeLimitSeconds`, it aborts transactions that are older than `lifetimeMs`. The proxies stop after the
 * last test.
 */
export function slowMongos(): (
  url: string,
  limits: { bytesPerSecond: number; lifetimeMs: number },
) => Promise<SlowMongo> {
  const ends: (() => unknown)[] = [];
  afterAll(() => Promise.all(ends.map((end) => end())));
  return async (url, { bytesPerSecond, lifetimeMs }) => {
    const target = new URL(url);
    const direct = await mongo.MongoClient.connect(url);
    const sockets = new Set<Socket>();
    const timers = new Set<NodeJS.Timeout>();
    let expired = 0;

    const later = (ms: number, work: () => void): NodeJS.Timeout => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        work();
      }, ms);
      timers.add(timer);
      return timer;
    };

    /** Aborts the transaction if the server has not ended it yet. */
    const expire = async ({ lsid, txnNumber }: mongo.Document): Promise<void> => {
      const session = direct.startSession();
      // The driver sends the ID and the transaction number of its own session in every command.
      Object.assign(session.serverSession, { id: lsid, txnNumber: Number(txnNumber) });
      const abort = { abortTransaction: 1, txnNumber, autocommit: false };
      const aborted = direct.db('admin').command(abort, { session });
      await aborted.then(
        () => (expired += 1),
        () => undefined,
      );
    };

    const server = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      let freeAtMs = 0;
      const pass = (message: Buffer): void => {
        const command = commandIn(message);
        if (command?.['startTransaction']) later(lifetimeMs, () => void expire(command));
        const nowMs = performance.now();
        freeAtMs = Math.max(freeAtMs, nowMs) + (message.length / bytesPerSecond) * 1_000;
        later(freeAtMs - nowMs, () => far.write(message));
      };
      near.on('data', splitMessages(pass));
      far.on('data', (data) => near.write(data));
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(async () => {
      server.close();
      timers.forEach((timer) => clearTimeout(timer));
      sockets.forEach((socket) => socket.destroy());
      await direct.close();
    });
    const proxied = new URL(url);
    proxied.port = String((server.address() as AddressInfo).port);
    return { url: proxied.href, expired: () => expired };
  };
}
