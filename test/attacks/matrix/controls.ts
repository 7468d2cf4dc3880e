import type { AgentDoc } from '../../../shared/store/agents';
import { confirmedApplication } from '../../support/applications';
import { anApplication } from '../../support/partners';
import { type Authenticator, newAuthenticator } from '../../support/authenticator';
import { insertMember, invite, newStaffEmail, totp } from '../../support/staff';
import { addPasskey, passkeyCreation, passkeyLogIn } from '../../../api/accounts/passkeys';
import type { StaffSession } from '../../../api/accounts/staff-auth';
import { STORE_TIMEOUT_MS } from '../../../shared/store/connect';
import type { Harness } from '../../support/harness';
import { PASSWORD } from '../../support/people';
import { anEventOf, nextLeakedKey, type Owner, unique } from './resources';

/** A request that succeeds. The matrix adds the IDs in its path. */
export interface Control {
  body?: () => unknown;
  query?: () => string;
  /** The fields that the agent or approval in the path needs, so that the request succeeds. */
  agent?: Partial<AgentDoc>;
  /** The route acts on the calling agent itself, not on a descendant. */
  onSelf?: true;
  /** Prepares each request that must succeed, because it uses up what it needs. Replaces the body and some headers. */
  prepare?: (h: Harness, owner: Owner) => Promise<{ body?: unknown; headers?: Record<string, string> }>;
  /** The body has exactly one field, so a field that names a resource replaces the others. */
  oneField?: true;
  /** Restores what an earlier request removed, or makes room for more. */
  before?: 'webhook' | 'fewer webhooks' | 'fewer receivers';
}

const READ: Control = {};
const EMPTY: Control = { body: () => ({}) };

const named = (): { userExternalId: string } => ({ userExternalId: `user-${unique()}` });

/** Creates an account and returns its session, so that a request cannot end the session of others. */
async function freshAccount(
  h: Harness,
  { partner }: Owner,
): Promise<{ session: StaffSession; headers: Record<string, string> }> {
  const { staffId } = await insertMember(h, partner.partnerId);
  const { sessionToken, session } = await h.ctx.staffAuth.startSession(staffId, undefined);
  return { session, headers: { authorization: `Bearer ${sessionToken}` } };
}

async function passkeyOf(h: Harness, staffId: string, authenticator: Authenticator): Promise<void> {
  const account = { staffId, email: newStaffEmail(), name: 'Any' };
  const { challengeId, options } = await passkeyCreation(h.ctx, account);
  const response = authenticator.create(options as { challenge: string });
  await addPasskey(h.ctx, staffId, { challengeId, response, name: 'Any' });
}

/** One request per route, by method and path. */
const CONTROLS: Record<string, Control> = {
  'POST /events': { body: () => anEventOf(`user-${unique()}`) },
  'POST /resolve': { body: named },
  'POST /introspect': { body: () => ({ token: 'none' }) },
  'GET /events': READ,
  'GET /events/receipts/:receiptId': READ,
  'GET /events/receipts': READ,
  'GET /rejected-events': READ,
  'GET /events/:eventId': READ,
  'GET /event-types': READ,
  'POST /partners/applications': { body: () => anApplication() },
  'POST /partners/applications/status': {
    body: () => ({ applicationId: 'app_none', contactEmail: 'ops@harbour.example' }),
    prepare: async (h) => {
      const { applicationId, contactEmail } = await confirmedApplication(h);
      return { body: { applicationId, contactEmail } };
    },
  },
  'POST /partners/link/invite': { body: named },
  'POST /partners/link/code': { body: named },
  'GET /partners/link/status': { query: () => `?userExternalId=user-${unique()}` },
  'PUT /partners/webhook': { body: () => ({ url: 'https://hooks.example/mir' }) },
  'GET /partners/webhook': { before: 'webhook' },
  'DELETE /partners/webhook': { before: 'webhook' },
  'POST /users/erase': { body: named },
  'GET /users/erase/:receiptId': READ,
  'GET /usage': READ,
  'GET /audit': READ,
  'GET /audit/verify': READ,
  'GET /audit/stream': { query: () => '?waitSeconds=0' },
  'GET /agents/tree': READ,
  'POST /agents/find': { body: () => ({ name: 'Any' }), oneField: true },
  'GET /cascades/:id': READ,
  'GET /agents/:id/lineage': READ,
  'POST /agents/:id/revoke-descendants': EMPTY,
  'GET /agents': READ,
  'POST /agents': {
    body: () => ({ name: 'Any', type: 'SERVICE_ACCOUNT', preset: 'STANDARD', allowedEventTypes: ['mir.content.*'] }),
  },
  'GET /agents/policy': READ,
  'PUT /agents/policy': { body: () => ({ spawnEnabled: true }) },
  'GET /agents/approvals': READ,
  'POST /agents/approvals/:id/approve': EMPTY,
  'POST /agents/approvals/:id/reject': EMPTY,
  'GET /agents/:id': READ,
  'PATCH /agents/:id': { body: () => ({ name: `Renamed ${unique()}` }) },
  'POST /agents/:id/suspend': EMPTY,
  'POST /agents/:id/reactivate': { ...EMPTY, agent: { status: 'SUSPENDED' } },
  'POST /agents/:id/revoke': EMPTY,
  'POST /agents/:id/key/rotate': EMPTY,
  'POST /agents/:id/spawn': { body: () => ({ name: 'Child' }), onSelf: true },
  'GET /receivers': READ,
  'POST /receivers': { body: () => ({ url: 'https://hooks.example/kills', format: 'SET' }), before: 'fewer receivers' },
  'DELETE /receivers/:id': READ,
  'GET /.well-known/jwks.json': READ,
  'GET /partners/me': READ,
  'GET /keys': READ,
  'POST /keys': { body: () => ({ name: 'Any', scopes: ['keys:manage'] }) },
  'POST /keys/revoke-leaked': { body: () => ({ apiKey: nextLeakedKey() }) },
  'GET /keys/:id': READ,
  'POST /keys/:id/rotate': EMPTY,
  'POST /keys/:id/revoke': EMPTY,
  'POST /staff/sessions': {
    body: () => ({ email: 'nobody@harbour.example', password: PASSWORD }),
    prepare: async (h, { partner }) => ({
      body: { email: (await insertMember(h, partner.partnerId)).email, password: PASSWORD },
    }),
  },
  'GET /staff/sessions': READ,
  'POST /staff/sessions/confirm': {
    body: () => ({ password: PASSWORD }),
    prepare: async (h, owner) => ({ ...(await freshAccount(h, owner)), body: { password: PASSWORD } }),
  },
  'POST /staff/sessions/passkey/options': READ,
  'POST /staff/sessions/passkey': {
    body: () => ({ challengeId: 'chl_none', response: { id: 'none' } }),
    prepare: async (h, owner) => {
      const authenticator = newAuthenticator(h.ctx.config.publicUrl);
      const { session } = await freshAccount(h, owner);
      await passkeyOf(h, session.staffId, authenticator);
      const { challengeId, options } = await passkeyLogIn(h.ctx);
      return { body: { challengeId, response: authenticator.sign(options as { challenge: string }) } };
    },
  },
  'DELETE /staff/sessions/:id': READ,
  'POST /staff/access-tokens': {
    body: () => ({ partnerId: 'prt_aaaaaaaaaaaa', environment: 'test' }),
    prepare: async (h, owner) => ({
      ...(await freshAccount(h, owner)),
      body: { partnerId: owner.partner.partnerId, environment: 'test' },
    }),
  },
  'GET /staff/me': READ,
  'PATCH /staff/me': { body: () => ({ name: 'Any' }) },
  'POST /staff/password/forgot': { body: () => ({ email: newStaffEmail() }) },
  'POST /staff/password/reset': {
    body: () => ({ token: 'none', password: PASSWORD }),
    prepare: async (h, { partner }) => {
      const { staffId } = await insertMember(h, partner.partnerId);
      const { store } = h.ctx;
      const token = await store.transaction(
        (session) => store.staffVerifications.create(staffId, 60_000, session),
        STORE_TIMEOUT_MS,
      );
      return { body: { token, password: PASSWORD } };
    },
  },
  'POST /staff/invitations/accept': {
    body: () => ({ token: 'none' }),
    prepare: async (h, { partner }) => ({
      body: { token: (await invite(h, partner.partnerId, 'VIEWER')).token, name: 'Any', password: PASSWORD },
    }),
  },
  'POST /staff/second-factor': {
    body: () => ({ password: PASSWORD }),
    prepare: async (h, owner) => ({ ...(await freshAccount(h, owner)), body: { password: PASSWORD } }),
  },
  'POST /staff/second-factor/confirm': {
    body: () => ({ code: '123456' }),
    prepare: async (h, owner) => {
      const { session, headers } = await freshAccount(h, owner);
      const created = await h.ctx.staffAuth.createSecondFactor(session, PASSWORD);
      if (typeof created === 'string') throw new Error(`no second factor: ${created}`);
      return { headers, body: { code: totp(created.otpauthUri) } };
    },
  },
  'POST /staff/second-factor/remove': {
    body: () => ({ password: PASSWORD }),
    prepare: async (h, owner) => ({ ...(await freshAccount(h, owner)), body: { password: PASSWORD } }),
  },
  'POST /staff/passkeys/options': { prepare: freshAccount },
  'POST /staff/passkeys': {
    body: () => ({ challengeId: 'chl_none', name: 'Any', response: { id: 'none' } }),
    prepare: async (h, owner) => {
      const { session, headers } = await freshAccount(h, owner);
      const { challengeId, options } = await passkeyCreation(h.ctx, session);
      const response = newAuthenticator(h.ctx.config.publicUrl).create(options as { challenge: string });
      return { headers, body: { challengeId, name: 'Any', response } };
    },
  },
  'GET /staff/passkeys': READ,
  'DELETE /staff/passkeys/:id': READ,
  'GET /members': READ,
  'GET /members/invitations': READ,
  'POST /members/invitations': { body: () => ({ email: newStaffEmail(), role: 'VIEWER' }) },
  'DELETE /members/invitations/:id': READ,
  'PATCH /members/:id': { body: () => ({ role: 'DEVELOPER' }) },
  'DELETE /members/:id': READ,
  'GET /webhooks': READ,
  'POST /webhooks': { body: () => ({ url: 'https://hooks.example/mir' }), before: 'fewer webhooks' },
  'GET /webhooks/:id': READ,
  'PATCH /webhooks/:id': { body: () => ({ url: 'https://hooks.example/other' }) },
  'DELETE /webhooks/:id': READ,
  'GET /webhooks/:id/deliveries': READ,
  'POST /webhooks/:id/deliveries/:deliveryId/resend': READ,
  'POST /webhooks/:id/test': READ,
  'POST /webhooks/:id/rotate-secret': EMPTY,
  'POST /webhooks/:id/recover': { body: () => ({ since: '2026-01-01T00:00:00Z' }) },
  'GET /admin/applications': READ,
  'POST /admin/applications/:id/approve': { body: () => ({ plan: 'STANDARD' }) },
  'POST /admin/applications/:id/reject': { body: () => ({ reason: 'no fit' }) },
  'GET /admin/partners': READ,
  'GET /admin/partners/:id': READ,
  'PATCH /admin/partners/:id': { body: () => ({ suspended: true }) },
  'POST /admin/partners/:id/keys/rotate': { body: () => ({ env: 'test' }) },
  'POST /admin/agents/find': { body: () => ({ name: 'Any' }), oneField: true },
  'GET /admin/dead-letters': READ,
  'GET /admin/dead-letters/:id': READ,
  'POST /admin/dead-letters/:id/replay': EMPTY,
  'DELETE /admin/dead-letters/:id': READ,
  'POST /admin/agents/:id/suspend': { body: () => ({ reason: 'Any' }) },
  'POST /admin/agents/:id/reactivate': { body: () => ({ reason: 'Any' }), agent: { status: 'SUSPENDED' } },
  'POST /admin/agents/:id/revoke-descendants': { body: () => ({ reason: 'Any' }) },
  'GET /healthz': READ,
  'GET /readyz': READ,
};

/** Returns the control of a route. Throws if there is none. */
export function controlOf(route: { method: string; path: string }): Control {
  const name = `${route.method} ${route.path}`;
  const control = CONTROLS[name];
  if (control) return control;
  throw new Error(`${name}: add a request that succeeds to CONTROLS in test/attacks/matrix/controls.ts.`);
}
