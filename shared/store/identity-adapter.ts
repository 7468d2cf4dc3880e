import { createHash } from 'node:crypto';
import type { Connection } from 'mongoose';

interface Condition {
  field: string;
  value: unknown;
}

/** What better-auth's adapter is called with; only what concerns the token is named. */
interface Call {
  model: string;
  where?: Condition[];
  data?: Record<string, unknown>;
  update?: Record<string, unknown>;
}

type Method = (call: Call) => Promise<unknown>;

/** The calls of an adapter that read or write rows. */
const ROW_METHODS = [
  'create',
  'findOne',
  'findMany',
  'count',
  'update',
  'updateMany',
  'delete',
  'deleteMany',
  'consumeOne',
  'incrementOne',
] as const;

type RowMethods = Record<(typeof ROW_METHODS)[number], unknown>;

const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

function hashAll(value: unknown): unknown {
  if (typeof value === 'string') return hashOf(value);
  return Array.isArray(value) ? value.map(hashAll) : value;
}

function withHashedToken<T extends Record<string, unknown> | undefined>(row: T): T {
  return row && typeof row['token'] === 'string' ? { ...row, token: hashOf(row['token']) } : row;
}

/** The token that the caller knows already: it gets it back in the row, as if the row held it. */
function knownToken({ where = [], data }: Call): unknown {
  return data?.['token'] ?? where.find(({ field }) => field === 'token')?.value;
}

function hashing(method: Method): Method {
  return async (call) => {
    if (call.model !== 'session') return method(call);
    const row = await method({
      ...call,
      ...(call.where && {
        where: call.where.map((one) => (one.field === 'token' ? { ...one, value: hashAll(one.value) } : one)),
      }),
      ...(call.data && { data: withHashedToken(call.data) }),
      ...(call.update && { update: withHashedToken(call.update) }),
    });
    const token = knownToken(call);
    const isRow = typeof row === 'object' && row !== null && !Array.isArray(row);
    return isRow && typeof token === 'string' ? { ...row, token } : row;
  };
}

/** The adapter, with tokens of sessions stored as hashes only, inside of its transactions too. */
function hashingSessionTokens<Adapter extends RowMethods>(adapter: Adapter): Adapter {
  const methods = ROW_METHODS.map((name) => [name, hashing(adapter[name] as Method)] as const);
  const { transaction } = adapter as { transaction?: (work: (inner: Adapter) => unknown) => unknown };
  return {
    ...adapter,
    ...Object.fromEntries(methods),
    ...(transaction && {
      transaction: (work: (inner: Adapter) => unknown) => transaction((inner) => work(hashingSessionTokens(inner))),
    }),
  };
}

/** Where better-auth keeps identities: our own connection. */
export async function identityDatabase(connection: Connection) {
  const { mongodbAdapter } = await import('@better-auth/mongo-adapter');
  const adapterOf = mongodbAdapter(connection.db!, { client: connection.getClient() });
  return (options: Parameters<typeof adapterOf>[0]) => hashingSessionTokens(adapterOf(options));
}
