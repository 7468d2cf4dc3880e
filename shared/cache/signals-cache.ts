import type { IdentityRef, Tenant, UserRef } from '../domain/ids';
import type { IdentityRow, SignalsRow } from '../domain/signals';
import { cacheSlotOf } from '../domain/partition';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { createVersionedCache } from './versioned-cache';

interface Options {
  link: RedisLink;
  keys: RedisKeys;
  ttlSeconds: number;
}

function encodeRow({ revision, eventCount, firstEventAtMs, lastEventAtMs, identity }: SignalsRow): string {
  const counts = `[${revision},${eventCount},${firstEventAtMs},${lastEventAtMs}`;
  return identity === null ? `${counts}]` : `${counts},${JSON.stringify(identity)}]`;
}

function decodeRow(text: string): SignalsRow {
  const [revision, eventCount, firstEventAtMs, lastEventAtMs, identity = null] = JSON.parse(text) as [
    number,
    number,
    number | null,
    number | null,
    IdentityRef?,
  ];
  return { revision, eventCount, firstEventAtMs, lastEventAtMs, identity };
}

/** Creates the cache of signals rows, which `/resolve` reads first. */
export function createSignalsCache({ link, keys, ttlSeconds }: Options) {
  return createVersionedCache<UserRef, SignalsRow>(
    { link, ttlSeconds },
    {
      slotOf: (run, ref) => keys.signals(cacheSlotOf(ref), run, ref),
      leaseOf: (run, ref) => keys.signalsLease(cacheSlotOf(ref), run, ref),
      groupOf: cacheSlotOf,
      encode: encodeRow,
      decode: decodeRow,
    },
  );
}

/** Creates the cache of people's links, which is read only for users whose signals row contains an identity. */
export function createIdentityCache({ link, keys, ttlSeconds }: Options) {
  return createVersionedCache<IdentityRef, IdentityRow>(
    { link, ttlSeconds },
    {
      slotOf: (run, ref) => keys.identity(run, ref),
      leaseOf: (run, ref) => keys.identityLease(run, ref),
      groupOf: (ref) => ref,
      encode: ({ revision, members }) =>
        JSON.stringify([revision, members.map(({ userRef, tenant }) => [userRef, tenant])]),
      decode: (text) => {
        const [revision, members] = JSON.parse(text) as [number, [UserRef, Tenant][]];
        return { revision, members: members.map(([userRef, tenant]) => ({ userRef, tenant })) };
      },
    },
  );
}

export type SignalsCache = ReturnType<typeof createSignalsCache>;
export type IdentityCache = ReturnType<typeof createIdentityCache>;
