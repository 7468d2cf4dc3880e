import type { StoreRole } from './store-role';
import { PASSWORD } from './password';
import type { Prepared } from './route-fixtures';
import type { PortalFixtures } from './staff-calls';

type Fields = Record<string, string>;

type Needs = readonly StoreRole[];

/** A request for a page of the portal about a partner: the stores that it needs, and its query or fields. */
type PortalRequest = [route: string, needs: Needs, sent: { query?: string; fields?: Fields }];

const STORE: Needs = ['store'];
const BOTH: Needs = ['queue', 'store'];

/** The policy that `prepareRoutes` sets, so that other requests do what they would do without this one. */
const POLICY: Fields = {
  spawnEnabled: 'on',
  maxSpawnDepth: '8',
  maxChildrenPerAgent: '100',
  maxAgentsPerRoot: '10000',
  maxSpawnsPerMinute: '600',
  agentEventVisibility: 'PARTNER',
  'approval.fromDepth': '1',
  'approval.expiresInSeconds': '7 days',
};

/** Returns one request that succeeds for each page about a partner's live environment. */
export function portalRequests(
  { agents, ids }: Prepared,
  { memberId, invitationId }: Pick<PortalFixtures, 'memberId' | 'invitationId'>,
): PortalRequest[] {
  const { parent, stopped } = agents;
  const [webhook, deleted] = [ids.webhooks[0]!, ids.webhooks[4]!];
  const get = (path: string, query = '', needs = STORE): PortalRequest => [
    `GET /portal/:partnerId/:env${path}`,
    needs,
    { query },
  ];
  const post = (path: string, fields: Fields, needs = BOTH): PortalRequest => [
    `POST /portal/:partnerId/:env${path}`,
    needs,
    { fields },
  ];
  const of = ({ agentId }: { agentId: string }): string => `?agent=${agentId}`;
  return [
    get('', '', BOTH),
    get('/keys'),
    get('/keys/new'),
    post('/keys/new', { name: 'Any', 'scope.events:read': 'on' }),
    get('/keys/view', `?key=${ids.keys[0]}`),
    get('/keys/rotate', `?key=${ids.keys[0]}`),
    post('/keys/rotate', { key: ids.keys[0]!, overlapSeconds: '3600' }),
    get('/keys/revoke', `?key=${ids.keys[0]}`),
    post('/keys/revoke', { key: ids.keys[3]! }),
    get('/first-event'),
    post('/first-event', { userExternalId: 'u-1', eventType: 'mir.transaction.completed', idempotencyKey: 'portal' }),
    get('/first-event/sent', `?event=${ids.event}`),
    get('/receipts'),
    get('/receipts/view', `?receipt=${ids.receipt}`),
    get('/events/view', `?event=${ids.event}`),
    get('/requests', '?request=any'),
    get('/rejections', '?code=REQUIRED&request=any'),
    get('/users'),
    post('/users', { userExternalId: 'u-1' }, STORE),
    post('/users/connect', { userExternalId: 'u-1' }, STORE),
    post('/users/connect/create', { userExternalId: 'u-1', kind: 'CODE' }),
    get('/users/erase'),
    post('/users/erase', { userExternalId: 'u-1' }, STORE),
    post('/users/erase/order', { userExternalId: 'in-portal', confirmation: 'in-portal' }),
    get('/users/erasure', `?erasure=${ids.erasure}`),
    get('/members'),
    get('/members/invite'),
    post('/members/invite', { email: 'new@harbour.example', role: 'VIEWER' }),
    post('/members/withdraw', { invitation: invitationId }),
    get('/members/change', `?member=${memberId}`),
    post('/members/change', { member: memberId, role: 'DEVELOPER', action: 'change' }),
    get('/agents'),
    post('/agents', { by: 'name', text: 'Any' }, STORE),
    get('/agents/rows', `?parent=${parent.agentId}`),
    get('/agents/view', `?agent=${parent.agentId}`),
    get('/agents/change', of(agents.patched)),
    post('/agents/change', { agent: agents.patched.agentId, name: 'Another name', reason: 'Any' }),
    get('/agents/key', of(agents.rotated)),
    post('/agents/key', { agent: agents.rotated.agentId, reason: 'Any' }),
    get('/agents/suspend', of(agents.active)),
    post('/agents/suspend', { agent: agents.active.agentId, reason: 'Any', action: 'suspend' }),
    get('/agents/stop', `?agent=${parent.agentId}`),
    post('/agents/stop', { agent: stopped.agentId, name: stopped.doc.name, reason: 'Any', action: 'revoke' }),
    get('/agents/report', `?kill=${ids.cascade}`),
    get('/agents/report/live', `?kill=${ids.cascade}`),
    get('/agents/new'),
    post('/agents/new', { name: 'Any', type: 'SERVICE_ACCOUNT', preset: 'STANDARD', allowedEventTypes: '*' }),
    get('/approvals'),
    get('/approvals/view', `?approval=${ids.approvals[2]}`),
    post('/approvals/decide', { approval: ids.approvals[2]!, action: 'reject', reason: 'Any' }),
    get('/policy'),
    get('/policy/edit'),
    post('/policy/edit', POLICY),
    get('/guardrails'),
    get('/receivers'),
    get('/receivers/new'),
    post('/receivers/new', { url: 'https://harbour.example/kills', format: 'SET' }),
    get('/receivers/delete', `?receiver=${ids.portalReceiver}`),
    post('/receivers/delete', { receiver: ids.portalReceiver, host: 'a.example' }),
    get('/webhooks'),
    get('/webhooks/new'),
    post('/webhooks/new', { url: 'https://harbour.example/portal' }),
    get('/webhooks/view', `?webhook=${webhook}`),
    post('/webhooks/test', { webhook }),
    post('/webhooks/resend', { webhook, delivery: ids.delivery }),
    post('/webhooks/enable', { webhook }),
    post('/webhooks/recover', { webhook, hours: '24' }),
    get('/webhooks/delete', `?webhook=${webhook}`),
    post('/webhooks/delete', { webhook: deleted }),
    get('/usage', '', BOTH),
    get('/audit'),
    post('/audit', { actor: 'MEMBER' }, STORE),
    get('/audit/verify'),
    get('/usage/export', '', BOTH),
    ['GET /portal/confirm', STORE, {}],
    ['POST /portal/confirm', BOTH, { fields: { password: PASSWORD } }],
  ];
}
