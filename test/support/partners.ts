import type { ApiContext } from '../../api/context';
import { readConfig } from '../../shared/config/config';
import type { AuditDoc } from '../../shared/store/audit';
import type { ApiClient, TestResponse } from './client';
import { ADMIN_TOKEN, type Harness } from './harness';
import { type ServedApi, serveApi } from './serve-api';

/** Returns a valid partner application. */
export function anApplication(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: 'Harbour Market',
    website: 'https://harbour.example',
    contactEmail: 'ops@harbour.example',
    useCase: 'Orders become events.\nSignals help our support.',
    ...changes,
  };
}

/** Calls an admin route with the operator's token. */
export function asAdmin(client: ApiClient, method: string, path: string, body?: unknown): Promise<TestResponse> {
  const headers = { 'x-admin-token': ADMIN_TOKEN };
  return client.request(method, `/admin${path}`, body === undefined ? { headers } : { headers, body });
}

/** Makes a harmless call with an API key and returns the response status. */
export async function statusWith(client: ApiClient, key: string): Promise<number> {
  return (await client.get('/events', key)).status;
}

/** Returns all audit entries about a target, oldest first. */
export function auditOf({ store }: Pick<ApiContext, 'store'>, target: string): Promise<AuditDoc[]> {
  return store.audit.model.find({ target }).sort({ at: 1 }).lean<AuditDoc[]>();
}

/** Starts a second API on the same stores, as another process would. */
export function startSecondApi({ env }: Harness): Promise<ServedApi> {
  return serveApi(readConfig(env));
}
