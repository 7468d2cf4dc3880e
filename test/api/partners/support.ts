import { createApp } from '../../../api/app';
import { type ApiContext, createApiContext } from '../../../api/context';
import { openGround } from '../../../shared/ground';
import { readConfig } from '../../../shared/platform/config';
import { listen } from '../../../shared/platform/listen';
import type { AuditDoc } from '../../../shared/store/audit';
import { type ApiClient, createClient, type TestAnswer } from '../../support/client';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';

/** An application as somebody sends it. */
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
export function asAdmin(client: ApiClient, method: string, path: string, body?: unknown): Promise<TestAnswer> {
  const headers = { 'x-admin-token': ADMIN_TOKEN };
  return client.request(method, `/admin${path}`, body === undefined ? { headers } : { headers, body });
}

/** The status of a harmless call with a key. */
export async function statusWith(client: ApiClient, key: string): Promise<number> {
  return (await client.get('/events', key)).status;
}

/** All audit entries about a target, oldest first. */
export function auditOf({ store }: Pick<ApiContext, 'store'>, target: string): Promise<AuditDoc[]> {
  return store.audit.model.find({ target }).sort({ at: 1 }).lean<AuditDoc[]>();
}

/** A second API over the same stores, as another process would be. */
export async function startSecondApi({
  env,
}: Harness): Promise<{ ctx: ApiContext; client: ApiClient; close(): Promise<void> }> {
  const ctx = await createApiContext(await openGround(readConfig(env), 'api'));
  const { server, port } = await listen(createApp(ctx), 0, 'PORT');
  return {
    ctx,
    client: createClient(`http://127.0.0.1:${port}`),
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await ctx.close();
    },
  };
}
