import { newApiKey } from '../../shared/domain/api-key';
import { newId, tagOf } from '../../shared/domain/ids';
import { grantOfNewKey, type KeyGrant, rightsBeyond } from '../../shared/domain/partner-key';
import type { FieldError } from '../../shared/errors';
import type { PartnerKey } from '../../shared/store/partners';
import { unknownTypes } from '../agents/input-schemas';
import { auditContextForCaller } from '../db/audit-context';
import type { AuthorityDeps } from '../db/change-authority';
import { managerOf } from '../db/manager-of';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { type Call, route } from '../http/route';
import { changeKeys, requireRoom } from './change-keys';
import { auditedKey, createdKeySchema, type CreateKeyInput, createKeyInput, presentKey } from './key-schemas';

/** Maximum number of keys that a key descends from. */
const MAX_CREATORS = 8;

/** Throws 403 with every right of the new key that its creator does not have, and 422 if it could not do anything. */
function requireNoMore(creator: KeyGrant, grant: KeyGrant, now: Date): void {
  const errors: FieldError[] = rightsBeyond(creator, grant).map((one) => ({ ...one, code: 'ESCALATION' }));
  if (errors.length > 0) {
    throw new PublicError(
      'ESCALATION_DENIED',
      'The key would have more rights than yours. Fix the fields in `errors`.',
      {
        errors,
      },
    );
  }
  const problems: FieldError[] = [];
  if (grant.expiresAt && grant.expiresAt <= now) {
    problems.push({ path: 'expiresAt', code: 'IN_THE_PAST', message: 'Must be in the future.' });
  }
  if (grant.scopes.length === 0) {
    problems.push({
      path: 'scopes',
      code: 'REQUIRED',
      message: 'Your key has no scope to inherit. Name at least one.',
    });
  }
  if (problems.length > 0) {
    throw new PublicError('VALIDATION_FAILED', 'The key could not do anything. Fix the fields in `errors`.', {
      errors: problems,
    });
  }
}

/**
 * Creates a key that may do at most what the caller's key may do. Returns the key's entry and the key itself, of which
 * only the hash is stored.
 */
async function createKey(
  deps: AuthorityDeps,
  call: Pick<Call<CreateKeyInput, unknown, unknown>, 'body' | 'caller' | 'requestId'>,
): Promise<{ entry: PartnerKey; apiKey: string }> {
  const { body, caller } = call;
  const { partnerId, env } = caller.admission.credential;
  const auditContext = auditContextForCaller(call);
  const now = auditContext.at;
  const { key: apiKey, hash, prefix } = newApiKey(env, tagOf(partnerId));
  const id = newId('key');
  const { expiresAt, ...named } = body;
  let entry!: PartnerKey;
  await changeKeys(deps, partnerId, auditContext, async (before, session) => {
    const creator = await managerOf(deps, before, caller, { now, session });
    const creators = [...(creator.entry?.creators ?? []), creator.id];
    if (creators.length > MAX_CREATORS) {
      throw new PublicError('CONFLICT', `A key can descend from at most ${MAX_CREATORS} others. Use an earlier key.`);
    }
    const rights = creator.grant;
    // While a rotated key's overlap lasts, its previous secret must not create keys that outlive it.
    const grant = grantOfNewKey(rights, { ...named, ...(expiresAt && { expiresAt: new Date(expiresAt) }) });
    requireNoMore(rights, grant, now);
    entry = {
      id,
      name: body.name,
      env,
      hash,
      prefix,
      createdAt: now,
      creators,
      scopes: [...grant.scopes],
      ...(grant.allowedEventTypes && { allowedEventTypes: [...grant.allowedEventTypes] }),
      ...(grant.allowedIps && { allowedIps: [...grant.allowedIps] }),
      ...(grant.expiresAt && { expiresAt: grant.expiresAt }),
    };
    const keys = [...before.keys, entry];
    requireRoom(keys, env, now);
    const key = { env, target: id, before: null, after: auditedKey(entry) };
    return { keys, action: 'key.created', reason: undefined, key };
  });
  return { entry, apiKey };
}

export const createKeyRoute = route({
  operationId: 'createKey',
  method: 'POST',
  path: '/keys',
  v1Only: true,
  auth: { kind: 'key', scope: 'keys:manage', availableWithoutRedis: false, recentLogIn: true },
  tag: 'Keys',
  summary: 'Create an API key',
  description:
    'A key never grants more than the key that creates it. What you do not name is inherited from your key, except the scopes `keys:manage` and `agents:approve`.',
  query: noQuery,
  body: createKeyInput,
  check: unknownTypes,
  idempotencyKey: true,
  answers: {
    201: { description: 'The key, whose secret is shown only once', schema: createdKeySchema, headers: ['Location'] },
  },
  problems: ['ESCALATION_DENIED', 'CONFLICT'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { entry, apiKey } = await createKey(call.ctx, call);
    const body = { ...presentKey(entry, []), apiKey };
    return { status: 201, body, headers: { Location: `/v1/keys/${body.keyId}` } };
  },
});
