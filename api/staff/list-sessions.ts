import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { staffAuth } from './session-schemas';

const time = z.iso.datetime();

export const listSessionsRoute = route({
  operationId: 'listSessions',
  method: 'GET',
  path: '/staff/sessions',
  v1Only: true,
  auth: staffAuth,
  tag: 'Staff accounts',
  summary: 'List your sessions, newest first',
  query: noQuery,
  answers: {
    200: {
      description: 'Your sessions',
      schema: z
        .object({
          data: z.array(
            z
              .object({
                sessionId: z.string(),
                isCurrent: z.boolean(),
                userAgent: z.string().nullable().describe('The browser or program that logged in.'),
                createdAt: time,
                expiresAt: time,
              })
              .meta({ id: 'Session' }),
          ),
          nextCursor: z.null().describe('All sessions fit on one page.'),
        })
        .meta({ id: 'SessionPage' }),
    },
  },
  problems: [],
  handle: async ({ ctx: { store }, staff }) => {
    const sessions = await store.staffSessions.ofStaff(staff.staffId);
    const data = sessions.map(({ _id, userAgent, createdAt, expiresAt }) => ({
      sessionId: _id,
      isCurrent: _id === staff.sessionId,
      userAgent: userAgent || null,
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
    }));
    return { status: 200, body: { data, nextCursor: null } };
  },
});
