import { z } from 'zod';
import type { Env, PartnerId } from '../../shared/domain/ids';
import { keyIdOf, type PartnerDoc, type PartnerKey } from '../../shared/store/partners';
import type { StoreSession } from '../../shared/store/store';
import { type AuditContext, auditContextForCaller } from '../db/audit-context';
import type { AuthorityDeps } from '../db/change-authority';
import { managerOf } from '../db/manager-of';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { changeKeys, findKey, keysOf } from './change-keys';
import { auditedKey, revokeKeyInput } from './key-schemas';

interface RevokedKeys {
  revokedKeyIds: string[];
  /** Keys that descend from the revoked key and still work. */
  remainingKeyIds: string[];
}

/** What to revoke in an environment: entries, and with `includeCreated` all keys that descend from theirs. */
interface Revocation {
  env: Env;
  choose: (before: PartnerDoc, session: StoreSession) => readonly PartnerKey[] | Promise<readonly PartnerKey[]>;
  includeCreated: boolean;
  reason: string | undefined;
  /** What the webhook message says. */
  cause: 'REQUESTED' | 'LEAKED';
}

/** Revokes entries of a partner's keys. When this resolves, every process rejects them. */
export async function revokeKeys(
  deps: AuthorityDeps,
  partnerId: PartnerId,
  auditContext: AuditContext,
  { env, choose, includeCreated, reason, cause }: Revocation,
): Promise<RevokedKeys> {
  let result!: RevokedKeys;
  await changeKeys(deps, partnerId, auditContext, async (before, session) => {
    const chosen = await choose(before, session);
    const [first] = chosen;
    const keyId = keyIdOf(first!);
    const created = before.keys.filter((key) => key.env === env && key.creators?.includes(keyId));
    const ended = new Set([...chosen, ...(includeCreated ? created : [])]);
    const keys = before.keys.filter((key) => !ended.has(key));
    const left = new Set(keysOf({ keys }, env, auditContext.at).map(({ current }) => keyIdOf(current)));
    const ids = new Set([...ended].map(keyIdOf));
    result = {
      revokedKeyIds: [...ids].filter((id) => !left.has(id)),
      remainingKeyIds: [...new Set(created.map(keyIdOf))].filter((id) => left.has(id)),
    };
    const key = { env, target: keyId, before: auditedKey(first!), after: { ...result } };
    const data = { keyId, revokedKeyIds: result.revokedKeyIds, cause };
    return { keys, action: 'key.revoked', reason, key, message: { envs: [env], type: 'key.revoked', data } };
  });
  return result;
}

export const revokeKeyRoute = route({
  operationId: 'revokeKey',
  method: 'POST',
  path: '/keys/:id/revoke',
  v1Only: true,
  auth: { kind: 'key', scope: 'keys:manage', availableWithoutRedis: false, budget: 'control' },
  tag: 'Keys',
  summary: 'Revoke an API key',
  description: 'In force in every process before the response is sent. A revoked key cannot be restored.',
  params: idParams,
  query: noQuery,
  body: revokeKeyInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: {
    200: {
      description: 'What was revoked, and which keys that descend from the key still work',
      schema: z
        .object({
          revokedKeyIds: z.array(z.string()).describe('Keys that no longer work.'),
          remainingKeyIds: z.array(z.string()).describe('Keys that descend from this key and still work.'),
        })
        .meta({ id: 'RevokedKeys' }),
    },
  },
  problems: ['NOT_FOUND'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { ctx, body, caller, params } = call;
    const { partnerId, env } = caller.admission.credential;
    const auditContext = auditContextForCaller(call);
    const choose = async (before: PartnerDoc, session: StoreSession): Promise<PartnerKey[]> => {
      await managerOf(ctx, before, caller, { now: auditContext.at, session });
      const { current, replaced } = findKey(before, env, params.id, auditContext.at);
      return [current, ...replaced];
    };
    return {
      status: 200,
      body: await revokeKeys(ctx, partnerId, auditContext, {
        env,
        choose,
        ...body,
        reason: body.reason,
        cause: 'REQUESTED',
      }),
    };
  },
});
