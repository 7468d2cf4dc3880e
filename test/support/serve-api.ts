import { createApp } from '../../api/app';
import { type ApiContext, createApiContext } from '../../api/context';
import { openRuntime } from '../../shared/runtime';
import type { Config } from '../../shared/config/config';
import { listen } from '../../shared/process/listen';
import { type ApiClient, createClient } from './client';

/** An API that runs in the test process. */
export interface ServedApi {
  ctx: ApiContext;
  url: string;
  client: ApiClient;
  close(): Promise<void>;
}

/** Serves the API with these settings, on any free port by default. */
export async function serveApi(config: Config, onPort = 0): Promise<ServedApi> {
  const ctx = await createApiContext(await openRuntime(config, 'api'));
  const { server, port } = await listen(createApp(ctx), onPort, 'PORT');
  const url = `http://127.0.0.1:${port}`;
  return {
    ctx,
    url,
    client: createClient(url),
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await ctx.close();
    },
  };
}
