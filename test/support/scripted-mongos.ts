import type { mongo } from 'mongoose';
import type { TcpProxy } from './open-tcp-proxy';

type Document = mongo.BSON.Document;

/** What a mongos 8.0 responds to `hello`, reduced to the fields that drivers read. */
const MONGOS_HELLO = {
  helloOk: true,
  ismaster: true,
  isWritablePrimary: true,
  msg: 'isdbgrid',
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  logicalSessionTimeoutMinutes: 30,
  minWireVersion: 0,
  maxWireVersion: 25,
  readOnly: false,
  ok: 1,
} as const;

const HELLOS = new Set(['hello', 'isMaster', 'ismaster']);

export interface SentCommand {
  name: string;
  command: Document;
}

/**
 * Turns a proxy into a scripted mongos, because no mongos runs where the tests run: it introduces itself as one, and
 * forwards all other commands to the server behind it, which has all the data. Returns the commands that clients send
 * from then on. The driver and MIR therefore behave as with a sharded cluster, but nothing is routed. `respond` may
 * respond to further commands.
 */
export function scriptMongos(
  proxy: Pick<TcpProxy, 'respondWith'>,
  respond: (sent: SentCommand) => Document | null = () => null,
): SentCommand[] {
  const sent: SentCommand[] = [];
  proxy.respondWith((name, command) => {
    if (HELLOS.has(name)) return { ...MONGOS_HELLO, localTime: new Date() };
    sent.push({ name, command });
    return respond({ name, command });
  });
  return sent;
}
