import { randomUUID } from 'node:crypto';
import { type Env, envOf, type EventId, newChunkId, newId, type Tenant, tenantOf } from '../../../shared/domain/ids';
import { newApiKey } from '../../../shared/domain/api-key';
import type { PartnerKey } from '../../../shared/store/partners';
import type { AgentDoc } from '../../../shared/store/agents';
import { newSecret } from '../../../api/webhooks/webhook-secrets';
import { DELIVERY_RETENTION_MS, MAX_WEBHOOKS_PER_TENANT } from '../../../shared/domain/webhook';
import type { CascadeDoc } from '../../../shared/store/cascades';
import type { WebhookDoc } from '../../../shared/store/webhooks';
import { register } from '../../support/agents';
import type { TestResponse } from '../../support/client';
import type { Harness, TestPartner } from '../../support/harness';
import { insertAgent, type TestAgent } from '../../support/insert-agent';
import { anApplication } from '../../support/partners';
import { deadLetters } from '../../support/route-fixtures';
import { insertMember, newStaffEmail } from '../../support/staff';
import { waitUntil } from '../../support/wait-until';
import type { Kind } from './parameters';
import { newReceiver } from './receivers';

/** Users per owner. Every write that names another owner's user names a different one. */
const USERS = 40;

/** One environment of a partner, or an agent in it. */
export interface Owner {
  partner: TestPartner;
  env: Env;
  tenant: Tenant;
  /** The partner's key for the environment. */
  key: string;
  /** Null for the partner itself. */
  agent: TestAgent | null;
  /** Users with events. */
  users: string[];
  /** Resources by which a list returns at least one row, so that an empty list means something. */
  listed: { agent: string; receipt: string; cascade: string; event: string };
  /** Account of an administrator of the partner. */
  staffId: string;
  /** For an owner that can no longer create resources: one of each kind. */
  prepared?: Partial<Record<Kind, string>>;
}

let count = 0;
export const unique = (): string => `${(count += 1)}-${randomUUID().slice(0, 8)}`;

/** Returns headers with a client address that no other request has, so that no throttle rejects the request. */
export function newAddress(): Record<string, string> {
  count += 1;
  return { 'x-forwarded-for': `10.${(count >> 16) & 255}.${(count >> 8) & 255}.${count & 255}` };
}

function bodyOf({ status, body }: TestResponse): TestResponse['body'] {
  if (status >= 300) throw new Error(`a fixture request returned ${status}: ${JSON.stringify(body)}`);
  return body;
}

export const anEventOf = (userExternalId: string): Record<string, string> => ({
  userExternalId,
  eventType: 'mir.transaction.completed',
});

/** Inserts an agent of an owner. If the owner is an agent, the new agent is its child. */
export function newAgentOf({ ctx }: Harness, owner: Owner, changes: Partial<AgentDoc> = {}): Promise<TestAgent> {
  const service: Partial<AgentDoc> = { type: 'SERVICE_ACCOUNT', allowedEventTypes: ['*'], tenant: owner.tenant };
  return insertAgent(ctx.store, owner.partner, { ...service, ...changes }, owner.agent ?? undefined);
}

async function newEvent({ ctx }: Harness, { tenant, users }: Owner): Promise<string> {
  const eventId = newId(`evt_${envOf(tenant)}`) as EventId;
  const now = new Date();
  const userRef = ctx.secrets.userRef(tenant, users[0]!);
  const stored = { eventType: 'mir.transaction.completed', occurredAt: now, receivedAt: now, weight: 1 };
  await ctx.store.events.model.create({
    _id: eventId,
    tenant,
    userRef,
    ...stored,
    chunkId: newChunkId(now.getTime()),
    index: 0,
  });
  return eventId;
}

/** Inserts a closed cascade. Does not send a request, because each kill counts toward the partner's control budget. */
async function newCascade(h: Harness, owner: Owner): Promise<string> {
  const { agentId } = await newAgentOf(h, owner);
  const now = new Date();
  const cascade: CascadeDoc = {
    _id: newId(`csc_${envOf(owner.tenant)}`),
    tenant: owner.tenant,
    agentId,
    reason: null,
    actor: { kind: 'PARTNER', partnerId: owner.partner.partnerId },
    requestId: unique(),
    status: 'CLOSED',
    effectiveAt: now,
    affected: 1,
    revoked: 1,
    parkedCount: 0,
    parked: [],
    partialTries: 0,
    nextLookAt: now,
    createdAt: now,
    closedAt: now,
  };
  await h.ctx.store.cascades.model.create(cascade);
  return cascade._id;
}

const leaked: string[] = [];
/** More than the requests that report a leaked key. */
const LEAKED_KEYS = 300;

/** Returns a key that no request has reported yet. */
export function nextLeakedKey(): string {
  const key = leaked.pop();
  if (key === undefined) throw new Error('raise LEAKED_KEYS in test/attacks/matrix/resources.ts');
  return key;
}

/** Creates a partner with many keys for `nextLeakedKey`. */
export async function createLeakedKeys(h: Harness): Promise<void> {
  const { partnerId, key } = await h.partner();
  const keys = Array.from({ length: LEAKED_KEYS }, () => newApiKey('live', key.tag));
  const createdAt = new Date();
  const docs = keys.map(({ hash, prefix }): PartnerKey => ({ env: 'live', id: newId('key'), hash, prefix, createdAt }));
  await h.ctx.store.partners.model.updateOne({ _id: partnerId }, { $push: { keys: { $each: docs } } });
  leaked.push(...keys.map((one) => one.key));
}

/** Inserts an invitation, of which a partner can have any number. */
async function newInvitation({ ctx }: Harness, { partner: { partnerId } }: Owner): Promise<string> {
  const id = newId('ivt');
  const times = { createdAt: new Date(), expiresAt: new Date(Date.now() + 3_600_000) };
  await ctx.store.memberInvitations.model.create({
    _id: id,
    organization: partnerId,
    email: newStaffEmail(),
    role: 'VIEWER',
    invitedBy: 'test',
    tokens: [],
    ...times,
  });
  return id;
}

/** Longer than a request that names a key takes. Keys that are older make room for new ones. */
const KEY_USED_WITHIN_MS = 20_000;

/** Inserts a key that no credential exceeds. */
async function newKey({ ctx }: Harness, { partner: { partnerId, key }, env }: Owner): Promise<string> {
  const { model } = ctx.store.partners;
  const { hash, prefix } = newApiKey(env, key.tag);
  const id = newId('key');
  const createdAt = new Date();
  const inserted: PartnerKey = { env, id, name: 'Inserted', hash, prefix, createdAt, scopes: ['keys:manage'] };
  const before = new Date(createdAt.getTime() - KEY_USED_WITHIN_MS);
  await model.updateOne({ _id: partnerId }, { $pull: { keys: { name: 'Inserted', createdAt: { $lt: before } } } });
  await model.updateOne({ _id: partnerId }, { $push: { keys: inserted } });
  return id;
}

/** Number of endpoints that a tenant keeps. Fewer than it may have, so that requests can create others. */
const KEPT_WEBHOOKS = 6;

/** Deletes an owner's oldest endpoints, except for the one of `/partners/webhook`. */
export async function dropWebhooks({ ctx }: Harness, { tenant }: Owner): Promise<void> {
  const { model } = ctx.store.webhooks;
  const old = await model
    .find({ tenant, _id: { $ne: tenant } }, { _id: 1 })
    .sort({ createdAt: -1 })
    .skip(KEPT_WEBHOOKS);
  await model.deleteMany({ _id: { $in: old.map(({ _id }) => _id) } });
}

/** Endpoints of tenants whose agents must not reach them. */
const agentWebhooks = new Map<Tenant, string>();

/** Inserts an endpoint. Agents cannot reach any endpoint, so those of one tenant share one. */
async function newWebhook(h: Harness, owner: Owner): Promise<string> {
  const { tenant, agent } = owner;
  const shared = agent && agentWebhooks.get(tenant);
  if (shared) return shared;
  const { sealedSecret } = newSecret(h.ctx.secrets, newId('whk'));
  const _id = newId('whk');
  const types: WebhookDoc['types'] = ['link.removed'];
  await h.ctx.store.webhooks.model.create({
    _id,
    tenant,
    // Above those that requests use.
    slot: (count += 1) + MAX_WEBHOOKS_PER_TENANT,
    url: 'https://hooks.invalid/mir',
    sealedSecret,
    types,
    createdAt: new Date(),
  });
  await dropWebhooks(h, owner);
  if (agent) agentWebhooks.set(tenant, _id);
  return _id;
}

/** Inserts a delivery of an owner to an endpoint, which may belong to another owner. */
export async function newDelivery({ ctx }: Harness, { tenant }: Owner, endpointId: string): Promise<string> {
  const _id = newId('dlv');
  const at = new Date();
  const message = { type: 'link.removed', body: '{}', status: 'DELIVERED', attempts: 1 } as const;
  const times = { nextLookAt: at, createdAt: at, expireAt: new Date(at.getTime() + DELIVERY_RETENTION_MS) };
  await ctx.store.deliveries.model.create({ _id, tenant, endpointId, ...message, ...times });
  return _id;
}

/** Creates resources. `changes` are fields of an agent. */
export type NewResource = (
  kind: Exclude<Kind, 'cursor' | 'delivery'>,
  owner: Owner,
  changes?: Partial<AgentDoc>,
) => Promise<string>;

/** Returns a function that creates a resource of an owner and returns its ID. */
export function resourcesOf(h: Harness): NewResource {
  const post = async (path: string, key: string | undefined, body: unknown) =>
    bodyOf(await h.client.post(path, key, body, newAddress()));
  return async (kind, owner, changes = {}) => {
    if (owner.prepared?.[kind]) return owner.prepared[kind];
    switch (kind) {
      case 'agent':
        return (await newAgentOf(h, owner, changes)).agentId;
      case 'approval': {
        const approvalId = newId('apr');
        const parent = await newAgentOf(h, owner);
        const pending: Partial<AgentDoc> = { status: 'PENDING_APPROVAL', approvalId, key: null, ...changes };
        await newAgentOf(h, { ...owner, agent: parent }, pending);
        return approvalId;
      }
      case 'cascade':
        return newCascade(h, owner);
      case 'key':
        return newKey(h, owner);
      case 'webhook':
        return newWebhook(h, owner);
      case 'receiver':
        return newReceiver(h, owner.tenant);
      case 'event':
        return newEvent(h, owner);
      case 'receipt':
        return (await post('/v1/events', owner.key, anEventOf(owner.users[0]!))).receiptId;
      case 'erasure':
        return (await post('/v1/users/erase', owner.key, { userExternalId: `erased-${unique()}` })).receiptId;
      case 'user':
        return owner.users[(count += 1) % USERS]!;
      case 'session':
        return (await h.ctx.staffAuth.startSession(owner.staffId, undefined)).session.sessionId;
      case 'passkey': {
        const passkey = { staffId: owner.staffId, name: 'Any', publicKey: '', counter: 0, transports: [] };
        const passkeyId = randomUUID();
        await h.ctx.store.passkeys.insert({ _id: passkeyId, ...passkey, createdAt: new Date() });
        return passkeyId;
      }
      case 'member':
        return (await insertMember(h, owner.partner.partnerId)).memberId;
      case 'invitation':
        return newInvitation(h, owner);
      case 'application':
        return (await post('/v1/partners/applications', undefined, anApplication())).applicationId;
      case 'partner':
        return (await h.partner()).partnerId;
      case 'deadLetter':
        return (await deadLetters(h, 1))[0]!;
      default:
        throw new Error(`unknown kind of resource: ${String(kind satisfies never)}`);
    }
  };
}

/**
 * Creates an owner with users who have events, pending invitations, a webhook, and a spawn policy. Its workers must be
 * running.
 */
export async function newOwner(h: Harness, partner: TestPartner, env: Env): Promise<Owner> {
  const key = env === 'live' ? partner.liveKey : partner.testKey;
  const users = Array.from({ length: USERS }, (_, n) => `user-${n}-of-${partner.key.tag}-${env}`);
  const put = async (path: string, body: unknown) => bodyOf(await h.client.request('PUT', path, { key, body }));
  await put('/v1/agents/policy', { spawnEnabled: true });
  await put('/v1/partners/webhook', { url: `https://${partner.key.tag}.example/hooks` });
  // The empty event is rejected with two problems.
  bodyOf(await h.client.post('/v1/events', key, { events: [...users.map(anEventOf), {}] }));
  await h.ctx.rejections.flush();
  bodyOf(await h.client.post('/v1/partners/link/invite', key, { userExternalId: users[0]! }));
  const agent = await register(h.client, key);
  const killed = await register(h.client, key);
  const { receiptId, eventId } = bodyOf(await h.client.post('/v1/events', agent.key, anEventOf(users[0]!)));
  const { cascadeId } = bodyOf(await h.client.post(`/v1/agents/${killed.id}/revoke-descendants`, key, {}));
  const tenant = tenantOf(partner.partnerId, env);
  await waitUntil('the audit entries are sealed', async () => (await h.ctx.store.audit.countUnsealed(tenant)) === 0);
  await h.drained();
  const listed = { agent: agent.id, receipt: receiptId, cascade: cascadeId, event: eventId };
  const { staffId } = await insertMember(h, partner.partnerId, 'ADMINISTRATOR');
  return { partner, env, tenant, key, agent: null, users, listed, staffId };
}
