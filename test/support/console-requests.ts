type Fields = Record<string, string>;

/** A request for a page of the console: its route, path parameters and, for a form, the posted fields. */
type ConsoleRequest = [route: string, params: Fields, fields?: Fields];

/** Returns one request that succeeds for each page of the console. Needs three applications that wait for a decision. */
export function consoleRequests(applicationIds: readonly string[]): ConsoleRequest[] {
  const [shown, approved, rejected] = applicationIds as [string, string, string];
  const terms = { plan: 'STANDARD', eventsPerMinute: '1', requestsPerMinute: '1', queueSharePercent: '1' };
  return [
    ['GET /console', {}],
    ['GET /console/applications', {}],
    ['GET /console/applications/:id', { id: shown }],
    ['POST /console/applications/:id/approve', { id: approved }, terms],
    ['POST /console/applications/:id/reject', { id: rejected }, { reason: 'no fit' }],
  ];
}

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
