import { openOperatorSession } from '../../../api/web/console/queues/session';
import { PRESETS } from '../../../shared/domain/agent';
import { newApiKey } from '../../../shared/domain/api-key';
import { KEY_SCOPES } from '../../../shared/domain/scopes';
import { newPartnerTag } from '../../../shared/domain/ids';
import type { ProblemCode } from '../../../shared/errors';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';
import { asAdmin } from '../../support/partners';
import { confirmedAccount, PASSWORD } from '../../support/people';
import { waitUntil } from '../../support/wait-until';
import type { Credential, Denial } from './credentials';
import { memberCredentials } from './member-credentials';
import { createLeakedKeys, newAgentOf, newOwner, type Owner, resourcesOf, unique } from './resources';

const AMBIGUOUS: Denial = { status: 400, code: 'API_KEY_AMBIGUOUS' };
const MISSING: Denial = { status: 401, code: 'API_KEY_MISSING' };
const INVALID: Denial = { status: 401, code: 'API_KEY_INVALID' };
const REVOKED: Denial = { status: 401, code: 'AGENT_KEY_REVOKED' };
const AGENT_SUSPENDED: Denial = { status: 403, code: 'AGENT_SUSPENDED' };

/** Everything that the matrix needs besides the resources of each route. */
export interface World {
  /** The partner whose IDs are foreign to all other credentials, and its test environment. */
  foreign: Owner;
  foreignTest: Owner;
  /** Both environments of the partner that owns most credentials. */
  live: Owner;
  test: Owner;
  credentials: Credential[];
}

/** Creates partners, agents, a person and an operator, with one credential of each kind. The workers must be running. */
export async function newWorld(h: Harness): Promise<World> {
  const { ctx, client } = h;
  const [own, other, blocked, downgraded, limited] = await Promise.all([
    h.partner(),
    h.partner(),
    h.partner(),
    h.partner(),
    h.partner(),
  ]);
  const owners = {
    live: await newOwner(h, own, 'live'),
    test: await newOwner(h, own, 'test'),
    foreign: await newOwner(h, other, 'live'),
    foreignTest: await newOwner(h, other, 'test'),
    blocked: await newOwner(h, blocked, 'live'),
    downgraded: await newOwner(h, downgraded, 'live'),
    // A partner of its own, because the requests of its many keys share a control budget.
    limited: await newOwner(h, limited, 'live'),
  };
  const { live } = owners;
  const changes = { preset: 'ADMIN' } as const;

  const act = async (agentId: string, action: string): Promise<{ apiKey?: string; cascadeId?: string }> => {
    const { status, body } = await client.post(`/v1/agents/${agentId}/${action}`, live.key, {});
    if (status >= 300) throw new Error(`${action} returned ${status}: ${JSON.stringify(body)}`);
    return body;
  };
  const root = await newAgentOf(h, live, changes);
  const child = await newAgentOf(h, { ...live, agent: root }, changes);
  const suspendedRoot = await newAgentOf(h, live, changes);
  const belowSuspended = await newAgentOf(h, { ...live, agent: suspendedRoot }, changes);
  await client.post(`/v1/agents/${suspendedRoot.agentId}/suspend`, live.key, { includeDescendants: true });
  const revoked = await newAgentOf(h, live, changes);
  await act(revoked.agentId, 'revoke');
  const rotated = await newAgentOf(h, live, changes);
  await act(rotated.agentId, 'key/rotate');
  const { cascadeId } = await act(root.agentId, 'revoke-descendants');
  await waitUntil('the cascade is closed', async () => {
    const cascade = await client.get(`/v1/cascades/${cascadeId}`, live.key);
    return cascade.body.status === 'CLOSED';
  });
  const pending = await newAgentOf(h, live, { status: 'PENDING_APPROVAL', approvalId: `apr_${unique()}`, key: null });
  const oldKey = own.liveKey;
  const rotation = await asAdmin(client, 'POST', `/partners/${own.partnerId}/keys/rotate`, { env: 'live' });
  live.key = rotation.body.apiKey as string;
  own.liveKey = live.key;
  const create = resourcesOf(h);
  const prepared: Owner['prepared'] = {};
  for (const kind of [
    'agent',
    'approval',
    'cascade',
    'event',
    'receipt',
    'erasure',
    'key',
    'webhook',
    'receiver',
  ] as const) {
    prepared[kind] = await create(kind, owners.blocked);
  }
  owners.blocked.prepared = prepared;
  await asAdmin(client, 'PATCH', `/partners/${blocked.partnerId}`, { suspended: true });
  await asAdmin(client, 'PATCH', `/partners/${downgraded.partnerId}`, { plan: 'STANDARD' });

  const of = (name: string, headers: Record<string, string>, rejection: Denial | null, more = {}): Credential => ({
    name,
    headers,
    rejection,
    owner: live,
    ...more,
  });
  const key = (name: string, apiKey: string, rejection: Denial | null, more = {}): Credential =>
    of(name, { 'x-api-key': apiKey }, rejection, more);
  const agent = async (name: string, owner: Owner, preset: (typeof PRESETS)[number], more = {}) => {
    const created = await newAgentOf(h, owner, { preset });
    return key(name, created.apiKey, null, { owner: { ...owner, agent: created }, preset, ...more });
  };
  await createLeakedKeys(h);
  const newKey = async (body: object): Promise<{ keyId: string; apiKey: string }> =>
    (await client.post('/v1/keys', limited.liveKey, { name: 'Restricted', ...body })).body;
  const restricted = await Promise.all(
    KEY_SCOPES.map(async (scope) => {
      const { apiKey } = await newKey({ scopes: [scope] });
      return key(`a key with only ${scope}`, apiKey, null, { scopes: [scope], owner: owners.limited });
    }),
  );
  const { apiKey: distant } = await newKey({ scopes: KEY_SCOPES, allowedIps: ['192.0.2.0/24'] });
  const { apiKey: expired, keyId: expiredId } = await newKey({});
  await ctx.store.partners.model.updateOne(
    { _id: limited.partnerId, 'keys.id': expiredId },
    { $set: { 'keys.$.expiresAt': new Date() } },
  );
  const { apiKey: revokedKey, keyId: revokedId } = await newKey({});
  await client.post(`/v1/keys/${revokedId}/revoke`, limited.liveKey, {});
  const suspended = (code: ProblemCode): Denial => ({ status: 403, code });
  return {
    ...owners,
    credentials: [
      of('nothing', {}, MISSING),
      key('an empty key', '', MISSING),
      key('a malformed key', 'mir_live_nonsense', INVALID),
      key('a key with another tag', newApiKey('live', newPartnerTag()).key, INVALID),
      key('an unknown key of the partner', newApiKey('live', own.key.tag).key, INVALID),
      key('an unknown agent key of the partner', newApiKey('live', own.key.tag, true).key, INVALID),
      key('a live key relabeled as a test key', live.key.replace('_live_', '_test_'), INVALID),
      key("a partner's rotated-out key", oldKey, INVALID),
      key("an agent's rotated-out key", rotated.apiKey, INVALID),
      key('the ID of an agent that awaits approval', pending.agentId, INVALID),
      key('the approval ID of an agent', pending.doc.approvalId!, INVALID),
      key('a revoked agent', revoked.apiKey, REVOKED),
      key('a killed agent', root.apiKey, REVOKED),
      key('an agent below a killed agent', child.apiKey, REVOKED),
      key('a suspended agent', suspendedRoot.apiKey, AGENT_SUSPENDED),
      key('an agent below a suspended agent', belowSuspended.apiKey, AGENT_SUSPENDED),
      key("a suspended partner's live key", blocked.liveKey, suspended('PARTNER_SUSPENDED'), { owner: owners.blocked }),
      key("a suspended partner's test key", blocked.testKey, suspended('PARTNER_SUSPENDED'), { owner: owners.blocked }),
      key('the admin token as an API key', ADMIN_TOKEN, INVALID),
      of('the API key as a bearer token', { authorization: `Bearer ${live.key}` }, null),
      of('an unknown bearer token', { authorization: 'Bearer mir_live_nonsense' }, INVALID),
      of('the admin token as a bearer token', { authorization: `Bearer ${ADMIN_TOKEN}` }, INVALID),
      of('a bearer token without a token', { authorization: 'Bearer' }, MISSING),
      of('the API key with another scheme', { authorization: `Basic ${live.key}` }, MISSING),
      of('the API key in both headers', { authorization: `Bearer ${live.key}`, 'x-api-key': live.key }, AMBIGUOUS),
      of('a bearer token of a revoked agent', { authorization: `Bearer ${revoked.apiKey}` }, REVOKED),
      of('a wrong admin token', { 'x-admin-token': `${ADMIN_TOKEN}x` }, MISSING),
      of('the API key as an admin token', { 'x-admin-token': live.key }, MISSING),
      of('the admin token', { 'x-admin-token': ADMIN_TOKEN }, MISSING, { isAdmin: true }),
      of('the admin token with an API key', { 'x-admin-token': ADMIN_TOKEN, 'x-api-key': live.key }, null, {
        isAdmin: true,
      }),
      of('an operator session', { cookie: openOperatorSession(ctx, Date.now()).split(';')[0]! }, MISSING),
      of("a person's session", { cookie: await personCookie(h) }, MISSING),
      key('a key that may be used only from other addresses', distant, suspended('IP_NOT_ALLOWED'), {
        owner: owners.limited,
      }),
      key('an expired key', expired, { status: 401, code: 'API_KEY_EXPIRED' }, { owner: owners.limited }),
      key('a revoked key', revokedKey, INVALID, { owner: owners.limited }),
      ...restricted,
      ...(await memberCredentials(h, owners.limited, owners.foreign)),
      key('the live key', live.key, null),
      key('the test key', own.testKey, null, { owner: owners.test }),
      key("another partner's live key", other.liveKey, null, { owner: owners.foreign }),
      key('the live key of a partner on the STANDARD plan', downgraded.liveKey, null, {
        owner: owners.downgraded,
        plan: 'STANDARD',
      }),
      await agent('an ADMIN agent of a partner on the STANDARD plan', owners.downgraded, 'ADMIN', { plan: 'STANDARD' }),
      ...(await Promise.all(PRESETS.map((preset) => agent(`a live ${preset} agent`, live, preset)))),
      ...(await Promise.all(PRESETS.map((preset) => agent(`a test ${preset} agent`, owners.test, preset)))),
    ],
  };
}

async function personCookie(h: Harness): Promise<string> {
  const email = `${unique()}@example.org`;
  await confirmedAccount(h, email);
  const result = await h.ctx.auth.logIn(email, PASSWORD);
  if (typeof result === 'string') throw new Error(`the login failed: ${result}`);
  return result.cookies.map((one) => one.split(';')[0]).join('; ');
}
