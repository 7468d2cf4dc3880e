import type { AgentDoc } from '../../../shared/store/agents';
import { anApplication } from '../../support/partners';
import { anEventOf, nextLeakedKey, unique } from './resources';

/** A request that succeeds. The matrix adds the IDs in its path. */
export interface Control {
  body?: () => unknown;
  query?: () => string;
  /** The fields that the agent or approval in the path needs, so that the request succeeds. */
  agent?: Partial<AgentDoc>;
  /** The route acts on the calling agent itself, not on a descendant. */
  onSelf?: true;
  /** Restores what an earlier request removed. */
  before?: 'webhook';
}

const READ: Control = {};
const EMPTY: Control = { body: () => ({}) };

const named = (): { userExternalId: string } => ({ userExternalId: `user-${unique()}` });

/** One request per route, by method and path. */
const CONTROLS: Record<string, Control> = {
  'POST /events': { body: () => anEventOf(`user-${unique()}`) },
  'POST /resolve': { body: named },
  'GET /events': READ,
  'GET /events/receipts/:receiptId': READ,
  'GET /events/receipts': READ,
  'GET /rejected-events': READ,
  'GET /events/:eventId': READ,
  'GET /event-types': READ,
  'POST /partners/applications': { body: () => anApplication() },
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
  'GET /agents/tree': READ,
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
  'GET /partners/me': READ,
  'GET /keys': READ,
  'POST /keys': { body: () => ({ name: 'Any', scopes: ['keys:manage'] }) },
  'POST /keys/revoke-leaked': { body: () => ({ apiKey: nextLeakedKey() }) },
  'GET /keys/:id': READ,
  'POST /keys/:id/rotate': EMPTY,
  'POST /keys/:id/revoke': EMPTY,
  'GET /admin/applications': READ,
  'POST /admin/applications/:id/approve': { body: () => ({ plan: 'STANDARD' }) },
  'POST /admin/applications/:id/reject': { body: () => ({ reason: 'no fit' }) },
  'GET /admin/partners': READ,
  'GET /admin/partners/:id': READ,
  'PATCH /admin/partners/:id': { body: () => ({ suspended: true }) },
  'POST /admin/partners/:id/keys/rotate': { body: () => ({ env: 'test' }) },
  'GET /admin/dead-letters': READ,
  'GET /admin/dead-letters/:id': READ,
  'POST /admin/dead-letters/:id/replay': EMPTY,
  'DELETE /admin/dead-letters/:id': READ,
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
