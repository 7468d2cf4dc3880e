import { randomBytes, randomUUID } from 'node:crypto';
import { UnrecoverableError, Worker } from 'bullmq';
import { applicantSecret, confirmedApplication, type SubmittedApplication, submittedApplication } from './applications';
import { anApplication } from './partners';
import { type IdentityId, tenantOf } from '../../shared/domain/ids';
import { chunkIdsOf, readReceipt } from '../../shared/domain/receipt';
import { eventsQueue } from '../../shared/queue/event-chunk';
import type { AgentDoc } from '../../shared/store/agents';
import type { TestResponse } from './client';
import type { Harness, TestPartner } from './harness';
import { insertAgent, type TestAgent } from './insert-agent';
import { invite, linkUser } from './link';
import type { OidcServer } from './oidc-server';
import { confirmedAccount, PASSWORD, tokenIn } from './people';
import { waitUntil } from './wait-until';
import { workerLink } from './worker-link';

/** A driver's error text, as workers of earlier versions stored it. */
const STORED_DRIVER_TEXT = 'connect ECONNREFUSED 127.0.0.1:6379';

interface Session {
  id: string;
  cookie: string;
}

interface Person {
  email: string;
  session: Session;
  second: Session;
}

const AGENTS = ['parent', 'killed', 'patched', 'active', 'suspended', 'revoked', 'rotated', 'stopped', 'bot'] as const;

/** The rows needed to send one request to every route. Each request that changes or deletes a row has its own row. */
export interface Prepared {
  partner: TestPartner;
  other: TestPartner;
  agents: Record<(typeof AGENTS)[number], TestAgent>;
  webSession: string;
  ana: Person;
  bea: Person;
  links: Record<'code' | 'shown' | 'confirmed' | 'kept' | 'removed', string>;
  /** `unknown` has no account, and `unconfirmed` has only signed up. */
  emails: Record<'unknown' | 'unconfirmed', string>;
  /**
   * Tokens from emailed links. Requests open the `…Shown` links and submit the forms on the pages of the `…Used` links.
   */
  tokens: Record<
    'verifyShown' | 'verifyUsed' | 'resetShown' | 'resetUsed' | 'applicationShown' | 'applicationUsed',
    string
  >;
  oidc: { query: string; cookie: string };
  ids: {
    event: string;
    receipt: string;
    erasure: string;
    cascade: string;
    approvals: string[];
    applications: string[];
    application: Record<string, unknown>;
    confirmedApplication: SubmittedApplication;
    changedPartner: string;
    keys: string[];
    leakedKey: string;
    webhooks: string[];
    delivery: string;
    receiver: string;
    /** Another receiver, which the portal deletes. */
    portalReceiver: string;
    deadLetters: string[];
  };
}

const newEmail = (): string => `${randomUUID()}@example.org`;

function bodyOf({ status, body }: TestResponse): TestResponse['body'] {
  if (status >= 300) throw new Error(`a fixture request returned ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** Signs up a new email address and returns the token for confirming it and setting a password. */
async function mailedToken(harness: Harness): Promise<string> {
  return tokenIn(harness, await harness.ctx.auth.signUp(newEmail()));
}

/** Submits an application and returns the secret for confirming its contact address. */
async function applicantToken(harness: Harness): Promise<string> {
  return applicantSecret(harness, (await submittedApplication(harness)).applicationId);
}

async function logIn({ ctx }: Harness, email: string): Promise<Session> {
  const result = await ctx.auth.logIn(email, PASSWORD);
  if (typeof result === 'string') throw new Error(`the login failed: ${result}`);
  const cookie = result.cookies.map((one) => one.split(';')[0]).join('; ');
  const { session } = await ctx.auth.readSession(cookie);
  return { id: session!.sessionId, cookie };
}

/** Completes a kill as a worker would, because its live progress otherwise lasts as long as a response may. */
async function completeKill({ ctx }: Harness, cascadeId: string): Promise<string> {
  const sealed = { from: 1, to: 1, headHash: 'any' };
  const done = { status: 'CLOSED', closedAt: new Date(), affected: 1, revoked: 1, sealed } as const;
  await ctx.store.cascades.model.updateOne({ _id: cascadeId }, { $set: done });
  return cascadeId;
}

async function newPerson(h: Harness): Promise<Person> {
  const email = newEmail();
  await confirmedAccount(h, email);
  const [session, second] = await Promise.all([logIn(h, email), logIn(h, email)]);
  return { email, session, second };
}

async function linksOf(h: Harness, partner: TestPartner, { email }: Person): Promise<Prepared['links']> {
  const { store } = h.ctx;
  const identityId = (await store.identities.byEmail(email))!._id as IdentityId;
  for (const user of ['kept', 'removed']) await linkUser(h, partner, user, identityId);
  const members = (await store.memberships.ofIdentity(identityId)).flatMap((one) => one.members);
  const { code } = bodyOf(
    await h.client.post('/v1/partners/link/code', partner.liveKey, { userExternalId: 'by-code' }),
  );
  return {
    code,
    shown: (await invite(h, partner, 'shown')).token,
    confirmed: (await invite(h, partner, 'confirmed')).token,
    kept: members[0]!.linkId,
    removed: members[1]!.linkId,
  };
}

/** Logs in at the provider and returns the query and cookies with which the browser returns to MIR. */
export async function logInAtProvider(
  h: Harness,
  provider: OidcServer,
  { email = newEmail(), path = '/login/oidc' }: { email?: string; path?: string } = {},
): Promise<Prepared['oidc']> {
  provider.person = { sub: randomUUID(), email, email_verified: true };
  const headers = { accept: 'text/html', 'x-forwarded-for': '10.98.0.1' };
  const sent = await fetch(h.url + path, { headers, redirect: 'manual' });
  const returned = await fetch(sent.headers.get('location')!, { redirect: 'manual' });
  const cookies = sent.headers.getSetCookie().map((one) => one.split(';')[0]);
  return { query: new URL(returned.headers.get('location')!).search, cookie: cookies.join('; ') };
}

/** Creates jobs that a worker gave up on, with a driver's error text as the reason. */
export async function deadLetters({ ctx, env }: Harness, count: number): Promise<string[]> {
  const queue = ctx.queues.events;
  const ids = Array.from({ length: count }, () => `dead-${randomUUID()}`);
  await queue.addBulk(ids.map((jobId) => ({ name: eventsQueue.name, data: {}, opts: { jobId } })));
  const link = workerLink(env);
  const fail = (): Promise<never> => Promise.reject(new UnrecoverableError(STORED_DRIVER_TEXT));
  const worker = new Worker(eventsQueue.name, fail, { ...link.bullmq, prefix: ctx.keys.queuePrefix(eventsQueue.name) });
  await waitUntil('the jobs have failed', async () => {
    const states = await Promise.all(ids.map((id) => queue.getJobState(id)));
    return states.every((state) => state === 'failed');
  });
  await worker.close();
  await link.close();
  return ids;
}

/**
 * Stores an event whose receipt is FAILED and contains a driver's error text, as workers of earlier versions wrote it.
 */
async function eventAndReceipt({ ctx, client }: Harness, { liveKey, partnerId }: TestPartner) {
  const tenant = tenantOf(partnerId, 'live');
  const event = { userExternalId: 'u-1', eventType: 'mir.transaction.completed' };
  const { eventId, receiptId } = bodyOf(await client.post('/v1/events', liveKey, event));
  const chunkId = chunkIdsOf(readReceipt(ctx.secrets.receipt, tenant, receiptId)!)[0]!;
  const item = { index: 0, eventId, outcome: 'FAILED' as const, code: 'STORE_REFUSED', message: STORED_DRIVER_TEXT };
  const now = new Date();
  const expireAt = new Date(now.getTime() + 3_600_000);
  await ctx.store.receipts.put([{ _id: chunkId, tenant, total: 1, items: [item], settledAt: now, expireAt }]);
  await ctx.store.events.model.create({
    _id: eventId,
    tenant,
    userRef: ctx.secrets.userRef(tenant, event.userExternalId),
    eventType: event.eventType,
    occurredAt: now,
    receivedAt: now,
    weight: 1,
    chunkId,
    index: 0,
  });
  return { eventId, receiptId };
}

/** Creates the rows needed to send one request to every route. All stores must be up. */
export async function prepareRoutes(h: Harness, provider: OidcServer): Promise<Prepared> {
  const { ctx, client } = h;
  const [partner, other, changed] = await Promise.all([h.partner(), h.partner(), h.partner()]);
  const post = async (path: string, body: unknown, key: string | undefined = partner.liveKey) =>
    bodyOf(await client.post(`/v1${path}`, key, body, { 'x-forwarded-for': `10.97.${randomBytes(2).join('.')}` }));
  const put = async (path: string, body: unknown, key: string) =>
    bodyOf(await client.request('PUT', `/v1${path}`, { key, body }));

  const policy = { spawnEnabled: true, approval: { fromDepth: 1 } };
  await put('/agents/policy', policy, partner.liveKey);
  for (const { liveKey } of [partner, other])
    await put('/partners/webhook', { url: 'https://a.example/hook' }, liveKey);
  const inserted = await Promise.all(
    AGENTS.map(async (name) => {
      const changes: Partial<AgentDoc> = { status: name === 'suspended' ? 'SUSPENDED' : 'ACTIVE' };
      if (name !== 'bot') Object.assign(changes, { type: 'SERVICE_ACCOUNT', allowedEventTypes: ['*'] });
      if (name === 'parent') changes.preset = 'ORCHESTRATOR';
      return [name, await insertAgent(ctx.store, partner, changes)] as const;
    }),
  );
  const agents = Object.fromEntries(inserted) as Prepared['agents'];
  // One at a time, because fault tests set short timeouts, which concurrent requests could exceed on a busy machine.
  const spawn = () => post(`/agents/${agents.parent.agentId}/spawn`, { name: 'Child' }, agents.parent.apiKey);
  const spawned = [await spawn(), await spawn(), await spawn()];
  const killed = await insertAgent(ctx.store, partner);
  const newKey = (): Promise<{ keyId: string; apiKey: string }> => post('/keys', { name: 'Any' });
  const [ana, bea] = await Promise.all([newPerson(h), newPerson(h)]);
  const emails = { unknown: newEmail(), unconfirmed: newEmail() };
  await ctx.auth.signUp(emails.unconfirmed);
  const applied = [0, 1].map(() => post('/partners/applications', anApplication({ contactEmail: newEmail() }), ''));
  const { eventId: event, receiptId: receipt } = await eventAndReceipt(h, partner);
  const keys = [await newKey(), await newKey(), await newKey(), await newKey()];
  const leaked = await newKey();
  const webhooks: string[] = [];
  const endpoint = { url: 'https://a.example/other', types: ['link.removed'] };
  for (let n = 0; n < 5; n += 1) webhooks.push((await post('/webhooks', endpoint)).webhookId);
  // Caches the keys, so that calls with these keys do not need MongoDB.
  for (const key of [agents.bot.apiKey, other.liveKey]) await client.post('/v1/resolve', key, { userExternalId: 'u' });
  return {
    partner,
    other,
    agents,
    ana,
    bea,
    webSession: randomBytes(16).toString('base64url'),
    links: await linksOf(h, partner, ana),
    emails,
    tokens: {
      verifyShown: await mailedToken(h),
      verifyUsed: await mailedToken(h),
      resetShown: await mailedToken(h),
      resetUsed: await mailedToken(h),
      applicationShown: await applicantToken(h),
      applicationUsed: await applicantToken(h),
    },
    oidc: await logInAtProvider(h, provider),
    ids: {
      event,
      receipt,
      erasure: (await post('/users/erase', { userExternalId: 'erased' })).receiptId,
      cascade: await completeKill(h, (await post(`/agents/${killed.agentId}/revoke-descendants`, {})).cascadeId),
      approvals: spawned.map(({ approvalId }) => approvalId as string),
      applications: (await Promise.all(applied)).map(({ applicationId }) => applicationId as string),
      application: anApplication({ contactEmail: newEmail() }),
      confirmedApplication: await confirmedApplication(h),
      changedPartner: changed.partnerId,
      keys: keys.map(({ keyId }) => keyId),
      leakedKey: leaked.apiKey,
      webhooks,
      delivery: (await post(`/webhooks/${webhooks[0]}/test`, {})).deliveryId,
      receiver: (await post('/receivers', { url: 'https://a.example/kills', format: 'STANDARD_WEBHOOK' })).receiverId,
      portalReceiver: (await post('/receivers', { url: 'https://a.example/portal', format: 'SET' })).receiverId,
      deadLetters: await deadLetters(h, 3),
    },
  };
}
