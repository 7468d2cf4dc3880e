import { submittedApplication } from './applications';
import { tenantOf } from '../../shared/domain/ids';
import { PARTNER_REQUESTS } from './console-partner-requests';
import type { ConsoleRequest, Fields, SentToConsole } from './console-request';
import type { Harness } from './harness';
import { auditOf } from './partners';
import { deadLetters } from './route-fixtures';
import { insertDoneErasure, insertEndpoint } from './records';
import type { StoreRole } from './store-role';

const STORE: readonly StoreRole[] = ['store'];
const BOTH: readonly StoreRole[] = ['store', 'queue'];

async function application(h: Harness, fields?: Fields): Promise<SentToConsole> {
  const { applicationId: id } = await submittedApplication(h);
  const wasDone = async (): Promise<boolean> => (await h.ctx.store.applications.get(id))!.status !== 'PENDING';
  return { params: { id }, ...(fields && { fields, wasDone }) };
}

/** Number of dead letters that are created at once, because each time needs a worker. */
const CREATED_LETTERS = 20;
const unused = new WeakMap<Harness, string[]>();

/** Returns a dead letter that no other request is about. */
async function newDeadLetter(h: Harness): Promise<string> {
  const left = unused.get(h) ?? [];
  if (left.length === 0) left.push(...(await deadLetters(h, CREATED_LETTERS)));
  unused.set(h, left);
  return left.pop()!;
}

async function deadLetter(
  h: Harness,
  action: 'none' | 'replayed' | 'dropped' = 'none',
  fieldsOf: (id: string) => Fields = () => ({}),
): Promise<SentToConsole> {
  const id = await newDeadLetter(h);
  if (action === 'none') return { params: { id } };
  const wasDone = async (): Promise<boolean> =>
    (await auditOf(h.ctx, id)).some((entry) => entry.action === `dead-letter.${action}`);
  return { params: { id }, fields: fieldsOf(id), wasDone };
}

async function doneErasure(h: Harness): Promise<SentToConsole> {
  const { partnerId } = await h.partner();
  return { params: { id: (await insertDoneErasure(h, tenantOf(partnerId, 'live')))._id } };
}

async function endpoint(h: Harness): Promise<SentToConsole> {
  const { partnerId } = await h.partner();
  const { _id } = await insertEndpoint(h, { partnerId }, { failingSince: new Date() });
  return { params: { partnerId, env: 'live', webhookId: _id } };
}

/** One request that succeeds for each page of the console. */
export const CONSOLE_REQUESTS: readonly ConsoleRequest[] = [
  { route: 'GET /console', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/applications', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/applications/:id', needs: STORE, prepare: (h) => application(h) },
  {
    route: 'POST /console/applications/:id/approve',
    needs: STORE,
    prepare: (h) =>
      application(h, { plan: 'STANDARD', eventsPerMinute: '1', requestsPerMinute: '1', queueSharePercent: '1' }),
  },
  {
    route: 'POST /console/applications/:id/reject',
    needs: STORE,
    prepare: (h) => application(h, { reason: 'no fit' }),
  },
  { route: 'GET /console/health', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/dead-letters', needs: BOTH, prepare: () => ({}) },
  { route: 'GET /console/dead-letters/:id', needs: BOTH, prepare: (h) => deadLetter(h) },
  {
    route: 'POST /console/dead-letters/replay',
    needs: BOTH,
    prepare: (h) => deadLetter(h, 'replayed', (id) => ({ 'selected-0': id })),
  },
  { route: 'POST /console/dead-letters/:id/replay', needs: BOTH, prepare: (h) => deadLetter(h, 'replayed') },
  { route: 'GET /console/dead-letters/:id/drop', needs: BOTH, prepare: (h) => deadLetter(h) },
  {
    route: 'POST /console/dead-letters/:id/drop',
    needs: BOTH,
    prepare: (h) => deadLetter(h, 'dropped', (id) => ({ reason: 'Cannot be fixed', typed: id.slice(-6) })),
  },
  { route: 'GET /console/audit', needs: STORE, prepare: () => ({}) },
  { route: 'POST /console/audit', needs: STORE, prepare: () => ({ fields: { actor: 'SYSTEM' } }) },
  { route: 'GET /console/audit/verify', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/audit/verify/step', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/erasures', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/erasures/:id', needs: STORE, prepare: doneErasure },
  { route: 'GET /console/erasures/:id/live', needs: STORE, prepare: doneErasure },
  { route: 'GET /console/webhooks', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/webhooks/:partnerId/:env/:webhookId', needs: STORE, prepare: endpoint },
  ...PARTNER_REQUESTS,
];

/** Returns the paths that the queues page requests, below its base. */
export function boardPaths(deadLetterId: string): string[] {
  return [
    '',
    '/api/queues?activeQueue=events&status=latest&page=1&jobsPerPage=10',
    `/api/queues/events/${deadLetterId}`,
    `/api/queues/events/${deadLetterId}/logs`,
    `/api/queues/events/${deadLetterId}/flow`,
    '/api/queues/events/workers',
    '/api/job-schedulers',
    '/api/redis/stats',
  ];
}
