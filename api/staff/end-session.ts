import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { endSession } from './end-sessions';
import { staffAuth } from './session-schemas';

/** Names the session of the request. */
const CURRENT = 'current';

export const endSessionRoute = route({
  operationId: 'endSession',
  method: 'DELETE',
  path: '/staff/sessions/:id',
  v1Only: true,
  auth: staffAuth,
  tag: 'Staff accounts',
  summary: 'End one of your sessions',
  description: `Its access tokens end with it, in every process. Use \`${CURRENT}\` as the ID to log out.`,
  params: idParams,
  query: noQuery,
  answers: { 200: { description: 'Ended', schema: z.object({ ended: z.literal(true) }).meta({ id: 'EndedSession' }) } },
  problems: ['NOT_FOUND'],
  handle: async ({ ctx, staff, params }) => {
    const sessionId = params.id === CURRENT ? staff.sessionId : params.id;
    if (!(await endSession(ctx, staff.staffId, sessionId))) {
      throw new PublicError('NOT_FOUND', 'Session not found. It may have ended already.');
    }
    return { status: 200, body: { ended: true } };
  },
});
