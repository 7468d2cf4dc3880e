import { z } from 'zod';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { eventSchema, presentEvent } from './present-event';
import { visibleTo } from './visibility';

/**
 * Handles `GET /events/:eventId`. Returns the same 404 for an event that the caller may not read as for an event that does
 * not exist.
 */
export const getEventRoute = route({
  operationId: 'getEvent',
  method: 'GET',
  path: '/events/:eventId',
  auth: { kind: 'key', scope: 'events:read', availableWithoutRedis: true },
  tag: 'Events',
  summary: 'Get an event',
  params: z.object({ eventId: z.string().max(100) }),
  answers: { 200: { description: 'The event', schema: eventSchema } },
  problems: ['NOT_FOUND'],
  handle: async ({ ctx, caller, params }) => {
    const event = await ctx.store.events.get(caller.tenant, params.eventId, await visibleTo(ctx, caller));
    if (!event)
      throw new PublicError('NOT_FOUND', 'The event does not exist or has not been stored yet. Check its receipt.');
    return { status: 200, body: presentEvent(event) };
  },
});
