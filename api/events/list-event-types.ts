import { z } from 'zod';
import { route } from '../http/route';

const CACHE_SECONDS = 300;

/** Handles `GET /event-types`. Does not require an API key. */
export const listEventTypesRoute = route({
  operationId: 'listEventTypes',
  method: 'GET',
  path: '/event-types',
  auth: { kind: 'public' },
  tag: 'Events',
  summary: 'List event types and their meanings',
  answers: {
    200: {
      description: 'The event type catalog',
      headers: ['CacheControl'],
      schema: z
        .object({
          data: z.array(
            z
              .object({
                eventType: z.string(),
                group: z.enum(['commerce', 'community', 'platform', 'custom']),
                category: z.string(),
                action: z.string(),
                meaning: z.string(),
              })
              .meta({ id: 'CatalogEntry' }),
          ),
        })
        .meta({ id: 'EventCatalog' }),
    },
  },
  problems: [],
  handle: ({ ctx }) => ({
    status: 200,
    body: { data: ctx.catalog.entries },
    headers: { 'Cache-Control': `public, max-age=${CACHE_SECONDS}` },
  }),
});
