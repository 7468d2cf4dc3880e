import { submittedApplication } from './applications';
import type { Harness } from './harness';
import type { StoreRole } from './store-role';

type Fields = Record<string, string>;

/** What a request for a page of the console sends. */
interface SentToConsole {
  params?: Fields;
  /** Begins with `?`. */
  query?: string;
  /** The posted fields of a form. */
  fields?: Fields;
  /** Returns whether the form made its change. */
  wasDone?: () => Promise<boolean>;
}

interface ConsoleRequest {
  route: string;
  needs: readonly StoreRole[];
  /** Creates the rows that the request is about. Each request that changes rows has its own. */
  prepare: (h: Harness) => Promise<SentToConsole> | SentToConsole;
}

const STORE: readonly StoreRole[] = ['store'];

async function application(h: Harness, fields?: Fields): Promise<SentToConsole> {
  const { applicationId: id } = await submittedApplication(h);
  const wasDone = async (): Promise<boolean> => (await h.ctx.store.applications.get(id))!.status !== 'PENDING';
  return { params: { id }, ...(fields && { fields, wasDone }) };
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
];

/** Returns the paths below `/admin/queues` that the queues page requests. */
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
