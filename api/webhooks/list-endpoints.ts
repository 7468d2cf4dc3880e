import { type Env, envOf, type PartnerId, partnerOf, type Tenant } from '../../shared/domain/ids';
import { DELIVERY_RETENTION_MS, endpointRefOf, webhookIdOf } from '../../shared/domain/webhook';
import type { Attempt } from '../../shared/store/deliveries';
import type { WebhookDoc } from '../../shared/store/webhooks';
import type { ApiContext } from '../context';
import { encryptCursor, readCursor } from '../http/paging';

/** Number of an endpoint's newest deliveries in which its last failure is searched. */
const SEARCHED_DELIVERIES = 10;
const FIRST_ERROR_CODE = 300;

export interface EndpointFailure {
  at: Date;
  /** The status of the response. Null if there was none. */
  responseCode: number | null;
  /** Why there was no response. */
  error: string | null;
}

/** An endpoint for operators, without its path, which may contain a secret of the partner. */
export interface ListedEndpoint {
  partnerId: PartnerId;
  /** The partner's name. Null if the partner no longer exists. */
  partnerName: string | null;
  environment: Env;
  webhookId: string;
  host: string;
  createdAt: Date;
  failingSince: Date | null;
  disabledAt: Date | null;
  disabledReason: 'REQUESTED' | 'FAILING' | null;
  /** The last failed attempt. Null if none of the newest deliveries has one. */
  lastFailure: EndpointFailure | null;
  /** Number of messages that are still attempted, up to `MAX_OPEN_DELIVERIES`. */
  waiting: number;
}

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/** Returns whether an attempt failed. */
export function hasFailed({ responseCode }: Pick<Attempt, 'responseCode'>): boolean {
  return responseCode === null || responseCode >= FIRST_ERROR_CODE;
}

async function readLastFailure({ store }: Deps, tenant: Tenant, endpointId: string): Promise<EndpointFailure | null> {
  const ref = endpointRefOf(tenant, endpointId);
  const fromMs = Date.now() - DELIVERY_RETENTION_MS;
  const { rows } = await store.deliveries.list(tenant, ref, { fromMs }, null, SEARCHED_DELIVERIES);
  const failed = rows.flatMap(({ attemptLog = [] }) => attemptLog.filter(hasFailed));
  const last = failed.toSorted((a, b) => b.at.getTime() - a.at.getTime())[0];
  return last === undefined ? null : { at: last.at, responseCode: last.responseCode, error: last.error ?? null };
}

/** Presents endpoints of any partners to operators. Reads the deliveries of each one. */
export async function presentEndpoints(deps: Deps, rows: readonly WebhookDoc[]): Promise<ListedEndpoint[]> {
  const tenantOfRow = ({ tenant, _id }: WebhookDoc): Tenant => tenant ?? (_id as Tenant);
  const partners = await deps.store.partners.many([...new Set(rows.map((row) => partnerOf(tenantOfRow(row))))]);
  return Promise.all(
    rows.map(async (row) => {
      const { _id, url, createdAt, failingSince, disabledAt, disabledReason } = row;
      const tenant = tenantOfRow(row);
      const [lastFailure, waiting] = await Promise.all([
        readLastFailure(deps, tenant, _id),
        deps.store.deliveries.countUnfinished(tenant, endpointRefOf(tenant, _id)),
      ]);
      const partnerId = partnerOf(tenant);
      return {
        partnerId,
        partnerName: partners.get(partnerId)?.name ?? null,
        environment: envOf(tenant),
        webhookId: webhookIdOf(_id),
        host: new URL(url).host,
        createdAt,
        failingSince: failingSince ?? null,
        disabledAt: disabledAt ?? null,
        disabledReason: disabledReason ?? null,
        lastFailure,
        waiting,
      };
    }),
  );
}

/** Returns a page of the endpoints of all partners that fail, longest first, or that are disabled, newest first. */
export async function pageOfEndpoints(
  deps: Deps,
  { state, limit, cursor }: { state: 'FAILING' | 'DISABLED'; limit: number; cursor?: string | undefined },
): Promise<{ data: ListedEndpoint[]; nextCursor: string | null }> {
  const key = deps.secrets.cursor;
  const owner = `admin|webhooks|${state}`;
  const { rows, next } = await deps.store.webhooks.list(state, readCursor(key, owner, cursor), limit);
  return {
    data: await presentEndpoints(deps, rows),
    nextCursor: next && encryptCursor(key, owner, [next.atMs, next.id]),
  };
}
