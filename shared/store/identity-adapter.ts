import { createHash } from 'node:crypto';
import type { Connection } from 'mongoose';

interface Condition {
  field: string;
  value: unknown;
}

/** Arguments of better-auth's adapter methods, reduced to those that can contain a session token. */
interface Call {
  model: string;
  where?: Condition[];
  data?: Record<string, unknown>;
  update?: Record<string, unknown>;
}

type Method = (call: Call) => Promise<unknown>;

/** Adapter methods that read or write rows. */
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

/**
 * Returns the plain-text token that the caller passed. The row returned to the caller contains this token, not its
 * hash.
 */
function knownToken({ where = [], data }: Call): unknown {
  return data?.['token'] ?? where.find(({ field }) => field === 'token')?.value;
}

function hashing(method: Method): Method {
  return async (call) => {
    if (call.model !== 'session') return method(call);
    const row = await method({
      ...call,
      ...(call.where && {
        where: call.where.map((condition) =>
          condition.field === 'token' ? { ...condition, value: hashAll(condition.value) } : condition,
        ),
      }),
      ...(call.data && { data: withHashedToken(call.data) }),
      ...(call.update && { update: withHashedToken(call.update) }),
    });
    const token = knownToken(call);
    const isRow = typeof row === 'object' && row !== null && !Array.isArray(row);
    return isRow && typeof token === 'string' ? { ...row, token } : row;
  };
}

/** Wraps an adapter so that it stores only hashes of session tokens, even inside transactions. */
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

/** Creates better-auth's database adapter on MIR's own connection. */
export async function identityDatabase(connection: Connection) {
  const { mongodbAdapter } = await import('@better-auth/mongo-adapter');
  const adapterOf = mongodbAdapter(connection.db!, { client: connection.getClient() });
  return (options: Parameters<typeof adapterOf>[0]) => hashingSessionTokens(adapterOf(options));
}
