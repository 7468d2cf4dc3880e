import { getEvent } from './events/get-event';
import { getReceipt } from './events/get-receipt';
import { listEventTypes } from './events/list-event-types';
import { listEvents } from './events/list-events';
import type { Route } from './http/route';
import { resolve } from './resolve/resolve';

/** Partner routes, each served bare and under /v1. `POST /events` stands in app.ts: it has a path of its own. */
export const PARTNER_ROUTES: readonly Route[] = [resolve, listEvents, getReceipt, getEvent, listEventTypes];

/** Operator routes, served bare only. */
export const ADMIN_ROUTES: readonly Route[] = [];
