import type { z } from 'zod';
import { newApiKey } from '../../shared/domain/api-key';
import { tagOf } from '../../shared/domain/ids';
import { rightsBeyond } from '../../shared/domain/partner-key';
import { grantOf, keyIdOf, type PartnerKey } from '../../shared/store/partners';
import { auditContextForCaller } from '../db/audit-context';
import type { AuthorityDeps } from '../db/change-authority';
import { managerOf } from '../db/manager-of';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { type Call, route } from '../http/route';
import { idParams } from '../http/schemas';
import { changeKeys, findKey, type KeyEntries, keysOf, requireRoom } from './change-keys';
import { auditedKey, createdKeySchema, presentKey, rotateKeyInput } from './key-schemas';

const MS_PER_SECOND = 1_000;

type Rotation = Pick<
  Call<z.output<typeof rotateKeyInput>, unknown, { id: string }>,
  'body' | 'caller' | 'params' | 'requestId'
>;

/** Returns an entry that stops working at a time, unless it expires earlier. */
function replacedBy(entry: PartnerKey, until: Date, now: Date): PartnerKey {
  const expiresAt = entry.expiresAt && entry.expiresAt < until ? entry.expiresAt : until;
  return { ...entry, id: keyIdOf(entry), expiresAt, replacedAt: entry.replacedAt ?? now };
}

/**
 * Replaces the secret of a key. Until the overlap ends, the previous secret works, too. A repeated rotation does not
 * shorten the overlap of secrets that were replaced earlier, because a client whose first attempt got no response still
 * uses one of them; with an overlap of 0, all of them stop working.
 */
async function rotateKey(deps: AuthorityDeps, call: Rotation): Promise<{ entries: KeyEntries; apiKey: string }> {
  const { body, caller, params } = call;
  const { partnerId, env } = caller.admission.credential;
  const auditContext = auditContextForCaller(call);
  const now = auditContext.at;
  const { key: apiKey, hash, prefix } = newApiKey(env, tagOf(partnerId));
  const until = new Date(now.getTime() + body.overlapSeconds * MS_PER_SECOND);
  const partner = await changeKeys(deps, partnerId, auditContext, async (before, session) => {
    const manager = await managerOf(deps, before, caller, { now, session });
    const { current, replaced } = findKey(before, env, params.id, now);
    const isOwn = manager.id === keyIdOf(current);
    // The caller gets the new secret, so it must not have more rights than the caller.
    if (!isOwn && rightsBeyond(manager.grant, grantOf(current)).length > 0) {
      throw new PublicError(
        'ESCALATION_DENIED',
        'The key has more rights than yours. Rotate it with a key that has them.',
      );
    }
    if (isOwn && manager.entry?.replacedAt) {
      throw new PublicError('CONFLICT', 'Your secret was already replaced. Use the current secret to rotate the key.');
    }
    if (current.replacedAt) {
      throw new PublicError(
        'CONFLICT',
        'The current secret of this key was reported as leaked. Create another key, then revoke this one.',
      );
    }
    const { lastUsedAt: _unused, ...rights } = current;
    const entry: PartnerKey = { ...rights, id: keyIdOf(current), hash, prefix, createdAt: now };
    const rest = before.keys.filter((key) => key !== current && !replaced.includes(key));
    const still = body.overlapSeconds === 0 ? [] : [...replaced, replacedBy(current, until, now)];
    const keys = [...rest, ...still, entry];
    requireRoom(keys, env, now);
    const key = {
      env,
      target: params.id,
      before: auditedKey(current),
      after: { ...auditedKey(entry), validUntil: until },
    };
    const previousValidUntil = body.overlapSeconds === 0 ? null : replacedBy(current, until, now).expiresAt;
    const data = { keyId: params.id, previousValidUntil };
    const message = { envs: [env], type: 'key.rotated' as const, data };
    return { keys, action: 'key.rotated', reason: body.reason, key, message };
  });
  const entries = keysOf(partner, env, now).find(({ current }) => current.hash === hash);
  // Another rotation may have replaced this secret already.
  if (!entries) throw new PublicError('CONFLICT', 'Another request rotated this key at the same time. Use its secret.');
  return { entries, apiKey };
}

export const rotateKeyRoute = route({
  operationId: 'rotateKey',
  method: 'POST',
  path: '/keys/:id/rotate',
  v1Only: true,
  auth: { kind: 'key', scope: 'keys:manage', availableWithoutRedis: false, recentLogIn: true },
  tag: 'Keys',
  summary: 'Replace the secret of an API key',
  params: idParams,
  query: noQuery,
  body: rotateKeyInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: { 200: { description: 'The key with its new secret, which is shown only once', schema: createdKeySchema } },
  problems: ['NOT_FOUND', 'ESCALATION_DENIED', 'CONFLICT'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { entries, apiKey } = await rotateKey(call.ctx, call);
    return { status: 200, body: { ...presentKey(entries.current, entries.replaced), apiKey } };
  },
});
